"""What can be chosen of curves: what over, how they are smoothed, how several become a band. It needs no numpy."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, Literal, Self

from tui_runs.errors import UsageError


class Circle(Enum):
    """Choices that a key goes through."""

    @property
    def next(self) -> Self:
        """The one after this, in a circle."""
        kinds = list(type(self))
        return kinds[(kinds.index(self) + 1) % len(kinds)]


class XAxis(Enum):
    """What charts are drawn over."""

    STEP = "step"
    RELATIVE = "time since start"
    TIME = "date"
    METRIC = "metric"

    @property
    def next(self) -> XAxis:
        """The one after this, in a circle of those that need no metric to be named."""
        kinds = [XAxis.STEP, XAxis.RELATIVE, XAxis.TIME]
        return kinds[(kinds.index(self) + 1) % len(kinds)] if self in kinds else XAxis.STEP

    @property
    def kind(self) -> Literal["number", "duration", "time"]:
        """What its values are; times in seconds, dates since 1970."""
        if self is XAxis.RELATIVE:
            return "duration"
        return "time" if self is XAxis.TIME else "number"


class Spread(Enum):
    """How far a band reaches."""

    RANGE = "min/max"
    DEVIATION = "mean ± std"


class Kind(Circle):
    """How to smooth; the value is what `--smooth` calls it."""

    NONE = "none"
    EMA = "ema"
    TIME_EMA = "time-ema"
    MEAN = "mean"
    GAUSSIAN = "gaussian"


_WEIGHTS: Final = (0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999)
_STRENGTHS: Final[dict[Kind, tuple[float, ...]]] = {
    Kind.NONE: (0.0,) * len(_WEIGHTS),
    Kind.EMA: _WEIGHTS,
    Kind.TIME_EMA: _WEIGHTS,
    Kind.MEAN: (3, 5, 7, 11, 21, 51, 101, 201, 501, 1001),
    Kind.GAUSSIAN: (0.5, 1, 1.5, 2, 3, 5, 10, 20, 50, 100),
}
LEVELS: Final = len(_WEIGHTS)
_WIDEST_MEAN: Final = 1_000_001
_WIDEST_GAUSSIAN: Final = 100


@dataclass(frozen=True, slots=True)
class Smoothing:
    """A way to smooth, and how much.

    Args:
        kind: the way.
        strength: a weight from 0 to just under 1 for the two EMAs, the window in points, an odd number, for the mean,
            the standard deviation in points for the Gaussian.
    """

    kind: Kind = Kind.NONE
    strength: float = 0.0

    def __bool__(self) -> bool:
        return self.kind is not Kind.NONE

    @property
    def label(self) -> str:
        """What a title says: "EMA 0.9", "mean of 21", "Gaussian σ 3"; nothing where it does nothing."""
        text = f"{self.strength:.10g}"
        names = {Kind.NONE: "", Kind.EMA: f"EMA {text}", Kind.TIME_EMA: f"time-weighted EMA {text}"}
        return {**names, Kind.MEAN: f"mean of {text}", Kind.GAUSSIAN: f"Gaussian σ {text}"}[self.kind]

    @property
    def level(self) -> int:
        """The place of its strength among the steps of its kind, or of the next weaker one; 5 for no smoothing."""
        if not self:
            return 5
        return max(sum(step <= self.strength for step in _STRENGTHS[self.kind]) - 1, 0)

    def of_kind(self, kind: Kind) -> Smoothing:
        """The same level of another kind."""
        return Smoothing(kind, _STRENGTHS[kind][self.level])

    def stronger(self, steps: int) -> Smoothing:
        """So many steps stronger, or weaker; weaker than the weakest is none, and from none it begins with the EMA."""
        if not self:
            return Smoothing(Kind.EMA, _WEIGHTS[0]) if steps > 0 else self
        level = self.level + steps
        if level < 0:
            return Smoothing()
        return replace(self, strength=_STRENGTHS[self.kind][min(level, LEVELS - 1)])


def parse_smoothing(text: str) -> Smoothing:
    """What `--smooth` says: "0.9" and "ema:0.9", "time-ema:0.9", "mean:21", "gaussian:3", "none".

    Raises:
        UsageError: it says something else.
    """
    name, colon, number = text.strip().partition(":")
    if not colon:
        name, number = ("none", "0") if name == "none" else ("ema", name)
    try:
        kind, strength = Kind(name), float(number)
    except ValueError:
        kind, strength = Kind.NONE, -1.0
    below = 1.0 if kind in (Kind.EMA, Kind.TIME_EMA) else math.inf
    if not 0 <= strength < below:
        raise UsageError(
            f"{text!r} is no way to smooth.",
            "Give a weight from 0 to under 1 such as 0.9 (that is ema:0.9), or time-ema:0.9, mean:21, gaussian:3.",
        )
    if kind is Kind.MEAN and strength and (strength > _WIDEST_MEAN or strength % 2 != 1):
        raise UsageError(
            f"{text!r} is no window of a mean.",
            f"Give an odd number of points such as 21, itself in the middle; at most {_WIDEST_MEAN:,}.",
        )
    if kind is Kind.GAUSSIAN and strength > _WIDEST_GAUSSIAN:
        raise UsageError(
            f"{text!r} is too wide a Gaussian.", f"Give a standard deviation of at most {_WIDEST_GAUSSIAN} points."
        )
    return Smoothing(kind, strength) if strength else Smoothing()
