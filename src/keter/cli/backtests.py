"""``keter backtest``: the live gates on football-data.co.uk files or on recordings."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keter.cli.output import JsonFlag, show_json, write_file
from keter.cli.progress import reading
from keter.cli.replays import FILLED_AS_SEEN, read_answers, recorded_files
from keter.cli.reports import show_performance
from keter.domain.market_kinds import MarketKind
from keter.errors import ConfigurationError, UsageError
from keter.replay.football import AVERAGES, BOOKS, EXCHANGES, OPTIMISTIC, Moment

if TYPE_CHECKING:
    from keter.replay.backtest import Backtest, Rules
    from keter.replay.records import BetRecord
    from keter.settings import Settings

MARKETS = (MarketKind.ONE_X_TWO, MarketKind.ASIAN_HANDICAP, MarketKind.OVER_UNDER)
LeastValue = Annotated[
    float | None, typer.Option(help="Least value in per cent. Default: MIN_EV_PCT.")
]
MostValue = Annotated[
    float | None, typer.Option(help="Value taken for an error, in per cent. Default: EV_MAX_PCT.")
]
OPTION_OF = {"MIN_EV_PCT": "--min-ev", "EV_MAX_PCT": "--max-ev", "STAKE_RULE": "--rule"}


def register(app: typer.Typer) -> None:
    """Add this command to ``app``."""
    app.command()(backtest)


def backtest(
    paths: Annotated[
        list[Path],
        typer.Argument(help="football-data.co.uk files, capture files, or folders of either kind."),
    ],
    market: Annotated[
        list[MarketKind] | None,
        typer.Option(help="1x2, ah or ou; repeat for several. Default: all."),
    ] = None,
    books: Annotated[
        str, typer.Option(help=f"Books to bet with, comma separated: {', '.join(BOOKS)}.")
    ] = "MAX",
    prices: Annotated[Moment, typer.Option(help="When prices are taken.")] = Moment.EARLIER,
    against: Annotated[
        Moment, typer.Option(help="Whose Pinnacle price is the yardstick.")
    ] = Moment.EARLIER,
    min_ev: LeastValue = None,
    max_ev: MostValue = None,
    rule: Annotated[
        str | None, typer.Option(help="fixed, ev or kelly. Default: STAKE_RULE.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a report with charts to this file.")
    ] = None,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", help="Write every bet to this file.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Bet past seasons, or recordings, through the live gates; settings come from .env.

    In football-data files Pinnacle is the sharp book. --market, --books, --prices and --against
    choose what is bet. Recordings hold every book's price at its time and are bet as they were
    seen.
    """
    recordings, changes = recorded_files(paths), _overrides(min_ev, max_ev, rule)
    if recordings:
        measured = _of_recordings(recordings, changes)
    else:
        measured = _of_seasons(
            paths, _rules(frozenset(market or MARKETS), _books(books), prices, against, changes)
        )
    _write_out(measured, html, csv_file, as_json=as_json)


@dataclass(frozen=True, slots=True)
class Measured:
    """The bets of one run, what was read for them, and warnings for the reader."""

    title: str
    intro: str
    warnings: list[str]
    read: dict[str, object]
    bets: "list[BetRecord]"


def _of_seasons(paths: list[Path], rules: "Rules") -> Measured:
    from keter.replay.backtest import run
    from keter.replay.football import csv_files

    with reading(csv_files(paths), "fixtures") as advance:
        tested = run(paths, rules, advance)
    read: dict[str, object] = {
        "files": tested.files,
        "fixtures": tested.fixtures,
        "markets": tested.markets,
    }
    read |= {"skipped_rows": len(tested.skipped), "above_ceiling": tested.above_ceiling}
    cautions = warnings(rules)
    if tested.above_ceiling:
        cautions.append(
            f"{tested.above_ceiling:,} selections worth more than {rules.edge.ev_max_pct:g} % were"
            " taken for errors, as live, and left out; --max-ev changes that."
        )
    return Measured(
        f"Backtest of {len(tested.files)} files", _intro(tested, rules), cautions, read, tested.bets
    )


def _of_recordings(files: list[Path], changes: dict[str, str]) -> Measured:
    from keter.replay.replayer import Replayer
    from keter.venues.asianodds.recorded_feed import CapturedFeeds

    replayer = Replayer(_settings(changes), CapturedFeeds())
    with reading(files, "answers") as advance:
        for _ in replayer.run(read_answers(files, advance)):
            pass
    intro = (
        f"{replayer.answers:,} recorded answers, {replayer.updates:,} market updates, {len(files)}"
        " files."
    )
    read: dict[str, object] = {"files": [file.name for file in files], "answers": replayer.answers}
    read |= {"market_updates": replayer.updates, "broken_answers": sum(replayer.broken.values())}
    bets = replayer.book.records(replayer.closing)
    return Measured(f"Backtest of {len(files)} recordings", intro, [FILLED_AS_SEEN], read, bets)


