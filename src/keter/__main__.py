"""``python -m keter``: the same as the ``keter`` command."""

from keter.cli import main

if __name__ == "__main__":
    main()
