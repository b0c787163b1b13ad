"""``keter report``: the bets in the ledger measured, the books, and DRY against LIVE."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keter.cli.access import settings_meant, with_ledger
from keter.cli.output import JsonFlag, show_json, write_file
from keter.cli.report_accounts import ACCOUNT, AccountOption, Owners, owners_meant, with_accounts
from keter.domain.money import MINOR_PER_UNIT, grouped_text, money_text
from keter.domain.trading import ExecutionMode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keter.domain.orders import Order
    from keter.domain.placements import PlacementFact
    from keter.ledger import Ledger
    from keter.replay.parity import Parity
    from keter.replay.performance import Performance
    from keter.settings import Settings
    from keter.venues.paper.settings import PaperSettings

MOST_BETS = 100_000
# What a report about bets without money says first.
IMAGINED = {
    ExecutionMode.DRY: "DRY bets: fills are imagined, results are real.",
    ExecutionMode.DEMO: "DEMO bets: a simulated bookmaker. Prices, fills and results are made up.",
}
commands = typer.Typer(help="Measure the bets in the ledger.")
ModeOption = Annotated[
    ExecutionMode | None,
    typer.Option(help="DRY, LIVE or DEMO; never two. Default: that of the account."),
]
DaysOption = Annotated[float, typer.Option(help="How many days back.", min=0.01, max=10_000)]


def register(app: typer.Typer) -> None:
    """Add these commands to ``app``."""
    app.add_typer(commands, name="report")


@commands.command()
def bets(
    mode: ModeOption = None,
    account: AccountOption = None,
    days: DaysOption = 30,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with charts to this file.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show yield, closing line value, calibration, drawdown and profit.

    Profit is also shown by league, market, odds, book, time, and account if there are several.
    """
    from keter.replay.performance import performance
    from keter.replay.records import records_of

    settings = settings_meant()
    owners, found = with_ledger(lambda ledger: _bets(ledger, settings, mode, account, days))
    chosen, records = owners.mode, records_of(found, settings.mode.zone)
    result = with_accounts(performance(records), found, records)
    if html is not None:
        from keter.replay.report import html_report

        intro = f"{chosen} bets of {owners.text}, last {days:g} days."
        warnings = [IMAGINED[chosen]] if chosen in IMAGINED else []
        write_file(html, html_report(f"Keter {chosen}", intro, warnings, records, result))
    if as_json:
        import msgspec

        said = {"mode": chosen, "accounts": owners.accounts, "days": days}
        show_json({**said, **msgspec.to_builtins(result)})
    else:
        typer.echo(f"{chosen}, {owners.text}, last {days:g} days, {result.open} bets open")
        if chosen in IMAGINED:
            typer.echo(IMAGINED[chosen])
        show_performance(result)


@commands.command()
def books(
    mode: ModeOption = None,
    account: AccountOption = None,
    days: DaysOption = 90,
    as_json: JsonFlag = False,
) -> None:
    """Show refusal rate, delay to acceptance and price loss of each book."""
    import msgspec

    from keter.venues.paper.behaviour import behaviour

    settings = settings_meant()
    owners, facts = with_ledger(lambda ledger: _placements(ledger, settings, mode, account, days))
    found = behaviour(facts)
    if as_json:
        show_json([{**msgspec.to_builtins(one), "refusal_rate": one.refusal_rate} for one in found])
        return
    none = "" if found else ": no placements"
    typer.echo(f"{owners.mode}, {owners.text}, last {days:g} days{none}")
    typer.echo(
        f"{'book':<8}{'sent':>7}{'refused':>10}{'accepted in':>14}{'9 of 10 in':>12}"
        f"{'refused in':>12}{'price loss':>12}"
    )
    for one in found:
        typer.echo(
            f"{one.book:<8}{one.placements:>7}{100 * one.refusal_rate:>8.1f}"
            f" %{_seconds(one.accept_median_s):>14}"
            f"{_seconds(one.accept_p90_s):>12}{_seconds(one.refuse_median_s):>12}"
            f"{_percent(one.drift_pct):>12}"
        )


@commands.command()
def parity(account: AccountOption = None, days: DaysOption = 90, as_json: JsonFlag = False) -> None:
    """Show what DRY would have made of the placements of LIVE: fills, price, profit."""
    import msgspec

    from keter.replay.parity import Model
    from keter.replay.parity import parity as compare
    from keter.venues.paper.behaviour import LEARNED_FROM, learned

    settings, live = settings_meant(), ExecutionMode.LIVE
    owners, facts = with_ledger(lambda ledger: _placements(ledger, settings, live, account, days))
    uids = sorted({fact.bet.intent.event_uid for fact in facts})
    results = with_ledger(lambda ledger: ledger.results.many(uids))
    # Of all accounts, as the paper gateway learns.
    _, every = with_ledger(
        lambda ledger: _placements(ledger, settings, live, None, LEARNED_FROM / timedelta(days=1))
    )
    paper = learned(settings.paper, every)
    rows = compare(facts, results, Model(paper, settings.router))
    if as_json:
        show_json(msgspec.to_builtins(rows))
        return
    if not rows:
        typer.echo(
            f"no LIVE placements of {owners.text} in the last {days:g} days: nothing to compare"
        )
        return
    typer.echo(f"LIVE, {owners.text}, last {days:g} days")
    learned_from = f"LIVE placements of the last {LEARNED_FROM.days} days"
    _print_parity(rows, paper, "the PAPER_* settings" if paper == settings.paper else learned_from)


