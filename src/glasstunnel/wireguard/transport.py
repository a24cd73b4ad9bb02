"""Transport data: sealing and opening the rows of a burst with one keypair.

Rule: authenticate first, then ask the replay window, then look inside; a row that fails changes nothing and
spoils no neighbour. There is no associated data: index and counter are bound by the choice of the key and by
the nonce. Section: WP §5.4.6; RFC 8439 for the AEAD.
"""

from collections.abc import Iterator
from struct import Struct

from cryptography.exceptions import InvalidTag

from glasstunnel.wireguard.burst import HEADROOM, Burst
from glasstunnel.wireguard.events import Drop
from glasstunnel.wireguard.keypair import Keypair
from glasstunnel.wireguard.messages import (
    KEEPALIVE_SIZE,
    PADDING_MULTIPLE,
    TAG_SIZE,
    TRANSPORT_HEADER,
    MessageType,
    padded_size,
)

_NONCE = Struct("<4xQ")  # 96 bits: four zero bytes, then the counter, little-endian
_COUNTER = Struct("<Q")
_ZEROS = bytes(PADDING_MULTIPLE)


def seal_rows(keypair: Keypair, burst: Burst, mtu: int) -> int:
    """Turn the packets of a burst into transport data, in place; return the bytes that will be sent.

    Each packet is padded with zeros to a multiple of 16, but not past ``mtu`` bytes. The caller has made sure
    by
    :meth:`Keypair.may_seal` that the counters suffice. They are spent before the first row is sealed:
    whatever goes wrong on the way, none is ever used again.
    """
    counter = keypair.sending_counter
    keypair.sending_counter += burst.n
    index = keypair.remote_index
    seal = keypair.sealer.encrypt_into
    sizes = burst.size
    total = 0
    for i in range(burst.n):
        row = burst.wire[i]
        size = sizes[i]
        end = HEADROOM + padded_size(size, mtu)
        row[HEADROOM + size : end] = _ZEROS[: end - HEADROOM - size]
        TRANSPORT_HEADER.pack_into(row, 0, MessageType.TRANSPORT_DATA, index, counter)
        seal(_NONCE.pack(counter), row[HEADROOM:end], None, row[HEADROOM : end + TAG_SIZE])
        sizes[i] = end + TAG_SIZE
        total += end + TAG_SIZE
        counter += 1
    return total


def open_rows(
    keypair: Keypair, burst: Burst, reject_after_messages: int
) -> Iterator[tuple[int, Drop | None]]:
    """Turn the transport data of a burst into padded packets, in place; yield each row with its verdict.

    A row without a :class:`Drop` is authentic and new: ``size`` is then the length of the padded packet, 0
    for a keepalive.
    """
    decrypt = keypair.opener.decrypt_into
    accept = keypair.window.accept
    sizes = burst.size
    for i in range(burst.n):
        size = sizes[i]
        if size < KEEPALIVE_SIZE:
            yield i, Drop.MALFORMED
            continue
        row = burst.wire[i]
        (counter,) = _COUNTER.unpack_from(row, 8)
        end = size - TAG_SIZE
        try:
            decrypt(_NONCE.pack(counter), row[HEADROOM:size], None, row[HEADROOM:end])
        except InvalidTag:
            yield i, Drop.NOT_AUTHENTIC
            continue
        if counter >= reject_after_messages or not accept(counter):
            yield i, Drop.REPLAYED
            continue
        sizes[i] = end - HEADROOM
        yield i, None
