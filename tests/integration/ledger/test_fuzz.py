"""Spoilt answers of a venue and spoilt decisions, through router, tracker and recorder into both
databases.

Nothing ends a process, no row is lost in silence, and what is stored is read back as it was. The
venue is Keter's own client on made-up bytes; ledger, Redis and the workers are real.
"""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete
from sqlalchemy.engine import Connection

from keter.bus.codec import decode, encode
from keter.bus.errors import PoisonedPayloadError
from keter.clock import from_ms
from keter.domain.alerts import AlertKind
from keter.domain.exposure import FOREIGN_PREFIX
from keter.domain.markets import parse_market
from keter.domain.order_states import FINAL
from keter.domain.quotes import VenueRef
from keter.domain.signals import Decision
from keter.domain.tickets import Ticket
from keter.domain.verdicts import accept
from keter.execution.reconcile.foreign_tickets import OPEN, book_name
from keter.execution.reconcile.unreadable_rows import UNKNOWN_STAKE
from keter.ledger import ticket_key
from keter.ledger.schema import metadata
from keter.processes.recorder import Recorder
from tests.integration.ledger.test_postgres import BINARIES, Postgres, unprivileged_user
from tests.integration.test_execution import Desk
from tests.kit.asianodds_seam import USER
from tests.kit.execution import ACCOUNT, NOW
from tests.kit.execution_bench import DRY, World
from tests.kit.fuzzing import ODD, bets, spoilt_bytes
from tests.kit.hooks import Hook
from tests.kit.spoilt_venue import SpoiltVenue, account, answered, in_bytes, our_row, placed, quotes
from tests.unit.venues.asianodds.test_tickets import bet_row

pytestmark = [pytest.mark.redis, pytest.mark.slow, pytest.mark.timeout(300)]
EXAMPLES = 25  # up to a second each: two or three passes, and every commit reaches a disk
REF = VenueRef("asianodds", "1:1:910022331:-55001122")  # as AsianOdds names a match
LIST = answered("Data", [our_row(), *bets()])
ABOUT_OURS = answered("Data", [our_row()])
ACCOUNT_ANSWER = account(15)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    if not BINARIES:
        pytest.skip("no PostgreSQL under /usr/lib/postgresql; apt install postgresql brings one")
    server = Postgres(BINARIES[-1], unprivileged_user())
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database(f"k{abs(hash(request.node.nodeid))}")


