"""What every ledger must keep, whatever database holds it: run against SQLite and PostgreSQL
alike.
"""

import asyncio
from datetime import datetime, timedelta

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.engine import Engine

from keter.domain.order_events import CancelConfirmed, Lapsed
from keter.domain.order_life import apply
from keter.domain.order_states import FINAL, NOT_FINAL, TRANSITIONS, OrderState
from keter.domain.trading import (
    CommandAction,
    ExecutionMode,
    OperatorCommand,
    TradingMode,
    TradingState,
)
from keter.errors import IllegalTransitionError
from keter.ledger import (
    DuplicateDecisionError,
    FencedError,
    Ledger,
    NotInLedgerError,
    OrderChanges,
    OrderFilter,
    SelectionOpenError,
)
from keter.ledger.database import DURABLE
from keter.ledger.migrate import migrate
from keter.ledger.order_schema import STOPPED
from tests.kit.execution import ACCOUNT, NOW, an_event, an_intent
from tests.kit.orders import one_fill

DRY = ExecutionMode.DRY
S = OrderState
WAY_TO: dict[OrderState, list[OrderState]] = {
    S.INTENDED: [],
    S.QUOTED: [S.QUOTED],
    S.SENDING: [S.QUOTED, S.SENDING],
    S.SKIPPED: [S.SKIPPED],
    S.OPEN: [S.QUOTED, S.SENDING, S.OPEN],
    S.UNKNOWN: [S.QUOTED, S.SENDING, S.UNKNOWN],
    S.FILLED: [S.QUOTED, S.SENDING, S.OPEN, S.FILLED],
    S.REFUSED: [S.QUOTED, S.SENDING, S.REFUSED],
    S.PARTLY_FILLED: [S.QUOTED, S.SENDING, S.PARTLY_FILLED],
    S.CANCELLING: [S.QUOTED, S.SENDING, S.OPEN, S.CANCELLING],
    S.CANCELLED: [S.QUOTED, S.SENDING, S.OPEN, S.CANCELLING, S.CANCELLED],
    S.LAPSED: [S.QUOTED, S.SENDING, S.OPEN, S.LAPSED],
    **{
        state: [S.QUOTED, S.SENDING, S.OPEN, S.FILLED, state]
        for state in (S.WON, S.LOST, S.HALF_WON, S.HALF_LOST, S.PUSHED, S.VOID)
    },
}


# Commands as a version before 0006 wrote them: the order of their names, of their times and of
# their rows are three.
OLD_COMMANDS = (
    "INSERT INTO operator_commands (command_id, action, actor, source, target, reason, at,"
    " accepted, result, v) VALUES ('b', 'pause', 'ops', 'cli', 'trading', 'r', 2000000000000007,"
    " true, 'done', 1), ('c', 'pause', 'ops', 'cli', 'trading', 'r', 2000000000000005, true,"
    " 'done', 1), ('a', 'pause', 'ops', 'cli', 'trading', 'r', 2000000000000007, true, 'done', 1)"
)


def write_old_commands(engine: Engine) -> None:
    """Bring an empty ledger to the last schema without an order of its commands; write three."""
    migrate(engine, "0005")
    with engine.connect().execution_options(work=DURABLE) as connection, connection.begin():
        connection.execute(text(OLD_COMMANDS))
    engine.dispose()


async def check_order_of_old_commands(ledger: Ledger) -> None:
    """Check that those that were there, of 2033, keep their order by time and name.

    One written next is the last, though of today.
    """
    assert [row.command_id for row in await ledger.commands.recent()] == ["b", "a", "c"]
    await ledger.commands.add(a_disarming("new", NOW))
    assert [row.command_id for row in await ledger.commands.recent()] == ["new", "b", "a", "c"]


async def put_in(ledger: Ledger, state: OrderState, intent_id: str = "i1", **how: object) -> None:
    """Create an intent and walk it to ``state``."""
    intent = an_intent(intent_id, event=an_event(f"Team {intent_id}"), **how)  # type: ignore[arg-type]  # handed on
    await ledger.orders.create(intent, worker="w")
    for step in WAY_TO[state]:
        await ledger.orders.transition(intent_id, step, at=NOW, cause="test", worker="w")
    if state in STOPPED:
        stopped = await ledger.orders.get(intent_id)
        end = CancelConfirmed if state is S.CANCELLED else Lapsed
        after = apply(stopped, end(stopped.stake_minor))
        await ledger.orders.record(stopped, after, cause="test", worker="w")


