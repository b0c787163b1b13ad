"""Rules about an account look at each, and name it where there are several."""

from datetime import UTC, datetime
from typing import cast

from keter.dashboard.facts import Facts
from keter.dashboard.rules.base import Finding, Rule, Situation, findings
from keter.dashboard.rules.table import RULES
from keter.dashboard.stores import StoreHealth
from keter.domain.alerts import AlertKind
from keter.settings import load_settings

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HEALTH = StoreHealth(NOON)
RULE = Rule(
    AlertKind.NOT_ARMED,
    of_account=lambda s: Finding("LIVE is not armed.", "ticket") if s.was_armed else None,
)


def situation(account: str, *, found: bool) -> Situation:
    facts = cast(Facts, None)  # no rule of this test looks at them
    settings = load_settings(None, {})
    return Situation(facts, settings, NOON, None, None, None, account=account, was_armed=found)


def test_the_finding_of_an_only_account_is_told_as_it_is() -> None:
    assert findings(RULE, HEALTH, [situation("", found=True)]) == [
        Finding("LIVE is not armed.", "ticket")
    ]


def test_of_several_accounts_each_has_a_finding_of_its_own_that_names_it() -> None:
    both = [situation("asianodds:alice", found=True), situation("asianodds:bob", found=True)]
    assert findings(RULE, HEALTH, both) == [
        Finding(f"{one.account}: LIVE is not armed.", "ticket", one.account) for one in both
    ]
    one = [situation("asianodds:alice", found=False), situation("asianodds:bob", found=True)]
    assert [each.about for each in findings(RULE, HEALTH, one) or ()] == ["asianodds:bob"]


def test_without_a_situation_nothing_is_known_of_any_account() -> None:
    assert findings(RULE, HEALTH, []) is None


def test_what_is_about_betting_is_looked_at_in_each_account() -> None:
    assert {rule.kind for rule in RULES if rule.of_account is not None} == {
        AlertKind.NOTHING_BET,
        AlertKind.NOT_ARMED,
        AlertKind.RECONCILIATION_INCOMPLETE,
        AlertKind.REFUSALS_RISING,
        AlertKind.LIMITS_MISSING,
    }
