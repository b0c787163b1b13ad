"""Small SVG charts as text, for reports that are one file: no script, colours from the page's style
sheet.
"""

from collections.abc import Sequence
from html import escape
from itertools import pairwise
from math import ceil

from keter.replay.performance import Bin, Slice

WIDE, NARROW, HEIGHT, MARGIN = 1040, 480, 240, 52
POINTS = 600  # more would not be seen and make the file heavy


def line_chart(values: Sequence[float], below: Sequence[float], *, label: str, unit: str) -> str:
    """``values`` as a line and ``below`` (0 or more) as a filled depth under zero, over the same
    steps.
    """
    step = max(1, ceil(len(values) / POINTS))
    kept = [*range(0, len(values), step)]
    if kept and kept[-1] != len(values) - 1:
        kept.append(len(values) - 1)
    top, bottom = max([0.0, *values]), min([0.0, *values, *[-b for b in below]])
    x = [_scale(i, 0, max(len(values) - 1, 1), MARGIN, WIDE - 8) for i in kept]
    line = " ".join(
        f"{at:.1f},{_y(values[i], bottom, top):.1f}" for at, i in zip(x, kept, strict=True)
    )
    depth = " ".join(
        f"{at:.1f},{_y(-below[i], bottom, top):.1f}" for at, i in zip(x, kept, strict=True)
    )
    zero = _y(0, bottom, top)
    area = (
        f'<polygon class="depth" points="{MARGIN},{zero:.1f} {depth}'
        f' {x[-1] if x else MARGIN:.1f},{zero:.1f}"/>'
    )
    return _svg(
        f'{_axis(bottom, top, unit, WIDE)}{area}<polyline class="line" points="{line}"/>',
        label,
        WIDE,
    )


def histogram(values: Sequence[float], *, label: str, bins: int = 40) -> str:
    """How often each value occurs, in equal steps between the 0.5 and 99.5 percentile; the ends
    gather the rest.
    """
    ordered = sorted(values)
    low, high = ordered[int(0.005 * (len(ordered) - 1))], ordered[ceil(0.995 * (len(ordered) - 1))]
    width = (high - low) / bins or 1.0
    counts = [0] * bins
    for value in ordered:
        counts[min(max(int((value - low) / width), 0), bins - 1)] += 1
    tallest = max(counts)
    edges = [
        _scale(low + i * width, low, low + bins * width, MARGIN, NARROW - 8)
        for i in range(bins + 1)
    ]
    bars = []
    for i, (n, (left, right)) in enumerate(zip(counts, pairwise(edges), strict=True)):
        colour = "gain" if low + (i + 0.5) * width >= 0 else "loss"
        tall = _y(0, 0, tallest) - _y(n, 0, tallest)
        bars.append(_rect(colour, left, _y(n, 0, tallest), max(right - left - 1, 0.5), tall))
    ends = _text(MARGIN, HEIGHT - 6, f"{low:+.1%}") + _text(
        NARROW - 8, HEIGHT - 6, f"{high:+.1%}", end=True
    )
    return _svg(_axis(0, tallest, "bets") + "".join(bars) + ends, label)


def calibration_chart(bins: Sequence[Bin], *, label: str) -> str:
    """Share won against fair probability with 95 % intervals; on the diagonal the forecast is
    calibrated.
    """
    marks = []
    for one in bins:
        x = _scale(one.expected, 0, 1, MARGIN, NARROW - 8)
        marks.append(
            f'<line class="bar" x1="{x:.1f}" x2="{x:.1f}" y1="{_y(one.low, 0, 1):.1f}"'
            f' y2="{_y(one.high, 0, 1):.1f}"/><circle class="dot" cx="{x:.1f}"'
            f' cy="{_y(one.actual, 0, 1):.1f}" r="4"/>'
        )
    diagonal = (
        f'<line class="grid" x1="{MARGIN}" x2="{NARROW - 8}" y1="{_y(0, 0, 1):.1f}"'
        f' y2="{_y(1, 0, 1):.1f}"/>'
    )
    ends = _text(MARGIN, HEIGHT - 6, "0 fair probability") + _text(
        NARROW - 8, HEIGHT - 6, "1", end=True
    )
    return _svg(_axis(0, 1, "won") + diagonal + "".join(marks) + ends, label)


def bar_chart(slices: Sequence[Slice], *, label: str, most: int = 12) -> str:
    """Profit by slice, in units of currency, the largest turnovers first."""
    shown = slices[:most]
    reach = max((abs(one.pnl_minor) for one in shown), default=0) or 1
    row, middle = 22, NARROW / 2 + 20
    bars = []
    for i, one in enumerate(shown):
        size = abs(one.pnl_minor) / reach * (NARROW / 2 - 105)
        left = middle if one.pnl_minor >= 0 else middle - size
        y = 4 + i * row
        bars.append(_text(4, y + 14, f"{one.name} ({one.n})"))
        bars.append(_rect("gain" if one.pnl_minor >= 0 else "loss", left, y, size, row - 6))
        bars.append(_text(NARROW - 4, y + 14, f"{one.pnl_minor / 100:+,.2f}", end=True))
    return _svg("".join(bars), label, height=8 + row * max(len(shown), 1))


def _svg(body: str, label: str, width: int = NARROW, height: int = HEIGHT) -> str:
    return (
        f'<svg role="img" aria-label="{escape(label, quote=True)}" viewBox="0 0 {width}'
        f' {height}">{body}</svg>'
    )


def _rect(colour: str, x: float, y: float, width: float, height: float) -> str:
    return (
        f'<rect class="{colour}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}"'
        f' height="{height:.1f}"/>'
    )


def _text(x: float, y: float, text: str, *, end: bool = False) -> str:
    return (
        f'<text class="{"end" if end else "start"}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'
    )


def _scale(value: float, low: float, high: float, start: float, end: float) -> float:
    return start + (value - low) / ((high - low) or 1) * (end - start)


def _y(value: float, bottom: float, top: float) -> float:
    return _scale(value, bottom, top, HEIGHT - 24, 18)


def _axis(bottom: float, top: float, unit: str, width: int = NARROW) -> str:
    lines = []
    for value in sorted({bottom, 0.0, top}):
        y = _y(value, bottom, top)
        lines.append(
            f'<line class="grid" x1="{MARGIN}" x2="{width - 8}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        lines.append(_text(MARGIN - 4, y + 4, f"{value:,.4g}", end=True))
    return "".join(lines) + _text(width - 8, 12, unit, end=True)
