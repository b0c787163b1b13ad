"""``keter backtest``: the edge gate on football-data.co.uk files."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keter.cli.output import JsonFlag, show_json
from keter.cli.progress import counting
from keter.cli.reports import show_performance
from keter.domain.markets import MarketKind
from keter.errors import UnavailableError, UsageError
from keter.replay.football import AVERAGES, BOOKS, OPTIMISTIC, Moment

if TYPE_CHECKING:
    from keter.replay.backtest import Backtest, Rules
    from keter.replay.performance import Performance

MARKETS = (MarketKind.ONE_X_TWO, MarketKind.ASIAN_HANDICAP, MarketKind.OVER_UNDER)


def register(app: typer.Typer) -> None:
    """Adds this command to ``app``."""
    app.command()(backtest)


def backtest(
    paths: Annotated[list[Path], typer.Argument(help="football-data.co.uk files, or folders of them.")],
    market: Annotated[list[MarketKind] | None, typer.Option(help="1x2, ah or ou; repeat for several. Default: all.")] = None,
    books: Annotated[str, typer.Option(help=f"Books to bet with, comma separated: {', '.join(BOOKS)}.")] = "MAX",
    prices: Annotated[Moment, typer.Option(help="When prices are taken.")] = Moment.EARLIER,
    against: Annotated[Moment, typer.Option(help="Whose Pinnacle price is the yardstick.")] = Moment.EARLIER,
    min_ev: Annotated[float | None, typer.Option(help="Least value in per cent. Default: MIN_EV_PCT.")] = None,
    rule: Annotated[str | None, typer.Option(help="fixed, ev or kelly. Default: STAKE_RULE.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a report with charts to this file.")] = None,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write every bet to this file.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Bet past seasons through the live gates; Pinnacle is the sharp book, settings come from .env."""
    from keter.replay.backtest import run
    from keter.replay.performance import performance

    rules = _rules(frozenset(market or MARKETS), _books(books), prices, against, min_ev, rule)
    with counting("fixtures") as advance:
        tested = run(paths, rules, advance)
    result = performance(tested.bets)
    if html is not None:
        _write(html, _page(tested, rules, result))
    if csv_file is not None:
        _write_csv(csv_file, tested)
    if as_json:
        import msgspec

        read = {"files": tested.files, "fixtures": tested.fixtures, "markets": tested.markets}
        show_json({**read, "skipped_rows": len(tested.skipped), "warnings": warnings(rules), **msgspec.to_builtins(result)})
    else:
        _table(tested, rules, result)


def warnings(rules: "Rules") -> list[str]:
    """What makes a result of these rules look better than betting would have been."""
    found = []
    if best := sorted(OPTIMISTIC & set(rules.books)):
        found.append(
            f"{', '.join(best)} is the best price over sources of unequal age and includes Pinnacle itself: nobody could have "
            "taken all of these prices. Treat the result as arithmetic, not as a forecast."
        )
    if mean := sorted(AVERAGES & set(rules.books)):
        found.append(f"{', '.join(mean)} is a mean over books: no book offered it.")
    if rules.sharp_moment is Moment.CLOSE and rules.moment is Moment.EARLIER:
        found.append("Earlier prices are held against the close, which nobody knew then: this measures the market only.")
    return found


def _rules(
    kinds: frozenset[MarketKind], books: tuple[str, ...], moment: Moment, sharp: Moment, min_ev: float | None, rule: str | None
) -> "Rules":
    from keter.replay.backtest import Rules
    from keter.settings import child_environment, load_settings

    overrides = {"MIN_SHARP_SOURCES": "1", "BET_BOOKS": "ALL", "CONFIRMATION_WINDOW_SEC": "0"}
    if min_ev is not None:
        overrides["MIN_EV_PCT"] = str(min_ev)
    if rule is not None:
        overrides["STAKE_RULE"] = rule
    settings = load_settings(environ=child_environment(**overrides))
    if MarketKind.MONEY_LINE in kinds:
        raise UsageError("football-data files have no two-way money lines; choose 1x2, ah or ou")
    return Rules(settings.edge, settings.stake, settings.risk, books, kinds, moment, sharp)


def _books(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip().upper() for name in text.split(",") if name.strip()))
    if unknown := [name for name in names if name not in BOOKS]:
        raise UsageError(f"unknown book {unknown[0]}; the files know {', '.join(BOOKS)}")
    if not names:
        raise UsageError("name at least one book")
    return names


def _page(tested: "Backtest", rules: "Rules", result: "Performance") -> str:
    from keter.replay.report import html_report

    return html_report(f"Backtest of {len(tested.files)} files", _intro(tested, rules), warnings(rules), tested.bets, result)


def _intro(tested: "Backtest", rules: "Rules") -> str:
    kinds = ", ".join(sorted(kind.value for kind in rules.kinds))
    return (
        f"{tested.fixtures:,} fixtures, {tested.markets:,} markets ({kinds}); prices of {', '.join(rules.books)} taken "
        f"{rules.moment.value}, value of at least {rules.edge.min_ev_pct:g} % against Pinnacle's {rules.sharp_moment.value} "
        f"price; stake rule {rules.stake.stake_rule}. {len(tested.skipped)} rows could not be used."
    )


def _table(tested: "Backtest", rules: "Rules", result: "Performance") -> None:
    typer.echo(_intro(tested, rules))
    for text in warnings(rules):
        typer.echo(f"! {text}")
    show_performance(result)


def _write_csv(path: Path, tested: "Backtest") -> None:
    import io

    import msgspec

    text = io.StringIO()
    rows = [{**msgspec.to_builtins(bet), "clv": bet.clv} for bet in tested.bets]
    if rows:
        writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    _write(path, text.getvalue())


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as e:
        raise UnavailableError(f"{path} cannot be written: {e.strerror}") from e
