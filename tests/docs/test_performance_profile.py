"""The charts and tables of a profile say what the committed file says, and nothing else."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

import performance_profile
from bench.ping import PACES as MEASURED_PACES
from bench.profile import CIPHER
from bench.profile import PARTS as MEASURED
from performance import RunError
from performance_profile import PARTS, TABLES, Profile
from tests.docs.pages import DOCS

SVG = "{http://www.w3.org/2000/svg}"
COMMITTED = DOCS / "host" / "profile.json"
OURS = {"name": "glasstunnel", "kind": "ours", "version": "1", "command": "glasstunnel-wg"}
OTHER = {"name": "wireguard-go 1", "kind": "peer", "version": "1", "command": "wireguard-go"}


def side(us: float, **parts: float) -> dict[str, object]:
    return {
        "samples": 10,
        "us": us,
        "parts": parts,
        "top": [[part, f"in_{part}", parts[part]] for part in parts],
    }


PROFILE = {
    "date": "2026-01-02 03:04 UTC",
    "command": "python -m bench profile",
    "commit": "abc",
    "machine": {"cpu": "CPU", "cores": "2", "kernel": "6", "python": "3"},
    "ping": {"pings": {"glasstunnel": {"cold": {"ms": 0.9, "us": 400.4}, "warm": {"ms": 0.2, "us": 60.0}}}},
    "profile": {
        "settings": {"seconds": 5, "mtu": 1420, "payload": 1368, "frequency": 1999},
        "programs": {"perf": "perf 6"},
        "contenders": [
            {
                **OURS,
                "sides": {"sender": side(4.0, cipher=3.0, kernel=1.0), "receiver": side(2.0, numpy=2.0)},
            },
            {**OTHER, "sides": {"sender": side(1.0, program=1.0), "receiver": side(1.0, program=1.0)}},
        ],
    },
}


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    file = tmp_path / "profile.json"
    file.write_text(json.dumps(PROFILE))
    return Profile(file)


def test_every_part_that_is_measured_is_known_to_the_book_and_has_its_colour() -> None:
    assert set(PARTS) == {*MEASURED, CIPHER, "program"}
    style = (DOCS / "_ext" / "static" / "drawings.css").read_text()
    assert all(f".part.of-{part} " in style for part in PARTS)


def test_a_bar_is_as_long_as_its_time_and_its_parts_follow_each_other(profile: Profile) -> None:
    tree = ElementTree.fromstring(performance_profile.chart(profile).alone())
    bars = [bar for bar in tree.iter(f"{SVG}rect") if float(bar.get("height", 0)) == performance_profile.BAR]
    found = [(str(bar.get("class")), float(bar.get("x", 0)), float(bar.get("width", 0))) for bar in bars]
    assert [kind for kind, _, _ in found] == [
        *("part of-kernel", "part of-cipher", "part of-numpy", "part of-program", "part of-program")
    ]
    unit = found[0][2]
    assert [length / unit for _, _, length in found] == pytest.approx([1, 3, 2, 1, 1], rel=0.01)
    assert found[1][1] == pytest.approx(found[0][1] + unit, abs=0.02)
    assert {x for _, x, _ in found if x != found[1][1]} == {found[0][1]}


def test_the_chart_is_told_in_words(profile: Profile) -> None:
    assert performance_profile.chart(profile).words.startswith(
        "glasstunnel，发送，每个报文 4.00 微秒：内核 1.00，密码运算 3.00。"
        "glasstunnel，接收，每个报文 2.00 微秒：numpy 2.00。"
    )


def test_the_tables_have_every_figure_and_parts_that_nobody_has_are_left_out(profile: Profile) -> None:
    assert TABLES["parts"](profile) == [
        ["每个报文，微秒", "合计", "内核", "密码运算", "numpy", "程序自身"],
        ["glasstunnel，发送", "4.00", "1.00", "3.00", "", ""],
        ["glasstunnel，接收", "2.00", "", "", "2.00", ""],
        ["wireguard-go 1，发送", "1.00", "", "", "", "1.00"],
        ["wireguard-go 1，接收", "1.00", "", "", "", "1.00"],
    ]
    assert TABLES["functions"](profile) == [
        ["发送的一端，微秒", "接收的一端，微秒"],
        ["3.00，密码运算，`in_cipher`", "2.00，numpy，`in_numpy`"],
    ]


def test_pings_are_told_with_and_without_a_pause(profile: Profile) -> None:
    assert TABLES["ping"](profile)[1:] == [["glasstunnel", "0.90", "400", "0.20", "60"]]
    assert tuple(MEASURED_PACES) == performance_profile.PACES
    del profile.all["ping"]
    with pytest.raises(RunError, match=r"^the run has no pings: "):
        TABLES["ping"](profile)


def test_functions_are_named_without_their_modules() -> None:
    short = performance_profile.short
    assert short("<a_crate::backend::aead::Cipher>::encrypt_into") == "<Cipher>::encrypt_into"
    assert short("_PyEval_EvalFrameDefault") == "_PyEval_EvalFrameDefault"


def test_the_committed_profile_adds_up_and_says_where_it_comes_from() -> None:
    profile = Profile(COMMITTED)
    assert {one.kind for one in profile.sides} == {"ours", "plain", "peer"}
    for one in profile.sides:
        assert sum(one.parts.values()) == pytest.approx(one.total, abs=0.01)
    told = dict(TABLES["run"](profile))
    assert re.search(r"python -m bench .*profile", told["命令"])
    assert "dirty" not in told["提交"]


def test_a_file_that_is_no_profile_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "profile.json"
    file.write_text("{}")
    with pytest.raises(RunError, match=r"^expected the JSON of python -m bench profile in profile\.json: "):
        Profile(file)
