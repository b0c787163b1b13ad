"""Every key is built in one place, cannot be forged by a name from outside, and shares a slot where
a script needs it.
"""

import inspect
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from keter.bus.keys import Keys, QueueKeys
from keter.bus.queue import approved_for, cancels_for, queues_of
from tests.kit.execution import ACCOUNT


def all_keys(keys: Keys, text: str = "x") -> Iterator[str]:
    """One of each kind, with ``text`` wherever a name from outside goes."""
    owners: list[object] = [keys, *[keys.queue(queue) for queue in queues_of([ACCOUNT])]]
    for owner in owners:
        skip = {"prefix", "name"}
        yield from (
            v
            for n, v in inspect.getmembers(owner, lambda value: isinstance(value, str))
            if n not in skip and not n.startswith("_")
        )
        for name, method in inspect.getmembers(owner, inspect.ismethod):
            if not name.startswith("_") and name != "queue":
                count = len(inspect.signature(method).parameters)
                value = method(*[text] * count)
                if isinstance(value, str):
                    yield value


def test_names_are_those_of_the_design() -> None:
    keys = Keys()
    assert keys.queue("raw").list == "queue:raw"
    assert keys.queue("raw").processing("w.1") == "processing:raw:w.1"
    assert (
        keys.odds("fb-20260221-a-v-b", "ft.ah.-0.75.home", ACCOUNT)
        == "odds:latest:fb-20260221-a-v-b:ft.ah.-0.75.home:asianodds:TESTER"
    )
    assert keys.exec_lock("e", "ft.1x2.home", ACCOUNT) == "exec_lock:e:ft.1x2.home:asianodds:TESTER"
    assert keys.queue(approved_for(ACCOUNT)).list == "queue:approved:asianodds:TESTER"
    assert keys.queue(cancels_for(ACCOUNT)).list == "queue:cancels:asianodds:TESTER"
    assert (keys.trading_state, keys.trading_enabled, keys.global_stop) == (
        "trading:state",
        "trading_enabled",
        "GLOBAL_STOP",
    )
    assert keys.trading_state_of("") == "trading:state"
    assert keys.trading_state_of("asianodds:main") == "trading:state:asianodds%3Amain"
    assert (keys.session("acc"), keys.account("acc"), keys.lease("guard")) == (
        "ao:session:acc",
        "account:acc",
        "lease:guard",
    )


def test_each_account_has_queues_of_its_own_for_approvals_and_cancels() -> None:
    own = [
        f"{kind}:{account}" for account in ("toy:a", "toy:b") for kind in ("approved", "cancels")
    ]
    assert list(queues_of(["toy:a", "toy:b"])) == ["raw", "validated", "confirmed", *own]


def test_no_two_kinds_of_key_are_the_same() -> None:
    names = list(all_keys(Keys()))
    assert len(names) == len(set(names)) > 60


def test_a_hash_tag_as_prefix_puts_all_keys_into_one_slot_of_a_cluster() -> None:
    slots = {key_slot(name.encode()) for name in all_keys(Keys("{keter}:"), "any{thing}else")}
    assert slots == {key_slot(b"keter")}


@given(text=st.text(min_size=1, max_size=20), other=st.text(min_size=1, max_size=20))
def test_a_name_from_outside_never_makes_another_key_or_a_hash_tag(text: str, other: str) -> None:
    keys = Keys()
    assert "{" not in keys.account(text)
    assert keys.feed(f"venue:{text}", other).count(":") == 3
    if text != other:
        assert keys.account(text) != keys.account(other)
        assert keys.throttle(text, "x") != keys.throttle(other, "x")
        assert keys.exec_lock("e", "s", text) != keys.exec_lock("e", "s", other)
        assert keys.queue(approved_for(text)).list != keys.queue(approved_for(other)).list


@given(name=st.text(min_size=1, max_size=20))
def test_the_colon_after_the_venue_is_the_only_one_of_an_account_in_a_key(name: str) -> None:
    keys, account = Keys(), f"asianodds:{name}"
    assert keys.risk_streak(account).count(":") == 3
    assert keys.daily_pnl("2026-02-21", account).count(":") == 4
    assert keys.queue(approved_for(account)).list.count(":") == 3


@pytest.mark.parametrize("owner", [Keys, QueueKeys])
def test_every_key_is_documented(owner: type) -> None:
    source = inspect.getsource(owner.__init__)  # type: ignore[misc]  # only its text is read
    for part in source.split("self.")[1:]:
        name = part.split(" ", 1)[0]
        if not name.startswith("_") and name not in {"prefix", "name"}:
            assert part.split("\n", 2)[1].strip().startswith('"""'), f"{name} has no description"
