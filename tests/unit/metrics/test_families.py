"""What is known comes out of the exposition again, and nothing else does."""

from collections import Counter
from datetime import timedelta
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families as parse

from keter.bus.queue import QueueFacts
from keter.bus.state.feeds import FeedFacts
from keter.bus.telemetry.heartbeats import BUCKETS_S
from keter.domain.bets import BetState
from keter.domain.exposure import DayRisk
from keter.domain.markets import Phase
from keter.domain.processes import Process
from keter.domain.trading import TradingMode
from keter.domain.verdicts import Reason
from keter.ledger import Figures
from keter.metrics import CATALOGUE, Known, expose
from keter.metrics.bus_families import MOST_WORKERS
from keter.metrics.docs_page import metrics_page
from keter.metrics.exposition import MOST_WORDS, OTHER, bounded
from keter.metrics.names import GROUPS
from tests.kit.beats import NOW, alert, beat, bus_part, known, latency_fields
from tests.kit.support import ROOT

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
        assert round((value(found, name, mode="DRY") or 0.0) * 100) == minor
    assert value(found, "bets", mode="DRY", state="LOST") == n
    assert value(found, "clv_mean_ratio", mode="DRY") == clv


@given(
    st.lists(st.integers(0, 10**9), min_size=len(BUCKETS_S), max_size=len(BUCKETS_S)),
    st.floats(0, 1e9),
)
def test_latencies_come_out_as_the_buckets_that_went_in(counts: list[int], sum_s: float) -> None:
    router = beat("router", **latency_fields("place_call", counts, sum_s))
    found = samples(known(bus=bus_part(heartbeats=[router])))
    labels = {"process": "router", "worker": "router", "step": "place_call"}
    seen = {
        float(dict(key)["le"]): n
        for (name, key), n in found.items()
        if name == "keter_step_seconds_bucket"
    }
    assert seen == {bound: sum(counts[: place + 1]) for place, bound in enumerate(BUCKETS_S)}
    assert value(found, "step_seconds_count", **labels) == sum(counts)
    assert value(found, "step_seconds_sum", **labels) == pytest.approx(sum_s)


@given(st.dictionaries(st.sampled_from([reason.value for reason in Reason]), COUNT))
def test_every_verdict_of_the_day_comes_out_with_its_reason(counts: dict[str, int]) -> None:
    found = samples(
        known(bus=bus_part(counts={f"edge:{reason}": n for reason, n in counts.items()}))
    )
    seen = {
        dict(key)["reason"]: n for (name, key), n in found.items() if name == "keter_verdicts_total"
    }
    assert seen == counts
    assert {
        dict(key)["verdict"]
        for (name, key) in found
        if name == "keter_verdicts_total" and dict(key)["reason"] == "ok"
    } <= {"accepted"}


@given(st.dictionaries(st.text(max_size=60), st.integers(0, 1000), max_size=200))
def test_a_label_takes_a_bounded_number_of_words_and_no_count_is_lost(
    counts: dict[str, int],
) -> None:
    found = bounded(counts)
    assert len(found) <= MOST_WORDS
    assert sum(found.values()) == sum(counts.values())
    assert all(
        name.isascii() and name == name.lower() and len(name) <= 40 and " " not in name
        for name in found
    )


@given(st.dictionaries(st.text(min_size=1, max_size=30), st.integers(0, 100), max_size=100))
def test_counters_with_any_names_still_make_a_text_that_can_be_read(counts: dict[str, int]) -> None:
    noisy = beat("edge", **{f"c:{name}": str(n) for name, n in counts.items()})
    day = {
        f"{stage}:{name}": n
        for name, n in counts.items()
        for stage in ("edge", "ingest", "validator")
    }
    found = samples(known(bus=bus_part(heartbeats=[noisy], counts=day)))
    assert sum(n for (name, _), n in found.items() if name == "keter_worker_events_total") == sum(
        counts.values()
    )


def test_a_flood_of_workers_stays_bounded() -> None:
    flood = [beat("edge", f"edge-{n}", **{"c:items": "1"}) for n in range(500)]
    found = samples(known(bus=bus_part(heartbeats=flood)))
    assert value(found, "workers", process="edge") == 500
    assert sum(name == "keter_worker_events_total" for name, _ in found) == MOST_WORKERS


def test_a_stranger_among_the_heartbeats_gets_no_series_of_its_own() -> None:
    found = samples(
        known(bus=bus_part(heartbeats=[beat("miner"), beat("edge", "Arsenal v Chelsea")]))
    )
    assert not {dict(key).get("worker") for _, key in found} - {None}