def _print_parity(rows: "Sequence[Parity]", paper: "PaperSettings", source: str) -> None:
    typer.echo(
        f"DRY draws from {source}: {100 * paper.paper_refusal_rate:.1f} % refused, drift"
        f" {paper.paper_drift_pct:.2f} %"
    )
    typer.echo(
        f"{'book':<8}{'sent':>6}{'filled DRY':>12}{'LIVE':>8}{'price DRY':>12}{'LIVE':>9}"
        f"{'profit DRY':>13}{'LIVE':>11}"
    )
    for row in rows:
        typer.echo(_parity_line(row))
    if rows[0].without_result:
        typer.echo(
            f"{rows[0].without_result} placements have no recorded result and count without profit"
            " on both sides"
        )


def show_performance(result: "Performance") -> None:
    """Print the figures as text."""
    from keter.replay.report import interval, percent

    clv, yield_ = result.clv, result.yield_
    typer.echo(
        f"\n{result.bets:,} bets, turnover {money_text(result.turnover_minor)}, profit"
        f" {money_text(result.pnl_minor)}\nyield {percent(yield_.value if yield_ else None)}"
        f" ({interval(yield_)})\nclosing line value {percent(clv.value if clv else None)}"
        f" ({interval(clv)}), {result.clv_missing} bets without a closing price of their"
        f" line\n{_modelled(result)}{_expectation(result)}\nlargest drawdown"
        f" {money_text(result.max_drawdown_minor)}, longest losing streak"
        f" {result.longest_losing_streak}, longest winning streak {result.longest_win_streak}\n"
    )
    for name, rows in result.slices.items():
        # Accounts may differ in their last letters only, so their names are shown whole.
        width = max([21, *(len(row.name) for row in rows if name == ACCOUNT)])
        typer.echo(
            f"{name:<{width}} {'bets':>7}{'turnover':>12}{'profit':>12}{'yield':>10}{'CLV':>10}"
        )
        for row in rows:
            typer.echo(
                f"{row.name[:width]:<{width}} {row.n:>7,}{money_text(row.turnover_minor):>12}"
                f"{money_text(row.pnl_minor):>12}{percent(row.yield_):>10}{percent(row.clv):>10}"
            )
        typer.echo("")


def _modelled(result: "Performance") -> str:
    from keter.replay.report import interval, percent

    moved = result.clv_modelled
    if moved is None:
        return ""
    return (
        f"modelled on {moved.n} of these from another line's close {percent(moved.value)}"
        f" ({interval(moved)})\n"
    )


def _expectation(result: "Performance") -> str:
    """Return the expected profit, its parts, and how good the probabilities were."""
    parts = [f"promised {grouped_text(result.expected_minor)}"]
    if (split := result.attribution) is not None:
        parts.append(
            f"of {split.n:,} bets with a close: promised {grouped_text(split.promised_minor)},"
            f" slippage {grouped_text(split.slippage_minor, signed=True)}, drift to the close"
            f" {grouped_text(split.drift_minor, signed=True)},"
            f" luck {grouped_text(split.luck_minor, signed=True)}"
        )
    if result.brier is not None and result.log_loss is not None:
        parts.append(f"Brier {result.brier:.4f}, log loss {result.log_loss:.4f}")
    return "; ".join(parts)


async def _bets(
    ledger: "Ledger",
    settings: "Settings",
    mode: ExecutionMode | None,
    account: str | None,
    days: float,
) -> "tuple[Owners, list[Order]]":
    from keter.clock import SystemClock
    from keter.ledger import OrderFilter

    owners = await owners_meant(ledger, settings, mode, account)
    since = SystemClock().now() - timedelta(days=days)
    chosen = OrderFilter(mode=owners.mode, account=owners.only, since=since)
    return owners, await ledger.orders.list_orders(chosen, limit=MOST_BETS)


async def _placements(
    ledger: "Ledger",
    settings: "Settings",
    mode: ExecutionMode | None,
    account: str | None,
    days: float,
) -> "tuple[Owners, list[PlacementFact]]":
    from keter.clock import SystemClock

    owners = await owners_meant(ledger, settings, mode, account)
    since = SystemClock().now() - timedelta(days=days)
    return owners, await ledger.placements(owners.mode, owners.only, since)


def _parity_line(row: "Parity") -> str:
    dry, live = row.dry, row.live
    return (
        f"{row.name:<8}{row.placements:>6}{dry.fills:>12.1f}{live.fills:>8.0f}"
        f"{_ratio(dry.price_ratio):>12}{_ratio(live.price_ratio):>9}"
        f"{dry.pnl_minor / MINOR_PER_UNIT:>13.2f}{live.pnl_minor / MINOR_PER_UNIT:>11.2f}"
    )


def _seconds(value: float | None) -> str:
    return "—" if value is None else f"{value:.1f} s"


def _percent(value: float | None) -> str:
    return "—" if value is None else f"{value:.2f} %"


def _ratio(value: float | None) -> str:
    return "—" if value is None else f"{value:.4f}"
