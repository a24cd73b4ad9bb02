"""A digest of everything that an object holds, so that "nothing has changed" can be said in one comparison.

The rule: every attribute counts, private ones too, and so does which object stands where; only what is named
is left out. Two digests are comparable within one process, for objects of libraries count by their identity.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from enum import Enum
from hashlib import blake2b
from itertools import count
from typing import Any

from glasstunnel.wireguard.device import Device

_VALUES = (int, float, str, bytes, bool, type(None), Enum)
_COUNTERS = frozenset({"drops"})  # a refused datagram is counted, and that is all that becomes of it


def device_state(device: Device) -> bytes:
    """Keys, peers, sessions, windows, timers, endpoints, queues, statistics: all but the drop counters."""
    return digest(device, _COUNTERS)


def digest(thing: object, without: frozenset[str] = frozenset()) -> bytes:
    """32 bytes that change when anything in ``thing`` changes, save attributes named in ``without``."""
    return blake2b(repr(list(_walk(thing, without, {}))).encode(), digest_size=32).digest()


def _walk(thing: Any, without: frozenset[str], seen: dict[int, int]) -> Iterator[object]:
    if isinstance(thing, _VALUES):
        yield thing
        return
    if id(thing) in seen:
        yield f"again {seen[id(thing)]}"
        return
    seen[id(thing)] = len(seen)
    yield type(thing).__name__
    if isinstance(thing, bytearray | memoryview):
        yield bytes(thing)
    elif isinstance(thing, dict):
        for key, value in thing.items():
            yield from _walk(key, without, seen)
            yield from _walk(value, without, seen)
    elif isinstance(thing, list | tuple | deque | set | frozenset):
        yield len(thing)
        for item in thing:
            yield from _walk(item, without, seen)
    elif isinstance(thing, count):
        yield repr(thing)
    elif type(thing).__module__.startswith(("glasstunnel.", "tests.")):
        for name in _attributes(thing):
            if name not in without:
                yield name
                yield from _walk(getattr(thing, name, None), without, seen)
    else:
        yield id(thing)


def _attributes(thing: object) -> Iterable[str]:
    slots = (name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ()))
    return [*slots, *getattr(thing, "__dict__", {})]
