"""``python -m tests.fuzz [HARNESS …]``: drive the harnesses with atheris, which looks where a byte leads.

    python -m tests.fuzz --minutes 30           all of them, for half an hour together
    python -m tests.fuzz config receive         only these
    python -m tests.fuzz config --input FILE    one input again, such as a crash that was found

Each runs in a process of its own.  What it learns stays in _build/fuzz/HARNESS/corpus, so that the next run
begins where this one ended; an input that brings a harness down is written beside it.
"""

import argparse
import importlib.util
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "_build" / "fuzz"
MISSING = (
    "atheris is not installed: run make fuzz, which installs it where there is a wheel for this Python, "
    "or pip install --require-hashes -r tests/fuzz/atheris.lock."
)
LONGEST_INPUT = 4096  # bytes


def drive(name: str, seconds: int) -> int:
    """One harness, in this process, which libFuzzer ends; so this does not return."""
    import atheris

    with atheris.instrument_imports(include=["glasstunnel"]):
        from tests.fuzz.harnesses import HARNESSES
    harness = {harness.name: harness for harness in HARNESSES}[name]
    folder = FOLDER / name
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, value in enumerate(harness.corpus()):
        (corpus / f"seed-{number}").write_bytes(value)
    atheris.Setup(
        [
            "fuzz",
            f"-max_total_time={seconds}",
            f"-max_len={LONGEST_INPUT}",
            f"-artifact_prefix={folder}/",
            "-print_final_stats=1",
            "-verbosity=0",
            "-timeout=20",
            str(corpus),
        ],
        harness.run,
    )
    atheris.Fuzz()
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Drive what is asked for; 1 if a harness came down."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("harnesses", nargs="*", metavar="HARNESS", help="all, if none is named")
    parser.add_argument("--minutes", type=float, default=10, help="for all of them together (10)")
    parser.add_argument("--input", type=Path, metavar="FILE", help="run one harness once, with this input")
    parser.add_argument("--in-this-process", type=int, metavar="SECONDS", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.in_this_process:
        return drive(chosen.harnesses[0], chosen.in_this_process)
    from tests.fuzz.harnesses import HARNESSES

    known = {harness.name: harness for harness in HARNESSES}
    for name in chosen.harnesses:
        if name not in known:
            parser.error(f"expected some of {', '.join(known)}, got {name}")
    names = chosen.harnesses or list(known)
    if chosen.input:
        if len(chosen.harnesses) != 1:
            parser.error("--input: expected the one harness that is to read it")
        known[names[0]].run(chosen.input.read_bytes())
        print(f"{names[0]}: held")
        return 0
    if importlib.util.find_spec("atheris") is None:
        print(MISSING, file=sys.stderr)
        return 2
    return max(fuzz(name, max(1, round(60 * chosen.minutes / len(names)))) for name in names)


def fuzz(name: str, seconds: int) -> int:
    """One harness in a process of its own; one line of what came of it, and libFuzzer's text if it broke."""
    command = [sys.executable, "-m", "tests.fuzz", name, "--in-this-process", str(seconds)]
    done = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    said = done.stderr + done.stdout
    runs = next((line.split()[-1] for line in said.splitlines() if "number_of_executed_units" in line), "?")
    print(f"{name:10} {seconds:5} s  {runs:>9} inputs  {'held' if done.returncode == 0 else 'BROKE'}")
    sys.stdout.flush()
    if done.returncode:
        print(said[-3000:])
        found = [path for path in (FOLDER / name).iterdir() if path.is_file()]
        if found:
            latest = max(found, key=lambda path: path.stat().st_mtime).relative_to(ROOT)
            print(f"  again: python -m tests.fuzz {name} --input {latest}")
    return 1 if done.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
