"""``python -m keter.sandbox``."""

import sys

from keter.sandbox.main import parse, run_sandbox

if __name__ == "__main__":
    sys.exit(run_sandbox(parse(sys.argv[1:])))
