"""Small SVG charts as text, for a page that is one file.

They need no script. Their colours come from the style sheet of the page.
"""

from collections.abc import Sequence
from html import escape
from itertools import pairwise
from math import ceil

from keter.domain.money import grouped_text
from keter.replay.performance import Bin
from keter.replay.slices import Slice

WIDE, NARROW, HEIGHT, MARGIN = 1040, 480, 240, 52
POINTS = 600  # more are not visible and make the file large


def line_chart(values: Sequence[float], below: Sequence[float], *, label: str, unit: str) -> str:
    """Return a chart of ``values`` as a line and of ``below`` as an area under zero.

    Both have the same steps. ``below`` holds depths of zero or more.
    """
    kept = _thinned(len(values))
    top, bottom = max([0.0, *values]), min([0.0, *values, *[-depth for depth in below]])
    x = [_scale(i, 0, max(len(values) - 1, 1), MARGIN, WIDE - 8) for i in kept]
    line = _points(x, [_y(values[i], bottom, top) for i in kept])
    depth = _points(x, [_y(-below[i], bottom, top) for i in kept])
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
    """Return a chart of how often each value occurs; ``values`` must not be empty.

    The bins are equal steps between the 0.5 and the 99.5 percentile. The first and the last bin
    also hold the values outside.
    """
    ordered = sorted(values)
    low, high = ordered[int(0.005 * (len(ordered) - 1))], ordered[ceil(0.995 * (len(ordered) - 1))]
    width = (high - low) / bins or 1.0
    counts = [0] * bins
    for value in ordered:
        counts[min(max(int((value - low) / width), 0), bins - 1)] += 1
    tallest = max(counts)
    bars = _histogram_bars(counts, low, width, tallest)
    left_end = _text(MARGIN, HEIGHT - 6, f"{low:+.1%}")
    right_end = _text(NARROW - 8, HEIGHT - 6, f"{high:+.1%}", end=True)
    return _svg(_axis(0, tallest, "bets") + bars + left_end + right_end, label)


def calibration_chart(bins: Sequence[Bin], *, label: str) -> str:
    """Return a chart of the share won against the fair probability, with 95 % intervals.

    On the diagonal the forecast is calibrated.
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
    left_end = _text(MARGIN, HEIGHT - 6, "0 fair probability")
    right_end = _text(NARROW - 8, HEIGHT - 6, "1", end=True)
    return _svg(_axis(0, 1, "won") + diagonal + "".join(marks) + left_end + right_end, label)


def bar_chart(slices: Sequence[Slice], *, label: str, most: int = 12) -> str:
    """Return a chart of the profit of the first ``most`` slices, in units of currency."""
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
        bars.append(_text(NARROW - 4, y + 14, grouped_text(one.pnl_minor, signed=True), end=True))
    return _svg("".join(bars), label, height=8 + row * max(len(shown), 1))


def _thinned(count: int) -> list[int]:
    """Return at most about POINTS of the indices below ``count``, the last one included."""
    kept = [*range(0, count, max(1, ceil(count / POINTS)))]
    if kept and kept[-1] != count - 1:
        kept.append(count - 1)
    return kept


def _points(x: Sequence[float], y: Sequence[float]) -> str:
    return " ".join(f"{left:.1f},{top:.1f}" for left, top in zip(x, y, strict=True))


def _histogram_bars(counts: Sequence[int], low: float, width: float, tallest: int) -> str:
    """Return the bars; those of values below zero have the colour of a loss."""
    bins = len(counts)
    edges = [
        _scale(low + i * width, low, low + bins * width, MARGIN, NARROW - 8)
        for i in range(bins + 1)
    ]
    bars = []
    for i, (n, (left, right)) in enumerate(zip(counts, pairwise(edges), strict=True)):
        colour = "gain" if low + (i + 0.5) * width >= 0 else "loss"
        tall = _y(0, 0, tallest) - _y(n, 0, tallest)
        bars.append(_rect(colour, left, _y(n, 0, tallest), max(right - left - 1, 0.5), tall))
    return "".join(bars)


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
    """Return grid lines at ``bottom``, zero and ``top``, with their values and the unit."""
    lines = []
    for value in sorted({bottom, 0.0, top}):
        y = _y(value, bottom, top)
        lines.append(
            f'<line class="grid" x1="{MARGIN}" x2="{width - 8}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        lines.append(_text(MARGIN - 4, y + 4, f"{value:,.4g}", end=True))
    return "".join(lines) + _text(width - 8, 12, unit, end=True)
