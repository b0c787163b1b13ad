"""Approves signals: assess on the risk book as read at one revision, then reserve the exposure.

The reservation is made under that revision and the guard's lease. A newer signal for a selection
that has a reservation refreshes it, so one decision stays one decision.
"""

import asyncio
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from keter.bus.state.accounts import read_accounts
from keter.bus.state.cooldowns import cooling
from keter.bus.state.risk_state import RiskState
from keter.context import Context
from keter.domain.exposure import DayRisk, Exposure, ExposureStatus
from keter.domain.order_states import SETTLED
from keter.domain.signals import ApprovedSignal, ConfirmedSignal, check_age
from keter.domain.verdicts import Reason, Verdict, reject
from keter.ledger import Ledger, OrderFilter
from keter.risk.book_keeper import BookKeeper
from keter.risk.gate import Assessment, RiskContext, assess
from keter.risk.permission import Permission
from keter.system.text_files import is_present

ACCOUNT_FRESH = timedelta(minutes=5)


class Ruling(NamedTuple):
    """The verdict on a signal, and the approval if it is accepted.

    ``refreshed`` says that the approval uses an existing reservation.
    """

    verdict: Verdict
    approved: ApprovedSignal | None = None
    refreshed: bool = False


class Approvals:
    """Decide on signals for one account. The methods raise the errors of bus and ledger."""

    def __init__(self, context: Context, ledger: Ledger, keeper: BookKeeper) -> None:
        self._context = context
        self._ledger = ledger
        self._keeper = keeper
        self._account = context.account.key
        self._permission = Permission(
            context.bus, context.settings, context.clock, self._account, context.run.mark
        )

    async def decide(self, signal: ConfirmedSignal) -> Ruling | None:
        """Return the ruling on a signal, with its exposure reserved if it is accepted.

        Return None if the book has changed since it was read. Raises LeaseLostError without the
        guard's lease.
        """
        refusal = self._refused_at_once(signal)
        if refusal is not None:
            return Ruling(refusal)
        state = await self._keeper.state(self._account)
        own = _own_reservation(signal, state)
        limits = await self._keeper.current_limits(self._account, own.stake_minor if own else None)
        context = await self._look(signal, state, own)
        made = assess(signal, context, limits)
        if not made.verdict.accepted:
            return Ruling(made.verdict)
        decision_id = await self._reserve(made, state) if own is None else await self._refresh(own)
        if decision_id is None:
            return None
        now, run = self._context.clock.now(), self._context.run.mark
        approved = ApprovedSignal(signal, decision_id, made.stake_minor, now, context.reducing, run)
        return Ruling(made.verdict, approved, refreshed=own is not None)

    def _refused_at_once(self, signal: ConfirmedSignal) -> Verdict | None:
        """Return the refusal for which neither Redis nor the ledger is read."""
        settings = self._context.settings.router
        age = check_age(signal, self._context.clock.now(), settings.max_signal_age_s)
        if not age.accepted:
            return age
        return reject(Reason.HALT_FILE) if is_present(settings.halt_file) else None

    async def _look(
        self, signal: ConfirmedSignal, state: RiskState, own: Exposure | None
    ) -> RiskContext:
        """Read everything that the gate must know, at once."""
        others = tuple(exposure for exposure in state.exposures if exposure is not own)
        view, missing, settled, sent, cooldown, balance = await asyncio.gather(
            self._keeper.trading(),
            self._permission.missing(),
            self._settled_on(signal.event_uid),
            self._keeper.books[self._account].bets_in_window(
                self._context.settings.risk.throttle_window_s
            ),
            self._cooling(signal, others),
            self._balance(others),
        )
        now, view = self._context.clock.now(), view.narrowed(self._account)
        return RiskContext(
            trading=view.may_bet(now),
            permitted=missing is None,
            exposures=others,
            day=state.day or DayRisk(self._context.day()),
            bets_on_event=settled
            + sum(exposure.event_uid == signal.event_uid for exposure in others),
            bets_in_window=sent + sum(_reserved(exposure) for exposure in others),
            cooling=cooldown,
            balance_minor=balance,
            reducing=view.reducing(now),
            of_others=state.of_others,
        )

    async def _settled_on(self, event_uid: str) -> int:
        """Return how many settled bets the event has, at most MAX_BETS_PER_EVENT."""
        limit = self._context.settings.risk.max_bets_per_event
        account = self._context.account
        bets = OrderFilter(
            mode=account.mode, account=account.key, event_uid=event_uid, states=SETTLED
        )
        return len(await self._ledger.orders.list_orders(bets, limit=limit))

    async def _cooling(
        self, signal: ConfirmedSignal, exposures: tuple[Exposure, ...]
    ) -> Reason | None:
        """Return which cooldown forbids the bet, or None.

        A reservation will become an attempt, so the cooldown of its event begins with it.
        """
        enabled = self._context.settings.risk.cooldown_event_sec > 0
        if enabled and any(
            _reserved(exposure) and exposure.event_uid == signal.event_uid for exposure in exposures
        ):
            return Reason.COOLDOWN_EVENT
        return await cooling(
            self._context.bus, self._account, signal.event_uid, signal.selection_id
        )

    async def _balance(self, exposures: tuple[Exposure, ...]) -> int | None:
        """Return the credit in minor units, less bets that the venue does not count yet.

        Return None if nobody asked the venue within ACCOUNT_FRESH.
        """
        accounts = await read_accounts(self._context.bus)
        known = next((one for one in accounts if one.account == self._account), None)
        # A time in the future is refused too: it was written before a clock was set back.
        if known is None or abs(self._context.clock.now() - known.fetched_at) > ACCOUNT_FRESH:
            return None
        placed = sum(exposure.alone_minor for exposure in exposures if not _reserved(exposure))
        return known.credit_minor - max(placed - known.outstanding_minor, 0)

    async def _reserve(self, made: Assessment, state: RiskState) -> str | None:
        """Reserve the exposure and return its decision id; None if the book has changed."""
        assert made.exposure is not None  # noqa: S101  # an accepted assessment has an exposure
        now = self._context.clock.now()
        exposure = msgspec.structs.replace(
            made.exposure,
            decision_id=self._context.ids(),
            made_at=now,
            expires_at=self._expiry(now),
        )
        reserved = await self._keeper.books[self._account].reserve(
            exposure, revision=state.revision, lease=self._keeper.held
        )
        return exposure.decision_id if reserved else None

    async def _refresh(self, own: Exposure) -> str | None:
        """Extend a reservation and return its decision id; None if it has ended."""
        kept = await self._keeper.books[self._account].refresh(
            own.decision_id, self._expiry(self._context.clock.now())
        )
        return own.decision_id if kept else None

    def _expiry(self, now: datetime) -> datetime:
        return now + timedelta(seconds=self._context.settings.risk.reservation_ttl_s)


def _own_reservation(signal: ConfirmedSignal, state: RiskState) -> Exposure | None:
    """Return the reservation of the signal's selection."""
    selection = signal.event_uid, signal.selection_id
    for exposure in state.exposures:
        if _reserved(exposure) and (exposure.event_uid, exposure.selection_id) == selection:
            return exposure
    return None


def _reserved(exposure: Exposure) -> bool:
    return exposure.status is ExposureStatus.RESERVED
