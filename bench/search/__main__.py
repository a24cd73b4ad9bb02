"""``python -m bench.search [queries.toml]``: the comparison alone, on labelled queries of your own."""

import argparse
import json
import sys
from pathlib import Path

from bench import UnavailableError
from bench.search import compare
from tests.sphinxzh.asking import QUERIES


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(prog="python -m bench.search", description=compare.__doc__)
    parser.add_argument("queries", nargs="?", type=Path, default=QUERIES, help="labelled queries")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    arguments = parser.parse_args()
    if not arguments.queries.is_file():
        parser.error(f"expected a file of labelled queries, found none at {arguments.queries}")
    try:
        results = compare.measure(arguments.queries)
    except UnavailableError as error:
        sys.exit(str(error))
    compare.show(results)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
