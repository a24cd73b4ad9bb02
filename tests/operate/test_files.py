"""Where configurations are looked for, what they may be called, and what deserves a warning."""

from pathlib import Path

import pytest

from glasstunnel.operate.config import ConfigError
from glasstunnel.operate.files import DIRECTORIES, find, interface_name, load, warnings

PRIVATE = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
PEERS = ["xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=", "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0="]
TEXT = f"[Interface]\nPrivateKey = {PRIVATE}\n"


def write(path: Path, text: str = TEXT, mode: int = 0o600) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_name_is_looked_up_in_our_directory_and_then_in_that_of_wg_quick() -> None:
    assert (Path("/etc/glasstunnel"), Path("/etc/wireguard")) == DIRECTORIES


def test_the_first_directory_that_has_the_name_wins(tmp_path: Path) -> None:
    directories = tmp_path / "first", tmp_path / "second"
    second = write(directories[1] / "wg0.conf")
    assert find("wg0", directories) == second
    first = write(directories[0] / "wg0.conf")
    assert find("wg0", directories) == first


def test_what_has_a_slash_or_ends_in_conf_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "wg0.conf")
    assert find(str(path), ()) == path
    monkeypatch.chdir(tmp_path)
    assert find("wg0.conf", ()) == Path("wg0.conf")
    assert find("./wg0.conf", ()) == Path("wg0.conf")


def test_what_is_not_there_is_named_with_every_place_that_was_tried(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        find("wg9", (tmp_path / "a", tmp_path / "b"))
    assert (
        str(caught.value)
        == f"wg9: expected a file {tmp_path}/a/wg9.conf or {tmp_path}/b/wg9.conf, found none"
    )
    with pytest.raises(ConfigError) as caught:
        find(f"{tmp_path}/wg9.conf")
    assert str(caught.value) == f"{tmp_path}/wg9.conf: expected a file {tmp_path}/wg9.conf, found none"


def test_a_file_of_that_name_in_the_current_directory_is_hinted_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wg9.conf").touch()
    with pytest.raises(ConfigError) as caught:
        find("wg9", (tmp_path / "a",))
    told = f"wg9: expected a file {tmp_path}/a/wg9.conf, found none; for the file here say ./wg9.conf"
    assert str(caught.value) == told


@pytest.mark.parametrize("name", ["", "a" * 16, "wg 0", "wg:0", "é", "wg0\n", ".", ".."])
def test_a_name_that_no_interface_can_have_is_refused(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        find(name)
    assert str(caught.value) == f'expected an interface name of 1 to 15 of a-zA-Z0-9_=+.-, got "{name}"'


@pytest.mark.parametrize("name", ["wg0", "a" * 15, "A_=+.-9", "..."])
def test_the_interface_is_named_as_the_file_is_without_conf(name: str) -> None:
    assert interface_name(Path("/somewhere") / f"{name}.conf") == name


@pytest.mark.parametrize("name", ["wg0", "wg0.cfg", "a" * 16 + ".conf", "wg 0.conf", ".conf", "...conf"])
def test_a_file_whose_name_gives_no_interface_is_refused(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / name)
    with pytest.raises(ConfigError) as caught:
        find(str(path))
    assert str(caught.value) == (
        f"{path}: expected a file name of 1 to 15 of a-zA-Z0-9_=+.- and then .conf, got {name}"
    )


def test_a_file_is_read_and_its_errors_bear_its_name(tmp_path: Path) -> None:
    path = write(tmp_path / "wg0.conf")
    assert load(path).peers == ()
    write(path, TEXT + "MTU = x\n")
    with pytest.raises(ConfigError, match=r"^wg0\.conf:3: MTU: "):
        load(path)


def test_bytes_that_are_no_utf_8_are_kept_in_commands_and_skipped_in_comments(tmp_path: Path) -> None:
    path = tmp_path / "wg0.conf"
    path.write_bytes(b"# Gr\xfc\xdfe\n" + TEXT.encode() + b"PostUp = echo \xff\n")
    (command,) = load(path).interface.post_up
    assert command.encode(errors="surrogateescape") == b"echo \xff"


def test_a_file_that_cannot_be_read_is_an_error_of_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "wg0.conf")
    assert (
        str(caught.value) == f"{tmp_path}/wg0.conf: expected a readable file, got: No such file or directory"
    )


@pytest.mark.parametrize(
    ("mode", "directory", "warned"),
    [
        (0o644, 0o755, True),
        (0o604, 0o705, True),
        (0o600, 0o755, False),
        (0o644, 0o750, False),
        (0o640, 0o755, False),
    ],
)
def test_a_file_that_everybody_can_reach_is_warned_of_as_wg_quick_does(
    tmp_path: Path, mode: int, directory: int, warned: bool
) -> None:
    path = write(tmp_path / "etc" / "wg0.conf", mode=mode)
    path.parent.chmod(directory)
    sentences = (
        [f"{path}: is accessible to everybody though it holds keys; chmod 600 helps"] if warned else []
    )
    assert warnings(path, load(path)) == sentences


def test_the_permissions_that_count_are_those_of_the_file_behind_a_link(tmp_path: Path) -> None:
    path = write(tmp_path / "secret" / "wg0.conf", mode=0o644)
    path.parent.chmod(0o700)
    tmp_path.chmod(0o755)
    link = tmp_path / "wg0.conf"
    link.symlink_to(path)
    assert warnings(link, load(link)) == []


def test_allowed_ips_of_two_peers_are_warned_of_because_the_last_peer_gets_them(tmp_path: Path) -> None:
    peers = "".join(
        f"[Peer]\nPublicKey = {key}\nAllowedIPs = 10.0.0.{at}/24, 10.{at}.0.0/16, 10.{at}.0.0/16\n"
        for at, key in enumerate(PEERS)
    )
    path = write(tmp_path / "wg0.conf", TEXT + peers)
    assert warnings(path, load(path)) == [
        f"wg0.conf: AllowedIPs: 10.0.0.0/24 is given to two peers; the last one, {PEERS[1]}, gets it"
    ]
