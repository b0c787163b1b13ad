"""The brakes of the day: pause betting at the daily loss limit and after a losing streak.

A daily loss at its limit pauses until the day is over, a losing streak for LOSING_STREAK_PAUSE_MIN.
Both are written to the ledger like an operator's command, so they survive the loss of Redis.
"""

from datetime import datetime, time, timedelta

from keter.bus.state.trading import TradingView, read_trading
from keter.bus.telemetry.alerts import clear_alert, raise_alert
from keter.context import Context
from keter.domain.alerts import AlertKind
from keter.domain.money import money_text
from keter.domain.streaks import STREAK
from keter.domain.trading import TradingMode, TradingState
from keter.risk.book_keeper import BookKeeper
from keter.risk.gate import (
    RiskLimits,
    daily_loss_reached,
    losing_streak_reached,
    loss_limit_minor,
)
from keter.risk.restore import ACTOR

DAILY_LOSS = "daily loss limit"


class Brakes:
    """Pause an account when a limit of its day is reached; clear the alert when it is over."""

    def __init__(self, context: Context, keeper: BookKeeper) -> None:
        self._context = context
        self._keeper = keeper
        self._account = context.account.key
        # Alerts that may be raised. An earlier process may have raised them.
        self._raised = {AlertKind.LOSING_STREAK, AlertKind.DAILY_LOSS_LIMIT}

    async def watch(self) -> None:
        """Compare the day's figures with the limits. Raises the errors of bus and ledger."""
        # Read before the figures: yesterday's must not pause a day that has just begun.
        now = self._context.clock.now()
        view = (await self._keeper.trading()).narrowed(self._account)
        state = await self._keeper.state(self._account)
        decides = view.strictest(now)
        if decides is None or state.day is None:
            return
        limits = await self._keeper.current_limits(self._account)
        active, before = decides.effective(now) is TradingMode.ACTIVE, view.of(self._account)
        if not daily_loss_reached(state.day, limits):
            await self._clear(AlertKind.DAILY_LOSS_LIMIT)
        elif active:
            await self._brake_for_loss(state.day.pnl_minor, limits, now, before)
        if losing_streak_reached(state.day, limits.risk):
            what = f"{state.day.streak} losses in a row"
            until = now + timedelta(minutes=limits.risk.losing_streak_pause_min)
            if not active or await self._brake(
                STREAK, AlertKind.LOSING_STREAK, what, until, before
            ):
                await self._forget_streak(state.revision, view)
        elif active:
            await self._clear(AlertKind.LOSING_STREAK)

    async def _brake_for_loss(
        self, pnl_minor: int, limits: RiskLimits, now: datetime, before: TradingState | None
    ) -> None:
        lost, limit = money_text(-pnl_minor), money_text(loss_limit_minor(limits))
        what = f"{lost} lost today, the limit is {limit}"
        until = self._tomorrow(now)
        await self._brake(DAILY_LOSS, AlertKind.DAILY_LOSS_LIMIT, what, until, before)

    async def _brake(
        self, name: str, kind: AlertKind, what: str, until: datetime, before: TradingState | None
    ) -> bool:
        """Pause and raise the alert; False if somebody changed the state since ``before``."""
        reason, scope = f"{name}: {what}", self._account
        if not await self._keeper.change(TradingMode.PAUSED, reason, until, before, scope=scope):
            return False
        self._raised.add(kind)
        detail = f"{what}; paused until {until.isoformat(timespec='seconds')}"
        await raise_alert(
            self._context.bus, kind.alert(detail, self._context.clock.now(), about=self._account)
        )
        return True

    async def _clear(self, kind: AlertKind) -> None:
        if kind in self._raised:
            self._raised.discard(kind)
            await clear_alert(self._context.bus, kind.alert_id(self._account))

    async def _forget_streak(self, revision: int, view: TradingView) -> None:
        """Reset the streak if the account is paused for it.

        Another pause, or a halt, does not reset it, nor does one that is over.
        """
        now = self._context.clock.now()
        latest = (await read_trading(self._context.bus, now, [self._account])).of(
            self._account
        ) or view.of(self._account)
        if (
            latest is not None
            and latest.effective(now) is TradingMode.PAUSED
            and latest.actor == ACTOR
            and latest.reason.startswith(STREAK)
        ):
            await self._keeper.books[self._account].forget_streak(
                lease=self._keeper.held, revision=revision
            )

    def _tomorrow(self, now: datetime) -> datetime:
        """Return the end of the betting day of ``now``."""
        zone = self._context.settings.mode.zone
        return datetime.combine(now.astimezone(zone).date() + timedelta(days=1), time(), zone)
