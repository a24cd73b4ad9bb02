"""The laboratory of console blocks: how a block is read, compared and run, and that nothing outlives it."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs import consoles
from tests.docs.pages import Block, read

PAGE = Path("made-up.md")


def block(body: str) -> Block:
    """A console block with this body, on line 3 of a page."""
    (found,) = read(PAGE, f"# Title\n\n```console\n{body}```\n").blocks
    return found


@pytest.fixture
def lab() -> Iterator[consoles.Lab]:
    """A laboratory, closed after the test."""
    why = consoles.impossible()
    if why is not None:
        pytest.skip(why)
    laboratory = consoles.Lab(timeout=20, patience=0.5)
    yield laboratory
    laboratory.close()


def test_a_block_is_commands_and_what_they_print() -> None:
    first, second = consoles.steps(block("$ one\na\nb\n$ two\n"))
    assert (first.command, first.expected, first.line) == ("one", ["a", "b"], 4)
    assert (second.command, second.expected, second.line) == ("two", [], 7)


def test_the_first_prompt_is_the_prompt_of_the_block() -> None:
    (step,) = consoles.steps(block("$ cat a.conf\n# a comment, not a command\n"))
    assert step.expected == ["# a comment, not a command"]
    assert len(consoles.steps(block("# one\n# two\n"))) == 2


def test_a_block_without_a_prompt_is_refused() -> None:
    with pytest.raises(ValueError, match=r"made-up\.md:3: .* begins with a command"):
        consoles.steps(block("ls\n"))
    assert "begins with a command" in str(consoles.Lab().run(block("ls\n")))


@pytest.mark.parametrize(
    ("body", "command"),
    [
        ("$ cat > a <<EOF\n> x\n> EOF\nout\n", "cat > a <<EOF\nx\nEOF"),
        ("$ cat > a <<EOF\nx\nEOF\nout\n", "cat > a <<EOF\nx\nEOF"),
        ("$ cat > a <<'EOF'\n$ not a command\nEOF\nout\n", "cat > a <<'EOF'\n$ not a command\nEOF"),
        ("$ cat <<A <<B\n1\nA\n2\nB\nout\n", "cat <<A <<B\n1\nA\n2\nB"),
        ("$ one \\\n  two\nout\n", "one \\\n  two"),
        ("$ one \\\n> two \\\n> three\nout\n", "one \\\ntwo \\\nthree"),
        ("$ for x in 1 2; do\n>   echo $x\n> done\nout\n", "for x in 1 2; do\n  echo $x\ndone"),
        ("$ cat <<<word\nout\n", "cat <<<word"),
    ],
)
def test_a_command_may_go_on_over_lines(body: str, command: str) -> None:
    (step,) = consoles.steps(block(body))
    assert step.command == command
    assert step.expected == ["out"]


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        (["a"], ["a"], True),
        (["a"], ["a  "], True),
        (["a"], ["b"], False),
        (["a"], ["a", "b"], False),
        (["a", "b"], ["a"], False),
        ([], ["a"], False),
        (["time=... ms"], ["time=0.031 ms"], True),
        (["time=... ms"], ["time=0.031 s"], False),
        (["a", "...", "z"], ["a", "z"], True),
        (["a", "...", "z"], ["a", "b", "c", "z"], True),
        (["a", "..."], ["b", "c"], False),
        (["."], ["x"], False),
    ],
)
def test_an_ellipsis_stands_for_anything_and_nothing_else_does(
    expected: list[str], printed: list[str], same: bool
) -> None:
    assert consoles.matches(expected, printed) is same


def test_a_session_remembers(lab: consoles.Lab) -> None:
    assert lab.run(block("$ x=1; mkdir a; cd a\n$ echo $x; pwd\n1\n/run/home/a\n")) is None
    assert lab.run(block("$ echo $x >&2\n1\n")) is None


def test_a_wrong_output_is_shown_with_its_place(lab: consoles.Lab) -> None:
    message = str(lab.run(block("$ true\n$ printf 'a\\nb\\n'\na\nc\n")))
    assert message.startswith("made-up.md:5: $ printf")
    assert "-c" in message
    assert "+b" in message


def test_output_that_the_page_does_not_show_is_a_fault(lab: consoles.Lab) -> None:
    assert "+a" in str(lab.run(block("$ echo a\n")))


def test_a_failure_must_show_on_the_page(lab: consoles.Lab) -> None:
    assert "status 1" in str(lab.run(block("$ false\n")))
    assert "status 1" in str(lab.run(block("$ false\n...\n")))
    missing = "$ cat gone\ncat: gone: No such file or directory\n$ echo $?\n1\n"
    assert lab.run(block(missing)) is None


def test_output_without_a_last_newline_is_read(lab: consoles.Lab) -> None:
    assert lab.run(block("$ printf a\na\n$ printf ''\n$ printf '\\n\\nb\\n\\n'\n\n\nb\n")) is None


def test_standard_input_is_empty(lab: consoles.Lab) -> None:
    assert lab.run(block("$ cat\n$ cat <<EOF | tr a b\na\nEOF\nb\n")) is None


def test_a_command_that_never_ends_ends_the_session() -> None:
    laboratory = consoles.Lab(timeout=0.5)
    try:
        assert "not done after" in str(laboratory.run(block("$ sleep 600\n")))
        assert "the page's shell has ended" in str(laboratory.run(block("$ true\n")))
    finally:
        laboratory.close()


def test_a_shell_that_exits_is_reported(lab: consoles.Lab) -> None:
    assert "the shell ended" in str(lab.run(block("$ echo a; exit 3\n")))
    assert "has ended" in str(lab.run(block("$ true\n")))


def test_the_language_and_the_path_are_fixed(lab: consoles.Lab) -> None:
    assert lab.run(block("$ echo $LANG $TZ $HOME\nC.UTF-8 UTC /run/home\n")) is None
    assert lab.run(block("$ type -p python\n.../bin/python\n")) is None


def test_network_namespaces_can_be_made_and_are_gone_afterwards(lab: consoles.Lab) -> None:
    body = (
        "# ip netns add left && ip netns list\nleft\n"
        "# ip link add va type veth peer name vb netns left\n"
        "# ip addr add 10.0.0.1/24 dev va && ip link set va up\n"
        "# ip -n left addr add 10.0.0.2/24 dev vb && ip -n left link set vb up\n"
        "# ip netns exec left ping -c 1 10.0.0.1 | head -1\nPING 10.0.0.1 ...\n"
    )
    assert lab.run(block(body)) is None
    lab.close()
    assert not Path("/run/netns/left").exists()
    assert (
        "va" not in subprocess.run(["ip", "-br", "link"], capture_output=True, text=True, check=True).stdout
    )


def test_files_under_etc_and_run_are_the_pages_own(lab: consoles.Lab) -> None:
    assert lab.run(block("# mkdir /etc/made-up-by-a-test /run/made-up-by-a-test\n")) is None
    assert not Path("/etc/made-up-by-a-test").exists()
    assert not Path("/run/made-up-by-a-test").exists()


def test_processes_left_behind_end_with_the_page(lab: consoles.Lab) -> None:
    marker = f"61{time.time_ns() % 10**9}"
    body = f"$ sleep {marker} &\n$ (trap '' TERM; setsid sleep {marker}) >/dev/null 2>&1 &\n"
    both = f'$(grep -ls "6[1]{marker[2:]}" /proc/[0-9]*/cmdline | wc -l) = 2'  # the pattern is not itself one
    assert lab.run(block(f"{body}$ until [ {both} ]; do :; done\n")) is None
    assert running(marker)
    lab.close()
    assert not running(marker)


def running(marker: str) -> bool:
    """Whether a process has `marker` on its command line."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if marker.encode() in entry.read_bytes().split(b"\0"):
                return True
        except OSError:
            continue  # it has ended meanwhile
    return False


SCENARIOS = """# Title

```console
$ echo here
```

% in the scenario: poisoned-resolver

```console
$ echo there
```

:::{note}
```console
$ echo there too
```
:::
"""


def test_a_page_says_from_where_on_it_is_in_a_scenario() -> None:
    blocks = [block for block in read(PAGE, SCENARIOS).blocks if block.language == "console"]
    assert [block.scenario for block in blocks] == ["", "poisoned-resolver", "poisoned-resolver"]


@pytest.mark.interop
def test_in_a_scenario_the_shell_is_that_of_the_client_there() -> None:
    laboratory = consoles.Lab(scenario="poisoned-resolver")
    assert laboratory.execute("getent ahostsv4 registry-1.docker.io | cut -d ' ' -f 1 | sort -u") == [
        "31.13.94.37"
    ]
    laboratory.close()


@pytest.mark.interop
def test_a_scenario_that_there_is_not_is_a_fault() -> None:
    laboratory = consoles.Lab(scenario="none-such")
    with pytest.raises(consoles.LabError, match="the shell ended"):
        laboratory.execute("true")
