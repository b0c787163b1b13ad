"""One self-contained HTML page about a set of bets: warnings, figures, charts and tables."""

from collections.abc import Sequence
from html import escape

from keter.domain.money import MINOR_PER_UNIT, grouped_text, money_text
from keter.replay.charts import bar_chart, calibration_chart, histogram, line_chart
from keter.replay.performance import Attribution, Estimate, Performance, equity
from keter.replay.records import BetRecord
from keter.replay.slices import Slice

_STYLE = """
:root {
  --bg: #f6f8fa; --panel: #fff; --text: #14191f; --muted: #4d5761; --gain: #0b6b3a;
  --loss: #b3261e; --info: #0b57a4; --grid: #c9d1d9;
}
@media (prefers-color-scheme: dark) {
  :root {
    --bg: #0e1116; --panel: #151a21; --text: #e6edf3; --muted: #9aa7b4; --gain: #4cc38a;
    --loss: #ff8b7d; --info: #79b8ff; --grid: #30363d;
  }
}
body {
  background: var(--bg); color: var(--text); font: 15px/1.45 system-ui, sans-serif;
  margin: 0 auto; max-width: 1120px; padding: 16px;
}
h1 { font-size: 1.4rem }
h2 { font-size: 1.05rem; margin: .2rem 0 }
.muted, figcaption { color: var(--muted) }
.strip { display: grid; gap: 8px; grid-template-columns: repeat(auto-fit, minmax(165px, 1fr)) }
.card, figure, .scroll {
  background: var(--panel); border-radius: 8px; margin: 8px 0; padding: 12px;
}
.card b { display: block; font-size: 1.25rem; font-variant-numeric: tabular-nums }
.warn { border-left: 4px solid #b77900 }
.pair {
  display: grid; gap: 0 12px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 460px), 1fr));
}
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100% }
td, th { padding: 3px 8px; text-align: right }
td:first-child, th:first-child { text-align: left }
.scroll { overflow-x: auto }
svg { display: block; width: 100% }
svg text { fill: var(--muted); font-size: 12px }
svg .end { text-anchor: end }
.grid { stroke: var(--grid) }
.line { fill: none; stroke: var(--info); stroke-width: 2 }
.depth { fill: var(--loss); opacity: .3 }
.gain { fill: var(--gain) }
.loss { fill: var(--loss) }
.dot { fill: var(--info) }
.bar { stroke: var(--muted) }
"""
_NOT_KNOWN = "—"


def html_report(
    title: str,
    intro: str,
    warnings: Sequence[str],
    records: Sequence[BetRecord],
    result: Performance,
) -> str:
    """Return the page as text.

    ``intro`` says what was measured. Each warning is shown above the figures.
    """
    parts = [
        f"<h1>{escape(title)}</h1><p>{escape(intro)}</p>",
        *[f'<p class="card warn">{escape(text)}</p>' for text in warnings],
        _strip(result),
        *_equity_figure(records, result),
    ]
    if result.attribution is not None:
        parts.append(_attribution_table(result.attribution))
    pair = [
        *_closing_figure(records, result),
        *_calibration_figure(result),
        *_slice_figures(result),
    ]
    parts.append(f'<div class="pair">{"".join(pair)}</div>')
    parts += [_slice_table(name, rows) for name, rows in result.slices.items()]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>"
        f"<main>{''.join(parts)}</main></html>\n"
    )


def percent(value: float | None, digits: int = 2) -> str:
    """Return a ratio as ``+3.10 %``, or a dash if it is not known."""
    return _NOT_KNOWN if value is None else f"{100 * value:+.{digits}f} %"


def interval(estimate: Estimate | None) -> str:
    """Return the 95 % interval and the t-values in words.

    The second t-value counts every bet as independent.
    """
    if estimate is None or estimate.low is None or estimate.t is None:
        return "no interval"
    single = "" if estimate.t_single is None else f", {estimate.t_single:.1f} bet by bet"
    return (
        f"95 %: {percent(estimate.low)} to {percent(estimate.high)}, t = {estimate.t:.1f}{single}"
    )


def _equity_figure(records: Sequence[BetRecord], result: Performance) -> list[str]:
    points = equity(records)
    if not points:
        return []
    chart = line_chart(
        [point.pnl_minor / MINOR_PER_UNIT for point in points],
        [point.drawdown_minor / MINOR_PER_UNIT for point in points],
        label=f"Profit over {len(points)} bets, ending at {money_text(result.pnl_minor)}",
        unit="profit",
    )
    caption = "The line is profit bet by bet, the area the distance to its peak."
    return [_figure("Profit and drawdown", chart, caption)]


