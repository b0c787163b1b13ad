"""Every alert that can be raised has a page for whoever is woken by it, and every page belongs to
an alert.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from keter.cli import app
from keter.dashboard.rules.table import RULES
from keter.domain.alerts import AlertKind, mismatch, runbook_id
from keter.settings import entries
from tests.kit.support import ROOT

SOURCE = ROOT / "src" / "keter"
PAGES = {path.stem: path for path in sorted((ROOT / "docs" / "runbooks").glob("*.md"))}
CATALOGUE = SOURCE / "domain" / "alerts.py"
# Differences between venue and ledger are raised by their word, see `mismatch`.
MISMATCHES = SOURCE / "execution" / "reconcile"
# The only other maker of alerts: a record of Redis that cannot be read is listed under its name.
UNREADABLE = SOURCE / "bus" / "telemetry" / "alerts.py"
HEADINGS = [
    "What it means",
    "Is money at risk?",
    "What Keter did already",
    "First step",
    "How it ends",
]
FILES = [path for path in sorted(SOURCE.rglob("*.py")) if path != CATALOGUE]


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def named() -> Iterator[str]:
    """Yield the id of every kind that the source names outside the catalogue."""
    for file in FILES:
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "AlertKind":
                yield AlertKind[node.attr].id


def complaints() -> Iterator[str]:
    """Yield the word of every difference that the reconciliation complains of."""
    for file in sorted(MISMATCHES.rglob("*.py")):
        yield from re.findall(r'(?:found|problems)\["(\w+)"\] =', file.read_text("utf-8"))
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.Call) and called(node) == "complain":
                word = node.args[1]
                if isinstance(word, ast.Constant):
                    yield str(word.value)


def raised() -> set[str]:
    """Return the id of every kind of alert that the source raises."""
    return {*named(), *(mismatch(word).id for word in complaints())}


def test_each_kind_of_the_catalogue_is_raised_and_no_other() -> None:
    assert raised() == {kind.id for kind in AlertKind}
    for kind in AlertKind:
        assert runbook_id(kind.alert_id("about")) == kind.id


def test_an_alert_is_made_by_the_catalogue_only() -> None:
    makers = {
        file
        for file in FILES
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Call) and called(node) == "Alert"
    }
    assert makers == {UNREADABLE}


def test_every_kind_of_alert_has_a_page_and_every_page_a_kind() -> None:
    assert {kind.id for kind in AlertKind} == set(PAGES)


def test_every_alert_is_listed_among_the_rules_that_the_console_shows() -> None:
    assert {rule.kind.id for rule in RULES} == set(PAGES) - {AlertKind.TEST_ALERT.id}


def test_the_operators_list_of_alerts_is_that_of_the_rules() -> None:
    text = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    rows = [
        f"| [{kind.id}](runbooks/{kind.id}.md) | {kind.level} | {kind.title} | {kind.condition} |"
        for kind in (rule.kind for rule in RULES)
    ]
    assert re.findall(r"^\| \[.+$", text, re.MULTILINE) == rows


def test_the_source_is_really_read() -> None:
    assert {
        "feed-stale",
        "unknown-bets",
        "daily-loss-limit",
        "bet-record-mismatch",
        "low-ev-streak",
    } <= raised()


@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
def test_a_page_answers_what_is_asked_at_night(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    assert f"Alert `{path.stem}`." in text
    assert all(len(part.strip()) > 2 for part in re.split(r"^## .+$", text, flags=re.MULTILINE))


@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
def test_a_page_names_one_first_command_that_exists_and_no_setting_that_does_not(
    path: Path,
) -> None:
    text = path.read_text(encoding="utf-8")
    known = set(getattr(typer.main.get_command(app), "commands", {}))
    blocks = re.findall(r"```\nketer (\w+)[^\n]*\n```", text)
    assert len(blocks) == 1
    assert {*blocks, *re.findall(r"`keter (\w+)", text)} <= known
    settings = {entry.name for entry in entries()}
    named = re.findall(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`", text)
    assert set(named) <= settings
