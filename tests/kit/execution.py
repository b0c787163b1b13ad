"""What the tests of ledger, router and tracker share: approved signals with a real price, and a
model of a venue.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from keter.betting_settings import RiskSettings
from keter.bus.connection import Bus
from keter.bus.state.ownership import claim
from keter.clock import SystemClock
from keter.domain.accounts import Account, AccountId
from keter.domain.market_kinds import Outcome
from keter.domain.markets import Event, Market, Phase, event_uid, parse_market
from keter.domain.order_calls import (
    OrderRequest,
    PlaceAnswer,
    PlacementQuote,
    PlaceResult,
    QuoteRequest,
)
from keter.domain.order_states import OrderState
from keter.domain.orders import Intent
from keter.domain.quotes import BookPrices, MarketUpdate, Score, VenueRef
from keter.domain.references import make_reference
from keter.domain.runs import OwnerRecord, Run, RunMark
from keter.domain.signals import ApprovedSignal, ConfirmedSignal, ValidatedMarket
from keter.domain.tickets import AccountSnapshot, Ticket, TicketStatus
from keter.domain.trading import ExecutionMode
from keter.domain.verdicts import accept
from keter.execution.placement_checks import PlacementFacts, PlacementLimits
from keter.license.token import issue, load_private_key, new_key
from keter.processes.placement_rules import placement_limits
from keter.settings import Settings, load_settings
from keter.strategies.value.edge import evaluate
from keter.strategies.value.settings import EdgeSettings
from keter.venues.asianodds.limits import CAPABILITY
from keter.venues.base import Capability
from tests.kit.settling import settle

NOW = datetime(2026, 2, 21, 12, tzinfo=UTC)


def an_account(name: str, mode: ExecutionMode = ExecutionMode.DRY) -> Account:
    return Account(AccountId("asianodds", name), "EUR", Decimal(0), mode)


USER = "TESTER"
ACCOUNT = f"asianodds:{USER}"
TOTALS = parse_market("fb", "ft.ou.2.5")
EDGE = EdgeSettings()
LIVE_RUN = Run(
    "live-run",
    "instance",
    "host",
    (an_account("acc", ExecutionMode.LIVE),),
    "ledger",
    "fingerprint",
)
PLACEMENT_LIMITS: PlacementLimits = placement_limits(load_settings(None, {}))
MARK = RunMark("test-run", ExecutionMode.DRY, "fingerprint")


def settings_for(folder: Path, **values: object) -> Settings:
    """Return settings of a test: its own folder, the account's name, and ``values``.

    ``values`` go by their environment names.
    """
    named = {
        "DATA_DIR": folder / "data",
        "HALT_FILE": folder / "HALT",
        "AO_USER": USER,
        "AO_PASS": "made-up",
        **values,
    }
    return load_settings(None, {name: str(value) for name, value in named.items()})


def an_event(name: str = "Alpha FC", kickoff: datetime = NOW + timedelta(hours=3)) -> Event:
    return Event(
        event_uid("fb", kickoff, name, "Beta FC"), "fb", "*DEMO LEAGUE", name, "Beta FC", kickoff
    )


def a_signal(
    *,
    event: Event | None = None,
    offers: dict[str, float] | None = None,
    at: datetime = NOW,
    phase: Phase = Phase.TODAY,
    score: Score | None = None,
    account: str = ACCOUNT,
) -> ConfirmedSignal:
    """Return a signal on over 2.5 goals, fair at about 2.0 by three sharp books.

    ``offers`` are the soft books' prices for it.
    """
    books = {"PIN": (1.95, 1.95), "ISN": (1.94, 1.96), "SBO": (1.95, 1.95)}
    books |= {book: (odds, 1.70) for book, odds in (offers or {"IBC": 2.20}).items()}
    rows = tuple(
        BookPrices(book, pair, tuple(f"{odds:.3f}" for odds in pair), at, at)
        for book, pair in books.items()
    )
    update = MarketUpdate(
        trace_id=f"trace-{next(_numbers)}",
        account=account,
        event=event or an_event(),
        market=TOTALS,
        phase=phase,
        ref=VenueRef("asianodds", "1|1|910022331"),
        books=rows,
        active=True,
        received_at=at,
        score=score,
    )
    found = {
        outcome: signal
        for outcome, _, _, signal in evaluate(ValidatedMarket(update, rows, {}, at), EDGE, at)
    }
    signal = found[Outcome.OVER]
    assert signal is not None, "the made-up prices have no value"
    return signal


def approved(
    decision_id: str | None = None, *, stake_minor: int = 1000, at: datetime = NOW, **how: object
) -> ApprovedSignal:
    signal = a_signal(at=at, **how)  # type: ignore[arg-type]  # handed on as given
    return ApprovedSignal(
        signal, decision_id or f"decision-{next(_numbers)}", stake_minor, at, run=MARK
    )


def fine_facts(now: datetime = NOW, **changes: object) -> PlacementFacts:
    """Return facts that prevent no bet of the run MARK, but for ``changes``."""
    facts = PlacementFacts(
        now,
        halt_file=False,
        trading=accept(),
        permitted=True,
        reconciled=True,
        lock_left_s=100,
        call_s=30,
        run=MARK,
        owner=MARK.run_id,
        book_run=MARK.text,
        leading=True,
        book=(),
        staked_minor=0,
        caps=RiskSettings(),
    )
    return replace(facts, **changes)  # type: ignore[arg-type]  # handed on as given


_numbers = itertools.count(1)


async def own_redis(bus: Bus, run: Run = LIVE_RUN) -> None:
    """Claim this Redis for ``run``, which `keter up` does first."""
    assert await claim(bus, OwnerRecord(run, NOW)) is None


def counting_ids(prefix: str = "id") -> Callable[[], str]:
    """Return a maker of ids in order, unique within the test."""
    numbers = itertools.count(1)
    return lambda: f"{prefix}{next(numbers):08d}"


def an_intent(
    intent_id: str = "i1",
    *,
    decision_id: str | None = None,
    event: Event | None = None,
    market: Market = TOTALS,
    outcome: Outcome = Outcome.OVER,
    mode: ExecutionMode = ExecutionMode.DRY,
    stake_minor: int = 1000,
    fence: int = 1,
    created_at: datetime = NOW,
    account: str = ACCOUNT,
    signal: bytes = b"",
) -> Intent:
    event = event or an_event()
    return Intent(
        intent_id=intent_id,
        decision_id=decision_id or f"d-{intent_id}",
        trace_id=f"t-{intent_id}",
        account=account,
        mode=mode,
        venue="asianodds",
        venue_key="1|1|910022331",
        event_uid=event.event_uid,
        league=event.league,
        home=event.home,
        away=event.away,
        kickoff=event.kickoff,
        market=market,
        outcome=outcome,
        stake_minor=stake_minor,
        asked_odds="2.200",
        fair_odds=2.0,
        ev_pct=10.0,
        book="IBC",
        reference=make_reference(intent_id, CAPABILITY.reference_form),
        fence=fence,
        created_at=created_at,
        signal=signal,
    )


def a_ticket(**changes: Any) -> Ticket:
    """Return the running ticket of a bet that somebody made by hand, with ``changes``."""
    ticket = Ticket(
        reference="by-hand",
        ticket_id="99",
        book="PIN",
        status=TicketStatus.RUNNING,
        odds="1.9",
        stake_minor=700,
        pnl_minor=0,
        placed_at=NOW,
        market=None,
        outcome=None,
        home="Hand",
        away="Made",
        league="L",
        kickoff=NOW,
    )
    return msgspec.structs.replace(ticket, **changes)


def licence() -> dict[str, str]:
    """Return a licence of our own making, and the key that believes it."""
    pem, public = new_key()
    token = issue(
        load_private_key(pem), "tests", now=SystemClock().now(), valid_for=timedelta(days=1)
    )
    return {"KETER_LICENSE_KEY": token, "LICENSE_PUBLIC_KEY": public}


class ModelVenue:
    """A bookmaker as a reference model: what it has booked is the truth that ledger and risk book
    are compared with.

    ``answers`` says how each placement ends, in turn: ``sent``, ``refused``, ``not_sent``,
    ``lost_after`` (booked, but no answer), ``lost_before`` (neither), ``error_after`` and
    ``error_before`` (an error code instead), ``raise``. Tickets are pending until ``decide``, run
    until ``revoke`` or ``finish``.
    """

    def __init__(self, now: Callable[[], datetime], capability: Capability = CAPABILITY) -> None:
        self.capability = capability
        self.tickets: list[Ticket] = []
        self.calls: list[OrderRequest] = []
        self.answers: list[str] = []
        self.quotes: dict[str, PlacementQuote] = {}
        self.hidden: set[str] = set()
        self.stake_factor = Decimal(1)
        self._now = now
        self._numbers = itertools.count(61_000_000_001)

    async def quote(self, request: QuoteRequest) -> Sequence[PlacementQuote]:
        standard = {
            book: PlacementQuote(book, 2.20, "2.200", 500, 100_000, rejected=False)
            for book in request.books
        }
        return [self.quotes.get(book, standard[book]) for book in request.books]

    async def place(self, order: OrderRequest) -> PlaceAnswer:
        self.calls.append(order)
        answer = self.answers.pop(0) if self.answers else "sent"
        if answer in {"sent", "lost_after", "error_after"}:
            self._book(order)
        if answer == "raise":
            raise RuntimeError("a bug in the client")
        code = {"error_after": -1307, "error_before": -1307, "refused": -1, "sent": 0}.get(answer)
        outcome = {
            "sent": PlaceResult.ACCEPTED,
            "refused": PlaceResult.REFUSED,
            "not_sent": PlaceResult.NOT_SENT,
        }
        return PlaceAnswer(outcome.get(answer, PlaceResult.UNKNOWN), answer, code=code)

    def _book(self, order: OrderRequest) -> None:
        book, text = order.prices[0]
        self.tickets.append(
            Ticket(
                reference=order.reference,
                ticket_id=str(next(self._numbers)),
                book=book,
                status=TicketStatus.PENDING,
                odds=text,
                stake_minor=int(order.stake_minor * self.stake_factor),
                pnl_minor=0,
                placed_at=self._now(),
                market=order.market,
                outcome=order.outcome,
                home="Alpha FC",
                away="Beta FC",
                league="*DEMO LEAGUE",
                kickoff=NOW + timedelta(hours=3),
            )
        )

    def add(self, ticket: Ticket) -> None:
        """Add a bet that somebody made by hand."""
        self.tickets.append(ticket)

    def decide(self, index: int, *, accept: bool) -> None:
        if self.tickets[index].status is TicketStatus.PENDING:
            self._change(index, status=TicketStatus.RUNNING if accept else TicketStatus.REFUSED)

    def revoke(self, index: int) -> None:
        if self.tickets[index].status is TicketStatus.RUNNING:
            self._change(index, status=TicketStatus.REFUSED)

    def finish(self, index: int, home: int, away: int) -> None:
        """Settle a running ticket at this score, and a settled one anew."""
        ticket = self.tickets[index]
        if (
            ticket.status not in {TicketStatus.RUNNING, TicketStatus.SETTLED}
            or ticket.market is None
            or ticket.outcome is None
        ):
            return
        done = settle(
            ticket.market,
            ticket.outcome,
            final=(home, away),
            odds=Decimal(ticket.odds),
            stake_minor=ticket.stake_minor,
        )
        self._change(
            index,
            status=TicketStatus.SETTLED,
            result=done.state.value,
            pnl_minor=done.profit_minor,
            final_score=(home, away),
        )

    def _change(self, index: int, **values: object) -> None:
        self.tickets[index] = msgspec.structs.replace(self.tickets[index], **values)

    async def bet(self, reference: str) -> Sequence[Ticket]:
        return [
            ticket
            for ticket in self.tickets
            if ticket.reference == reference and reference not in self.hidden
        ]

    async def bets(self) -> Sequence[Ticket]:
        return [ticket for ticket in reversed(self.tickets) if ticket.reference not in self.hidden]

    async def account(self) -> AccountSnapshot:
        running = sum(
            ticket.stake_minor for ticket in self.tickets if ticket.status is TicketStatus.RUNNING
        )
        pnl = sum(ticket.pnl_minor for ticket in self.tickets)
        return AccountSnapshot(
            ACCOUNT, "EUR", 100_000 + pnl - running, running, pnl, 0, self._now()
        )

    async def aclose(self) -> None:
        return


STATE_OF_TICKET = {
    TicketStatus.PENDING: OrderState.OPEN,
    TicketStatus.RUNNING: OrderState.FILLED,
    TicketStatus.REFUSED: OrderState.REFUSED,
    TicketStatus.VOID: OrderState.VOID,
}


def state_of(ticket: Ticket) -> OrderState:
    """Return the state in which a bet with this ticket must be."""
    return (
        OrderState(ticket.result or "")
        if ticket.status is TicketStatus.SETTLED
        else STATE_OF_TICKET[ticket.status]
    )
