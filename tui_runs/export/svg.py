"""Curves as SVG, to stand in a page of HTML: its colours are the page's, but for those of the runs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tui_runs.analysis.reduction import reduce_curve
from tui_runs.display import number, printable

_WIDTH, _HEIGHT = 520, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 14, 34, 28
"""Of the picture, in pixels, and of the margins around what is drawn."""
_DASHES: Final = ("", "6 3", "2 3", "8 3 2 3")


@dataclass(frozen=True, eq=False)
class SvgCurve:
    """A curve to draw.

    Args:
        name: of its run; a browser shows it beside the mouse.
        colour: `#rrggbb`.
        x: positions, Float64.
        y: values, Float64; those that are not finite are gaps.
        dash: which way the line is dashed; 0 is whole.
    """

    name: str
    colour: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    dash: int = 0


def curves_svg(title: str, curves: Sequence[SvgCurve]) -> str:
    """A chart of curves, 520 x 260 pixels, as an `svg` element with classes for the page's style.

    Every spike is drawn, however many points there are; what is written grows with the width of the picture alone.

    Args:
        title: stands above it.
        curves: may be empty, or have no points.
    """
    reduced = [(one, *reduce_curve(one.x, one.y, _WIDTH - _LEFT - _RIGHT)) for one in curves]
    parts = [
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{_text(title)}">',
        f'<text class="chart-title" x="14" y="21">{_text(title)}</text>',
    ]
    good = [np.isfinite(x) & np.isfinite(y) for _, x, y in reduced]
    xs = np.concatenate([np.empty(0), *(x[fine] for (_, x, _), fine in zip(reduced, good, strict=True))])
    ys = np.concatenate([np.empty(0), *(y[fine] for (_, _, y), fine in zip(reduced, good, strict=True))])
    if not len(xs):
        parts.append(
            f'<text class="tick" x="{_WIDTH / 2}" y="{_HEIGHT / 2}" text-anchor="middle">no points</text></svg>'
        )
        return "".join(parts)
    across = _Axis.over(xs, _LEFT, _WIDTH - _RIGHT)
    upward = _Axis.over(ys, _HEIGHT - _BOTTOM, _TOP)
    parts += _grid(across, upward)
    for (one, x, y), fine in zip(reduced, good, strict=True):
        parts.append(_line(one, across.place(x), upward.place(y), fine))
    return "".join(parts) + "</svg>"


@dataclass(frozen=True, slots=True)
class _Axis:
    """Where values lie in the picture.

    Args:
        low: the least value.
        high: the greatest, above it.
        start: where the least lies, in pixels.
        end: where the greatest lies.
    """

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def over(cls, values: NDArray[np.float64], start: float, end: float) -> _Axis:
        low, high = float(values.min()), float(values.max())
        if low == high:
            more = abs(low) * 0.1 or 1.0
            low, high = low - more, high + more
        return cls(low, high, start, end)

    def place(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        low, high = self.low / 2, self.high / 2  # their difference may be beyond a float, but not that of the halves
        with np.errstate(invalid="ignore", over="ignore"):
            placed: NDArray[np.float64] = self.start + (values / 2 - low) / (high - low) * (self.end - self.start)
        return placed

    def ticks(self, wanted: int) -> list[float]:
        """About so many round numbers."""
        span = self.high - self.low
        if not math.isfinite(span):
            return [self.low, self.high]
        rough = span / wanted
        unit = 10.0 ** math.floor(math.log10(rough)) if rough > 1e-300 else span
        step = next((unit * times for times in (1, 2, 5) if unit * times >= rough), unit * 10)
        first = math.ceil(self.low / step)
        ticks = [(first + count) * step for count in range(3 * wanted)]
        return [tick for tick in ticks if tick <= self.high]


def _grid(across: _Axis, upward: _Axis) -> Iterator[str]:
    ticks = upward.ticks(5)
    for value, at in zip(ticks, upward.place(np.array(ticks)), strict=True):
        yield f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
        yield f'<text class="tick" x="{_LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{number(value)}</text>'
    ticks = across.ticks(6)
    for value, at in zip(ticks, across.place(np.array(ticks)), strict=True):
        yield f'<text class="tick" x="{at:.1f}" y="{_HEIGHT - 9}" text-anchor="middle">{number(value)}</text>'


def _line(curve: SvgCurve, x: NDArray[np.float64], y: NDArray[np.float64], fine: NDArray[np.bool_]) -> str:
    """A path with a stretch for every part without gaps; a point alone is a dot, as a line of no length is."""
    stretches = []
    for there, some in groupby(zip(fine.tolist(), x.tolist(), y.tolist(), strict=True), key=lambda point: point[0]):
        if there:
            points = [f"{one:.1f} {other:.1f}" for _, one, other in some]
            stretches.append("M" + "L".join(points if len(points) > 1 else points * 2))
    dash = f' stroke-dasharray="{_DASHES[curve.dash % len(_DASHES)]}"' if curve.dash % len(_DASHES) else ""
    title = f"<title>{_text(curve.name)}</title>"
    return f'<path class="curve" stroke="{_text(curve.colour)}"{dash} d="{"".join(stretches)}">{title}</path>'


def _text(text: str) -> str:
    return escape(printable(text))
