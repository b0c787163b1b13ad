"""The guard's caps by the exposure model, in a real Redis: fills net, whatever may still be filled
counts where it hurts, and what an older version wrote is never forgotten.
"""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from keter.bus.codec import decode
from keter.bus.state.risk import RiskBook, put_bet
from keter.domain.exposure import Exposure, ExposureStatus, Terms, worst_case
from keter.domain.market_kinds import Outcome
from keter.domain.markets import parse_market
from keter.domain.order_states import OrderState
from keter.execution.reconcile.foreign_tickets import exposure_of_ticket
from tests.integration.test_guard import FIRST, SECOND, Desk, desk, desk_of_two, placed
from tests.kit.execution import ACCOUNT, NOW, TOTALS, a_signal, a_ticket, an_event

pytestmark = pytest.mark.redis
EVENT = an_event()
OTHER_LINE = parse_market("fb", "ft.ou.3.5")


def at_risk(
    name: str, outcome: Outcome, account: str, *, filled: bool, stake_minor: int = 1000
) -> Exposure:
    """Return one side of a line of EVENT at 2.10, as the tracker writes it."""
    return Exposure(
        name,
        EVENT.event_uid,
        EVENT.league,
        OTHER_LINE,
        outcome,
        stake_minor,
        "2.10",
        ExposureStatus.BET,
        NOW,
        account=account,
        fills=((stake_minor, "2.10"),) if filled else (),
    )


async def both_sides(here: Desk, first: str, second: str, *, filled: bool) -> None:
    """Put both sides of a line into the risk book, 10 each."""
    await put_bet(here.bus, at_risk("over", Outcome.OVER, first, filled=filled))
    await put_bet(here.bus, at_risk("under", Outcome.UNDER, second, filled=filled))


@pytest.mark.parametrize(("filled", "told"), [(True, "ok"), (False, "exposure_event")])
async def test_an_arbitrage_makes_room_for_the_next_bet_once_both_sides_are_filled(
    redis_url: str, tmp_path: Path, filled: bool, told: str
) -> None:
    """Open, the worse side counts: 10 at a score where the next bet loses its 10 too."""
    async with desk(redis_url, tmp_path, MAX_EXPOSURE_EVENT=15) as here:
        await both_sides(here, ACCOUNT, ACCOUNT, filled=filled)
        state = await RiskBook(here.bus, ACCOUNT).read()
        assert worst_case(state.exposures) == (0 if filled else 1000)
        assert (await here.ask(a_signal(event=EVENT)))[0] == f"guard:{told}"


@pytest.mark.parametrize(("filled", "told"), [(True, "ok"), (False, "common_exposure_event")])
async def test_an_arbitrage_at_two_accounts_makes_room_in_the_common_cap(
    redis_url: str, tmp_path: Path, filled: bool, told: str
) -> None:
    caps = {"COMMON_MAX_EXPOSURE_EVENT": 15, "MAX_EXPOSURE_EVENT": 50}
    async with desk_of_two(redis_url, tmp_path, **caps) as here:
        await both_sides(here, FIRST, SECOND, filled=filled)
        state = await RiskBook(here.bus, FIRST).read()
        everyone = [*state.exposures, *state.of_others]
        assert worst_case(everyone, in_risk_currency=True) == (0 if filled else 1000)
        # To its account each side is a bet of its own: 10 at risk beside nothing.
        assert worst_case(state.exposures) == 1000
        assert (await here.ask(a_signal(event=EVENT, account=SECOND)))[0] == f"guard:{told}"


@pytest.mark.parametrize(
    ("cap", "told"),
    [
        ("COMMON_MAX_EXPOSURE_EVENT", "common_exposure_event"),
        ("COMMON_MAX_EXPOSURE_LEAGUE", "common_exposure_league"),
        ("COMMON_MAX_EXPOSURE_TOTAL", "common_exposure_total"),
    ],
)
async def test_a_common_cap_refuses_by_its_own_name_what_each_account_could_bear(
    redis_url: str, tmp_path: Path, cap: str, told: str
) -> None:
    async with desk_of_two(redis_url, tmp_path, **{cap: 15}) as here:
        assert (await here.ask(a_signal(event=EVENT, account=FIRST)))[0] == "guard:ok"
        assert (await here.ask(a_signal(event=EVENT, account=SECOND)))[0] == f"guard:{told}"


