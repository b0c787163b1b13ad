"""What a full snapshot of 2,000 matches at 8 books costs to decode and merge, beside ``json.loads``
of the same bytes.

Run: python -m benchmarks.feed_snapshot [--matches 2000] [--books 8] [--rounds 5]

Each figure is the fastest of the rounds, in this process, one thread. Memory is what tracemalloc
sees grow: ``kept`` while the state alone lives on, ``peak`` while a merge and what it tells are
alive too. ``delta`` is an answer that repeats every row with one book in ten changed; ``idle`` one
that repeats every row unchanged.
"""

import argparse
import gc
import json
import random
import time
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tests.kit.asianodds_payloads import (
    KICKOFF,
    NOW,
    UPDATED_MS,
    feed_body,
    handicap,
    match_game,
    result_odds,
    total,
)

from keter.clock import to_ms
from keter.domain.markets import Phase
from keter.venues.asianodds.state import FeedState
from keter.venues.asianodds.wire import read_answer, read_feed

BOOKS = ("PIN", "SBO", "ISN", "SIN", "IBC", "GA", "3ET", "P88", "SBT", "GA2")


def odds_text(rng: random.Random, books: int, probabilities: tuple[float, ...]) -> str:
    """Return an odds string of the venue: a margin of some per cent, three decimals, BEST last."""
    segments = []
    for book in BOOKS[:books]:
        prices = [f"{1 / (p * rng.uniform(1.02, 1.06)):.3f}" for p in probabilities]
        segments.append(f"{book}={','.join(prices)}")
    best = ",".join(f"{BOOKS[0]} {1 / p:.3f}" for p in probabilities)
    return ";".join([*segments, f"BEST={best}"])


def snapshot(matches: int, books: int, seed: int = 7) -> list[dict[str, Any]]:
    """Three rows a fixture: three handicaps and totals, full and half time, 1X2 on the first
    row.
    """
    rng = random.Random(seed)

    def two_way() -> str:
        p = rng.uniform(0.4, 0.6)
        return odds_text(rng, books, (p, 1 - p))

    rows = []
    for match in range(matches):
        p = rng.uniform(0.2, 0.6)
        for line in range(3):
            three_way = (
                odds_text(rng, books, (p, (1 - p) * 0.55, (1 - p) * 0.45)) if line == 0 else ""
            )
            rows.append(
                match_game(
                    match * 10 + line,
                    MatchId=-match - 1,
                    StartTime=to_ms(KICKOFF + timedelta(minutes=match % 600)),
                    HomeTeam={"Name": f"Home Town {match}", "Score": 0, "RedCards": 0},
                    AwayTeam={"Name": f"Away City {match}", "Score": 0, "RedCards": 0},
                    FullTimeHdp=handicap(("0.5", "0.5-1", "1.0")[line], two_way()),
                    FullTimeOu=total(("2.5", "2.5-3", "3.0")[line], two_way()),
                    FullTimeOneXTwo=result_odds(three_way),
                    HalfTimeHdp=handicap(("0-0.5", "0.5", "0.0")[line], two_way()),
                    HalfTimeOu=total(("1.0", "1-1.5", "1.5")[line], two_way()),
                )
            )
    return rows


def moved(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every row again, later, with the first book's handicap prices changed on one row in ten."""
    again = []
    for number, row in enumerate(rows):
        odds = row["FullTimeHdp"]["BookieOdds"]
        if number % 10 == 0:
            odds = "PIN=1.917,1.983" + odds[odds.index(";") :]
        again.append(
            {
                **row,
                "UpdatedDateTime": UPDATED_MS + 5_000,
                "FullTimeHdp": {**row["FullTimeHdp"], "BookieOdds": odds},
            }
        )
    return again


def fastest(rounds: int, work: Callable[[], object]) -> float:
    times = []
    for _ in range(rounds):
        gc.collect()
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def merged(bodies: tuple[bytes, ...]) -> tuple[FeedState, int]:
    state = FeedState()
    told = 0
    for body in bodies:
        told = len(state.merge(read_feed(read_answer(body)), Phase.TODAY, NOW).changed)
    return state, told


def kept_and_peak(body: bytes) -> tuple[float, float]:
    """Megabytes that live on in the state, and at the worst moment."""
    gc.collect()
    tracemalloc.start()
    state, _ = merged((body,))
    gc.collect()
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert state is not None
    return kept / 1e6, peak / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--matches", type=int, default=2000)
    parser.add_argument("--books", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    rows = snapshot(asked.matches, asked.books)
    body, idle, delta = feed_body(*rows), feed_body(*rows), feed_body(*moved(rows))
    plain = fastest(asked.rounds, lambda: json.loads(body))
    full = fastest(asked.rounds, lambda: merged((body,)))
    state, told = merged((body,))
    again = fastest(
        asked.rounds, lambda: state.merge(read_feed(read_answer(idle)), Phase.TODAY, NOW)
    )
    steps = [read_feed(read_answer(delta)), read_feed(read_answer(body))]
    flips = (
        fastest(asked.rounds, lambda: [state.merge(step, Phase.TODAY, NOW) for step in steps]) / 2
    )
    kept, peak = kept_and_peak(body)
    print(
        f"{asked.matches} matches, {asked.books} books, {len(rows)} rows, {told} markets,"
        f" {len(body) / 1e6:.1f} MB"
    )
    print(f"json.loads       {plain * 1e3:8.1f} ms   1.0")
    print(f"snapshot         {full * 1e3:8.1f} ms   {full / plain:.1f}")
    print(f"idle, all rows   {again * 1e3:8.1f} ms   {again / plain:.1f}")
    print(f"delta, all rows  {flips * 1e3:8.1f} ms   {flips / plain:.1f}")
    print(f"memory: {kept:.1f} MB kept, {peak:.1f} MB at the peak")


if __name__ == "__main__":
    main()
