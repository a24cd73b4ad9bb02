"""The steps to the last data path: each is the one before and one thing more."""

import socket
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from bench import steps
from glasstunnel.host.ancillary import SOL_UDP, UDP_GRO
from glasstunnel.host.udp_offload import OffloadUdp
from glasstunnel.wireguard.train import Train


def test_a_step_is_reached_by_taking_away_all_that_came_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    for name in steps.STEPS:
        monkeypatch.setitem(steps.STEPS, name, partial(taken.append, name))
    steps.take_away("gro")
    assert taken == ["join", "limit", "trains"]
    taken.clear()
    steps.take_away("trains")
    assert taken == []


def test_without_gro_the_kernel_hands_out_datagrams_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OffloadUdp, "__init__", OffloadUdp.__init__)  # so that it is put back
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        port: Any = SimpleNamespace(fd=one.fileno(), socket=one)
        OffloadUdp(port, Train())
        assert one.getsockopt(SOL_UDP, UDP_GRO) == 1
        steps.without_gro()
        OffloadUdp(port, Train())
        assert one.getsockopt(SOL_UDP, UDP_GRO) == 0