def _write_out(
    measured: Measured, html: Path | None, csv_file: Path | None, *, as_json: bool
) -> None:
    from keter.replay.performance import performance

    result = performance(measured.bets)
    if html is not None:
        from keter.replay.report import html_report

        write_file(
            html,
            html_report(measured.title, measured.intro, measured.warnings, measured.bets, result),
        )
    if csv_file is not None:
        _write_csv(csv_file, measured.bets)
    if as_json:
        import msgspec

        show_json({**measured.read, "warnings": measured.warnings, **msgspec.to_builtins(result)})
        return
    typer.echo(measured.intro)
    for text in measured.warnings:
        typer.echo(f"! {text}")
    if result.open:
        typer.echo(f"{result.open:,} bets have no result there and are left out of the figures.")
    show_performance(result)


def warnings(rules: "Rules") -> list[str]:
    """Return why a result of these rules looks better than betting would have been."""
    found = []
    if best := sorted(OPTIMISTIC & set(rules.books)):
        found.append(
            f"{', '.join(best)} is the best price over sources of unequal age and includes Pinnacle"
            " itself: nobody could have taken all of these prices. Treat the result as arithmetic,"
            " not as a forecast."
        )
    if mean := sorted(AVERAGES & set(rules.books)):
        found.append(f"{', '.join(mean)} is a mean over books: no book offered it.")
    if exchange := sorted(EXCHANGES & set(rules.books)):
        found.append(
            f"{', '.join(exchange)} is an exchange: its prices are before the commission on"
            " winnings, and count in full."
        )
    if rules.sharp_moment is Moment.CLOSE and rules.moment is Moment.EARLIER:
        found.append(
            "Earlier prices are held against the close, which nobody knew then: this measures the"
            " market only."
        )
    return found


def _rules(
    kinds: frozenset[MarketKind],
    books: tuple[str, ...],
    moment: Moment,
    sharp: Moment,
    changes: dict[str, str],
) -> "Rules":
    from keter.replay.backtest import Rules

    settings = _settings(
        changes, MIN_SHARP_SOURCES="1", BET_BOOKS="ALL", CONFIRMATION_WINDOW_SEC="0"
    )
    if MarketKind.MONEY_LINE in kinds:
        raise UsageError("football-data files have no two-way money lines; choose 1x2, ah or ou")
    return Rules(settings.edge, settings.stake, settings.risk, books, kinds, moment, sharp)


def _settings(changes: dict[str, str], **fixed: str) -> "Settings":
    """Return the settings with the changes of this run.

    Raises UsageError where an option is wrong, ConfigurationError where the settings are.
    """
    from keter.settings import child_environment, load_settings

    try:
        return load_settings(environ=child_environment(**fixed, **changes))
    except ConfigurationError as e:
        # Settings that are wrong without the options raise here.
        load_settings(environ=child_environment(**fixed))
        text = str(e).removeprefix("wrong settings: ")
        for name, option in OPTION_OF.items():
            text = text.replace(f"{name} (environment)", option)
        raise UsageError(f"wrong options: {text}") from e


def _overrides(min_ev: float | None, max_ev: float | None, rule: str | None) -> dict[str, str]:
    """Return the settings that the command line changes for this run."""
    given = {"MIN_EV_PCT": min_ev, "EV_MAX_PCT": max_ev, "STAKE_RULE": rule}
    return {name: str(value) for name, value in given.items() if value is not None}


def _books(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip().upper() for name in text.split(",") if name.strip()))
    if unknown := [name for name in names if name not in BOOKS]:
        raise UsageError(f"unknown book {unknown[0]}; the files know {', '.join(BOOKS)}")
    if not names:
        raise UsageError("name at least one book")
    return names


def _intro(tested: "Backtest", rules: "Rules") -> str:
    kinds = ", ".join(sorted(kind.value for kind in rules.kinds))
    return (
        f"{tested.fixtures:,} fixtures, {tested.markets:,} markets ({kinds}); prices of"
        f" {', '.join(rules.books)} taken {rules.moment.value}, value of at least"
        f" {rules.edge.min_ev_pct:g} % against Pinnacle's {rules.sharp_moment.value} price; stake"
        f" rule {rules.stake.stake_rule}. {len(tested.skipped)} rows could not be used."
    )


def _write_csv(path: Path, bets: "list[BetRecord]") -> None:
    import msgspec

    from keter.plain import csv_lines

    rows = [{**msgspec.to_builtins(bet), "clv": bet.clv} for bet in bets]
    table = [list(rows[0]), *[list(row.values()) for row in rows]] if rows else []
    write_file(path, csv_lines(table).decode())
