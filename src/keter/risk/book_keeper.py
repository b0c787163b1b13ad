"""What the guard keeps right: the trading state and the risk book when Redis has lost them, and the
brakes of the day.

The ledger knows every bet and the last command; Redis only holds them at hand. A daily loss at its
limit pauses until the day is over, a losing streak for its time. Both are written to the ledger
like an operator's command, so that they survive everything.
"""

from collections.abc import Sequence
from datetime import datetime, time, timedelta

import msgspec

from keter.bus.errors import LeaseLostError, StaleRevisionError
from keter.bus.locks import Held, Lease
from keter.bus.state.permissions import read_limits
from keter.bus.state.risk import RiskBook
from keter.bus.state.risk_state import RiskState
from keter.bus.state.trading import TradingView, change_trading, read_trading
from keter.bus.telemetry.alerts import Alert, clear_alert, raise_alert
from keter.context import Context
from keter.domain.bets import Bet, BetState
from keter.domain.exposure import DayRisk, Exposure, ExposureStatus
from keter.domain.money import money_text
from keter.domain.streaks import losing_streak
from keter.domain.trading import CommandAction, OperatorCommand, TradingMode, TradingState
from keter.execution.reconcile.foreign_tickets import PREFIX
from keter.ledger import BetFilter, Ledger
from keter.processes.ledger_watch import LedgerWatch
from keter.redis_server.probe import server_life
from keter.risk.gate import (
    RiskLimits,
    daily_loss_limit_minor,
    daily_loss_reached,
    losing_streak_reached,
)
from keter.risk.limits import lowered
from keter.risk.restore import ACTOR, catch_up, lower_limits, still_valid
from keter.risk.streaks import results_since_pause

STREAK = "losing streak"  # as keter.workers.streaks finds it again in the audit
DAILY_LOSS = "daily loss limit"
# In the rebuilt book these stand as bets: their stakes are the day's until they are sent or given
# back.
NOT_SENT_YET = frozenset({BetState.INTENDED, BetState.QUOTED})
TRIES = 5


