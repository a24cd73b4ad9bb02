"""The report on a tunnel: complete, in both languages from the same facts, and fit to be shown."""

import json

import pytest

from glasstunnel.diagnose.addresses import Mask
from glasstunnel.diagnose.finding import fact
from glasstunnel.diagnose.report import json_text
from glasstunnel.diagnose.tunnel.evidence import Evidence, Got, Interface, Kind, Reply, Search, Way
from glasstunnel.diagnose.tunnel.judge import reach_verdict
from glasstunnel.diagnose.tunnel.remedies import remedies
from glasstunnel.diagnose.tunnel.report import as_json, as_text, own_addresses, printed
from glasstunnel.diagnose.tunnel.story import GOT, told
from tests.diagnose.tunnel_seen import (
    ENDPOINT,
    FILE,
    HERE,
    INNER,
    KEY,
    NAME,
    OTHER,
    OURS,
    OWN,
    THERE,
    echo,
    evidence,
    peer,
    standing,
)


def shown(seen: Evidence) -> str:
    return as_text(reach_verdict(seen), seen, str, "1.2")


def test_the_text_has_verdict_cause_evidence_and_what_was_seen_in_this_order() -> None:
    text = shown(evidence(standing()))
    assert text == (
        "glasstunnel 1.2 diagnose tunnel wg0\n"
        "2027-01-15 08:00:00 UTC, 6.5 s\n"
        "\n"
        "Verdict: nothing is wrong with the tunnel that could be seen from here\n"
        "Cause: all-well, certain\n"
        "\n"
        "Evidence:\n"
        "  - the last handshake with pppppppp… was 10 s ago\n"
        "  - 10.9.0.2 answers after 1.5 ms\n"
        "\n"
        "Layers:\n"
        "  interface  up, MTU 1420, 10.9.0.1/24, our device\n"
        f"  public key  {OWN}, port 51001, mark 0x0\n"
        f"  peer  {KEY}\n"
        f"    endpoint  {ENDPOINT}\n"
        "    allowed IPs  10.9.0.2/32\n"
        "    received  0 -> 0 bytes\n"
        "    sent  0 -> 0 bytes\n"
        "    way out  eth0\n"
        "    echo  10.9.0.2: answered 1.5 ms\n"
    )


def test_what_fails_besides_and_what_is_to_know_have_their_own_paragraphs() -> None:
    refused = Reply(THERE, 60, Got.PORT_UNREACHABLE, THERE)
    seen = evidence(peer(outside=refused), peer(key=OTHER), unknown=["no-ruleset"])
    text = shown(seen)
    assert "Cause: endpoint-closed (pppppppp…), certain\n" in text
    assert f"  - a datagram to {ENDPOINT}: port unreachable, says {THERE}\n" in text
    assert "Besides: the peer says nothing (silent (qqqqqqqq…), certain)\n" in text
    assert "To know besides:\n  - the rules of the packet filter could not be read (nft)\n" in text


def test_counters_refusals_and_sizes_are_among_the_layers() -> None:
    searches = [Search(INNER, False, 1232, 1233), Search(THERE, True, 1472, 0)]
    seen = evidence(
        standing(
            dropped={"wrong_source": 2},
            outside=Reply(THERE, 60, Got.PORT_UNREACHABLE, THERE),
            echoes=[echo(Got.PROHIBITED, by="10.9.0.254")],
            searches=searches,
        ),
        peer(key=OTHER, endpoint="", configured="", allowed_ips=(), outward=Way(THERE, error="ENETUNREACH")),
        drops={"wrong_mac1": 1, "wrong_source": 2},
        fwmark=0xCA6C,
    )
    text = shown(seen)
    for line in (
        "  dropped  wrong_mac1 1, wrong_source 2",
        "    dropped  wrong_source 2",
        f"    knock  port unreachable, says {THERE}",
        "    echo  10.9.0.2: administratively prohibited, says 10.9.0.254",
        "    size inside  10.9.0.2: 1232 bytes pass, 1233 do not",
        f"    size outside  {THERE}: 1472 bytes pass",
        f"  public key  {OWN}, port 51001, mark 0xca6c",
        "    endpoint  -",
        "    allowed IPs  -",
        "    way out  ENETUNREACH",
    ):
        assert f"{line}\n" in text


def test_an_interface_that_is_down_or_nowhere_is_told() -> None:
    assert "interface  down, MTU 0, -, our device\n" in shown(evidence(interface=Interface(up=False)))
    nowhere = evidence(kind=Kind.FILE, interface=Interface(exists=False, up=False), public_key="")
    assert "interface  none here, MTU 0, -, no device, a configuration only\n" in shown(nowhere)
    assert "public key  -, port 51001, mark 0x0\n" in shown(nowhere)
    assert "way out" not in shown(evidence(peer(outward=None)))


