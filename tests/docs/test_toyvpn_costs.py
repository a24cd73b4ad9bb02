"""The table of costs counts every byte of WireGuard's messages once, and lines of code and nothing else."""

from pathlib import Path

from toyvpn_costs import COSTS, SOURCE, handshake, lines_of_code, rows, sizes

# WP §5.4.2, §5.4.3 and §5.4.6
INITIATION, RESPONSE, OVERHEAD = 148, 92, 32


def test_every_field_of_the_messages_is_counted_for_one_property() -> None:
    for counted, fields in (
        ([name for cost in COSTS for name in cost.handshake], handshake()),
        ([name for cost in COSTS for name in cost.packet], sizes("ping")),
    ):
        assert sorted(counted) == sorted(fields)


def test_the_last_row_is_the_size_of_the_messages() -> None:
    *_, last = rows()
    assert last[1:3] == [f"{INITIATION + RESPONSE} 字节", f"{OVERHEAD} 字节"]


def test_a_module_is_counted_for_one_property() -> None:
    modules = [module for cost in COSTS for module in cost.modules]
    assert len(set(modules)) == len(modules)
    assert all((SOURCE / module).is_file() for module in modules)


def test_what_does_not_run_is_no_line_of_code(tmp_path: Path) -> None:
    file = tmp_path / "some.py"
    file.write_text(
        '"""Two\nlines."""\n\n# why\nx = """text\nand text"""\n\n\ndef f():\n    """What."""\n    return x\n'
    )
    assert lines_of_code(file) == 4