class LedgerContract:
    """Subclasses give the fixture ``ledger``."""

    async def test_an_intent_comes_back_exactly_as_it_was_written(self, ledger: Ledger) -> None:
        intent = an_intent(created_at=NOW + timedelta(microseconds=1), signal=b"\x00\xffjson")
        bet = await ledger.orders.create(intent, worker="router")
        assert bet.intent == intent
        assert (
            bet
            == await ledger.orders.get("i1")
            == await ledger.orders.by_reference(intent.reference)
        )
        assert bet == await ledger.orders.by_decision(intent.decision_id)

    async def test_a_decision_has_one_intent_for_ever(self, ledger: Ledger) -> None:
        await put_in(ledger, S.SKIPPED)
        with pytest.raises(DuplicateDecisionError) as caught:
            await ledger.orders.create(an_intent("i2", decision_id="d-i1"), worker="w")
        assert caught.value.state == S.SKIPPED
        with pytest.raises(NotInLedgerError):
            await ledger.orders.get("i2")

    async def test_a_decision_that_comes_again_while_its_bet_is_open_is_told_as_such(
        self, ledger: Ledger
    ) -> None:
        await put_in(ledger, S.FILLED)
        again = an_intent("i2", decision_id="d-i1", event=an_event("Team i1"))
        with pytest.raises(DuplicateDecisionError):
            await ledger.orders.create(again, worker="w")

    @pytest.mark.parametrize("state", sorted(NOT_FINAL))
    async def test_a_selection_with_an_open_intent_takes_no_second_one(
        self, ledger: Ledger, state: OrderState
    ) -> None:
        await put_in(ledger, state)
        if state in STOPPED:
            await ledger.orders.amend(
                "i1", OrderChanges(fills=one_fill(100)), at=NOW, cause="late", worker="t"
            )
        with pytest.raises(SelectionOpenError) as caught:
            await ledger.orders.create(an_intent("i2", event=an_event("Team i1")), worker="w")
        assert caught.value.intent_id == "i1"

    @pytest.mark.parametrize("state", sorted(FINAL | STOPPED))
    async def test_a_selection_is_free_again_when_its_bet_is_final(
        self, ledger: Ledger, state: OrderState
    ) -> None:
        await put_in(ledger, state)
        await ledger.orders.create(an_intent("i2", event=an_event("Team i1")), worker="w")

    async def test_dry_and_live_and_other_accounts_do_not_block_each_other(
        self, ledger: Ledger
    ) -> None:
        await ledger.orders.create(an_intent("i1"), worker="w")
        await ledger.orders.create(an_intent("i2", mode=ExecutionMode.LIVE), worker="w")
        await ledger.orders.create(an_intent("i3", account="OTHER"), worker="w")

    @pytest.mark.parametrize("source", sorted(OrderState))
    async def test_only_the_steps_of_the_state_machine_are_taken_and_each_leaves_a_row(
        self, ledger: Ledger, source: OrderState
    ) -> None:
        await put_in(ledger, source, "stays")
        before = await ledger.orders.trail("stays")
        for target in sorted(set(OrderState) - TRANSITIONS[source]):
            with pytest.raises(IllegalTransitionError):
                await ledger.orders.transition("stays", target, at=NOW, cause="c", worker="w")
        assert await ledger.orders.trail("stays") == before
        assert (await ledger.orders.get("stays")).state is source
        for target in sorted(TRANSITIONS[source]):
            await put_in(ledger, source, target.value)
            facts = {"n": [1, None]}
            bet = await ledger.orders.transition(
                target.value, target, at=NOW, cause="c", worker="w", evidence=facts
            )
            assert bet.state is target
            row = (await ledger.orders.trail(target.value))[-1]
            assert (row.source, row.target, row.cause, row.evidence) == (source, target, "c", facts)

    async def test_what_a_step_learns_is_kept_and_never_unlearned(self, ledger: Ledger) -> None:
        await put_in(ledger, S.OPEN)
        changes = OrderChanges(fills=one_fill(700, "2.105", "PIN", "610"), score_at_bet=(1, 0))
        await ledger.orders.transition(
            "i1", S.FILLED, at=NOW, cause="venue", worker="t", changes=changes
        )
        later = OrderChanges(pnl_minor=-700, settled_at=NOW)
        bet = await ledger.orders.transition(
            "i1", S.LOST, at=NOW, cause="venue", worker="t", changes=later
        )
        assert (bet.standing_minor, bet.odds, bet.book, bet.ticket_id) == (
            700,
            "2.105",
            "PIN",
            "610",
        )
        assert (bet.score_at_bet, bet.pnl_minor, bet.settled_at) == ((1, 0), -700, NOW)

    async def test_a_correction_leaves_the_state_and_a_row(self, ledger: Ledger) -> None:
        await put_in(ledger, S.FILLED)
        bet = await ledger.orders.amend(
            "i1", OrderChanges(closing_fair_odds=1.9), at=NOW, cause="closing", worker="t"
        )
        assert (bet.state, bet.closing_fair_odds) == (S.FILLED, 1.9)
        assert [step.cause for step in await ledger.orders.trail("i1")][-1] == "closing"

    async def test_the_stake_of_a_final_bet_does_not_change(self, ledger: Ledger) -> None:
        await put_in(ledger, S.WON)
        with pytest.raises(IllegalTransitionError):
            await ledger.orders.amend(
                "i1", OrderChanges(fills=one_fill(1)), at=NOW, cause="c", worker="t"
            )

    async def test_a_takeover_ends_what_was_never_sent_and_doubts_what_may_have_been(
        self, ledger: Ledger
    ) -> None:
        for state in (S.INTENDED, S.QUOTED, S.SENDING, S.OPEN, S.FILLED, S.UNKNOWN, S.WON):
            await put_in(ledger, state, state.value)
        found = await ledger.orders.takeover(ACCOUNT, DRY, at=NOW, worker="new")
        assert {bet.intent.intent_id for bet in found.skipped} == {"INTENDED", "QUOTED"}
        assert [bet.intent.intent_id for bet in found.unknown] == ["SENDING"]
        assert (await ledger.orders.get("SENDING")).state is S.UNKNOWN
        assert (await ledger.orders.get("OPEN")).state is S.OPEN
        assert (await ledger.orders.trail("QUOTED"))[-1].cause == "router_died"

    async def test_an_owner_that_was_replaced_can_neither_create_nor_send(
        self, ledger: Ledger
    ) -> None:
        old = await ledger.orders.takeover(ACCOUNT, DRY, at=NOW, worker="old")
        await ledger.orders.create(an_intent("i1", fence=old.fence), worker="old")
        new = await ledger.orders.takeover(ACCOUNT, DRY, at=NOW, worker="new")
        assert new.fence > old.fence
        with pytest.raises(FencedError):
            await ledger.orders.create(an_intent("i2", fence=old.fence), worker="old")
        with pytest.raises(FencedError):
            await ledger.orders.transition(
                "i1", S.QUOTED, at=NOW, cause="c", worker="old", fence=old.fence
            )
        await ledger.orders.create(an_intent("i3", fence=new.fence), worker="new")

    async def test_of_many_who_try_at_once_one_gets_the_selection(self, ledger: Ledger) -> None:
        tries = [ledger.orders.create(an_intent(f"i{n}"), worker="w") for n in range(8)]
        results = await asyncio.gather(*tries, return_exceptions=True)
        assert sum(not isinstance(result, BaseException) for result in results) == 1
        assert sum(isinstance(result, SelectionOpenError) for result in results) == 7

    async def test_lists_page_from_newest_to_oldest_without_gap_or_repetition(
        self, ledger: Ledger
    ) -> None:
        for n in range(7):
            await put_in(
                ledger,
                S.FILLED if n % 2 else S.SKIPPED,
                f"i{n}",
                created_at=NOW + timedelta(seconds=n // 2),
            )
        seen: list[str] = []
        while page := await ledger.orders.list_orders(
            OrderFilter(mode=DRY), limit=3, before=seen[-1] if seen else None
        ):
            seen += [bet.intent.intent_id for bet in page]
        assert seen == ["i6", "i5", "i4", "i3", "i2", "i1", "i0"]
        older, newer = [*seen[1:], None], [None, *seen[:-1]]
        assert [await ledger.orders.neighbours(name) for name in seen] == list(
            zip(older, newer, strict=True)
        )
        running = await ledger.orders.list_orders(
            OrderFilter(states=frozenset({S.FILLED}), since=NOW + timedelta(seconds=1))
        )
        assert [bet.intent.intent_id for bet in running] == ["i5", "i3"]

    async def test_open_bets_are_those_that_are_not_final(self, ledger: Ledger) -> None:
        for state in OrderState:
            await put_in(ledger, state, state.value)
        found = await ledger.orders.open_orders(DRY)
        assert {bet.state for bet in found} == NOT_FINAL - STOPPED
        assert not any(bet.is_final for bet in found)
        assert await ledger.orders.open_orders(ExecutionMode.LIVE) == []

    async def test_accounts_of_one_mode_have_sums_of_their_own(self, ledger: Ledger) -> None:
        other = f"{ACCOUNT}2"
        await put_in(ledger, S.FILLED, "i1")
        await put_in(ledger, S.FILLED, "i2", account=other, stake_minor=300)
        changes = OrderChanges(pnl_minor=-300, settled_at=NOW)
        await ledger.orders.transition(
            "i2", S.LOST, at=NOW, cause="venue", worker="t", changes=changes
        )
        day = ledger.day_of(NOW)
        for account, states, profit, open_ in (
            (ACCOUNT, {"FILLED": 1}, 0, 1000),
            (other, {"LOST": 1}, -300, 0),
            (None, {"FILLED": 1, "LOST": 1}, -300, 1000),
        ):
            figures = await ledger.figures(DRY, account, day, clv_since=NOW)
            assert (figures.states, figures.profit_minor) == (states, profit)
            assert figures.outstanding_minor == open_
            summary = await ledger.summary(DRY, account, day)
            assert (summary.pnl_minor, summary.outstanding_minor) == (profit, open_)
        assert await ledger.accounts_in(DRY) == [ACCOUNT, other]
        assert await ledger.integrity() == []

    async def test_an_unknown_intent_is_told_apart(self, ledger: Ledger) -> None:
        with pytest.raises(NotInLedgerError):
            await ledger.orders.transition("nobody", S.QUOTED, at=NOW, cause="c", worker="w")
        assert await ledger.orders.by_reference("nobody") is None

    async def test_nothing_of_a_refused_creation_is_left(self, ledger: Ledger) -> None:
        await put_in(ledger, S.FILLED)
        with pytest.raises(SelectionOpenError):
            await ledger.orders.create(an_intent("i2", event=an_event("Team i1")), worker="w")
        assert await ledger.orders.trail("i2") == []
        assert await ledger.integrity() == []

    async def test_a_payload_of_any_text_survives(self, ledger: Ledger) -> None:
        text = "Ångström 1–0 \u202e🙂 '; DROP TABLE orders; --"
        intent = msgspec.structs.replace(an_intent(), home=text, league=text)
        await ledger.orders.create(intent, worker="w")
        assert (await ledger.orders.get("i1")).intent.home == text

    async def test_the_last_command_is_the_one_of_the_highest_revision(
        self, ledger: Ledger
    ) -> None:
        """A clock that ran two hours fast made the older command look newer; of one moment the
        revision decides, too.
        """
        for number, (mode, at) in enumerate(
            [
                (TradingMode.ACTIVE, NOW + timedelta(hours=2)),
                (TradingMode.PAUSED, NOW),
                (TradingMode.HALTED, NOW),
            ],
            start=3,
        ):
            state = TradingState(mode, "me", "why", at, revision=number)
            await ledger.commands.add(
                OperatorCommand(
                    f"c{number}",
                    CommandAction.PAUSE,
                    "me",
                    "cli",
                    "trading",
                    "why",
                    at,
                    True,
                    "done",
                    after=state,
                )
            )
            last = await ledger.commands.last_trading()
            assert last is not None and last.mode is mode

    async def test_commands_come_in_the_order_in_which_they_were_written(
        self, ledger: Ledger
    ) -> None:
        """Neither a clock that was set back nor one moment for several changes it, whoever else
        writes meanwhile.
        """
        hours = [2, 0, 0, -3, 1]
        for number, hour in enumerate(hours):
            await ledger.commands.add(a_disarming(f"c{9 - number}", NOW + timedelta(hours=hour)))
        assert [row.command_id for row in await ledger.commands.recent()] == [
            "c5",
            "c6",
            "c7",
            "c8",
            "c9",
        ]
        assert [row.command_id for row in await ledger.commands.recent(1, actions=DISARMINGS)] == [
            "c5"
        ]
        later = await ledger.commands.after("c8", DISARMINGS)
        assert later is not None and [row.command_id for row in later] == ["c5", "c6", "c7"]
        assert await ledger.commands.after("c5", DISARMINGS) == []
        assert await ledger.commands.after("c8", frozenset({CommandAction.HALT})) == []
        assert await ledger.commands.after("nobody's", DISARMINGS) is None

    async def test_commands_written_at_once_have_one_order_for_everybody(
        self, ledger: Ledger
    ) -> None:
        await asyncio.gather(
            *[ledger.commands.add(a_disarming(f"c{number}", NOW)) for number in range(20)]
        )
        order = [row.command_id for row in await ledger.commands.recent()]
        assert len(order) == 20
        for number, command_id in enumerate(order):
            later = await ledger.commands.after(command_id, DISARMINGS)
            assert later is not None and [row.command_id for row in later] == order[:number]


DISARMINGS = frozenset({CommandAction.DISARM})


def a_disarming(command_id: str, at: datetime) -> OperatorCommand:
    return OperatorCommand(
        command_id, CommandAction.DISARM, "me", "cli", "acc", "why", at, True, "done"
    )
