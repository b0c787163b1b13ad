"""``python -m keter.sandbox``."""

import sys

from keter.sandbox.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
