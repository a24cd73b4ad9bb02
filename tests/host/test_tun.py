"""The TUN interface: it is ours alone, carries whole packets, and goes when its file descriptor goes."""

import errno
import fcntl
import os
import select
import socket
import struct
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from glasstunnel.host import tun as module
from glasstunnel.host.errors import HostError
from glasstunnel.host.names import check_name
from glasstunnel.host.namespace import Namespace
from glasstunnel.host.netlink import Netlink
from glasstunnel.host.tun import Tun
from tests.host.fakes import NOBODY, in_a_child, ip_packet

TUNSETVNETHDRSZ, TUNGETVNETHDRSZ, TUNGETVNETLE = 0x400454D8, 0x800454D7, 0x800454DD  # linux/if_tun.h


@pytest.mark.parametrize("name", ["wg0", "a", "a-b_c=d+e.f", "fifteen-letters", "0"])
def test_names_that_wg_quick_accepts_are_accepted(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "sixteen-letters!", "sixteenletters16", "a/b", "a b", "ä", ".", "..", "a%d"]
)
def test_other_names_are_refused_in_one_sentence(name: str) -> None:
    with pytest.raises(HostError, match="is no interface name: expected 1 to 15 of the characters"):
        Tun(name)


@pytest.mark.interop
def test_a_packet_goes_out_and_comes_in_whole(namespace: Namespace, interface: str) -> None:
    with closing(Tun(interface)) as tun, Netlink() as net:
        net.add_address(interface, "10.1.0.1/24")
        net.link_up(interface, 1400)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind(("10.1.0.1", 0))
            client.sendto(b"hello", ("10.1.0.2", 7))
            while True:  # the system may send packets of its own first
                select.select([tun.fd], [], [], 10)
                packet = os.read(tun.fd, 2000)
                if packet[0] >> 4 == 4:
                    break
            assert packet[12:20] == bytes((10, 1, 0, 1, 10, 1, 0, 2))
            assert packet.endswith(b"hello")
            answer = bytearray(packet)
            answer[12:16], answer[16:20] = packet[16:20], packet[12:16]  # the checksums stay right
            answer[20:22], answer[22:24] = packet[22:24], packet[20:22]
            os.write(tun.fd, answer)
            client.settimeout(10)
            assert client.recv(100) == b"hello"


@pytest.mark.interop
def test_reading_never_waits(namespace: Namespace, interface: str) -> None:
    with closing(Tun(interface)) as tun, pytest.raises(BlockingIOError):
        os.read(tun.fd, 2000)


@pytest.mark.interop
def test_the_interface_goes_with_its_file_descriptor(namespace: Namespace, interface: str) -> None:
    tun = Tun(interface)
    assert socket.if_nametoindex(interface)
    tun.close()
    tun.close()
    assert interface not in [name for _, name in socket.if_nameindex()]


@pytest.mark.interop
def test_a_name_that_is_taken_is_refused_in_one_sentence(namespace: Namespace, interface: str) -> None:
    with (
        closing(Tun(interface)),
        pytest.raises(HostError, match=rf"^there is already an interface {interface}$"),
    ):
        Tun(interface)
    subprocess.run(["ip", "link", "add", interface, "type", "veth"], check=True)
    with pytest.raises(HostError, match=r"^there is already an interface"):
        Tun(interface)


@pytest.mark.interop
def test_a_persistent_interface_of_somebody_else_is_not_taken_over(
    namespace: Namespace, interface: str
) -> None:
    subprocess.run(["ip", "tuntap", "add", interface, "mode", "tun"], check=True)
    with pytest.raises(HostError, match=r"^there is already an interface"):
        Tun(interface)


@pytest.mark.interop
def test_a_persistent_interface_is_attached_to_by_who_asks_for_that(
    namespace: Namespace, interface: str
) -> None:
    subprocess.run(["ip", "tuntap", "add", interface, "mode", "tun"], check=True)
    with closing(Tun(interface, attach=True)) as tun:
        assert tun.current_name() == interface
        with pytest.raises(HostError, match=rf"^there is already an interface {interface}$"):
            Tun(interface, attach=True)
    assert socket.if_nametoindex(interface)


@pytest.mark.interop
def test_an_interface_that_is_no_tun_cannot_be_attached_to(namespace: Namespace, interface: str) -> None:
    subprocess.run(["ip", "link", "add", interface, "type", "veth"], check=True)
    with pytest.raises(HostError, match=rf"^there is already an interface {interface}, and it is no TUN$"):
        Tun(interface, attach=True)


@pytest.mark.interop
def test_a_descriptor_that_was_passed_on_is_a_tun_like_our_own(namespace: Namespace, interface: str) -> None:
    first = Tun(interface)
    fd = os.dup(first.fd)
    os.set_blocking(fd, True)
    os.set_inheritable(fd, True)
    first.close()
    with closing(Tun.adopt(fd)) as tun:
        assert (tun.name, tun.fd) == (interface, fd)
        assert not os.get_inheritable(fd)
        with pytest.raises(BlockingIOError):
            os.read(fd, 2000)


