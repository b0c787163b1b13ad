"""One self-contained HTML page about a set of bets: figures, charts, and what to be careful
about.
"""

from collections.abc import Sequence
from html import escape

from keter.domain.money import money_text
from keter.replay.charts import bar_chart, calibration_chart, histogram, line_chart
from keter.replay.performance import Attribution, Estimate, Performance, Slice, equity
from keter.replay.records import BetRecord

_STYLE = """
:root{--bg:#f6f8fa;--panel:#fff;--text:#14191f;--muted:#4d5761;--gain:#0b6b3a;--loss:#b3261e;--info:#0b57a4;--grid:#c9d1d9}
@media (prefers-color-scheme:dark){:root{--bg:#0e1116;--panel:#151a21;--text:#e6edf3;--muted:#9aa7b4;--gain:#4cc38a;
--loss:#ff8b7d;--info:#79b8ff;--grid:#30363d}}
body{background:var(--bg);color:var(--text);font:15px/1.45 system-ui,sans-serif;margin:0 auto;max-width:1120px;padding:16px}
h1{font-size:1.4rem}h2{font-size:1.05rem;margin:.2rem 0}.muted,figcaption{color:var(--muted)}
.strip{display:grid;gap:8px;grid-template-columns:repeat(auto-fit,minmax(165px,1fr))}
.card,figure,.scroll{background:var(--panel);border-radius:8px;margin:8px 0;padding:12px}
.card b{display:block;font-size:1.25rem;font-variant-numeric:tabular-nums}.warn{border-left:4px solid #b77900}
.pair{display:grid;gap:0 12px;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr))}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;width:100%}td,th{padding:3px 8px;text-align:right}
td:first-child,th:first-child{text-align:left}.scroll{overflow-x:auto}
svg{display:block;width:100%}svg text{fill:var(--muted);font-size:12px}svg .end{text-anchor:end}.grid{stroke:var(--grid)}
.line{fill:none;stroke:var(--info);stroke-width:2}.depth{fill:var(--loss);opacity:.3}.gain{fill:var(--gain)}.loss{fill:var(--loss)}
.dot{fill:var(--info)}.bar{stroke:var(--muted)}
"""


def html_report(
    title: str,
    intro: str,
    warnings: Sequence[str],
    records: Sequence[BetRecord],
    result: Performance,
) -> str:
    """The page as text.

    ``intro`` says what was measured; each warning is shown above the figures.
    """
    points = equity(records)
    values = [record.clv for record in records if record.clv is not None]
    parts = [
        f"<h1>{escape(title)}</h1><p>{escape(intro)}</p>",
        *[f'<p class="card warn">{escape(text)}</p>' for text in warnings],
        _strip(result),
    ]
    if points:
        chart = line_chart(
            [p.pnl_minor / 100 for p in points],
            [p.drawdown_minor / 100 for p in points],
            label=f"Profit over {len(points)} bets, ending at {money_text(result.pnl_minor)}",
            unit="profit",
        )
        parts.append(
            _figure(
                "Profit and drawdown",
                chart,
                "The line is profit bet by bet, the area the distance to its peak.",
            )
        )
    pair = []
    if values:
        caption = (
            f"{len(values)} bets with a closing price of their line; {result.clv_missing} without"
            " one are left out."
        )
        if (moved := result.clv_modelled) is not None:
            caption += (
                f" Modelled on {moved.n} of these from another line's close: {percent(moved.value)}"
                f" ({interval(moved)})."
            )
        pair.append(
            _figure(
                "Closing line value",
                histogram(values, label="Distribution of closing line value"),
                caption,
            )
        )
    if result.calibration:
        chart = calibration_chart(result.calibration, label="Share won against fair probability")
        pair.append(
            _figure(
                "Calibration",
                chart,
                "Share won against fair probability, 95 % intervals, equal counts.",
            )
        )
    pair += [
        _figure(
            f"Profit by {name}",
            bar_chart(rows, label=f"Profit by {name}"),
            "Number of bets in brackets.",
        )
        for name, rows in result.slices.items()
    ]
    if result.attribution is not None:
        parts.append(_sources(result.attribution))
    parts.append(f'<div class="pair">{"".join(pair)}</div>')
    parts += [_table(name, rows) for name, rows in result.slices.items()]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport"'
        ' content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style><main>{''.join(parts)}</main></html>\n"
    )


