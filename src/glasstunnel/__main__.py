"""``python -m glasstunnel`` is the program ``glasstunnel``."""

import sys

from glasstunnel.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
