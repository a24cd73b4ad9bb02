"""The runs of the four messages, WP §5.4.2 to §5.4.7."""

import pytest

from glasstunnel.wireguard.annotate import Run, annotate
from glasstunnel.wireguard.messages import MessageError
from tests.wireguard.pair import Pair, packet

SIZES = {
    1: [1, 3, 4, 32, 32, 16, 12, 16, 16, 16],
    2: [1, 3, 4, 4, 32, 16, 16, 16],
    3: [1, 3, 4, 24, 16, 16],
    4: [1, 3, 4, 8, 32, 16],
}


def samples() -> dict[int, bytes]:
    pair = Pair()
    pair.connect()
    pair.send(pair.left, packet("data"))
    messages = {datagram.data[0]: datagram.data for node in (pair.left, pair.right) for datagram in node.sent}
    return messages | {3: b"\3\0\0\0" + bytes(range(60))}


@pytest.mark.parametrize("kind", [1, 2, 3, 4])
def test_the_runs_cover_a_message_from_first_to_last_byte(kind: int) -> None:
    message = samples()[kind]
    runs = annotate(message)
    assert b"".join(run.value for run in runs) == message
    assert [run.offset for run in runs] == [sum(SIZES[kind][:i]) for i in range(len(runs))]
    assert [run.size for run in runs] == SIZES[kind]
    assert all(run.en and run.zh for run in runs)


def test_a_keepalive_has_no_run_for_a_packet() -> None:
    runs = annotate(b"\4\0\0\0" + bytes(28))
    assert [run.name for run in runs] == ["type", "reserved", "receiver", "counter", "tag"]


def test_the_encrypted_static_key_is_told_apart_from_its_tag() -> None:
    message = samples()[1]
    assert [(run.offset, run.size, run.name) for run in annotate(message)][4:8] == [
        (40, 32, "static"),
        (72, 16, "tag"),
        (88, 12, "timestamp"),
        (100, 16, "tag"),
    ]
    assert annotate(message)[0] == Run(0, b"\1", "type", "which of the four messages", "消息类型，四种之一")


def test_what_is_no_message_is_refused() -> None:
    with pytest.raises(MessageError):
        annotate(b"\7\0\0\0")
