"""Test vectors of other implementations: ``python -m glasstunnel.noise.vectors FILE.json [FILE.json ...]``.

The JSON is what cacophony and snow share, and noise-c in an older dress: an object with a list ``vectors``,
and in each of them the keys of both parties and the messages of one conversation, payload and ciphertext, all
in hexadecimal. After the handshake the messages go on as transport messages: in turn, or after a one-way
pattern all from the initiator. Two flags change what the messages mean: with ``fallback`` the responder
cannot read the first one, and both go on by the pattern ``fallback_pattern`` (section 10.4, Noise Pipes);
with ``fail`` one of the messages is to be refused.

Rule: a vector passes only if both roles agree with it. Each message is written by its sender and read by its
receiver, and both end with the given handshake hash. This is the one module of the package that reads files.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from pathlib import Path

from .errors import InvalidPatternError, NoiseError, UnsupportedProtocolError
from .handshakestate import HandshakeState
from .protocol import Protocol

FOREIGN_FIELDS = ("hybrid", "init_ssk", "resp_ssk")
"""Fields that turn a vector into one of a draft: revision 34 has neither a hybrid of two DHs nor an SSK.
Other unknown fields are ignored."""
DEFAULT_FALLBACK = "XXfallback"
"""What a vector with ``fallback`` falls back to where it does not say (noise-c, test-vector.c)."""


class MalformedFileError(Exception):
    """A file that does not follow the format; the message is one sentence that says where and how."""


class MismatchError(Exception):
    """A vector with which this implementation disagrees; the message says in what."""


@dataclass(frozen=True)
class Party:
    """What one party brings along: private keys *s* and *e*, the other's public key *rs*, psks, prologue."""

    prologue: bytes
    s: bytes | None
    e: bytes | None
    rs: bytes | None
    psks: tuple[bytes, ...]

    def start(self, protocol: Protocol, *, initiator: bool, re: bytes | None = None) -> HandshakeState:
        """Begin the handshake, or go on after a fallback, for which Bob gives the *re* that he has read.

        Files may give keys for which a pattern has no use; these are left aside.
        """
        needed = protocol.pattern.required_keys[initiator]
        sends_e = protocol.pattern.sends_ephemeral[initiator]
        return HandshakeState(
            protocol,
            initiator=initiator,
            prologue=self.prologue,
            s=protocol.dh.keypair(self.s) if self.s is not None and "s" in needed else None,
            e=protocol.dh.keypair(self.e) if self.e is not None and (sends_e or "e" in needed) else None,
            rs=self.rs if "rs" in needed else None,
            re=re if "re" in needed else None,
            psks=self.psks[: protocol.pattern.psk_count],
        )


@dataclass(frozen=True)
class Vector:
    """One conversation, its messages as pairs of payload and ciphertext."""

    name: str
    initiator: Party
    responder: Party
    messages: tuple[tuple[bytes, bytes], ...]
    handshake_hash: bytes | None
    fallback: str | None
    """The protocol with which they go on after the first message, if the responder cannot read that."""
    fail: bool
    """Whether one of the messages is to be refused."""
    foreign_field: str | None


class Fields:
    """A JSON object whose fields are asked for by type; *where* is its name in error messages.

    A field that is absent or null is None. Raises :class:`MalformedFileError`.
    """

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise MalformedFileError(f"{where} must be an object")
        self.get = value.get
        self.where = where

    def text(self, name: str) -> str | None:
        """The string in a field."""
        value = self.get(name)
        if value is not None and not isinstance(value, str):
            raise MalformedFileError(f"{self.where}: {name!r} must be a string")
        return value

    def flag(self, name: str) -> bool:
        """The truth value in a field; false is the default."""
        value = self.get(name)
        if value is not None and not isinstance(value, bool):
            raise MalformedFileError(f"{self.where}: {name!r} must be true or false")
        return bool(value)

    def items(self, name: str) -> list[object] | None:
        """The list in a field."""
        value = self.get(name)
        if value is not None and not isinstance(value, list):
            raise MalformedFileError(f"{self.where}: {name!r} must be a list")
        return value

    def octets(self, name: str) -> bytes | None:
        """The bytes in a field, which stand there in hexadecimal."""
        value = self.get(name)
        return None if value is None else self.decode(name, value)

    def decode(self, name: str, value: object) -> bytes:
        """The bytes of a value from the field *name*."""
        with suppress(ValueError):
            if isinstance(value, str):
                return bytes.fromhex(value)
        raise MalformedFileError(f"{self.where}: {name!r} must be a string of hexadecimal digits")


