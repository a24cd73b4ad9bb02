"""The sample's client reads parameters as Java does, and crashes where Java does."""

import pytest

from glasstunnel.toyvpn.parameters import from_arguments
from glasstunnel.toyvpn.sample_parameters import Call, JavaError, configure, split


def test_the_example_becomes_calls_of_the_builder() -> None:
    assert configure(b"m,1400 a,10.0.0.2,32 d,8.8.8.8 r,0.0.0.0,0 s,lab.test" + b" " * 900) == [
        Call("setMtu", (1400,)),
        Call("addAddress", ("10.0.0.2", 32)),
        Call("addDnsServer", ("8.8.8.8",)),
        Call("addRoute", ("0.0.0.0", 0)),
        Call("addSearchDomain", ("lab.test",)),
    ]


def test_a_leading_space_is_trimmed_and_so_are_nuls_at_the_end() -> None:
    assert configure(b" a,10.0.0.2,32\0\0\n") == [Call("addAddress", ("10.0.0.2", 32))]


def test_unknown_letters_are_ignored() -> None:
    assert configure(b"x,1 a,fd00::2,+64 quite") == [Call("addAddress", ("fd00::2", 64))]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (b"a,10.0.0.2,32  m,1400", "StringIndexOutOfBoundsException"),
        (b"", "StringIndexOutOfBoundsException"),
        (b"   ", "StringIndexOutOfBoundsException"),
        (b"a,10.0.0.2,32 ,x", "StringIndexOutOfBoundsException"),
        (b"a,10.0.0.2,32 , x", "ArrayIndexOutOfBoundsException"),
        (b"m", "ArrayIndexOutOfBoundsException"),
        (b"m,", "ArrayIndexOutOfBoundsException"),
        (b"a,10.0.0.2", "ArrayIndexOutOfBoundsException"),
        (b"d", "ArrayIndexOutOfBoundsException"),
        (b"s,", "ArrayIndexOutOfBoundsException"),
    ],
)
def test_an_empty_or_doubled_space_and_a_missing_field_crash_the_app(text: bytes, name: str) -> None:
    with pytest.raises(JavaError) as caught:
        configure(text)
    assert (caught.value.name, caught.value.is_caught) == (name, False)


@pytest.mark.parametrize(
    "text",
    [
        b"m,32768 a,10.0.0.2,32",
        b"m,-32769 a,10.0.0.2,32",
        b"m,0 a,10.0.0.2,32",
        b"m,x a,10.0.0.2,32",
        b"m,+ a,10.0.0.2,32",
        b"m,,1 a,10.0.0.2,32",
        b"m,99999999999 a,10.0.0.2,32",
        b"m,1400",
        b"a,10.0.0,32",
        b"a,10.0.0.2,33",
        b"a,10.0.0.2,-1",
        b"a,0.0.0.0,32",
        b"a,127.0.0.1,8",
        b"a,::1,128",
        b"a,10.0.0.2,32 r,10.0.0.1,24",
        b"a,10.0.0.2,32 d,0.0.0.0",
        b"a,10.0.0.2,32 d,dns.test",
    ],
)
def test_what_the_builder_refuses_ends_the_thread_with_a_line_in_the_log(text: bytes) -> None:
    with pytest.raises(JavaError) as caught:
        configure(text)
    assert (caught.value.name, caught.value.is_caught) == ("IllegalArgumentException", True)


def test_the_mtu_is_a_signed_short() -> None:
    assert configure(b"m,32767 a,10.0.0.2,32")[0] == Call("setMtu", (32767,))
    assert configure(b"m,+00001400 a,10.0.0.2,32")[0] == Call("setMtu", (1400,))


def test_bytes_beyond_ascii_become_replacement_characters() -> None:
    assert configure(b"a,10.0.0.2,32 s,\xff")[1] == Call("addSearchDomain", ("\ufffd",))


def test_split_leaves_out_empty_strings_at_the_end_alone() -> None:
    assert [split(text, ",") for text in ("", ",", ",,a,", "a")] == [[""], [], ["", "", "a"], ["a"]]


def test_what_our_server_says_the_samples_client_reads() -> None:
    arguments = ["-m", "1280", "-a", "10.0.0.2", "32", "-a", "fd00::2", "128", "-r", "::", "0"]
    reply = from_arguments(arguments).reply()
    assert [call.method for call in configure(reply[1:])] == [
        "setMtu",
        "addAddress",
        "addAddress",
        "addRoute",
    ]
