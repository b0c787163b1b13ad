"""What an operator may say over Telegram, and the answer.

It knows nothing of aiogram; every effect goes through ``Control``.

Only listed users are answered, and only in their private chat. What only stops is done however old
it is, and questions are answered. The rest is done within a minute of being said.

``/resume`` may lead to bets, so it is said twice. The second time carries a code that is good once,
for this user, this state and one minute. After a halt, or a pause of the guard's, it is one of the
operator's second factor. To hold the phone must not be enough then.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from keter.alerting.texts import StatusLine, pnl_line, status_line
from keter.bus.errors import StaleRevisionError
from keter.clock import Clock
from keter.control.base import CommandOutcome, Operator
from keter.control.commands import Control
from keter.control.standing import resumes_lightly, stop_text
from keter.domain.alerts import Alert
from keter.domain.money import money_text
from keter.domain.orders import Order
from keter.domain.trading import TradingMode
from keter.errors import KeterError, UsageError

log = structlog.get_logger(__name__)
STALE_S = 60.0
# Age is measured by Telegram's clock and ours. Either may be wrong, and a message may be long under
# way. A stop must not depend on that.
ALWAYS_DONE = frozenset({"/pause", "/reduce", "/halt"})
ALWAYS_ANSWERED = frozenset({"/status", "/open", "/pnl", "/alerts"})
CODE_LASTS_S = 60.0
MOST_LINES = 20
LONGEST_PAUSE_MIN = 24 * 60
REASON = "by Telegram"
NO_SECOND_FACTOR = (
    "after a halt or a pause of the guard's Telegram resumes only with a code of the second factor,"
    " and DASH_TOTP_SECRET is not set; resume on the page or with `keter resume`"
)
HELP = "/status /open /pnl /alerts /ack [id] /pause [minutes] /reduce /halt /resume"


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """One message as Telegram delivers it. ``at`` is Telegram's own time."""

    user: int
    chat: int
    private: bool
    text: str
    at: datetime
    by_person: bool = True


@dataclass(frozen=True, slots=True)
class Views:
    """Where the answers come from. Each raises KeterError when it has no answer."""

    status: Callable[[], Awaitable[StatusLine]]
    open_orders: Callable[[], Awaitable[Sequence[Order]]]
    alerts: Callable[[], Awaitable[Sequence[Alert]]]


@dataclass(frozen=True, slots=True)
class _Pending:
    """A resume that waits for its code; ``code`` is None where the second factor gives it.

    ``seen`` are the revisions of the states that it was shown for.
    """

    code: str | None
    seen: dict[str, int]
    made_s: float


Prove = Callable[[int, str], None]


def random_code() -> str:
    """Return six digits."""
    return f"{secrets.randbelow(1_000_000):06}"


