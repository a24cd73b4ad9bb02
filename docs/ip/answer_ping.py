"""Answers ping by itself: python answer_ping.py INTERFACE"""

import os
import sys
from fcntl import ioctl
from struct import pack

from glasstunnel.ip import PacketError, icmp, ipv4
from glasstunnel.ip.address import format_address

TUNSETIFF = 0x400454CA  # this and the flags: linux/if_tun.h
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000


def open_tun(name: str) -> int:
    """A file descriptor that is the other end of a network interface."""
    tun = os.open("/dev/net/tun", os.O_RDWR)
    ioctl(tun, TUNSETIFF, pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return tun


def answer(request: bytes) -> bytes | None:
    """The reply to an intact echo request over IPv4, and None to everything else."""
    try:
        packet = ipv4.Packet(request)
        message = icmp.Message(packet.payload)
    except PacketError:
        return None
    if packet.protocol != icmp.PROTOCOL or packet.is_fragment or not packet.checksum_ok:
        return None
    if message.type != icmp.ECHO_REQUEST or not message.checksum_ok():
        return None
    reply = icmp.Echo(message.identifier, message.sequence, bytes(message.body), reply=True)
    header = ipv4.Header(source=packet.destination, destination=packet.source, protocol=icmp.PROTOCOL)
    return header.build(reply.build())


if __name__ == "__main__":
    tun = open_tun(sys.argv[1])
    while True:
        reply = answer(os.read(tun, 65535))
        if reply:
            os.write(tun, reply)
            os.write(1, f"{format_address(ipv4.Packet(reply).source)} answered\n".encode())
