"""What it costs when TCP comes from a host behind ours, in super-packets that are not made for the tunnel.

Rule: the host behind is a third namespace on a cable of its own. Its kernel makes super-packets of up to
64 kB, a little more than one train holds; such a one the kernel cuts itself, before it reaches the TUN. So
the same is done once more with super-packets no longer than the tunnel's own. Section: Linux net/core/dev.c
``gso_features_check``; ip-link(8) ``gso_max_size``.
"""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench import UnavailableError
from bench.contenders import contenders
from bench.pair import Pair, pair
from bench.pairs import NEEDS, require
from bench.works import WORKS, WorkError
from glasstunnel.host.errors import HostError
from glasstunnel.host.namespace import Namespace, veth_pair

CASES: Final = {
    "from the end of the tunnel itself": "local",
    "from a host behind it": "behind",
    "the same, super-packets no longer than the tunnel's": "limited",
}
_TCP: Final = next(work for work in WORKS if work.key == "tcp")
_ROUNDS, _SECONDS = 3, 3.0


@contextmanager
def behind(tunnel: Pair) -> Iterator[Pair]:
    """The same tunnel, with the work given to a host behind its near end."""
    with closing(Namespace()) as host:
        veth_pair(host, "eth0", tunnel.near.namespace, "lan0")
        near, far = replace(tunnel.near, namespace=host), tunnel.far
        for end, lines in (
            (near, ("address add 10.7.0.2/24 dev eth0", "route add default via 10.7.0.1")),
            (tunnel.near, ("address add 10.7.0.1/24 dev lan0",)),
            (far, (f"route add 10.7.0.0/24 dev {far.interface}",)),
        ):
            end.run("ip", "-batch", "-", text="\n".join(lines))
        with tunnel.near.namespace:
            Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        yield Pair(near, far)


def limit(tunnel: Pair) -> int:
    """Bytes of the longest super-packet that the kernel gives the near end of the tunnel whole."""
    said = tunnel.near.run("ip", "-d", "-j", "link", "show", "dev", tunnel.near.interface)
    return int(json.loads(said)[0]["gso_max_size"])


def figures() -> Iterator[tuple[str, dict[str, float]]]:
    """Of one tunnel, case by case."""
    with pair(contenders()[0]) as tunnel:
        yield "local", tunnel.do(_TCP, _SECONDS)
        with behind(tunnel) as forwarded:
            yield "behind", forwarded.do(_TCP, _SECONDS)
            forwarded.near.run("ip", "link", "set", "eth0", "gso_max_size", str(limit(tunnel)))
            yield "limited", forwarded.do(_TCP, _SECONDS)


def measure() -> dict[str, Any]:
    """The results for programs: the medians of each case."""
    require(NEEDS)
    samples: dict[str, list[dict[str, float]]] = {key: [] for key in CASES.values()}
    try:
        for _ in range(_ROUNDS):
            for key, sample in figures():
                samples[key].append(sample)
    except (WorkError, HostError) as error:
        raise UnavailableError(str(error)) from None
    return {
        key: {quantity.key: median(one[quantity.key] for one in some) for quantity in _TCP.quantities}
        for key, some in samples.items()
    }


def show(results: dict[str, Any]) -> None:
    """A row for each case."""
    print(f"{'TCP, one stream':56}" + "".join(f"{quantity.unit:>12}" for quantity in _TCP.quantities))
    for title, key in CASES.items():
        print(f"{title:56}" + "".join(f"{figure:12.3f}" for figure in results[key].values()))
