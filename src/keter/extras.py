"""How optional packages are installed: from a hash-locked set, never by the project's name.

Nothing here, and no page, may make pip look for ``keter`` on a package index.
That name belongs to somebody else.
"""

import sys

INSTALL_ARGUMENT = "scripts/bootstrap.py --extras"
PYTHON = r".venv\Scripts\python" if sys.platform == "win32" else ".venv/bin/python"


def install_command() -> str:
    """Return the command that installs them. It is to be run in Keter's folder."""
    return f"{PYTHON} {INSTALL_ARGUMENT}"


def missing(what: str) -> str:
    """Return what to do when ``what`` is asked for and its packages are missing."""
    return (
        f"{what} needs packages that are not installed; in Keter's folder run: {install_command()}"
    )
