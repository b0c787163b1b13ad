"""A ticket that is not ours counts as the venue shows it."""

import pytest

from keter.domain.exposure import FOREIGN_PREFIX, Terms, worst_case
from keter.domain.market_kinds import Outcome
from keter.domain.tickets import TicketStatus
from keter.execution.reconcile.foreign_tickets import exposure_of_ticket
from tests.kit.execution import ACCOUNT, TOTALS, a_ticket

TERMS = Terms("0.02", "0.5")


@pytest.mark.parametrize(
    ("status", "fills", "together"),
    [(TicketStatus.RUNNING, ((700, "1.9"),), 70), (TicketStatus.PENDING, (), 700)],
)
def test_a_running_ticket_is_filled_and_a_pending_one_open(
    status: TicketStatus, fills: tuple[tuple[int, str], ...], together: int
) -> None:
    over, under = (
        exposure_of_ticket(
            a_ticket(status=status, market=TOTALS, outcome=outcome, ticket_id=outcome.value),
            ACCOUNT,
            Terms(),
        )
        for outcome in (Outcome.OVER, Outcome.UNDER)
    )
    assert (over.fills, over.stake_minor) == (fills, 700)
    assert worst_case([over, under]) == together


def test_a_ticket_is_of_its_account_and_of_no_strategy_of_ours() -> None:
    made = exposure_of_ticket(a_ticket(), ACCOUNT, TERMS)
    assert made.decision_id.startswith(f"{FOREIGN_PREFIX}{ACCOUNT}:")
    assert (made.account, made.strategy, made.terms) == (ACCOUNT, "", TERMS)
    assert worst_case([made]) == 700, "its market could not be read"
