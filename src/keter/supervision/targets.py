"""Which of the Keters on this machine a command acts on. Pure: it looks at nothing itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from keter.settings import Settings
from keter.supervision.instances import Found


class CommandKind(Enum):
    """What a command may lead to: it decides where it is not clear which Keter is meant."""

    HALT = "halt"
    STOP = "stop"  # pause, reduce, disarm: never makes more bets
    START = "start"  # resume, arm, limit: may lead to bets
    LOOK = "look"


@dataclass(frozen=True, slots=True)
class Choice:
    """The Keters that a command acts on, none where none runs.

    ``refusal`` says why it must not act at all.
    """

    targets: tuple[Found, ...] = ()
    refusal: str | None = None


def choose(
    kind: CommandKind, own: Found | None, live: Sequence[Found], named: Settings | None
) -> Choice:
    """Return the Keter of the settings in use, else the only one that runs.

    Where several run, a halt stops all of them and anything else is refused with their list.
    ``own`` is the Keter of the settings in use, ``named`` are these settings.
    Where somebody chose ``named`` and another Keter runs, what may start bets is refused.
    A look then looks at ``named``.
    """
    if own is not None:
        return Choice((own,))
    if kind is CommandKind.LOOK and named is not None and _was_chosen(named):
        return Choice()
    if kind is CommandKind.HALT or not live:
        return Choice(tuple(live))
    if len(live) > 1:
        return _refused("several Keters run and the settings here name none of them", live)
    (only,) = live
    if (
        kind is CommandKind.START
        and named is not None
        and _was_chosen(named)
        and named.env_file != _file(only)
    ):
        return _refused(f"no Keter runs on {named.mode.data_dir}, another one does", live)
    return Choice((only,))


def _was_chosen(settings: Settings) -> bool:
    """Return True if a ``.env`` or a DATA_DIR of its own says which Keter is meant."""
    return settings.env_file is not None or settings.sources.get("DATA_DIR") == "environment"


def _refused(why: str, live: Sequence[Found]) -> Choice:
    found = "; ".join(f"{one.instance} ({_file(one) or 'no .env'})" for one in live)
    return Choice(
        refusal=f"{why}; go to the folder of its .env or set KETER_ENV_FILE to it: {found}"
    )


def _file(found: Found) -> Path | None:
    return Path(found.instance.env_file) if found.instance.env_file is not None else None
