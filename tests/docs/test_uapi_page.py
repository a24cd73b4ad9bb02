"""The reference page of UAPI against what the code reads and tells; docs/reference/uapi.md is the data."""

import errno
import re

import pytest

from glasstunnel.wireguard import uapi
from glasstunnel.wireguard.device import Device
from glasstunnel.wireguard.events import Path
from glasstunnel.wireguard.setrequest import SetRequest, UapiError
from tests.docs.pages import DOCS, ROOT

PAGE = (DOCS / "reference" / "uapi.md").read_text("utf-8")
SECTIONS = {
    name: PAGE.split(f"({name})=")[1].split("\n(")[0] for name in ("uapi-device", "uapi-peer", "uapi-errno")
}
ROWS = {
    name: re.findall(r"^\| `(\w+)` \| ([a-z ]+) \| (.*?) \|", text, re.MULTILINE)
    for name, text in SECTIONS.items()
}
SOURCE = (ROOT / "src/glasstunnel/wireguard/setrequest.py").read_text("utf-8")


def keys(use: str) -> set[str]:
    return {key for rows in ROWS.values() for key, uses, _ in rows if use in uses.split()}


def test_every_key_that_a_set_reads_is_on_the_page_and_no_other() -> None:
    assert keys("set") == {"public_key", "errno", *re.findall(r'case "(\w+)"', SOURCE)}


def test_every_key_that_a_get_tells_is_on_the_page_and_no_other() -> None:
    device = Device(bytes(31) + b"\x40")
    device.listen_port = device.fwmark = 1
    device.add_peer(
        bytes(31) + b"\x09",
        preshared_key=b"\1" * 32,
        endpoint=Path(("192.0.2.1", 1)),
        allowed_ips=[(bytes(4), 0)],
    )
    told = uapi.get(device, 0.0, 0)
    assert keys("get") == set(re.findall(r"^(\w+)=", told, re.MULTILINE))


@pytest.mark.parametrize("section", ["uapi-device", "uapi-peer"])
def test_the_values_that_the_page_shows_are_accepted(section: str) -> None:
    hexadecimal = "0f" * 32
    for key, uses, value in ROWS[section]:
        if "set" not in uses or key == "errno":
            continue
        bounds = re.match(r"0 到 (\d+)", value)
        shown = re.findall(r"`([^`]+)`", value) or ([bounds[1], "0"] if bounds else [hexadecimal])
        for one in shown:
            lines = [f"public_key={hexadecimal}"] * (section == "uapi-peer") + [f"{key}={one}"]
            SetRequest().read(lines)
        if bounds:
            with pytest.raises(UapiError):
                SetRequest().read(
                    [f"public_key={hexadecimal}"] * (section == "uapi-peer") + [f"{key}={int(bounds[1]) + 1}"]
                )


def test_the_numbers_have_their_names() -> None:
    rows = re.findall(r"^\| `errno=-(\d+)` \| `(\w+)` \|", SECTIONS["uapi-errno"], re.MULTILINE)
    assert len(rows) == 4
    assert {name: int(number) for number, name in rows} == {name: getattr(errno, name) for _, name in rows}
