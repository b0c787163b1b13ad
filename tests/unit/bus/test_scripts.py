"""Scripts say what they touch, touch only what they are given, and run on every server from Redis
6.2 on.
"""

import re

import pytest

from keter.bus.scripts import Script, all_scripts

SCRIPTS = all_scripts()


@pytest.fixture(params=SCRIPTS, ids=lambda each: str(each.name))
def found(request: pytest.FixtureRequest) -> Script:
    each: Script = request.param
    return each


def code_of(found: Script) -> str:
    return "\n".join(line.partition("--")[0] for line in found.source.splitlines())


def head_of(found: Script) -> str:
    lines = found.source.splitlines()
    return "\n".join(lines[: next(i for i, line in enumerate(lines) if not line.startswith("--"))])


def test_scripts_are_found_in_the_package() -> None:
    assert {"step", "open", "reap", "lock_acquire", "risk_reserve"} <= {
        each.name for each in SCRIPTS
    }


def test_a_script_begins_by_documenting_its_keys_its_arguments_and_its_answer(
    found: Script,
) -> None:
    head = head_of(found)
    assert "KEYS[1]" in head
    assert re.search(r"KEYS\[1\].*\b(string|list|hash|set|zset)\b", head)
    assert "Returns" in head
    for index in {int(n) for n in re.findall(r"KEYS\[(\d+)\]", code_of(found))}:
        assert f"KEYS[{index}]" in head
    for index in {int(n) for n in re.findall(r"ARGV\[(\d+)\]", code_of(found))}:
        assert f"ARGV[{index}]" in head or f"ARGV[{index - 1}...]" in head or "ARGV[3...]" in head


def test_a_script_never_builds_a_key(found: Script) -> None:
    """A Cluster refuses keys that were not declared."""
    for first in re.findall(r"call\('[A-Z]+',\s*([^,)]+)", code_of(found)):
        assert ".." not in first, first
        assert not first.strip().startswith("'"), first


def test_a_script_uses_nothing_that_some_servers_lack(found: Script) -> None:
    assert not found.source.startswith("#!")
    for word in ("cmsgpack", "cjson", "FUNCTION", "WAITAOF", "BLMOVE", "'INFO'", "'KEYS'"):
        assert word not in code_of(found)