class RiskKeeper:
    """Reads the book and the trading state, and restores what is missing; writes under the guard's
    lease.
    """

    def __init__(self, context: Context, ledger: Ledger, lease: Lease) -> None:
        self._context = context
        self._ledger = ledger
        self._lease = lease
        self._mode = context.settings.mode.execution_mode
        self._standing = {STREAK, DAILY_LOSS}  # alerts that may stand from an earlier life
        self._server: str | None = None
        self._ledger_watch = LedgerWatch(context, ledger)
        self._run = context.run.mark.text
        zone, life_s = context.settings.mode.zone, context.settings.risk.reservation_ttl_s
        self.book = RiskBook(
            context.bus, clock=context.clock, zone=zone, reservation_s=life_s, run=self._run
        )

    @property
    def held(self) -> Held:
        """The guard's lease. Raises LeaseLostError without it."""
        if self._lease.held is None or self._lease.lost.is_set():
            raise LeaseLostError("the guard's lease is gone")
        return self._lease.held

    async def start(self) -> None:
        """Make everything complete; with TRADING_ENABLED=false trading starts switched off."""
        await self._ledger_watch.compare(await self.book.read())
        await self._catch_up(anyway=True)
        view = await self.trading()
        await self.state()
        if (
            view.state is not None
            and view.state.may_come_to_bet
            and not self._context.settings.router.trading_enabled
        ):
            await self._change(TradingMode.HALTED, "TRADING_ENABLED=false", None, view.state)

    async def trading(self) -> TradingView:
        """The trading state, and the heartbeat says which: operators wait until it has reached the
        guard.
        """
        view = await self._trading()
        if view.state is not None:
            self._context.heart.gauge("trading_revision", view.state.revision)
        return view

    async def _trading(self) -> TradingView:
        """The trading state, from the ledger when Redis has none: the last command's, or ACTIVE
        when there never was one.

        A Redis that forgot the state has forgotten bets as well, whatever others have put there
        since: the book comes first.
        """
        now = self._context.clock.now()
        view = await read_trading(self._context.bus, now)
        if view.state is not None:
            return view
        await self._complete(self._context.day())
        await lower_limits(self._context, self._ledger)
        wanted = still_valid(await self._ledger.commands.last_trading(), now)
        self._context.log.warning(
            "trading_state_restored",
            mode=wanted.mode.value,
            actor=wanted.actor,
            reason=wanted.reason,
        )
        try:
            await change_trading(self._context.bus, wanted, expected_revision=0, now=now)
        except StaleRevisionError:
            self._context.log.info("trading_state_set_meanwhile")
        return await read_trading(self._context.bus, now)

    async def _catch_up(self, *, anyway: bool = False) -> None:
        """Once per life of the server: one that died came back without its last second, or with
        nothing.
        """
        server = await server_life(self._context.bus)
        if anyway or server != self._server:
            await catch_up(self._context, self._ledger)
            self._server = server

    async def current_limits(self, reserved_minor: int | None = None) -> RiskLimits:
        """The lower of settings and operator's wish, for each limit."""
        risk = lowered(self._context.settings.risk, await read_limits(self._context.bus))
        return RiskLimits(risk, self._context.settings.stake, reserved_minor)

    async def state(self) -> RiskState:
        """The book with today's figures, rebuilt from the ledger when Redis has lost it."""
        today = self._context.day()
        state = await self.book.read()
        if state.day is None or state.run != self._run:
            await self._complete(today)
            state = await self.book.read()
        return (
            state
            if state.day is not None and state.day.day == today
            else await self.book.read(today)
        )

    async def _complete(self, today: str) -> None:
        """Rebuilds the book; what stands in it and is not in the ledger (reservations, foreign
        tickets) stays.

        Of another run's book the foreign tickets stay, where it was of the same mode: its approvals
        are good for nothing.
        """
        for _ in range(TRIES):
            state = await self.book.read()
            bets, day = await self._ledger.risk_picture(today, self._mode)
            todays = [bet for bet in bets if self._ledger.day_of(bet.intent.created_at) == today]
            day, booked = with_begun(
                msgspec.structs.replace(day, streak=await self._streak(day)), todays
            )
            known = {bet.intent.decision_id for bet in bets}
            kept = [
                exposure
                for exposure in self._still_good(state)
                if exposure.decision_id not in known
            ]
            exposures = [*map(exposure_of, bets), *kept]
            if await self.book.rebuild(
                exposures, day, lease=self.held, revision=state.revision, booked=booked
            ):
                await self._remember_sent()
                self._context.log.warning(
                    "risk_book_rebuilt",
                    bets=len(bets),
                    kept=len(kept),
                    day=day.day,
                    streak=day.streak,
                )
                return
        raise LeaseLostError("the risk book could not be rebuilt under our lease")

    def _still_good(self, state: RiskState) -> list[Exposure]:
        if state.run in {"", self._run}:  # without a mark: written since Redis lost everything
            return list(state.exposures)
        if state.run.split(":")[1:2] != [self._mode.value]:
            return []
        return [exposure for exposure in state.exposures if exposure.decision_id.startswith(PREFIX)]

    async def _remember_sent(self) -> None:
        """For the throttle the bets of its window count again, as if sent just now."""
        risk = self._context.settings.risk
        since = self._context.clock.now() - timedelta(seconds=risk.throttle_window_s)
        lately = await self._ledger.intents.list_bets(
            BetFilter(mode=self._mode, since=since), limit=risk.throttle_bets
        )
        for bet in lately:
            await self.book.note_bet(bet.intent.decision_id)

    async def _streak(self, day: DayRisk) -> int:
        """Losses in a row since the last pause for them: those before it have been paid for."""
        if not day.streak:
            return 0
        results = await results_since_pause(self._ledger, self._mode)
        return min(day.streak, losing_streak(state for _, state in results))

    async def watch(self) -> None:
        """Apply the brakes of the day and takes their alerts back when they are over."""
        await self._catch_up()
        await self._ledger_watch.settle()
        # Not later than the figures: yesterday's must not brake a day that has just begun.
        now = self._context.clock.now()
        view = await self.trading()
        state = await self.state()
        if view.state is None or state.day is None:
            return
        limits = await self.current_limits()
        active = view.state.effective(now) is TradingMode.ACTIVE
        if daily_loss_reached(state.day, limits):
            if active:
                lost, limit = (
                    money_text(-state.day.pnl_minor),
                    money_text(daily_loss_limit_minor(limits)),
                )
                await self._brake(
                    DAILY_LOSS,
                    f"{lost} lost today, the limit is {limit}",
                    self._tomorrow(now),
                    view.state,
                )
        else:
            await self._release(DAILY_LOSS)
        if losing_streak_reached(state.day, limits.risk):
            until = now + timedelta(minutes=limits.risk.losing_streak_pause_min)
            if not active or await self._brake(
                STREAK, f"{state.day.streak} losses in a row", until, view.state
            ):
                await self._forget_streak(state.revision, view)
        elif active:
            await self._release(STREAK)

    async def _brake(self, name: str, what: str, until: datetime, before: TradingState) -> bool:
        if not await self._change(TradingMode.PAUSED, f"{name}: {what}", until, before):
            return False
        self._standing.add(name)
        alert = Alert(
            id=name.replace(" ", "_"),
            level="page",
            title=f"Betting is paused: {name}",
            detail=f"{what}; paused until {until.isoformat(timespec='seconds')}",
            since=self._context.clock.now(),
            action="Look at the bets of the day before you resume.",
        )
        await raise_alert(self._context.bus, alert)
        return True

    async def _release(self, name: str) -> None:
        if name in self._standing:
            self._standing.discard(name)
            await clear_alert(self._context.bus, name.replace(" ", "_"))

    async def _forget_streak(self, revision: int, view: TradingView) -> None:
        """The pause pays for the losses so far. Another pause, or a halt, does not."""
        latest = (
            await read_trading(self._context.bus, self._context.clock.now())
        ).state or view.state
        if latest is not None and latest.actor == ACTOR and latest.reason.startswith(STREAK):
            await self.book.forget_streak(lease=self.held, revision=revision)

    async def _change(
        self, mode: TradingMode, reason: str, until: datetime | None, before: TradingState | None
    ) -> bool:
        """Change the state unless somebody else has just done so; writes it to the ledger.

        True when it took effect.
        """
        now = self._context.clock.now()
        wanted = TradingState(mode, ACTOR, reason, now, until)
        expected = before.revision if before is not None else None
        try:
            after = await change_trading(
                self._context.bus, wanted, expected_revision=expected, now=now
            )
        except StaleRevisionError:
            return False
        self._context.log.warning("trading_changed", mode=mode.value, reason=reason)
        action = CommandAction.PAUSE if mode is TradingMode.PAUSED else CommandAction.HALT
        command = OperatorCommand(
            command_id=self._context.ids(),
            action=action,
            actor=ACTOR,
            source=ACTOR,
            target="trading",
            reason=reason,
            at=now,
            accepted=True,
            result=f"{mode.value} by the guard",
            before=before,
            after=after,
        )
        await self._ledger.commands.add(command)
        return True

    def _tomorrow(self, now: datetime) -> datetime:
        zone = self._context.settings.mode.zone
        return datetime.combine(now.astimezone(zone).date() + timedelta(days=1), time(), zone)


