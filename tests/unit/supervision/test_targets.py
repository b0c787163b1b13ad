"""A command acts on the Keter that is meant, and is refused where that is not clear."""

from pathlib import Path

from keter.settings import load_settings
from keter.supervision.instances import Found, Instance
from keter.supervision.targets import Choice, CommandKind, choose
from tests.unit.supervision.test_instances import settings_in


def found(name: str, env: str | None = None) -> Found:
    return Found(Instance(pid=1, data_dir=f"/{name}", halt_file=f"/{name}/HALT", env_file=env))


A, B = found("a", "/a/.env"), found("b", "/b/.env")


def test_the_keter_of_the_settings_is_meant_whatever_else_lives() -> None:
    for kind in CommandKind:
        assert choose(kind, A, [A, B], None) == Choice((A,))


def test_the_only_one_that_lives_is_meant() -> None:
    for kind in CommandKind:
        assert choose(kind, None, [B], load_settings(None, {})) == Choice((B,))
        assert choose(kind, None, [], None) == Choice()


def test_where_several_live_a_halt_stops_all_and_the_rest_says_how_to_choose() -> None:
    assert choose(CommandKind.HALT, None, [A, B], None) == Choice((A, B))
    for kind in (CommandKind.STOP, CommandKind.START, CommandKind.LOOK):
        refusal = choose(kind, None, [A, B], None).refusal or ""
        assert "/a/.env" in refusal
        assert "/b/.env" in refusal
        assert "KETER_ENV_FILE" in refusal


def test_what_may_start_bets_never_reaches_another_keter_than_the_one_chosen(
    tmp_path: Path,
) -> None:
    elsewhere = settings_in(tmp_path / "c")
    by_variable = load_settings(None, {"DATA_DIR": str(tmp_path)})
    for named in (elsewhere, by_variable):
        assert choose(CommandKind.START, None, [B], named).refusal is not None
        assert choose(CommandKind.STOP, None, [B], named) == Choice((B,))
        assert choose(CommandKind.LOOK, None, [A, B], named) == Choice(), (
            "what was chosen is looked at, running or not"
        )