def read_file(path: str) -> list[Vector]:
    """All vectors of a file. Raises :class:`MalformedFileError`."""
    try:
        document = json.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise MalformedFileError(f"this file cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise MalformedFileError("this is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise MalformedFileError(f"line {error.lineno}, column {error.colno}: this is not JSON") from None
    except RecursionError:
        raise MalformedFileError("the JSON is nested too deeply") from None
    vectors = Fields(document, "the file").items("vectors")
    if not vectors:
        raise MalformedFileError("the file needs a list 'vectors' with at least one vector")
    return [parse_vector(Fields(value, f"vector {number}")) for number, value in enumerate(vectors, 1)]


def parse_vector(fields: Fields) -> Vector:
    """One vector. It is named by ``protocol_name``, in older files by ``name``."""
    name = fields.text("protocol_name") or fields.text("name")
    messages = fields.items("messages")
    if not name or not messages:
        raise MalformedFileError(f"{fields.where} needs a 'protocol_name' and 'messages'")
    fallback = None
    if fields.flag("fallback"):
        fallback = with_pattern(name, fields.text("fallback_pattern") or DEFAULT_FALLBACK)
        # Files in the older dress are named after the second pattern, and have the first in a field.
        name = with_pattern(name, fields.text("pattern") or pattern_of(name))
    return Vector(
        name,
        parse_party(fields, "init"),
        parse_party(fields, "resp"),
        tuple(
            parse_message(Fields(value, f"{fields.where}, message {number}"))
            for number, value in enumerate(messages, 1)
        ),
        fields.octets("handshake_hash"),
        fallback,
        fields.flag("fail"),
        next((name for name in FOREIGN_FIELDS if fields.get(name)), None),
    )


def pattern_of(name: str) -> str:
    """The second section of a protocol name, empty if there is none."""
    return name.partition("_")[2].partition("_")[0]


def with_pattern(name: str, pattern: str) -> str:
    """A protocol name with another second section."""
    prefix, _, rest = name.partition("_")
    return f"{prefix}_{pattern}_{rest.partition('_')[2]}"


def parse_party(fields: Fields, role: str) -> Party:
    """The fields of one role, ``init`` or ``resp``. An older file has one ``_psk`` in place of ``_psks``."""
    psk = fields.octets(f"{role}_psk")
    psks = fields.items(f"{role}_psks")
    return Party(
        fields.octets(f"{role}_prologue") or b"",
        fields.octets(f"{role}_static"),
        fields.octets(f"{role}_ephemeral"),
        fields.octets(f"{role}_remote_static"),
        tuple(fields.decode(f"{role}_psks", value) for value in psks or ()) or ((psk,) if psk else ()),
    )


def parse_message(fields: Fields) -> tuple[bytes, bytes]:
    """One message: payload and ciphertext."""
    payload, ciphertext = fields.octets("payload"), fields.octets("ciphertext")
    if payload is None or ciphertext is None:
        raise MalformedFileError(f"{fields.where} needs a 'payload' and a 'ciphertext'")
    return payload, ciphertext


def check(vector: Vector) -> None:
    """Play both roles of a vector. Raises :class:`MismatchError`, or what :meth:`Protocol.parse` raises."""
    if vector.foreign_field:
        raise UnsupportedProtocolError(f"{vector.foreign_field!r} belongs to a draft, not to revision 34")
    protocol = Protocol.parse(vector.name)
    fallback = Protocol.parse(vector.fallback) if vector.fallback else None
    place = "before message 1"
    try:
        initiator = vector.initiator.start(protocol, initiator=True)
        responder = vector.responder.start(protocol, initiator=False)
        messages = enumerate(vector.messages, 1)
        if fallback:
            number, (payload, ciphertext) = next(messages)
            place = f"message {number}"
            compare(f"{place}: the sender's ciphertext", initiator.write_message(payload), ciphertext)
            if not refuses(responder.read_message, ciphertext):
                raise MismatchError(f"{place}: the receiver reads it, and was to fall back")
            initiator, responder = (
                vector.responder.start(fallback, initiator=True, re=ciphertext[: fallback.dh.dhlen]),
                vector.initiator.start(fallback, initiator=False),
            )
        for (number, (payload, ciphertext)), (write, read) in zip(
            messages, converse(initiator, responder), strict=False
        ):
            place = f"message {number}"
            ours = write(payload)
            if vector.fail:
                if refuses(read, ciphertext):
                    return
                continue
            compare(f"{place}: the sender's ciphertext", ours, ciphertext)
            compare(f"{place}: the receiver's payload", read(ciphertext), payload)
        if vector.fail:
            raise MismatchError("every message is accepted, and one was to be refused")
        place = "after the last message"
        expected = vector.handshake_hash or initiator.handshake_hash
        compare("the initiator's handshake hash", initiator.handshake_hash, expected)
        compare("the responder's handshake hash", responder.handshake_hash, expected)
    except NoiseError as error:
        raise MismatchError(f"{place}: {error}") from error


Step = Callable[[bytes], bytes]


def refuses(read: Step, ciphertext: bytes) -> bool:
    """Whether a receiver does not accept a message."""
    try:
        read(ciphertext)
    except NoiseError:
        return True
    return False


def converse(initiator: HandshakeState, responder: HandshakeState) -> Iterator[tuple[Step, Step]]:
    """For each message in turn, and without end: how its sender writes it, and how its receiver reads it."""
    while not initiator.finished:
        if initiator.my_turn:
            yield initiator.write_message, responder.read_message
        else:
            yield responder.write_message, initiator.read_message
    directions = [
        (partial(sending.encrypt_with_ad, b""), partial(receiving.decrypt_with_ad, b""))
        for sending, receiving in zip(initiator.split(), responder.split(), strict=True)
    ]
    yield from islice(cycle(directions), len(initiator.protocol.pattern.messages) % len(directions), None)


def compare(what: str, ours: bytes, expected: bytes) -> None:
    """Raise :class:`MismatchError` unless the two are equal."""
    if ours != expected:
        raise MismatchError(f"{what} is {ours.hex()}, expected {expected.hex()}")


def main(arguments: list[str] | None = None) -> int:
    """Check the files named in *arguments*. Returns 0, or 1 if a vector failed, or 2 for an unusable file."""
    parser = argparse.ArgumentParser("python -m glasstunnel.noise.vectors")
    parser.add_argument(
        "files", nargs="+", metavar="FILE.json", help="vectors as cacophony and snow write them"
    )
    vectors: list[tuple[str, Vector]] = []
    for file in parser.parse_args(arguments).files:
        try:
            vectors += ((file, vector) for vector in read_file(file))
        except MalformedFileError as error:
            sys.stderr.write(f"{file}: {error}\n")
            return 2
    count: Counter[str] = Counter()
    unsupported: dict[str, str] = {}
    for file, vector in vectors:
        try:
            check(vector)
            count["passed"] += 1
        except (UnsupportedProtocolError, InvalidPatternError) as error:
            count["unsupported"] += 1
            unsupported.setdefault(vector.name, str(error))
        except MismatchError as error:
            count["failed"] += 1
            sys.stdout.write(f"FAILED {file}: {vector.name}: {error}\n")
    for name, reason in unsupported.items():
        sys.stdout.write(f"not supported: {name} ({reason})\n")
    passed, failed = count["passed"], count["failed"]
    sys.stdout.write(f"{passed} passed, {failed} failed, {count['unsupported']} unsupported\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