def with_begun(day: DayRisk, todays: Sequence[Bet]) -> tuple[DayRisk, dict[str, int]]:
    """The ledger's ``day`` with its bets that are not sent yet, and by decision what it counts of
    its open bets, ``todays``.
    """
    begun = [bet for bet in todays if bet.state in NOT_SENT_YET]
    staked_minor = day.staked_minor + sum(bet.intent.stake_minor for bet in begun)
    booked = {
        bet.intent.decision_id: bet.placed_stake_minor or bet.intent.stake_minor for bet in todays
    }
    return msgspec.structs.replace(
        day, staked_minor=staked_minor, bets=day.bets + len(begun)
    ), booked


def exposure_of(bet: Bet) -> Exposure:
    """What an open bet of the ledger puts at risk: the stake the venue booked, or else the one
    intended.
    """
    intent = bet.intent
    return Exposure(
        decision_id=intent.decision_id,
        event_uid=intent.event_uid,
        league=intent.league,
        market=intent.market,
        side=intent.side,
        stake_minor=max(bet.placed_stake_minor, intent.stake_minor),
        odds=bet.odds or intent.asked_odds,
        status=ExposureStatus.BET,
        made_at=intent.created_at,
        score_at_bet=bet.score_at_bet,
        stands_minor=bet.placed_stake_minor
        if 0 < bet.placed_stake_minor < intent.stake_minor
        else None,
    )
