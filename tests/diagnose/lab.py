"""Any scenario by hand.

    python -m tests.diagnose.lab SCENARIO [COMMAND …]

runs a command (a shell if none is named) as the client of that scenario; without arguments it lists them.
"""

import os
import sys
from contextlib import closing

from tests.diagnose import lab_unpacked
from tests.diagnose.lab_scenario import on_stage
from tests.diagnose.lab_scenarios import SCENARIOS
from tests.diagnose.lab_stage import Lab


def fetch(name: str) -> None:
    """Have what the scenario unpacks, before it is played where there is no network to fetch it."""
    if name in SCENARIOS and SCENARIOS[name].link_resolver:
        lab_unpacked.resolved()


def main(arguments: list[str]) -> int:
    """Run the command; its status."""
    if not arguments or arguments[0] not in SCENARIOS:
        print("\n".join(SCENARIOS))
        return 2
    name, *command = arguments
    with closing(Lab()) as lab, on_stage(lab, SCENARIOS[name]) as (_, client):
        return client.interactive(*command or (os.environ.get("SHELL", "sh"),))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
