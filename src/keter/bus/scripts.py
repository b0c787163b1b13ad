"""The Lua scripts, read from the package and called by their SHA-1."""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Script:
    """One script of ``keter/bus/lua``; its opening comment documents KEYS and ARGV."""

    name: str
    source: str
    sha: str


@cache
def script(name: str) -> Script:
    """Return the script in ``lua/{name}.lua``."""
    source = files("keter.bus").joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")
    return Script(name, source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


def all_scripts() -> tuple[Script, ...]:
    """Return every script of the package, ordered by name."""
    names = sorted(
        entry.name
        for entry in files("keter.bus").joinpath("lua").iterdir()
        if entry.name.endswith(".lua")
    )
    return tuple(script(name.removesuffix(".lua")) for name in names)
