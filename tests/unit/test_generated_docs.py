"""The generated pages are what the code says, and the example is a file one can start with."""

import re
from pathlib import Path

import pytest
from dotenv import dotenv_values

from keter import __version__
from keter.domain.verdicts import Reason
from keter.generated_docs import FIRST_CHOICES, configuration_page, env_example, reasons_page
from keter.settings import Settings, entries, load_settings
from tests.kit.support import ROOT


@pytest.mark.parametrize(
    ("path", "text", "option"),
    [
        (".env.example", env_example(), "--env-example"),
        ("docs/configuration.md", configuration_page(), "--docs"),
        ("docs/reason-codes.md", reasons_page(), "--reasons"),
    ],
)
def test_the_committed_page_equals_the_generated_one(path: str, text: str, option: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == text, f"run: keter config {option} > {path}"


def test_every_setting_stands_in_the_example_and_in_the_docs_once_and_no_other_does() -> None:
    names = [entry.name for entry in entries()]
    assert re.findall(r"^#?([A-Z][A-Z0-9_]+)=", env_example(), re.MULTILINE) == names
    assert re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \|", configuration_page(), re.MULTILINE) == names


def test_the_example_as_it_stands_gives_the_defaults() -> None:
    settings = load_settings(ROOT / ".env.example", {})
    defaults = load_settings(None, {})
    assert _values(settings) == _values(defaults)
    assert settings.missing_live_limits() == defaults.missing_live_limits() != ()


def test_the_example_with_every_line_taken_up_still_gives_the_defaults(tmp_path: Path) -> None:
    """So that each default is written in the spelling that the setting accepts."""
    file = tmp_path / ".env"
    file.write_text(
        re.sub(r"^#(?=[A-Z][A-Z0-9_]+=)", "", env_example(), flags=re.MULTILINE), encoding="utf-8"
    )
    assert set(dotenv_values(file)) == {entry.name for entry in entries()}
    settings = load_settings(file, {})
    assert _values(settings) == _values(load_settings(None, {}))


def _values(settings: Settings) -> dict[str, object]:
    """Every setting; paths as they stand in the file, from whose folder they are taken."""
    values = {
        entry.name: getattr(getattr(settings, entry.group), entry.name.lower())
        for entry in entries()
    }
    return {
        name: value.name if isinstance(value, Path) else value for name, value in values.items()
    }


def test_only_the_first_choices_are_set_in_the_example() -> None:
    assert set(dotenv_values(ROOT / ".env.example")) == set(FIRST_CHOICES)


def test_every_reason_has_its_row() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", reasons_page(), re.MULTILINE)
    assert rows == [(reason.value, reason.description) for reason in Reason]


def test_the_top_of_the_changelog_is_the_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", text, re.MULTILINE)
    assert versions[0] == __version__
