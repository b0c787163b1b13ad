"""Run the sandbox: ``python -m keter.venues.asianodds.simulator``."""

import sys

from keter.venues.asianodds.simulator.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
