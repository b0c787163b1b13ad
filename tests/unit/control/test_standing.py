"""Where trading stands is told with the words of whoever brought it about, and of nobody else."""

from datetime import UTC, datetime, timedelta

from keter.bus.state.trading import TradingView
from keter.cli.status import _standing, render
from keter.cli.status_accounts import standing_facts
from keter.control.standing import Standing
from keter.dashboard.snapshot import trading_view
from keter.domain.trading import TradingMode, TradingState

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
BEGAN = NOON - timedelta(hours=1)
FILE = ("the HALT file",)


def standing(state: TradingState | None, *, halt_file: bool = False) -> Standing:
    view = TradingView(state, trading_enabled=True, global_stop=False)
    return Standing(view, halt_file, NOON, stops=FILE if halt_file else ())


def state(mode: TradingMode, until: datetime | None = None) -> TradingState:
    return TradingState(mode, "ops", "lunch", BEGAN, until, 7)


def test_a_pause_that_stands_is_told_as_it_was_said() -> None:
    told = trading_view(
        standing(state(TradingMode.PAUSED, NOON + timedelta(minutes=5))),
        armed=False,
        unlicensed=None,
    )
    assert (told.mode, told.actor, told.reason, told.since) == ("PAUSED", "ops", "lunch", BEGAN)
    assert told.until == NOON + timedelta(minutes=5)


def test_betting_runs_since_the_end_of_a_pause_and_not_since_its_beginning() -> None:
    ended = NOON - timedelta(minutes=5)
    told = trading_view(standing(state(TradingMode.PAUSED, ended)), armed=False, unlicensed=None)
    assert (told.mode, told.since, told.until, told.revision) == ("ACTIVE", ended, None, 7)
    assert (told.actor, told.reason) == ("ops", "the pause is over (lunch)")


def test_a_halt_file_is_not_put_down_to_whoever_had_let_betting_run() -> None:
    told = trading_view(
        standing(state(TradingMode.ACTIVE), halt_file=True), armed=False, unlicensed=None
    )
    assert (told.mode, told.actor, told.reason, told.since) == ("HALTED", None, None, None)
    assert (told.stops, told.revision) == (list(FILE), 7)


def test_a_halt_with_its_file_is_told_as_it_was_said() -> None:
    told = trading_view(
        standing(state(TradingMode.HALTED), halt_file=True), armed=False, unlicensed=None
    )
    assert (told.mode, told.actor, told.reason, told.since) == ("HALTED", "ops", "lunch", BEGAN)


def test_the_command_line_says_the_same() -> None:
    alone = _standing(standing(state(TradingMode.ACTIVE), halt_file=True))
    assert render({"mode": "DRY", "problem": None, **alone}) == [
        "DRY  HALTED  stopped by the HALT file"
    ]
    lapsed = _standing(standing(state(TradingMode.PAUSED, NOON - timedelta(minutes=5))))
    assert render({"mode": "DRY", "problem": None, **lapsed}) == [
        "DRY  ACTIVE", "  since 2026-11-21 11:55:00 UTC, by ops: the pause is over (lunch)",
    ]  # fmt: skip


def test_of_several_accounts_trading_stands_as_the_one_that_may_bet_most() -> None:
    """While one of them bets, trading goes on; a single one that is paused is all there is."""
    one, two = "asianodds:one", "asianodds:two"
    paused = TradingState(TradingMode.PAUSED, "guard", "losing streak", BEGAN, revision=1)
    active = state(TradingMode.ACTIVE)
    both = TradingView(active, trading_enabled=True, global_stop=False, scoped={two: paused})
    trading = Standing(both, halt_file=False, at=NOON, accounts=(one, two))
    rest = {"mode": "DRY", "armed": False, "open_bets": None, "pnl_today": None}
    each = [rest | {"account": name} | standing_facts(trading.of(name)) for name in (one, two)]
    told = {"mode": "DRY", "problem": None, "accounts": each, **_standing(trading)}
    assert render(told) == [
        "DRY  ACTIVE",
        "  since 2026-11-21 11:00:00 UTC, by ops: lunch",
        "  asianodds:one  DRY  ACTIVE",
        "  asianodds:two  DRY  PAUSED",
        "    since 2026-11-21 11:00:00 UTC, by guard: losing streak",
    ]
    alone = _standing(Standing(both, halt_file=False, at=NOON, accounts=(two,)))
    assert render({"mode": "DRY", "problem": None, **alone}) == [
        "DRY  PAUSED",
        "  since 2026-11-21 11:00:00 UTC, by guard: losing streak",
    ]