class CommandHandler:
    """Answers one message at a time."""

    def __init__(
        self,
        control: Control,
        views: Views,
        allowed: frozenset[int],
        clock: Clock,
        codes: Callable[[], str] = random_code,
        *,
        prove: Prove | None = None,
    ) -> None:
        """Make a handler for the ``allowed`` users.

        ``prove`` checks and spends a code of the operator's second factor; None where there is
        none.
        """
        self._control = control
        self._views = views
        self._allowed = allowed
        self._clock = clock
        self._codes = codes
        self._prove = prove
        self._pending: dict[int, _Pending] = {}
        self._strangers: set[int] = set()

    async def answer(self, message: IncomingMessage) -> str | None:
        """Return the reply; None, and no word, for whoever may not speak here."""
        if not self._is_allowed(message):
            return None
        word, _, argument = message.text.strip().partition(" ")
        command = word.partition("@")[0].lower()
        age_s = (self._clock.now() - message.at).total_seconds()
        old = (
            f"{command} was said {age_text(age_s)} by this machine's clock"
            if abs(age_s) > STALE_S
            else ""
        )
        if old and command not in ALWAYS_DONE | ALWAYS_ANSWERED:
            return f"{old} and is not done. Say it again."
        try:
            done = await self._perform(command, argument.strip(), message.user)
        except StaleRevisionError:
            return "The state has changed meanwhile; look with /status and say it again."
        except (KeterError, OSError, TimeoutError) as e:
            return f"Not done: {str(e) or type(e).__name__}"
        return f"{old} and is done all the same. {done}" if old and command in ALWAYS_DONE else done

    def _is_allowed(self, message: IncomingMessage) -> bool:
        known = message.user in self._allowed
        if known and message.private and message.chat == message.user and message.by_person:
            return True
        if message.user not in self._strangers and len(self._strangers) < 100:
            self._strangers.add(message.user)
            log.warning(
                "telegram_ignored", user=message.user, listed=known, private=message.private
            )
        return False

    async def _perform(self, command: str, argument: str, user: int) -> str:
        operator = Operator(f"telegram:{user}", "telegram")
        match command:
            case "/status":
                return await self._answer_status()
            case "/pnl":
                return f"PnL today: {pnl_line(await self._views.status())}"
            case "/open":
                return open_text(await self._views.open_orders())
            case "/alerts":
                return alerts_text(await self._views.alerts())
            case "/ack":
                return _sentence(
                    await self._control.acknowledge(
                        operator, await self._alert_id(argument), REASON
                    )
                )
            case "/pause":
                return _sentence(
                    await self._control.pause(operator, REASON, for_s=_pause_s(argument))
                )
            case "/reduce":
                return _sentence(await self._control.reduce(operator, argument[:200] or REASON))
            case "/halt":
                return _sentence(await self._control.halt(operator, argument[:200] or REASON))
            case "/resume":
                return await self._resume(operator, user, argument)
        return HELP

    async def _answer_status(self) -> str:
        standing = await self._control.standing()
        mode = (
            standing.mode.value
            if standing.mode is not None
            else standing.problem or "trading state unknown"
        )
        stops = f" (stopped by {', '.join(standing.stops)})" if standing.stops else ""
        return f"{mode}{stops}. {status_line(await self._views.status())}"

    async def _alert_id(self, argument: str) -> str:
        if argument:
            return argument
        waiting = [
            alert.id for alert in await self._views.alerts() if alert.acknowledged_by is None
        ]
        if len(waiting) != 1:
            raise UsageError(
                f"say which: /ack {' or /ack '.join(waiting)}"
                if waiting
                else "no alert waits for it"
            )
        return waiting[0]

    async def _resume(self, operator: Operator, user: int, code: str) -> str:
        # Good once, right or wrong.
        pending = self._pending.pop(user, None)
        if not code:
            return await self._prepare(user)
        if pending is None or self._clock.monotonic() - pending.made_s > CODE_LASTS_S:
            raise UsageError("that code is not good (any more); say /resume for another")
        if pending.code is None:
            await self._check_second_factor(user, code)
        elif not secrets.compare_digest(pending.code.encode(), code.encode()):
            raise UsageError("that code is not good (any more); say /resume for another")
        elif not resumes_lightly(await self._control.standing()):
            # Halted since, perhaps by the file alone.
            raise UsageError("the state has changed meanwhile; say /resume again")
        return _sentence(await self._control.resume(operator, REASON, seen=pending.seen))

    async def _prepare(self, user: int) -> str:
        standing = await self._control.standing()
        if standing.trading is None:
            raise UsageError(standing.problem or "Redis is not reachable")
        ended = standing.ended_by_resume
        if standing.mode is TradingMode.ACTIVE and not ended and not standing.stops:
            raise UsageError("trading is running already")
        lightly = resumes_lightly(standing)
        if not lightly and self._prove is None:
            raise UsageError(NO_SECOND_FACTOR)
        code = self._codes() if lightly else None
        self._pending[user] = _Pending(code, standing.revisions, self._clock.monotonic())
        why = "".join(f"{stop_text(name, state)}. " for name, state in ended.items())
        wanted = code or "and the six digits of the console's second factor"
        return (
            f"{why}New bets may be made again. To confirm, within {CODE_LASTS_S:.0f} s: /resume"
            f" {wanted}"
        )

    async def _check_second_factor(self, user: int, code: str) -> None:
        """Check a code and spend it.

        Raises UsageError for one that is not good, KeterError while too many were tried.
        """
        if self._prove is None:
            raise UsageError(NO_SECOND_FACTOR)
        # It writes the spent code to a file.
        await asyncio.to_thread(self._prove, user, code)


def age_text(age_s: float) -> str:
    """Return how long ago something was said; by a clock that is behind, how far ahead."""
    return f"{age_s:.0f} s ago" if age_s >= 0 else f"{-age_s:.0f} s ahead"


def open_text(bets: Sequence[Order]) -> str:
    """Return the open bets, newest last, at most MOST_LINES of them.

    Each line begins with the account, if they are of several.
    """
    several = len({bet.intent.account for bet in bets}) > 1
    whose = {bet.intent.account: f"{bet.intent.account} " if several else "" for bet in bets}
    lines = [
        f"{whose[bet.intent.account]}{bet.state.value} {bet.intent.home} v {bet.intent.away}"
        f" {bet.intent.selection_id}"
        f" {money_text(bet.standing_minor or bet.intent.stake_minor)} @"
        f" {bet.odds or bet.intent.asked_odds}"
        for bet in bets
    ]
    more = [f"and {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
    return "\n".join([f"{len(bets)} open", *lines[-MOST_LINES:], *more])


def alerts_text(alerts: Sequence[Alert]) -> str:
    """Return the active alerts as given, at most MOST_LINES of them."""
    lines = [
        f"{alert.level.upper()} {alert.id}: {alert.title}. {alert.detail}"
        + (f" (acknowledged by {alert.acknowledged_by})" if alert.acknowledged_by else "")
        for alert in alerts
    ]
    more = [f"and {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
    return "\n".join([*lines[:MOST_LINES], *more]) or "No alert stands."


def _pause_s(argument: str) -> float | None:
    if not argument:
        return None
    if not (
        argument.isascii() and argument.isdigit() and 1 <= int(argument[:6]) <= LONGEST_PAUSE_MIN
    ):
        raise UsageError(f"/pause takes whole minutes from 1 to {LONGEST_PAUSE_MIN}, or nothing")
    return int(argument[:6]) * 60.0


def _sentence(outcome: CommandOutcome) -> str:
    return ". ".join([outcome.command.result, *outcome.warnings])
