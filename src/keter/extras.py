"""What is optional and how it is installed: from a hash-locked set, never by the project's name.

Nothing here, and no page, may make pip look for ``keter`` on a package index: that name is somebody
else's.
"""

import sys

INSTALL_ARGUMENT = "scripts/bootstrap.py --extras"
PYTHON = r".venv\Scripts\python" if sys.platform == "win32" else ".venv/bin/python"


def install_command() -> str:
    """The command, to be run in Keter's folder."""
    return f"{PYTHON} {INSTALL_ARGUMENT}"


def missing(what: str) -> str:
    """What to do when ``what`` is asked for and its packages are not there."""
    return (
        f"{what} needs packages that are not installed; in Keter's folder run: {install_command()}"
    )
