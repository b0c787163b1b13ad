"""What the machine's memory makes of the settings that are left to it."""

import pytest

from keter.system.machine import MB, answer_mb, memory_bytes, redis_memory_mb


@pytest.mark.parametrize(
    ("memory_mb", "redis", "answer"), [(512, 256, 32), (8_000, 1_000, 62), (64_000, 4_096, 256)]
)
def test_a_bound_that_is_left_to_the_machine_follows_its_memory_within_limits(
    memory_mb: int, redis: int, answer: int
) -> None:
    assert redis_memory_mb(0, memory_mb * MB) == redis
    assert answer_mb(0, memory_mb * MB) == answer


def test_what_is_set_counts() -> None:
    assert (redis_memory_mb(77, 64_000 * MB), answer_mb(1.5, 64_000 * MB)) == (77, 1.5)


def test_this_machine_has_memory() -> None:
    assert memory_bytes() > 100 * MB
