"""What a server refuses is no command that it does not know."""

import pytest
from redis import exceptions

from keter.bus.errors import RIGHTS, translated_answer
from keter.redis_server.probe import ServerFacts, refusal_of


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (exceptions.NoPermissionError("no right to run 'blpop' (BLPOP)"), "rights", "no right"),
        (exceptions.ReadOnlyError("You can't write against a replica."), "replica", "You can't"),
        (exceptions.OutOfMemoryError("used memory > 'maxmemory'."), "full", "used memory"),
        (exceptions.ResponseError("MISCONF Errors writing to disk"), "disk", "MISCONF Errors"),
        (exceptions.ResponseError("NOREPLICAS Not enough replicas"), "state", "NOREPLICAS"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_refusal_has_its_kind_and_the_servers_own_words(
    answer: exceptions.RedisError, kind: str, said: str
) -> None:
    refusal = refusal_of(translated_answer(answer))
    assert refusal is not None
    assert refusal.kind == kind
    assert refusal.said.startswith(said)
    assert "(" not in refusal.said
    assert (refusal.cure == RIGHTS) == (kind == "rights")


def test_a_command_that_the_server_does_not_know_is_no_refusal() -> None:
    assert (
        refusal_of(translated_answer(exceptions.ResponseError("unknown command 'LMOVE'"))) is None
    )
    assert translated_answer(b"OK") == b"OK"
    assert translated_answer(None) is None


def test_the_problems_of_a_server_are_sentences_and_none_where_all_is_well() -> None:
    good = ServerFacts("7.2.4", True, "noeviction", 10, 100, 0.0, (), is_fake=False)
    assert good.problems == ()
    bad = ServerFacts("6.0.9", False, "allkeys-lru", 90, 100, -3.0, ("LMOVE",), is_fake=False)
    text = "; ".join(bad.problems)
    for part in ("6.0.9", "LMOVE", "noeviction", "appendonly", "90%", "-3.0 s"):
        assert part in text
