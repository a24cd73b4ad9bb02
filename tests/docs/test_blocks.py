"""Every block of the book was run, or says why it was not."""

from pathlib import Path

import pytest

from tests.docs import blocks
from tests.docs.pages import book, read, shown


@pytest.mark.parametrize("path", book(), ids=shown)
def test_every_block_is_executed_or_excused(path: Path) -> None:
    assert blocks.faults(read(path)) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("```\nx\n```\n", "names no language"),
        ("```bash\nls\n```\n", "bash is not executed"),
        ("```c\nint x;\n```\n", "c is not executed"),
        ("```text\n$ ls\n```\n", "looks like a session"),
        ("```text\n>>> 1\n```\n", "looks like a session"),
        ("% not executed: 因为所以\n```text\nx\n```\n", "needs no excuse"),
        ("```json\n{\n```\n", "not valid json"),
        ("```toml\nx = = 1\n```\n", "not valid toml"),
        ("```ini\nPrivateKey = x\n```\n", "not valid ini"),
        ("```yaml\na: [\n```\n", "not valid yaml"),
        ("```python\n>>> f()  # doctest: +SKIP\n1\n```\n", "skipped example"),
        ("```{eval-rst}\n.. code:: c\n```\n", "no place in this book"),
        ("x\n\n    indented\n", "indented block"),
    ],
)
def test_a_block_that_proves_nothing_is_found(text: str, message: str) -> None:
    (fault,) = blocks.faults(read(Path("made-up.md"), text))
    assert message in fault
    assert fault.startswith("made-up.md:")


@pytest.mark.parametrize(
    "text",
    [
        "```python\nx = 1\n```\n",
        "```console\n$ true\n```\n",
        "```ini\n[Interface]\nPrivateKey = x\n\n[Peer]\nPublicKey = y\n\n[Peer]\nPublicKey = z\n```\n",
        "```text\n┌──┐\n```\n",
        "% not executed: 内核的代码，只作说明\n```c\nint x;\n```\n",
        "% not executed: 需要真的手机\n```console\n$ adb shell\n```\n",
    ],
)
def test_a_block_that_runs_or_is_data_passes(text: str) -> None:
    assert blocks.faults(read(Path("made-up.md"), text)) == []
