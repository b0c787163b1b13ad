"""What Redis holds comes out of the exposition again, bounded."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.bus.queue import QueueFacts
from keter.bus.state.feeds import FeedFacts
from keter.bus.telemetry.heartbeats import BUCKETS_S
from keter.domain.markets import Phase
from keter.domain.processes import Process
from keter.domain.trading import TradingMode
from keter.domain.verdicts import Reason
from keter.metrics.bus_families import MOST_WORKERS
from keter.metrics.exposition import OTHER
from tests.kit.beats import ACCOUNT, NOW, account_bus, alert, beat, bus_part, known, latency_fields
from tests.unit.metrics.test_families import COUNT, samples, value


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
    assert value(found, "workers", process="edge", role="edge") == 500
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


@pytest.mark.parametrize("mode", [*TradingMode, None])
def test_exactly_one_trading_mode_holds(mode: TradingMode | None) -> None:
    found = samples(known(account=account_bus(mode=mode)))
    modes = {
        dict(key)["mode"]: n for (name, key), n in found.items() if name == "keter_trading_mode"
    }
    assert [name for name, n in modes.items() if n] == [mode.value if mode else "UNKNOWN"]
    assert len(modes) == 5


def test_a_process_nobody_hears_of_counts_as_zero_workers() -> None:
    found = samples(known(bus=bus_part(heartbeats=[beat("edge"), beat("edge", "edge-2")])))
    assert {
        process: value(found, "workers", process=process.value, role=process.value)
        for process in Process
    } == {process: 2 if process is Process.EDGE else 0 for process in Process}


def test_a_feed_that_was_never_confirmed_is_infinitely_old() -> None:
    found = samples(
        known(
            account=account_bus(
                feeds=[FeedFacts(ACCOUNT, Phase.LIVE), FeedFacts(ACCOUNT, Phase.TODAY, NOW)]
            )
        )
    )
    assert value(found, "feed_age_seconds", account=ACCOUNT, phase="live") == inf
    assert value(found, "feed_age_seconds", account=ACCOUNT, phase="today") == 0


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