class Bench:
    """One world for many examples: each begins with an empty ledger, an empty Redis and workers of
    its own.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.venue: SpoiltVenue
        self.desk: Desk

    async def begin(self) -> None:
        world = self.world
        await world.ledger._database.write(_empty)
        await world.bus.redis.flushall()
        world.settings.router.halt_file.unlink(missing_ok=True)
        await world.restore()
        self.venue = SpoiltVenue(world.clock)
        world.venue = self.venue.bet_venue()  # type: ignore[assignment]  # the real client instead of the model
        self.desk = await Desk(world).begin()

    async def bet(self) -> None:
        """Hand an approval to the router."""
        signal = await self.world.approve("d1")
        assert signal is not None
        update = msgspec.structs.replace(signal.signal.update, ref=REF)
        signal = msgspec.structs.replace(
            signal, signal=msgspec.structs.replace(signal.signal, update=update)
        )
        await self.desk.router.deliver(signal)

    async def look(self) -> None:
        """One pass, with everything that must hold after it."""
        asked, told = len(self.venue.calls("GetBets")), self.venue_errors
        await self.desk.look(60)
        assert len(self.venue.calls("GetBets")) > asked, "the budget was spent"
        found = self.venue.rows()
        if found is None:
            assert self.venue_errors > told, "a list that is refused is told"
        else:
            await self.check(
                [ticket for ticket in found if ticket.reference != self.venue.reference], found
            )
            await self.check_account()

    @property
    def venue_errors(self) -> int:
        return self.desk.tracker.tracker._context.heart._counters.get("venue_errors", 0)

    async def check(self, strangers: list[Ticket], every: list[Ticket]) -> None:
        """No row is lost: its money is exposure, and it is stored or set aside with an alarm."""
        exposed, standing = (
            await self.desk.exposed(),
            {one for one in strangers if one.status in OPEN},
        )
        counted = sum(stake for name, stake in exposed.items() if name.startswith(FOREIGN_PREFIX))
        told = sum(one.stake_minor for one in standing if one.stake_known)
        assert counted >= told, f"{told - counted} of {told} are not counted"
        if any(not one.stake_known and one.status in OPEN for one in every):
            assert book_name(ACCOUNT, UNKNOWN_STAKE) in exposed
        if any(one.unreadable for one in every):
            assert AlertKind.UNREADABLE_TICKETS.id in await self.desk.alerts()
        await self.check_stored([one for one in strangers if not one.unreadable])
        bet = await self.world.ledger.orders.by_decision("d1")
        assert bet is None or bet.state in FINAL or "d1" in exposed, (
            "our own bet stays exposure until it ends"
        )

    async def check_account(self) -> None:
        """Check that the money which the venue reported is in the history."""
        told = self.venue.money()
        if told is not None:
            kept = (await self.world.ledger.accounts.history(USER, since=NOW))[-1]
            assert (kept.credit_minor, kept.outstanding_minor) == (
                told.credit_minor,
                told.outstanding_minor,
            )

    async def check_stored(self, strangers: list[Ticket]) -> None:
        """Each is in the ledger, equal to the row; of those that share a name one of them is."""
        stored = {row.ticket_key: row for row in await self.world.ledger.foreign.all(ACCOUNT, DRY)}
        asked = {ticket_key(one) for one in self.venue.rows("GetBetByReference") or ()}
        for one in strangers:
            row = stored.get(ticket_key(one))
            set_aside = AlertKind.UNREADABLE_TICKETS.id in await self.desk.alerts()
            assert row is not None or set_aside, f"{ticket_key(one)} is nowhere"
            if row is None or ticket_key(one) in asked or set_aside:
                continue
            selection = (
                one.market.selection_id(one.outcome)
                if one.market is not None and one.outcome is not None
                else None
            )
            assert (
                row.reference,
                row.book,
                row.status,
                row.stake_minor,
                row.odds,
                row.pnl_minor,
                row.selection_id,
            ) == (
                one.reference,
                one.book,
                one.status.value,
                one.stake_minor,
                one.odds,
                one.pnl_minor,
                selection,
            )
            assert (row.home, row.away) == (one.home, one.away)
            # Else it is the time of the look at which it was first seen.
            told = one.placed_at != self.venue.listed_at
            assert not told or row.placed_at == one.placed_at


def _empty(connection: Connection) -> None:
    for table in reversed(metadata.sorted_tables):
        connection.execute(delete(table))


@pytest.fixture
async def bench(tmp_path: Path, redis_url: str, url: str) -> AsyncIterator[Bench]:
    world = World(tmp_path, redis_url, url)
    await world.open()
    yield Bench(world)
    await world.close()


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    offered=st.just(in_bytes(quotes())) | spoilt_bytes(quotes()),
    answer=spoilt_bytes(placed()),
    lists=st.lists(spoilt_bytes(LIST), min_size=1, max_size=2),
    one=spoilt_bytes(ABOUT_OURS),
    money=spoilt_bytes(ACCOUNT_ANSWER),
)
async def test_no_spoilt_answer_ends_a_worker_or_loses_a_row(
    bench: Bench, offered: bytes, answer: bytes, lists: list[bytes], one: bytes, money: bytes
) -> None:
    await bench.begin()
    bench.venue.bodies |= {"GetPlacementInfo": offered, "PlaceBet": answer}
    await bench.bet()
    bench.venue.bodies |= {"GetBetByReference": one, "GetAccountSummary": money}
    for body in lists:
        bench.venue.bodies["GetBets"] = body
        await bench.look()
    bench.venue.honest()
    bench.venue.bodies |= {"GetBets": in_bytes(LIST), "GetBetByReference": in_bytes(ABOUT_OURS)}
    await bench.look()
    assert await bench.desk.look(120), "whole again, a pass is complete"


# A list with a stake that is none is refused as a whole; the others are not read.
FIELDS = sorted(bet_row().keys() - {"Stake", "Currency", "GameType", "ClientType"})


@pytest.mark.parametrize("field", FIELDS)
async def test_every_odd_value_of_a_field_is_stored_or_told(bench: Bench, field: str) -> None:
    """As many tickets as there are odd values, each with one of them and a stake of its own."""
    rows = []
    for number, value in enumerate(ODD):
        names = {
            "BetPlacementReference": f"WA-hand{number}",
            "ReferenceNumber": f"62{number:04}",
            "Stake": number + 1,
        }
        rows.append(bet_row(**{**names, field: value}))
    await bench.begin()
    bench.venue.bodies["GetBets"] = in_bytes(answered("Data", rows))
    await bench.look()


@pytest.mark.parametrize(
    "names",
    [
        {"ReferenceNumber": "61"},
        {"BetPlacementReference": "", "ReferenceNumber": ""},
        {"Bookie": ""},
        {},
    ],
)
async def test_rows_that_share_a_name_lose_no_stake_and_are_whole_again(
    bench: Bench, names: dict[str, Any]
) -> None:
    await bench.begin()
    fields: dict[str, Any] = {"BetPlacementReference": "WA-hand", **names}
    bench.venue.bodies["GetBets"] = in_bytes(
        answered("Data", [bet_row(**fields, Stake=n) for n in (3, 4, 90)])
    )
    await bench.look()
    assert sum((await bench.desk.exposed()).values()) == 9700
    whole = in_bytes(answered("Data", [bet_row(BetPlacementReference="WA-hand", Stake=3)]))
    bench.venue.bodies |= {"GetBets": whole, "GetBetByReference": whole}
    for _ in range(5):
        await bench.look()
    assert AlertKind.UNREADABLE_TICKETS.id not in await bench.desk.alerts()
    assert set(await bench.desk.exposed()) == {f"{FOREIGN_PREFIX}{ACCOUNT}:PIN:61000000001"}


async def test_what_a_row_tells_only_later_is_stored(bench: Bench) -> None:
    await bench.begin()
    late = {"HomeName": "Alpha FC", "TicketDate": 1771200042000, "HdpOrGoal": "0.75"}
    for told in (dict.fromkeys(late), late):
        bench.venue.bodies["GetBets"] = in_bytes(answered("Data", [bet_row(**told)]))
        await bench.look()
    [row] = await bench.world.ledger.foreign.all(ACCOUNT, DRY)
    assert (row.home, row.placed_at, row.selection_id) == (
        "Alpha FC",
        from_ms(1771200042000),
        "ft.ah.-0.75.away",
    )
    [exposure] = (await bench.world.book().read()).exposures
    assert exposure.market == parse_market("fb", "ft.ah.-0.75")


def a_decision(trace_id: str, **changes: object) -> Decision:
    details: dict[str, object] = {"books": ["PIN"], "n": {"a": 1}}
    decision = Decision(
        trace_id, "edge", "edge", "e", "ft.1x2.home", accept(ev_pct=5.25), NOW, details
    )
    return msgspec.structs.replace(decision, **changes)


GOOD: dict[str, Any] = json.loads(encode(a_decision("spoilt", decision_id="d1")))
DEPTHS = (300, 600, 900, 950, 970, 980, 990, 995, 1_000, 50_000)


def _nested_decisions() -> list[bytes]:
    whole = encode(a_decision("deep", details={"deep": "@"}))
    return [whole.replace(b'"@"', b"[" * depth + b"]" * depth) for depth in DEPTHS]


def _odd_decisions() -> list[bytes]:
    """Every odd value in every field, also within the verdict and the details."""
    places: list[tuple[str, ...]] = [(name,) for name in GOOD]
    places += [("verdict", name) for name in GOOD["verdict"]] + [
        ("verdict", "numbers", "ev_pct"),
        ("details", "books"),
    ]
    return [in_bytes(_with(GOOD, place, value)) for place in places for value in ODD]


def _with(good: dict[str, Any], place: tuple[str, ...], value: object) -> dict[str, Any]:
    name, *rest = place
    return {**good, name: _with(good[name], tuple(rest), value) if rest else value}


def _readable(entries: list[bytes]) -> Iterator[Decision]:
    for entry in entries:
        with suppress(PoisonedPayloadError):
            yield decode(Decision, entry)


async def recorded(world: World, entries: list[bytes]) -> None:
    """Every entry through the recorder, each between two good decisions: none of these is lost, and
    all can be read.
    """
    await world.ledger._database.write(_empty)
    recorder = Recorder(world.context(Hook(), "recorder"), world.ledger)
    mixed = [
        one for n, entry in enumerate(entries) for one in (encode(a_decision(f"good{n}")), entry)
    ]
    for at in range(0, len(mixed), 1000):
        await world.bus.redis.rpush(world.bus.keys.audit, *mixed[at : at + 1000])
    while await recorder.decisions():
        pass
    stored = await world.ledger.decisions.recent(2 * len(entries))
    good = {
        decision.trace_id: decision for decision in stored if decision.trace_id.startswith("good")
    }
    assert good == {f"good{n}": a_decision(f"good{n}") for n in range(len(entries))}
    sent = {encode(decision) for decision in _readable(mixed)}
    assert all(encode(decision) in sent for decision in stored), (
        "what is stored is read back as it was"
    )
    refused = recorder._context.heart._counters.get("unreadable", 0)
    assert len(stored) + refused == len(mixed), "what is not stored is counted"


async def test_no_odd_value_of_a_decision_stops_the_recorder_or_costs_its_neighbours(
    bench: Bench,
) -> None:
    no_json = [b"", b"\x00", b"\xff\xfe", b"null", b"[]", b"x" * 10**6]
    await recorded(bench.world, [*_odd_decisions(), *_nested_decisions(), *no_json])


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(spoilt_bytes(GOOD), min_size=5, max_size=15))
async def test_spoilt_decisions_stop_no_recorder(bench: Bench, entries: list[bytes]) -> None:
    await recorded(bench.world, entries)
