"""A settings file gives names and values, and says what is wrong with its lines."""

from pathlib import Path

import pytest

from keter.errors import ConfigurationError
from keter.setting_file import SettingFile, read_file

KNOWN = frozenset({"FIXED_STAKE", "FIXED_STAKE__ALICE", "AO_PASS"})


def written(folder: Path, text: str) -> SettingFile:
    (folder / ".env").write_text(text, encoding="utf-8")
    return read_file(folder / ".env")


@pytest.mark.parametrize("path", [None, Path("there is none")], ids=["none named", "missing"])
def test_without_a_file_there_are_no_values_and_nothing_is_wrong(path: Path | None) -> None:
    file = read_file(path)
    file.check((), ())
    assert file.values == {}


def test_names_and_values_are_as_written(tmp_path: Path) -> None:
    text = "# stakes\nexport FIXED_STAKE=7 # each\n\nFIXED_STAKE__ALICE='2'\n"
    file = written(tmp_path, text)
    file.check(KNOWN, ())
    assert file.values == {"FIXED_STAKE": "7", "FIXED_STAKE__ALICE": "2"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("FIXD_STAKE=1", "unknown setting FIXD_STAKE; did you mean FIXED_STAKE"),
        ("FIXED_STAKE__ALCE=1", "unknown setting FIXED_STAKE__ALCE; did you mean .*__ALICE"),
        ("fixed_stake=1", "unknown setting fixed_stake; did you mean FIXED_STAKE"),
        ("NONSENSE=1", "unknown setting NONSENSE; see docs/configuration.md"),
        ("FIXED_STAKE", "FIXED_STAKE has no value"),
        ("FIXED_STAKE=1\nFIXED_STAKE=1", "FIXED_STAKE is set twice"),
        ("AO_PASS=Change-Me", "AO_PASS still holds a placeholder"),
    ],
)
def test_what_is_wrong_is_told_with_the_file_and_the_name(
    tmp_path: Path, text: str, says: str
) -> None:
    file = written(tmp_path, text + "\n")
    with pytest.raises(ConfigurationError, match=f"env: {says}"):
        file.check(KNOWN, {"AO_PASS"})


def test_only_a_secret_must_not_be_a_placeholder(tmp_path: Path) -> None:
    file = written(tmp_path, "AO_PASS=mine\nFIXED_STAKE=secret\n")
    file.check(KNOWN, {"AO_PASS"})
    assert file.values["FIXED_STAKE"] == "secret"


@pytest.mark.parametrize(
    ("text", "line"), [("# fine\n\nFIXED_STAKE 5\n", 3), ("FIXED_STAKE='7\nAO_PASS=x\n", 1)]
)
def test_a_line_that_is_no_setting_is_told_by_its_number(
    tmp_path: Path, text: str, line: int
) -> None:
    with pytest.raises(ConfigurationError, match=f"line {line} cannot be read"):
        written(tmp_path, text)