def test_the_json_report_has_the_verdict_the_remedies_and_everything_that_was_seen() -> None:
    seen = evidence(peer(dropped={"bad_handshake": 1}), peer(key=OTHER), unknown=["no-ruleset"])
    verdict = reach_verdict(seen)
    report = json.loads(json_text(as_json(verdict, remedies(verdict, seen), seen), str))
    assert (report["format"], report["tunnel"]) == (1, NAME)
    found = report["verdict"]
    assert (found["cause"], found["class"], found["exit_status"]) == ("wrong-preshared-key", "keys", 24)
    assert (found["peer"], found["confidence"]) == (KEY, "certain")
    assert [fact["code"] for fact in found["evidence"]] == ["bad-response"]
    assert found["evidence"][0]["count"] == "1"
    assert found["evidence"][0]["text"].startswith("1 responses with a good mac1 could not be opened")
    assert [(also["cause"], also["peer"]) for also in found["also"]] == [("silent", OTHER)]
    assert [note["code"] for note in found["notes"]] == ["no-ruleset"]
    assert [remedy["code"] for remedy in report["remedies"]] == ["preshared", "look-there"]
    assert report["remedies"][0]["commands"] == [f"wg set {NAME} peer {KEY} preshared-key FILE"]
    assert report["layers"]["peers"][0]["after"]["drops"] == {"bad_handshake": 1}
    assert report["layers"]["peers"][0]["outside"]["got"] == "silence"


def test_a_report_that_is_shown_hides_the_users_own_addresses_and_networks() -> None:
    seen = evidence(standing(backward=Way("198.51.100.77", source=THERE)))
    assert own_addresses(seen) == {OURS, "192.0.2.0", "198.51.100.77"}
    verdict = reach_verdict(seen)
    told_json = json_text(as_json(verdict, [], seen), Mask(own_addresses(seen), networks=True))
    for address in (OURS, INNER, "192.0.2.0", "198.51.100.77"):
        assert address not in told_json
    assert THERE in told_json  # a public endpoint is what the report is about
    assert HERE not in own_addresses(seen)


def test_what_came_of_a_packet_is_told_in_the_readers_language() -> None:
    words = {GOT[Got.SILENCE]: "一直没有回答"}
    sentence = told(fact("no-answer", address=INNER, got=Got.SILENCE), lambda text: words.get(text, text))
    assert sentence == "an echo request to 10.9.0.2: 一直没有回答"


def test_what_is_printed_hides_own_addresses_but_in_the_commands_which_need_them() -> None:
    lost = standing(ways=[Way(INNER, interface="eth0", prefix=f"{INNER}/32")])
    status, text = printed(evidence(lost), str)
    report, _, commands = text.partition("\nWhat follows holds addresses or passwords of your own")
    assert (status, INNER in report, f"ip route prepend {INNER}/32 dev {NAME}" in commands) == (
        27,
        False,
        True,
    )
    assert INNER in printed(evidence(lost), str, unmasked=True)[1].partition("\nWhat follows")[0]
    assert "What follows" not in printed(evidence(standing()), str)[1]
    status, document = printed(evidence(lost), str, in_json=True)
    assert (json.loads(document)["verdict"]["exit_status"], INNER in document) == (status, False)
    assert INNER in printed(evidence(lost), str, in_json=True, unmasked=True)[1]


def test_the_configured_endpoint_is_told_where_it_is_not_the_one_in_use() -> None:
    assert f"endpoint  {ENDPOINT} (configured: home.example:51820)\n" in shown(
        evidence(standing(configured="home.example:51820"))
    )


@pytest.mark.parametrize(
    ("file", "line"),
    [
        (FILE, "To keep it, in /etc/wireguard/wg0.conf:\n     [Interface]\n     MTU = 1400\n"),
        ("", "To keep it, in the tunnel's configuration:\n     [Interface]\n     MTU = 1400\n"),
    ],
)
def test_lines_for_a_file_stand_below_the_commands(file: str, line: str) -> None:
    small = standing(searches=[Search(INNER, False, 1400, 1401)])
    assert f"mtu 1400\n   {line}   To undo it:\n" in printed(evidence(small, file=file), str)[1]


def test_lines_without_commands_are_for_the_configuration_here_or_there() -> None:
    own = evidence(own_key_as_peer=True)
    assert "   In /etc/wireguard/wg0.conf:\n     [Peer]\n" in printed(own, str)[1]
    own.file = ""
    assert "   In its configuration:\n     [Peer]\n" in printed(own, str)[1]
    theirs = printed(evidence(peer(), drops={"wrong_mac1": 1}), str)[1]
    assert f"   In the configuration there:\n     [Peer]\n     PublicKey = {OWN}\n" in theirs


def test_who_refuses_an_echo_request_is_named() -> None:
    refused = echo(Got.PROHIBITED, by="10.9.0.254")
    assert f"  - an echo request to {INNER}: administratively prohibited, says 10.9.0.254\n" in shown(
        evidence(standing(echoes=[refused]))
    )
