"""The trading state: may new bets be made, who said so, and until when; and what operators told
Keter to do.
"""

from datetime import datetime
from enum import StrEnum

import msgspec


class TradingMode(StrEnum):
    """ACTIVE bets; REDUCING makes no bet that raises exposure; PAUSED ends by itself or by hand;
    HALTED only by hand.
    """

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    PAUSED = "PAUSED"
    HALTED = "HALTED"


class ExecutionMode(StrEnum):
    DRY = "DRY"
    LIVE = "LIVE"


DISARMED = "DISARMED"


def betting_word(mode: str | None, *, live: bool, armed: bool | None) -> str | None:
    """The mode as people are told it: LIVE that is not armed bets nothing, so it is not called
    active or reducing.
    """
    bets = mode in {TradingMode.ACTIVE, TradingMode.REDUCING}
    return DISARMED if live and bets and armed is False else mode


class TradingState(msgspec.Struct, frozen=True):
    """Who put trading into this mode, why and when. ``revision`` grows by one with every change."""

    mode: TradingMode
    actor: str
    reason: str
    since: datetime
    until: datetime | None = None
    revision: int = 0

    def effective(self, now: datetime) -> TradingMode:
        """The mode that holds at ``now``: a pause ends when its time has come."""
        if self.mode is TradingMode.PAUSED and self.until is not None and now >= self.until:
            return TradingMode.ACTIVE
        return self.mode

    @property
    def may_come_to_bet(self) -> bool:
        """Whether bets are made in this state, or will be without another word: a pause may end by
        itself.
        """
        if self.mode is TradingMode.PAUSED:
            return self.until is not None
        return self.mode is not TradingMode.HALTED


class CommandAction(StrEnum):
    """What an operator may ask for. The same words on the command line, the page and Telegram."""

    PAUSE = "pause"
    REDUCE = "reduce"
    RESUME = "resume"
    HALT = "halt"
    ARM = "arm"
    DISARM = "disarm"
    ACKNOWLEDGE = "acknowledge"
    CLEAR_COOLDOWN = "clear_cooldown"
    CLEAR_LOCK = "clear_lock"
    SET_LIMIT = "set_limit"


class OperatorCommand(msgspec.Struct, frozen=True):
    """One row of the audit: who asked for what, from where (``cli``, ``page``, ``telegram``,
    ``guard``), and what came of it.

    ``target`` is what the command was about: ``trading``, an account, an alert, a key. ``before``
    and ``after`` are the trading states around it, ``value_before`` and ``value_after`` a limit's
    amounts or an account's arming; None where they are unknown or not what the command is about.
    """

    command_id: str
    action: CommandAction
    actor: str
    source: str
    target: str
    reason: str
    at: datetime
    accepted: bool
    result: str
    before: TradingState | None = None
    after: TradingState | None = None
    value_before: str | None = None
    value_after: str | None = None
    v: int = 1
