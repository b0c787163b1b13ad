"""The trading state (whether bets may be placed, by whose decision, until when) and commands."""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

# A trading state, and a command on it, has a scope: everything, or one account. A scope is a text,
# so that it may name other things later; an account's is its key. Nobody else spells its names in
# the audit and in heartbeats.
COMMON = ""  # the scope of the state that holds for everything
_TARGET, _GAUGE = "trading", "trading_revision"


class TradingMode(StrEnum):
    """Which bets may be placed, from the mode that allows the most to the strictest.

    * ACTIVE: all.
    * REDUCING: only bets that do not raise exposure.
    * PAUSED: none; it ends at its time or by hand.
    * HALTED: none; it ends only by hand.
    """

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    PAUSED = "PAUSED"
    HALTED = "HALTED"


class ExecutionMode(StrEnum):
    """What becomes of an account's bets, and which of its money they belong to.

    * DRY: on paper, at the prices of a real venue.
    * LIVE: at the venue, for money.
    * DEMO: on paper, at the prices of a simulated venue. No setting chooses it: it is the mode of
      the account that a simulator provides.
    """

    DRY = "DRY"
    LIVE = "LIVE"
    DEMO = "DEMO"


DISARMED = "DISARMED"


def betting_word(mode: str | None, *, live: bool, armed: bool | None) -> str | None:
    """Return the mode as people should read it.

    LIVE that is not armed bets nothing: it is DISARMED instead of active or reducing.
    """
    bets = mode in {TradingMode.ACTIVE, TradingMode.REDUCING}
    return DISARMED if live and bets and armed is False else mode


class TradingState(msgspec.Struct, frozen=True):
    """Who put trading into this mode, why and when. ``revision`` grows with every change.

    There is one for everything and one for each account that ever had its own; each has revisions
    of its own.
    """

    mode: TradingMode
    actor: str
    reason: str
    since: datetime
    until: datetime | None = None
    revision: int = 0

    def effective(self, now: datetime) -> TradingMode:
        """Return the mode at ``now``: a pause is ACTIVE again after ``until``."""
        if self.mode is TradingMode.PAUSED and self.until is not None and now >= self.until:
            return TradingMode.ACTIVE
        return self.mode

    @property
    def may_come_to_bet(self) -> bool:
        """Whether bets are placed in this state, or will be without another command.

        A pause with an end is such a state.
        """
        if self.mode is TradingMode.PAUSED:
            return self.until is not None
        return self.mode is not TradingMode.HALTED

    def strictness(self, now: datetime) -> tuple[int, datetime]:
        """Return what states are ordered by: the larger, the fewer bets and the longer so."""
        mode = self.effective(now)
        ends = self.until if mode is TradingMode.PAUSED and self.until is not None else _NEVER
        return _ORDER.index(mode), ends


# From the mode that allows the most bets to the one that allows the fewest.
_ORDER = tuple(TradingMode)
_NEVER = datetime.max.replace(tzinfo=UTC)


def strictest(states: Iterable[TradingState], now: datetime) -> TradingState:
    """Return the state that decides at ``now``; among equals the first.

    Of two pauses it is the one that ends later.
    """
    return max(states, key=lambda state: state.strictness(now))


class CommandAction(StrEnum):
    """What an operator may command. Command line, page and Telegram use the same words."""

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
    """One row of the audit of commands: who commanded what, and the result.

    * ``source`` is ``cli``, ``page``, ``telegram`` or ``guard``.
    * ``target`` is what it was about: a trading state (see ``target_of``), an account, an
      alert, a key.
    * ``before`` and ``after`` are the trading states around it.
    * ``value_before`` and ``value_after`` are a limit's amounts or an account's arming.

    Values that are unknown or not what the command is about are None.
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


def target_of(scope: str) -> str:
    """Return the target that a command on the trading state of ``scope`` has in the audit."""
    return f"{_TARGET}:{scope}" if scope else _TARGET


def scope_of(target: str) -> str | None:
    """Return the scope that ``target`` names; None for what is no trading state."""
    word, colon, scope = target.partition(":")
    if word != _TARGET or bool(colon) != bool(scope):
        return None
    return scope


def gauge_of(scope: str) -> str:
    """Return the gauge of heartbeats that shows the revision seen of the state of ``scope``."""
    return f"{_GAUGE}:{scope}" if scope else _GAUGE