@pytest.mark.parametrize(("cap", "told"), [("15", "ok"), ("14.99", "common_exposure_total")])
async def test_a_common_cap_counts_each_account_at_the_rate_of_its_currency(
    redis_url: str, tmp_path: Path, cap: str, told: str
) -> None:
    """10 dollars at 0.50 and 10 euros are 15 euros."""
    money = {"ACCOUNT_CURRENCY__A": "USD", "CURRENCY_RATES": "USD=0.50"}
    async with desk_of_two(redis_url, tmp_path, COMMON_MAX_EXPOSURE_TOTAL=cap, **money) as here:
        assert (await here.ask(a_signal(event=EVENT, account=FIRST)))[0] == "guard:ok"
        (exposure,) = (await RiskBook(here.bus, FIRST).read()).exposures
        assert exposure.terms == Terms("0", "0.5")
        assert (await here.ask(a_signal(event=EVENT, account=SECOND)))[0] == f"guard:{told}"


# As the version before fills wrote it.
OLD_ENTRY = (
    b'{"decision_id":"%s","event_uid":"%s","league":"*DEMO LEAGUE","market":{"period":"ft",'
    b'"kind":"ou","line_q":10},"side":"over","stake_minor":%d,"odds":"2.20","status":"bet",'
    b'"made_at":"2026-02-21T12:00:00Z","expires_at":null,"score_at_bet":null,'
    b'"stands_minor":null,"account":"%s"}'
)


def old_entry(name: str, event_uid: str, stake_minor: int) -> bytes:
    return OLD_ENTRY % (name.encode(), event_uid.encode(), stake_minor, ACCOUNT.encode())


async def test_the_entries_of_an_older_version_are_made_anew_and_no_money_is_forgotten(
    redis_url: str, tmp_path: Path
) -> None:
    foreign = f"foreign:{ACCOUNT}:T1"
    async with desk(redis_url, tmp_path) as here:
        _, approved = await here.ask(a_signal(event=EVENT))
        assert approved is not None
        await placed(here, "i1", OrderState.FILLED, approved)
        key, elsewhere = here.bus.keys.risk_exposure, an_event("Gamma FC").event_uid
        for name, payload in (
            (approved.decision_id, old_entry(approved.decision_id, EVENT.event_uid, 1000)),
            (foreign, old_entry(foreign, elsewhere, 700)),
        ):
            await here.bus.redis.execute_command("HSET", key, name, payload)
            await here.bus.redis.execute_command("ZREM", here.bus.keys.risk_expiry, name)
        state = await RiskBook(here.bus, ACCOUNT).read()
        assert set(state.unreadable) == {approved.decision_id, foreign}
        assert {one.decision_id: worst_case([one]) for one in state.exposures} == {
            approved.decision_id: 1000,
            foreign: 700,
        }
        # The next look at the book, of this guard or of one that has just started.
        await here.guard.start()
        state = await RiskBook(here.bus, ACCOUNT).read()
        assert state.unreadable == ()
        made = {one.decision_id: one for one in state.exposures}
        assert (made[approved.decision_id].market, made[foreign].market) == (TOTALS, None)
        assert (made[foreign].event_uid, made[foreign].stake_minor) == (elsewhere, 700)
        # The tracker's pass shows the ticket whole again.
        shown = exposure_of_ticket(
            a_ticket(market=OTHER_LINE, outcome=Outcome.OVER), ACCOUNT, Terms()
        )
        await put_bet(here.bus, msgspec.structs.replace(shown, decision_id=foreign))
        state = await RiskBook(here.bus, ACCOUNT).read()
        assert all(one.market is not None for one in state.exposures)


@pytest.mark.parametrize("payload", [b"", b"{", b'{"stake_minor": "x"}', b"[1]"])
async def test_beside_an_entry_of_unknown_stake_nothing_is_bet_until_it_is_known(
    redis_url: str, tmp_path: Path, payload: bytes
) -> None:
    foreign = f"foreign:{ACCOUNT}:T1"
    async with desk(redis_url, tmp_path) as here:
        await here.bus.redis.execute_command("HSET", here.bus.keys.risk_exposure, foreign, payload)
        await here.guard.start()
        assert (await here.ask(a_signal(event=EVENT)))[0] == "guard:exposure_total"
        kept = await here.bus.redis.execute_command("HGET", here.bus.keys.risk_exposure, foreign)
        assert decode(Exposure, kept).account == ACCOUNT
        await RiskBook(here.bus, ACCOUNT).release(foreign)
        here.clock.set(here.clock.now() + timedelta(seconds=1))
        assert (await here.ask(a_signal(event=EVENT, at=here.clock.now())))[0] == "guard:ok"
