"""Counters of one account and of all."""

from hypothesis import given
from hypothesis import strategies as st

from keter.bus.telemetry.audit import count_name, counts_of

ACCOUNTS = ["asianodds:alice", "asianodds:bob@home"]
WHOSE = st.sampled_from(["", *ACCOUNTS])
COUNTS = st.dictionaries(
    st.tuples(st.sampled_from(["guard", "router"]), st.sampled_from(["ok", "other"]), WHOSE),
    st.integers(1, 100),
)


@given(COUNTS)
def test_the_sum_over_all_is_that_of_every_counter(counts: dict[tuple[str, str, str], int]) -> None:
    stored = {count_name(*key): n for key, n in counts.items()}
    assert len(stored) == len(counts)
    assert sum(counts_of(stored).values()) == sum(counts.values())


@given(COUNTS, st.sampled_from(ACCOUNTS))
def test_an_account_has_its_own_and_what_is_of_none(
    counts: dict[tuple[str, str, str], int], account: str
) -> None:
    stored = {count_name(*key): n for key, n in counts.items()}
    wanted: dict[str, int] = {}
    for (stage, what, owner), n in counts.items():
        if owner in {"", account}:
            wanted[f"{stage}:{what}"] = wanted.get(f"{stage}:{what}", 0) + n
    assert counts_of(stored, account) == wanted