def percent(value: float | None, digits: int = 2) -> str:
    """``+3.10 %``; an em dash for what is not available."""
    return "—" if value is None else f"{100 * value:+.{digits}f} %"


def interval(estimate: Estimate | None) -> str:
    """The 95 % interval and t-value in words, and the t-value that takes bets of one day or match
    for independent.
    """
    if estimate is None or estimate.low is None or estimate.t is None:
        return "no interval"
    single = "" if estimate.t_single is None else f", {estimate.t_single:.1f} bet by bet"
    return (
        f"95 %: {percent(estimate.low)} to {percent(estimate.high)}, t = {estimate.t:.1f}{single}"
    )


def _strip(result: Performance) -> str:
    y, clv = result.yield_, result.clv
    cards = [
        ("Bets", f"{result.bets:,}", f"{result.open} open or unsettled"),
        ("Turnover", money_text(result.turnover_minor), ""),
        ("Profit", money_text(result.pnl_minor), f"promised {result.expected_minor / 100:,.2f}"),
        ("Yield", percent(y.value if y else None), interval(y)),
        ("Closing line value", percent(clv.value if clv else None), interval(clv)),
        (
            "Beat the close",
            percent(result.beat_close, 1).lstrip("+"),
            f"of {clv.n if clv else 0} bets with a close",
        ),
        (
            "Luck",
            "—" if result.luck_minor is None else f"{result.luck_minor / 100:+,.2f}",
            "profit less closing value",
        ),
        (
            "Largest drawdown",
            money_text(result.max_drawdown_minor),
            f"longest losing streak {result.longest_losing_streak}",
        ),
    ]
    if result.brier is not None and result.log_loss is not None:
        cards.append(("Log loss", f"{result.log_loss:.4f}", f"Brier {result.brier:.4f}"))
    inner = "".join(
        f'<div class="card">{n}<b>{v}</b><span class="muted">{more}</span></div>'
        for n, v, more in cards
    )
    return f'<div class="strip">{inner}</div>'


def _figure(title: str, chart: str, caption: str) -> str:
    return f"<figure><h2>{escape(title)}</h2>{chart}<figcaption>{escape(caption)}</figcaption></figure>"


def _sources(split: Attribution) -> str:
    """Where the profit came from, as a row of a table."""
    total = split.promised_minor + split.slippage_minor + split.drift_minor + split.luck_minor
    names = ("Bets with a close", "Promised", "Slippage", "Drift to the close", "Luck", "Profit")
    amounts = (
        split.promised_minor,
        split.slippage_minor,
        split.drift_minor,
        split.luck_minor,
        total,
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    body = f"<td>{split.n:,}</td>" + "".join(f"<td>{amount / 100:+,.2f}</td>" for amount in amounts)
    return (
        "<div"
        f' class="scroll"><table><thead><tr>{head}</tr></thead><tbody><tr>{body}</tr></tbody></table></div>'
    )


def _table(name: str, rows: Sequence[Slice]) -> str:
    head = "".join(
        f'<th scope="col">{h}</th>'
        for h in (name.capitalize(), "Bets", "Turnover", "Profit", "Yield", "CLV", "with close")
    )
    body = "".join(
        "<tr><th"
        f' scope="row">{escape(row.name)}</th><td>{row.n:,}</td><td>{money_text(row.turnover_minor)}</td>'
        f"<td>{money_text(row.pnl_minor)}</td><td>{percent(row.yield_)}</td><td>{percent(row.clv)}</td><td>{row.n_clv:,}</td></tr>"
        for row in rows
    )
    return (
        "<div"
        f' class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )
