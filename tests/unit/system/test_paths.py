"""Paths of the settings mean the same files wherever a command stands."""

from pathlib import Path

import pytest

from keter.errors import ConfigurationError
from keter.opening.stores import local_ledger
from keter.settings import load_settings
from keter.system.paths import env_file_in_use, places, rooted_ledger


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def make(folder: Path, text: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / ".env").write_text(text, encoding="utf-8")
    return folder / ".env"


def test_the_file_named_wins_over_the_folders_own_and_that_over_the_checkouts(
    tmp_path: Path, elsewhere: Path
) -> None:
    checkout = make(tmp_path / "checkout")
    make(tmp_path / "named")
    assert env_file_in_use({}, [tmp_path / "none"]) is None
    assert env_file_in_use({}, [tmp_path / "none", tmp_path / "checkout"]) == checkout
    assert env_file_in_use({"KETER_ENV_FILE": ""}, [tmp_path / "checkout"]) is None
    make(elsewhere)
    assert env_file_in_use({}, [tmp_path / "checkout"]) == Path(".env")
    assert env_file_in_use({"KETER_ENV_FILE": "../named/.env"}, []) == elsewhere / "../named/.env"
    with pytest.raises(
        ConfigurationError, match=r"KETER_ENV_FILE names .*gone, which does not exist"
    ):
        env_file_in_use({"KETER_ENV_FILE": "gone"}, [])


def test_relative_paths_start_at_the_folder_of_the_file_and_without_one_here(
    tmp_path: Path, elsewhere: Path
) -> None:
    file = make(tmp_path / "keter", "HALT_FILE=stop/HALT\nLEDGER_URL=sqlite:///money/l.db\n")
    settings = load_settings(file, {})
    assert settings.mode.data_dir == tmp_path / "keter" / "local"
    assert settings.router.halt_file == tmp_path / "keter" / "stop" / "HALT"
    assert local_ledger(settings) == tmp_path / "keter" / "money" / "l.db"
    assert settings.env_file == file
    assert load_settings(file, {"DATA_DIR": "here"}).mode.data_dir == tmp_path / "keter" / "here"
    assert load_settings(file, {"DATA_DIR": str(elsewhere)}).mode.data_dir == elsewhere
    assert load_settings(None, {}).mode.data_dir == elsewhere / "local"
    assert load_settings(None, {}).env_file is None


def test_the_home_folder_may_be_written_as_everybody_writes_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert load_settings(None, {"DATA_DIR": "~/keter"}).mode.data_dir == tmp_path / "keter"
    with pytest.raises(
        ConfigurationError, match=r"DATA_DIR begins with ~ and there is no such home folder"
    ):
        load_settings(None, {"DATA_DIR": "~nobody-of-that-name/keter"})


@pytest.mark.parametrize(
    "value", ["", " ", '"local"', "'local'", "$HOME/keter", "%USERPROFILE%\\keter", "a\tb", "a\0b"]
)
@pytest.mark.parametrize("name", ["DATA_DIR", "HALT_FILE"])
def test_what_can_be_no_path_is_refused(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} must be a path"):
        load_settings(None, {name: value})


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("sqlite:////srv/l.db", True),
        ("postgresql://u:p@h/d", True),
        ("sqlite:///:memory:", True),
        ("nonsense", True),
        ("sqlite:///l.db", False),
        ("sqlite+pysqlite:///a/l.db?timeout=3", False),
    ],
)
def test_only_a_relative_file_of_a_ledger_is_moved(url: str, same: bool, tmp_path: Path) -> None:
    found = rooted_ledger(url, tmp_path)
    assert (found == url) is same
    if not same:
        assert found == url.replace(":///", f":///{tmp_path.as_posix()}/")


@pytest.mark.parametrize("name", ["a#b", "a?b", "a%41b", "a b", "Kéter", "a&b=c", "a:b@c", "a+b"])
async def test_the_ledger_is_where_the_folder_is_whatever_its_name(
    name: str, tmp_path: Path
) -> None:
    from keter.clock import SystemClock
    from keter.opening.stores import open_settings_ledger

    folder = tmp_path / name
    for settings in (
        load_settings(None, {"DATA_DIR": str(folder)}),
        load_settings(make(folder), {"LEDGER_URL": "sqlite:///local/ledger.db"}),
    ):
        ledger = await open_settings_ledger(settings, clock=SystemClock())
        await ledger.aclose()
        file = local_ledger(settings)
        assert file is not None
        assert file.exists()
        reader = await open_settings_ledger(settings, clock=SystemClock(), read_only=True)
        assert await reader.integrity() == []
        await reader.aclose()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_instances_are_listed_for_their_user_and_for_the_machine() -> None:
    assert places({"KETER_INSTANCES": "/srv/list"}) == (Path("/srv/list"),)
    assert Path("/home/x/state/keter") in places(
        {"XDG_STATE_HOME": "/home/x/state", "LOCALAPPDATA": "/home/x/state"}
    )