def test_a_reason_that_nobody_knows_is_called_other() -> None:
    found = samples(
        known(bus=bus_part(counts={"edge:Arsenal": 2, "edge:Chelsea": 3, "edge:ok": 1}))
    )
    assert value(found, "verdicts_total", stage="edge", verdict="rejected", reason=OTHER) == 5
    assert value(found, "verdicts_total", stage="edge", verdict="accepted", reason="ok") == 1


def test_what_validator_counts_by_book_is_no_verdict() -> None:
    found = samples(
        known(
            bus=bus_part(
                counts={"validator:book_stale": 9, "ingest:problem_bad_row": 4, "ingest:changed": 2}
            )
        )
    )
    assert value(found, "books_dropped_total", reason="stale") == 9
    assert value(found, "feed_problems_total", kind="bad_row") == 4
    assert value(found, "feed_news_total", kind="changed") == 2
    assert not [name for name, _ in found if name == "keter_verdicts_total"]


def test_without_redis_the_money_is_there_and_nothing_of_redis_is() -> None:
    found = samples(known(bus=None))
    assert (value(found, "up"), value(found, "redis_up"), value(found, "ledger_up")) == (0, 0, 1)
    assert value(found, "day_profit", mode="DRY") == -12.34
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


@pytest.mark.parametrize("mode", [*TradingMode, None])
def test_exactly_one_trading_mode_holds(mode: TradingMode | None) -> None:
    found = samples(known(bus=bus_part(mode=mode)))
    modes = {
        dict(key)["mode"]: n for (name, key), n in found.items() if name == "keter_trading_mode"
    }
    assert [name for name, n in modes.items() if n] == [mode.value if mode else "UNKNOWN"]
    assert len(modes) == 5


def test_a_process_nobody_hears_of_counts_as_zero_workers() -> None:
    found = samples(known(bus=bus_part(heartbeats=[beat("edge"), beat("edge", "edge-2")])))
    assert {process: value(found, "workers", process=process.value) for process in Process} == {
        process: 2 if process is Process.EDGE else 0 for process in Process
    }


def test_a_feed_that_was_never_confirmed_is_infinitely_old() -> None:
    found = samples(
        known(bus=bus_part(feeds=[FeedFacts("me", Phase.LIVE), FeedFacts("me", Phase.TODAY, NOW)]))
    )
    assert value(found, "feed_age_seconds", phase="live") == inf
    assert value(found, "feed_age_seconds", phase="today") == 0


def test_every_state_of_a_bet_has_its_series() -> None:
    states = {dict(key)["state"] for name, key in samples(known()) if name == "keter_bets"}
    assert states == {state.value for state in BetState}


def test_an_unknown_bet_ages() -> None:
    figures = Figures(DayRisk("2026-02-21"), {}, 0, 0, NOW - timedelta(seconds=90), 0, 0, 0, None)
    found = samples(known(figures=figures))
    assert value(found, "unknown_oldest_seconds", mode="DRY") == 90
    assert value(found, "clv_mean_ratio", mode="DRY") is None


def test_alerts_are_counted_by_rule_whatever_they_carry_behind_the_colon() -> None:
    standing = [
        alert("feed_stale:me:live"),
        alert("feed_stale:me:today"),
        alert("unknown-bets", by="ops"),
        alert("Arsenal:x"),
    ]
    found = samples(known(bus=bus_part(alerts=standing)))
    seen = {
        (dict(key)["alert"], dict(key)["acknowledged"]): n
        for (name, key), n in found.items()
        if name == "keter_alerts"
    }
    assert seen == {
        ("feed-stale", "false"): 2,
        ("unknown-bets", "true"): 1,
        ("unknown-bets", "false"): 0,
        (OTHER, "false"): 1,
    }


def test_queues_come_out_as_they_are() -> None:
    found = samples(known(bus=bus_part(queues={"raw": QueueFacts(7, 2, None, 1, 4)})))
    names = ("depth", "in_flight", "oldest_age_seconds", "consumers", "dead_letters")
    assert [value(found, f"queue_{name}", queue="raw") for name in names] == [7, 2, 0, 1, 4]


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


def test_names_follow_the_rules_for_units() -> None:
    """Counters end with _total and nothing else does; no unit but the base ones."""
    for spec in CATALOGUE.values():
        assert spec.name.endswith("_total") == (spec.kind == "counter")
        assert not {"ms", "minutes", "pct", "percent", "kb", "minor"} & set(spec.name.split("_"))
        assert spec.help.endswith(".")
    assert not [
        name
        for name, n in Counter(spec.name for group in GROUPS.values() for spec in group).items()
        if n > 1
    ]


def test_the_committed_page_equals_the_generated_one() -> None:
    path = ROOT / "docs" / "metrics.md"
    assert path.read_text(encoding="utf-8") == metrics_page(), (
        "run: keter config --metrics > docs/metrics.md"
    )
