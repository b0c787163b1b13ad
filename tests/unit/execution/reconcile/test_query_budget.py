"""For any number of bets each has its turn within the bound, the budget holds, and the account
keeps its share.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keter.execution.reconcile.passes import QUERIES_PER_MINUTE, QUICK_S
from keter.execution.reconcile.query_budget import (
    ACCOUNT_COST,
    ACCOUNT_EVERY_S,
    DOUBTFUL_PER_PASS,
    MOST_PER_PASS,
    OTHERS_PER_PASS,
    Waiting,
    account_interval_s,
    bound_s,
    choose,
    fixed_cost,
    overdue,
    pass_cost,
)
from keter.processes.tracker import TICK_S
from tests.kit.execution import NOW

SIZE = QUERIES_PER_MINUTE


@dataclass
class Model:
    """The tracker's rhythm over a bucket of questions, in seconds from 0; nothing is ever
    answered.
    """

    doubtful: int
    others: int
    interval_s: float
    left: float = SIZE
    at_s: float = 0.0
    passes: int = 0
    late: int = 0
    spent: list[tuple[float, int]] = field(default_factory=list)
    account: list[float] = field(default_factory=list)
    asked: dict[str, list[tuple[int, float]]] = field(default_factory=dict)

    def run(self, until_s: float) -> "Model":
        due_s = account_due_s = 0.0
        while self.at_s < until_s:
            with_account = self.at_s >= account_due_s
            if self.at_s >= due_s and self.left >= pass_cost(with_account=with_account):
                self.spend(fixed_cost(with_account=with_account))
                if with_account:
                    account_due_s = self.at_s + account_interval_s(self.interval_s)
                    self.account.append(self.at_s)
                self.one_pass()
                due_s = self.at_s + min(QUICK_S, self.interval_s)
            self.at_s += TICK_S
            self.left = min(SIZE, self.left + TICK_S * SIZE / 60)
        return self

    def one_pass(self) -> None:
        self.passes += 1
        waiting = self.waiting()
        for key in choose(waiting, int(self.left), SIZE):
            self.spend(1)
            self.asked.setdefault(key, []).append((self.passes, self.at_s))
        now = NOW + timedelta(seconds=self.at_s)
        self.late += len(overdue(self.waiting(), now, NOW, SIZE, min(QUICK_S, self.interval_s)))

    def spend(self, questions: int) -> None:
        self.left -= questions
        assert self.left >= 0
        self.spent.append((self.at_s, questions))

    def waiting(self) -> list[Waiting]:
        keys = [(f"d{n}", True) for n in range(self.doubtful)] + [
            (f"o{n}", False) for n in range(self.others)
        ]
        return [
            Waiting(key, doubtful, NOW + timedelta(seconds=self.last_s(key)))
            for key, doubtful in keys
        ]

    def last_s(self, key: str) -> float:
        return self.asked[key][-1][1] if key in self.asked else 0.0

    def longest_wait(self, kind: str) -> tuple[int, float]:
        """In passes and in seconds, the beginning and the end included."""
        waits = []
        for key in (one.key for one in self.waiting() if one.key.startswith(kind)):
            turns = [(0, 0.0), *self.asked.get(key, []), (self.passes, self.at_s)]
            waits += [
                (after[0] - before[0], after[1] - before[1]) for before, after in pairwise(turns)
            ]
        return max((wait[0] for wait in waits), default=0), max(
            (wait[1] for wait in waits), default=0.0
        )


@given(
    doubtful=st.integers(0, 90),
    others=st.integers(0, 60),
    interval_s=st.sampled_from([0.5, 3.0, 15.0, 60.0]),
)
@settings(max_examples=60, deadline=None)
def test_every_bet_has_its_turn_and_every_pass_is_complete(
    doubtful: int, others: int, interval_s: float
) -> None:
    model = Model(doubtful, others, interval_s).run(600)
    assert model.longest_wait("d")[0] <= ceil(doubtful / DOUBTFUL_PER_PASS) + 1
    assert model.longest_wait("o")[0] <= ceil(others / OTHERS_PER_PASS) + 1
    assert model.longest_wait("d")[1] <= bound_s(doubtful, SIZE, min(QUICK_S, interval_s))
    assert model.late == 0


@given(
    doubtful=st.integers(0, 90),
    others=st.integers(0, 60),
    interval_s=st.sampled_from([0.5, 3.0, 15.0]),
)
@settings(max_examples=40, deadline=None)
def test_no_span_of_time_sees_more_questions_than_its_minutes_and_one_saved_up(
    doubtful: int, others: int, interval_s: float
) -> None:
    model = Model(doubtful, others, interval_s).run(300)
    for first, (begun_s, _) in enumerate(model.spent):
        total = 0
        for at_s, questions in model.spent[first:]:
            total += questions
            assert total <= SIZE + (at_s - begun_s) * SIZE / 60 + 1e-6


@given(
    doubtful=st.integers(0, 90),
    others=st.integers(0, 60),
    interval_s=st.sampled_from([0.5, 3.0, 15.0]),
)
@settings(max_examples=40, deadline=None)
def test_the_account_is_asked_as_often_as_is_due_and_never_more_than_its_share(
    doubtful: int, others: int, interval_s: float
) -> None:
    model = Model(doubtful, others, interval_s).run(300)
    gaps = [after - before for before, after in pairwise(model.account)]
    assert min(gaps) >= ACCOUNT_EVERY_S
    assert (
        max(gaps)
        <= account_interval_s(interval_s) + 60 * pass_cost(with_account=True) / SIZE + 2 * TICK_S
    )
    assert 60 / ACCOUNT_EVERY_S * ACCOUNT_COST <= SIZE / 5


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 600)), max_size=80).map(
        lambda rows: [
            Waiting(str(n), kind, NOW + timedelta(seconds=s)) for n, (kind, s) in enumerate(rows)
        ]
    ),
    st.integers(-3, SIZE),
)
def test_a_pass_never_asks_more_than_is_left_nor_the_same_twice(
    waiting: list[Waiting], left: int
) -> None:
    chosen = choose(waiting, left, SIZE)
    assert len(chosen) == len(set(chosen)) <= max(min(left, MOST_PER_PASS), 0)
    for kind in (True, False):
        mine = sorted(
            (one for one in waiting if one.doubtful is kind), key=lambda one: (one.since, one.key)
        )
        asked = [key for key in chosen if key in {one.key for one in mine}]
        assert asked == [one.key for one in mine[: len(asked)]], (
            "who has waited longest comes first"
        )


def test_what_nobody_has_asked_for_in_time_is_told() -> None:
    waiting = [
        Waiting("old", True, NOW),
        Waiting("young", True, NOW + timedelta(seconds=299)),
        Waiting("runs", False, NOW),
    ]
    now = NOW + timedelta(seconds=300)
    assert overdue(waiting, now, NOW - timedelta(days=1), SIZE, QUICK_S) == ["old"]
    assert overdue(waiting, now, now, SIZE, QUICK_S) == [], (
        "a tracker that has just begun has had no time"
    )


@pytest.mark.parametrize(("doubtful", "seconds"), [(1, 60), (9, 105), (15, 168), (40, 420)])
def test_the_bound_grows_with_the_number_of_doubtful_bets_only(
    doubtful: int, seconds: float
) -> None:
    assert bound_s(doubtful, SIZE, QUICK_S) == seconds
