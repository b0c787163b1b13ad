"""What is known comes out of the exposition again, and nothing else does."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families as parse

from keter.bus.telemetry.heartbeats import BUCKETS_S
from keter.domain.exposure import DayRisk
from keter.domain.order_states import OrderState
from keter.ledger import Figures
from keter.metrics import CATALOGUE, Known, expose
from tests.kit.beats import ACCOUNT, NOW, account_part, beat, bus_part, known, latency_fields

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]
MONEY = st.integers(-(10**12), 10**12)
COUNT = st.integers(0, 2**53)


def samples(what: Known) -> Samples:
    """Every sample by name and labels; a series that stands there twice fails."""
    found: Samples = {}
    for family in parse(expose(what).decode()):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found, key
            found[key] = sample.value
    return found


def value(found: Samples, name: str, **labels: str) -> float | None:
    return found.get((f"keter_{name}", frozenset(labels.items())))


@given(MONEY, MONEY, MONEY, COUNT, st.floats(-1, 5))
def test_money_comes_out_to_the_cent(
    profit: int, day: int, outstanding: int, n: int, clv: float
) -> None:
    figures = Figures(
        DayRisk("2026-02-21", day, 0, 0, 0), {"LOST": n}, profit, outstanding, None, 0, 0, n, clv
    )
    found = samples(known(figures=figures))
    for name, minor in (("profit", profit), ("day_profit", day), ("outstanding", outstanding)):
        assert round((value(found, name, account=ACCOUNT, mode="DRY") or 0.0) * 100) == minor
    assert value(found, "bets", account=ACCOUNT, mode="DRY", state="LOST") == n
    assert value(found, "clv_mean_ratio", account=ACCOUNT, mode="DRY") == clv


def test_without_redis_the_money_is_there_and_nothing_of_redis_is() -> None:
    found = samples(known(bus=None))
    assert (value(found, "up"), value(found, "redis_up"), value(found, "ledger_up")) == (0, 0, 1)
    assert value(found, "day_profit", account=ACCOUNT, mode="DRY") == -12.34
    assert not [
        name
        for name, _ in found
        if name.startswith(("keter_queue", "keter_worker", "keter_trading_mode", "keter_acc"))
    ]


def test_without_the_ledger_the_bets_are_unknown_and_not_zero() -> None:
    found = samples(known(bus=bus_part(), figures=None))
    assert (value(found, "up"), value(found, "redis_up"), value(found, "ledger_up")) == (0, 1, 0)
    assert not [
        name for name, _ in found if name in {"keter_bets", "keter_profit", "keter_outstanding"}
    ]


def test_with_both_keter_is_up() -> None:
    assert value(samples(known(bus=bus_part())), "up") == 1


def test_every_state_of_a_bet_has_its_series() -> None:
    states = {dict(key)["state"] for name, key in samples(known()) if name == "keter_bets"}
    assert states == {state.value for state in OrderState}


def test_an_unknown_bet_ages() -> None:
    figures = Figures(DayRisk("2026-02-21"), {}, 0, 0, NOW - timedelta(seconds=90), 0, 0, 0, None)
    found = samples(known(figures=figures))
    assert value(found, "unknown_oldest_seconds", account=ACCOUNT, mode="DRY") == 90
    assert value(found, "clv_mean_ratio", account=ACCOUNT, mode="DRY") is None


def test_every_family_has_the_kind_and_the_labels_that_the_catalogue_tells() -> None:
    full = bus_part(
        heartbeats=[
            beat(
                "edge",
                **latency_fields("handle", [1] * len(BUCKETS_S), 1.0),
                **{"c:items": "1", "g:low_ev_streak": "3"},
            )
        ],
        counts={"edge:ok": 1, "ingest:problem_bad_row": 1, "validator:book_stale": 1},
    )
    for family in parse(expose(known(bus=full)).decode()):
        name = family.name + ("_total" if family.type == "counter" else "")
        spec = CATALOGUE[name]
        assert (family.type, family.documentation) == (spec.kind, spec.help)
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(spec.labels), sample


def test_each_account_has_its_own_money_and_limits() -> None:
    rich = Figures(DayRisk("2026-02-21", 700, 0, 0, 0), {}, 900, 0, None, 0, 0, 0, None)
    parts = [account_part(), account_part("asianodds:you", figures=rich)]
    found = samples(known(accounts=parts))
    shown = {
        one.account: value(found, "day_profit", account=one.account, mode="DRY") for one in parts
    }
    assert shown == {ACCOUNT: -12.34, "asianodds:you": 7.0}
    assert value(found, "limit_exposure", account="asianodds:you") == 1000


def test_the_ledger_is_up_only_if_the_figures_of_each_account_are_known() -> None:
    parts = [account_part(), account_part("asianodds:you", figures=None)]
    assert value(samples(known(accounts=parts)), "ledger_up") == 0