@pytest.mark.interop
@pytest.mark.parametrize("headers", [False, True], ids=["bare", "virtio"])
def test_a_descriptor_that_was_passed_on_has_virtio_headers_as_it_was_opened(
    namespace: Namespace, interface: str, headers: bool
) -> None:
    with closing(Tun(interface, offload=headers)) as first:
        size = bytearray(struct.pack("=i", 12))
        fcntl.ioctl(first.fd, TUNSETVNETHDRSZ, bytes(size))  # as with VIRTIO_NET_F_MRG_RXBUF
        with closing(Tun.adopt(os.dup(first.fd), offload=True)) as tun:
            assert tun.offload == headers
            fcntl.ioctl(tun.fd, TUNGETVNETHDRSZ, size)
            assert struct.unpack("=i", size) == (10 if headers else 12,)
            little = bytearray(4)
            fcntl.ioctl(tun.fd, TUNGETVNETLE, little)
            assert struct.unpack("=i", little) == (int(headers),)
            assert super_packets_pass(interface) == headers


@pytest.mark.interop
def test_an_interface_that_takes_no_such_headers_is_refused_in_one_sentence(
    namespace: Namespace, interface: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fcntl.ioctl

    def ioctl(fd: int, request: int, value: bytes = b"") -> int | bytes:
        if request == TUNSETVNETHDRSZ:
            raise OSError(errno.EINVAL, "")
        return real(fd, request, value)

    sentence = rf"^the interface {interface} takes no virtio headers of 10 bytes in little endian: Invalid"
    with closing(Tun(interface, offload=True)) as first:
        monkeypatch.setattr("glasstunnel.host.tun.fcntl.ioctl", ioctl)
        with pytest.raises(HostError, match=sentence):
            Tun.adopt(first.fd, offload=True)
        os.fstat(first.fd)
    with pytest.raises(HostError, match=sentence):
        Tun(interface, offload=True)
    assert interface not in [name for _, name in socket.if_nameindex()]


@pytest.mark.interop
def test_an_interface_that_stays_hands_super_packets_only_to_who_asks_for_them(
    namespace: Namespace, interface: str
) -> None:
    """The kernel keeps what was set when the program before us ended."""
    subprocess.run(["ip", "tuntap", "add", interface, "mode", "tun"], check=True)
    for wanted in (False, True, False, True):
        with closing(Tun(interface, attach=True, offload=wanted)) as tun:
            assert tun.offload == wanted == super_packets_pass(interface)


def super_packets_pass(interface: str) -> bool:
    """Whether the kernel's TCP makes super-packets for this interface, says ethtool(8)."""
    said = subprocess.run(["ethtool", "-k", interface], check=True, capture_output=True, text=True).stdout
    return "\ntcp-segmentation-offload: on" in said


def test_a_descriptor_that_is_no_tun_is_refused_in_one_sentence_and_left_open() -> None:
    with Path(os.devnull).open() as file:
        with pytest.raises(HostError, match=rf"^the file descriptor {file.fileno()} is no TUN"):
            Tun.adopt(file.fileno())
        os.fstat(file.fileno())


@pytest.mark.interop
def test_a_tun_knows_its_name_and_its_namespace_as_long_as_it_exists(
    namespace: Namespace, interface: str
) -> None:
    with closing(Tun(interface)) as tun, closing(Namespace()) as there:
        place = f"/proc/{os.getpid()}/fd/{there.fd}"
        subprocess.run(["ip", "link", "set", interface, "netns", place, "name", "elsewhere"], check=True)
        assert tun.current_name() == "elsewhere"
        fd = tun.namespace_fd()
        assert os.fstat(fd).st_ino == os.fstat(there.fd).st_ino
        os.close(fd)
        with there:
            subprocess.run(["ip", "link", "delete", "elsewhere"], check=True)
        for question in (tun.current_name, tun.namespace_fd):
            with pytest.raises(OSError, match="File descriptor in bad state"):
                question()


@pytest.mark.skipif(os.geteuid() != 0, reason="drops the rights of root")
def test_without_rights_one_sentence_says_so() -> None:
    said = in_a_child(lambda: Tun("wg0"), uid=NOBODY)
    refused = "HostError: cannot open /dev/net/tun: Permission denied; run as root, or let everybody use it "
    assert said in (
        refused + "(mode 0666)",
        "HostError: cannot create the interface wg0: Operation not permitted; run as root (CAP_NET_ADMIN)",
    )


def test_without_the_driver_one_sentence_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_DEVICE", str(tmp_path / "tun"))
    with pytest.raises(HostError, match=r"^there is no .*/tun: load the driver \(modprobe tun\) or give the"):
        Tun("wg0")


def test_a_file_that_is_no_tun_driver_is_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tun").touch()
    monkeypatch.setattr(module, "_DEVICE", str(tmp_path / "tun"))
    with pytest.raises(HostError, match=r"^cannot create the interface wg0: Inappropriate ioctl for device$"):
        Tun("wg0")


def test_the_fake_of_the_other_tests_is_a_whole_packet() -> None:
    assert len(ip_packet("10.0.0.1", "10.0.0.2", b"abc")) == 23
    assert len(ip_packet("fd00::1", "fd00::2", b"abc")) == 43