def _closing_figure(records: Sequence[BetRecord], result: Performance) -> list[str]:
    values = [record.clv for record in records if record.clv is not None]
    if not values:
        return []
    caption = (
        f"{len(values)} bets with a closing price of their line; {result.clv_missing} without"
        " one are left out."
    )
    if (moved := result.clv_modelled) is not None:
        caption += (
            f" Modelled on {moved.n} of these from another line's close: {percent(moved.value)}"
            f" ({interval(moved)})."
        )
    chart = histogram(values, label="Distribution of closing line value")
    return [_figure("Closing line value", chart, caption)]


def _calibration_figure(result: Performance) -> list[str]:
    if not result.calibration:
        return []
    chart = calibration_chart(result.calibration, label="Share won against fair probability")
    caption = "Share won against fair probability, 95 % intervals, equal counts."
    return [_figure("Calibration", chart, caption)]


def _slice_figures(result: Performance) -> list[str]:
    return [
        _figure(
            f"Profit by {name}",
            bar_chart(rows, label=f"Profit by {name}"),
            "Number of bets in brackets.",
        )
        for name, rows in result.slices.items()
    ]


def _strip(result: Performance) -> str:
    """Return the row of cards with the main figures."""
    inner = "".join(
        f'<div class="card">{name}<b>{value}</b><span class="muted">{more}</span></div>'
        for name, value, more in _cards(result)
    )
    return f'<div class="strip">{inner}</div>'


def _cards(result: Performance) -> list[tuple[str, str, str]]:
    """Return name, value and explanation of each card."""
    gain, clv = result.yield_, result.clv
    luck = _NOT_KNOWN if result.luck_minor is None else grouped_text(result.luck_minor, signed=True)
    promised = f"promised {grouped_text(result.expected_minor)}"
    beat = percent(result.beat_close, 1).lstrip("+")
    streak = f"longest losing streak {result.longest_losing_streak}"
    cards = [
        ("Bets", f"{result.bets:,}", f"{result.open} open or unsettled"),
        ("Turnover", money_text(result.turnover_minor), ""),
        ("Profit", money_text(result.pnl_minor), promised),
        ("Yield", percent(gain.value if gain else None), interval(gain)),
        ("Closing line value", percent(clv.value if clv else None), interval(clv)),
        ("Beat the close", beat, f"of {clv.n if clv else 0} bets with a close"),
        ("Luck", luck, "profit less closing value"),
        ("Largest drawdown", money_text(result.max_drawdown_minor), streak),
    ]
    if result.brier is not None and result.log_loss is not None:
        cards.append(("Log loss", f"{result.log_loss:.4f}", f"Brier {result.brier:.4f}"))
    return cards


def _figure(title: str, chart: str, caption: str) -> str:
    head = f"<h2>{escape(title)}</h2>"
    return f"<figure>{head}{chart}<figcaption>{escape(caption)}</figcaption></figure>"


def _attribution_table(split: Attribution) -> str:
    """Return a table of one row: the parts of the profit."""
    parts = (split.promised_minor, split.slippage_minor, split.drift_minor, split.luck_minor)
    names = ("Bets with a close", "Promised", "Slippage", "Drift to the close", "Luck", "Profit")
    amounts = "".join(
        f"<td>{grouped_text(amount, signed=True)}</td>" for amount in (*parts, sum(parts))
    )
    return _table(names, f"<tr><td>{split.n:,}</td>{amounts}</tr>")


def _slice_table(name: str, rows: Sequence[Slice]) -> str:
    names = (name.capitalize(), "Bets", "Turnover", "Profit", "Yield", "CLV", "with close")
    body = "".join(
        f'<tr><th scope="row">{escape(row.name)}</th><td>{row.n:,}</td>'
        f"<td>{money_text(row.turnover_minor)}</td><td>{money_text(row.pnl_minor)}</td>"
        f"<td>{percent(row.yield_)}</td><td>{percent(row.clv)}</td><td>{row.n_clv:,}</td></tr>"
        for row in rows
    )
    return _table(names, body)


def _table(names: Sequence[str], body: str) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
