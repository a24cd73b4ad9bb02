"""Wireshark's WireGuard key log: the private keys that open a recorded handshake, one a line.

Rule: the lines of one handshake stand together, and the pre-shared key after the ephemeral key to whose
handshake it belongs; that is how Wireshark knows. Whoever has the lines and the datagrams has the traffic.
Section: Wireshark's preference ``wg.keylog_file`` (packet-wireguard.c).
"""

from base64 import b64encode
from typing import Final

KEY_SIZE: Final = 32


def identity(static_private: bytes) -> str:
    """The line of a device: its static private key, 32 bytes.

    Without it, an initiation for this device cannot be opened; so it stands before the first one. Raises as
    :func:`handshake` does.
    """
    return _line("LOCAL_STATIC_PRIVATE_KEY", static_private)


def handshake(
    *,
    static_private: bytes,
    remote_static: bytes,
    ephemeral_private: bytes,
    preshared_key: bytes,
) -> str:
    """The four lines of one handshake, seen from either of its parties.

    Args:
        static_private: our static private key, 32 bytes.
        remote_static: the other's static public key, 32 bytes.
        ephemeral_private: our ephemeral private key of this handshake, 32 bytes.
        preshared_key: 32 bytes, zeros for none.

    Raises:
        ValueError: if a key is not 32 bytes; the message does not repeat it.
    """
    return (
        identity(static_private)
        + _line("REMOTE_STATIC_PUBLIC_KEY", remote_static)
        + _line("LOCAL_EPHEMERAL_PRIVATE_KEY", ephemeral_private)
        + _line("PRESHARED_KEY", preshared_key)
    )


def _line(name: str, key: bytes) -> str:
    if len(key) != KEY_SIZE:
        raise ValueError(f"{name}: expected {KEY_SIZE} bytes, got {len(key)}")
    return f"{name} = {b64encode(key).decode()}\n"
