"""The book of one replay: bets filled at their best offer and settled from recorded scores.

It replaces Redis and the ledger and does no input or output.
"""

from collections import deque
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from keter.domain.days import day_of
from keter.domain.exposure import DayRisk, Exposure, ExposureStatus
from keter.domain.feed import EventScore
from keter.domain.markets import Phase
from keter.domain.money import to_minor
from keter.domain.order_states import OrderState
from keter.domain.signals import ConfirmedSignal
from keter.domain.sports_settlement import settle_sport
from keter.domain.verdicts import Reason, accept, reject
from keter.replay.records import BetRecord
from keter.risk.gate import RiskContext, RiskLimits, losing_streak_reached
from keter.settings import Settings


class _Placed:
    """A bet of the replay; ``pnl_minor`` is None until it is settled."""

    __slots__ = ("exposure", "pnl_minor", "signal", "state")

    def __init__(self, signal: ConfirmedSignal, exposure: Exposure) -> None:
        self.signal, self.exposure = signal, exposure
        self.state = OrderState.FILLED
        self.pnl_minor: int | None = None


class SimulatedBook:
    """Open bets, the day's result and cooldowns, as the risk gate needs them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._zone: ZoneInfo = settings.mode.zone
        self.limits = RiskLimits(settings.risk, settings.stake)
        self._bets: list[_Placed] = []
        self._open: dict[str, list[_Placed]] = {}
        self._on_event: dict[str, int] = {}
        self._recent: deque[datetime] = deque()
        self._cooling: dict[str, datetime] = {}
        self._paused_until: datetime | None = None
        self._day = DayRisk("")

    def context(self, signal: ConfirmedSignal, now: datetime) -> RiskContext:
        """Return what the risk gate needs to know at ``now``."""
        self._roll(now)
        paused = self._paused_until is not None and now < self._paused_until
        cooling = self._cooling.get(signal.event_uid)
        while (
            self._recent
            and (now - self._recent[0]).total_seconds() > self._settings.risk.throttle_window_s
        ):
            self._recent.popleft()
        return RiskContext(
            trading=reject(Reason.TRADING_NOT_ACTIVE, why="losing streak") if paused else accept(),
            permitted=True,
            exposures=tuple([bet.exposure for bets in self._open.values() for bet in bets]),
            day=self._day,
            bets_on_event=self._on_event.get(signal.event_uid, 0),
            bets_in_window=len(self._recent),
            cooling=Reason.COOLDOWN_EVENT if cooling is not None and now < cooling else None,
            balance_minor=to_minor(self._settings.stake.bankroll)
            + self.pnl_minor
            - self.staked_open_minor,
        )

    def cooldown_ends(self, signal: ConfirmedSignal, reason: Reason, now: datetime) -> datetime:
        """Return when a signal that was refused for ``reason`` may be judged again.

        ``reason`` is a cooldown or the throttle.
        """
        if reason is Reason.THROTTLED and self._recent:
            return self._recent[0] + timedelta(seconds=self._settings.risk.throttle_window_s)
        return self._cooling.get(signal.event_uid, now)

    def place(self, signal: ConfirmedSignal, stake_minor: int, now: datetime) -> None:
        """Fill an approval at its best offer."""
        update, best = signal.update, signal.offers[0]
        exposure = Exposure(
            decision_id=f"{signal.trace_id}|{signal.selection_id}",
            event_uid=signal.event_uid,
            league=update.event.league,
            market=update.market,
            outcome=signal.outcome,
            stake_minor=stake_minor,
            odds=best.text,
            status=ExposureStatus.BET,
            made_at=now,
            score_at_bet=signal.update.score_at_bet,
            fills=((stake_minor, best.text),),
        )
        bet = _Placed(signal, exposure)
        self._bets.append(bet)
        self._open.setdefault(signal.event_uid, []).append(bet)
        self._on_event[signal.event_uid] = self._on_event.get(signal.event_uid, 0) + 1
        self._recent.append(now)
        self._cooling[signal.event_uid] = now + timedelta(
            seconds=self._settings.risk.cooldown_event_sec
        )
        day = self._day
        self._day = DayRisk(
            day.day, day.pnl_minor, day.staked_minor + stake_minor, day.streak, day.bets + 1
        )

    def settle(self, score: EventScore, now: datetime) -> int:
        """Settle the event's open bets if the score is final, and return how many."""
        bets = self._open.get(score.event_uid, [])
        final = [bet for bet in bets if score.final(bet.signal.update.market.of) is not None]
        if not score.ended or len(final) < len(bets):
            return 0
        self._roll(now)
        self._open.pop(score.event_uid, None)
        self._cooling.pop(score.event_uid, None)
        for bet in bets:
            self._settle_one(bet, score, now)
        return len(bets)

    def records(self, closing: dict[tuple[str, str], float]) -> list[BetRecord]:
        """Return the record of every bet.

        ``closing`` holds the last fair probability before kick-off by (event, selection).
        """
        return [
            self._record(bet, closing.get((bet.exposure.event_uid, bet.exposure.selection_id)))
            for bet in self._bets
        ]

    @property
    def pnl_minor(self) -> int:
        return sum(bet.pnl_minor or 0 for bet in self._bets)

    @property
    def staked_open_minor(self) -> int:
        return sum(bet.exposure.stake_minor for bets in self._open.values() for bet in bets)

    def _settle_one(self, bet: _Placed, score: EventScore, now: datetime) -> None:
        exposure = bet.exposure
        assert exposure.market is not None  # noqa: S101 - a replay has no foreign bets
        assert exposure.outcome is not None  # noqa: S101 - a replay has no foreign bets
        final = score.final(exposure.market.of)
        assert final is not None  # noqa: S101 - ``settle`` has looked
        result = settle_sport(
            exposure.market,
            exposure.outcome,
            final,
            score_at_bet=exposure.score_at_bet,
            odds=Decimal(exposure.odds),
            stake_minor=exposure.stake_minor,
        )
        bet.state, bet.pnl_minor = result.state, result.profit_minor
        day = self._day
        won = result.profit_minor > 0
        streak = day.streak + 1 if result.profit_minor < 0 else 0 if won else day.streak
        self._day = DayRisk(
            day.day, day.pnl_minor + result.profit_minor, day.staked_minor, streak, day.bets
        )
        if losing_streak_reached(self._day, self._settings.risk):
            self._paused_until = now + timedelta(
                minutes=self._settings.risk.losing_streak_pause_min
            )
            self._day = DayRisk(day.day, self._day.pnl_minor, day.staked_minor, 0, day.bets)

    def _roll(self, now: datetime) -> None:
        today = day_of(now, self._zone)
        if today != self._day.day:
            self._day = DayRisk(today, streak=self._day.streak)

    def _record(self, bet: _Placed, closing_p: float | None) -> BetRecord:
        update, best = bet.signal.update, bet.signal.offers[0]
        return BetRecord(
            bet_id=bet.exposure.decision_id,
            mode="BACKTEST",
            event_uid=bet.exposure.event_uid,
            day=day_of(update.event.kickoff, self._zone),
            league=update.event.league,
            book=best.book,
            kind=update.market.kind,
            selection_id=bet.exposure.selection_id,
            odds=best.odds,
            stake_minor=bet.exposure.stake_minor,
            pnl_minor=bet.pnl_minor,
            state=bet.state.value,
            ev_pct=best.ev_pct,
            fair_p=bet.signal.fair.effective_p,
            closing_p=None if update.phase is Phase.LIVE else closing_p,
            placed_at=bet.exposure.made_at,
            kickoff=update.event.kickoff,
        )
