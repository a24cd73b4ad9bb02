"""A program that asks an echo server through boringtun, Cloudflare's WireGuard, by way of wireguard-requests.

Reads a configuration from standard input, then speaks TCP to ADDRESS PORT and prints the SHA-256 of what came
back of SIZE bytes. Run in the namespace from which boringtun is to send.
"""

import hashlib
import os
import sys

from wireguard_requests._native import WgConfig, WgTunnel


def main(address: str, port: str, size: str) -> None:
    tunnel = WgTunnel(WgConfig.from_str(sys.stdin.read()))
    stream = tunnel.create_stream(address, int(port))
    stream.set_timeout(20.0)
    data, back = os.urandom(int(size)), bytearray()
    for begin in range(0, len(data), 4096):
        stream.sendall(data[begin : begin + 4096])
        while len(back) < min(begin + 4096, len(data)):
            back += stream.recv(4096)
    stream.close()
    tunnel.close()
    print(hashlib.sha256(back).hexdigest() == hashlib.sha256(data).hexdigest())


if __name__ == "__main__":
    main(*sys.argv[1:])
