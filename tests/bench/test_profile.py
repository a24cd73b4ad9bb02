"""The profile of a pair: samples counted and scaled as given; no speed is judged."""

import shutil

import pytest

from bench import UnavailableError, profile
from bench.profile import counted, part_of, scaled

# What perf script 6.1 printed, of two processes.
SAMPLES = """\
 1201  ffffffff81ffc819 ip_finish_output2 ([kernel.kallsyms])
 1201      7f96d6415f67 ChaCha20_avx512 (/venv/lib/cryptography/hazmat/bindings/_rust.abi3.so)
 1201      7f96d6415f67 ChaCha20_avx512 (/venv/lib/cryptography/hazmat/bindings/_rust.abi3.so)
 1201      7f96d63a0010 <cryptography_rust::aead::ChaCha20Poly1305>::encrypt_into (/_rust.abi3.so)
 1213            4fa81f [unknown] (/usr/bin/wireguard-go)
 1213  ffffffffc0a01234 tun_get_user ([tun])
 1213  not a sample
"""


@pytest.mark.parametrize(
    ("file", "symbol", "part"),
    [
        ("[kernel.kallsyms]", "udp_sendmsg", "kernel"),
        ("[tun]", "tun_get_user", "kernel"),
        ("/v/cryptography/hazmat/bindings/_rust.abi3.so", "ChaCha20_avx512", "cipher"),
        ("/v/cryptography/hazmat/bindings/_rust.abi3.so", "poly1305_blocks_vpmadd52_8x", "cipher"),
        ("/v/cryptography/hazmat/bindings/_rust.abi3.so", "chacha20_poly1305_cipher", "library"),
        ("/v/cryptography/hazmat/bindings/_rust.abi3.so", "[unknown]", "library"),
        ("/usr/lib/x86_64-linux-gnu/libcrypto.so.3", "EVP_CIPHER_CTX_copy", "library"),
        ("/usr/lib/libpython3.11.so.1.0", "_PyEval_EvalFrameDefault", "interpreter"),
        ("/usr/bin/python3.11", "_PyEval_EvalFrameDefault", "interpreter"),
        ("/usr/lib/python3.11/lib-dynload/_socket.cpython-311-x86_64-linux-gnu.so", "", "interpreter"),
        ("/v/numpy/_core/_multiarray_umath.cpython-311-x86_64-linux-gnu.so", "UINT_add", "numpy"),
        ("/v/numpy.libs/libscipy_openblas64_.so", "blas_thread_server", "numpy"),
        ("/usr/lib/x86_64-linux-gnu/libc.so.6", "__memmove_avx512_unaligned_erms", "libc"),
        ("/usr/bin/wireguard-go", "[unknown]", "program"),
    ],
)
def test_an_instruction_belongs_to_what_its_file_is(file: str, symbol: str, part: str) -> None:
    assert part_of(file, symbol) == part


def test_samples_are_counted_by_process_part_and_function() -> None:
    found = counted(SAMPLES.splitlines())
    assert found.keys() == {1201, 1213}
    assert found[1201] == {
        ("kernel", "ip_finish_output2"): 1,
        ("cipher", "ChaCha20_avx512"): 2,
        ("library", "<cryptography_rust::aead::ChaCha20Poly1305>::encrypt_into"): 1,
    }
    assert found[1213] == {("program", ""): 1, ("kernel", "tun_get_user"): 1}


def test_the_parts_of_a_side_are_all_of_its_time_and_functions_without_a_name_are_not_listed() -> None:
    found = counted(SAMPLES.splitlines())
    ours, other = scaled(found[1201], 4.0), scaled(found[1213], 3.0)
    assert ours["parts"] == {"cipher": 2.0, "kernel": 1.0, "library": 1.0}
    assert ours["top"][0] == ["cipher", "ChaCha20_avx512", 2.0]
    assert (other["samples"], other["us"]) == (2, 3.0)
    assert other["top"] == [["kernel", "tun_get_user", 1.5]]


def test_without_perf_it_says_which_package_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "perf" else which(name) or name)
    with pytest.raises(UnavailableError, match=r"^programs are missing: apt-get install linux-perf$"):
        profile.measure()
