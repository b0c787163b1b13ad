"""Every alert that can be raised has a page for whoever is woken by it, and every page belongs to
an alert.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from keter.alerting.texts import TEST_ID
from keter.bus.telemetry.alerts import runbook_id
from keter.cli import app
from keter.dashboard.rules import RULES
from keter.settings import entries
from tests.kit.support import ROOT

PAGES = {path.stem: path for path in sorted((ROOT / "docs" / "runbooks").glob("*.md"))}
RAISERS = {"Alert", "raise_", "_alert", "_brake", "complain"}
# Its problems become mismatches.
MATCHING = ROOT / "src" / "keter" / "workers" / "tracking" / "matching.py"
HEADINGS = [
    "What it means",
    "Is money at risk?",
    "What Keter did already",
    "First step",
    "How it ends",
]
# Passed on from elsewhere: the callers that name the alert are seen themselves.
PASSED_ON = {
    "alert_id",
    "name",
    "name.replace(' ', '_')",
    "rule.id",
    "fields",
    "f'bet-{word}-mismatch:{intent.intent_id}'",
}


def strings(tree: ast.AST) -> dict[str, str]:
    """Every name that is assigned a text once, or a text with something after a colon."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            text = literal(node.value)
            if text is not None:
                found[node.targets[0].id] = text
    return found


def literal(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
        head = str(node.values[0].value)
        return head if ":" in head else None
    return None


def raised() -> Iterator[str]:
    """Return the runbook of every alert raised in the source, read off the calls that raise."""
    for file in sorted((ROOT / "src" / "keter").rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        names = strings(tree)
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or _called(node) not in RAISERS:
                continue
            given = next((word.value for word in node.keywords if word.arg == "id"), None)
            if _called(node) == "complain":
                yield from _mismatch(node.args[1])
                continue
            argument = given or node.args[0]
            text = literal(argument) or (
                names.get(argument.id) if isinstance(argument, ast.Name) else None
            )
            if text is None:
                assert ast.unparse(argument) in PASSED_ON, (
                    f"{file.name}:{node.lineno} raises {ast.unparse(argument)}"
                )
            else:
                yield runbook_id(text.replace(" ", "-"))
    yield from (
        f"bet-{word}-mismatch"
        for word in re.findall(r'(?:found|problems)\["(\w+)"\] =', MATCHING.read_text("utf-8"))
    )
    yield from (rule.id for rule in RULES)


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _mismatch(word: ast.expr) -> list[str]:
    text = literal(word)
    return [f"bet-{text}-mismatch"] if text is not None else []


def test_every_alert_that_is_raised_has_a_page_and_every_page_an_alert() -> None:
    assert set(raised()) == set(PAGES)


def test_every_alert_is_listed_among_the_rules_that_the_console_shows() -> None:
    assert {rule.id for rule in RULES} == set(PAGES) - {TEST_ID}


def test_the_operators_list_of_alerts_is_that_of_the_rules() -> None:
    text = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    rows = [
        f"| [{r.id}](runbooks/{r.id}.md) | {r.level} | {r.title} | {r.condition} |" for r in RULES
    ]
    assert re.findall(r"^\| \[.+$", text, re.MULTILINE) == rows


def test_the_source_is_really_read() -> None:
    assert {
        "feed-stale",
        "unknown-bets",
        "daily-loss-limit",
        "bet-record-mismatch",
        "low-ev-streak",
    } <= set(raised())


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
