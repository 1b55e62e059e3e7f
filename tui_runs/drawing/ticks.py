"""Where the ticks of an axis stand and what they say: plain numbers in, positions and texts out.

Every function takes the limits of the axis, low < high, both finite, and `most`, how many ticks there is room for. It
gives at most so many, growing, within the limits; fewer, or none, where no more round numbers lie between.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final, Literal, NamedTuple

Kind = Literal["number", "duration", "time"]

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_SUFFIXES: Final = {3: "k", 6: "M", 9: "G", 12: "T"}
_CLOCK_STEPS: Final = (
    *(1, 2, 5, 10, 15, 30),
    *(MINUTE * minutes for minutes in (1, 2, 5, 10, 15, 30)),
    *(HOUR * hours for hours in (1, 2, 3, 6, 12)),
)
_NAMED_DURATIONS: Final = (1, 10, MINUTE, 10 * MINUTE, HOUR, 10 * HOUR, *(DAY * 10**power for power in range(4)))
_SLACK: Final = 1e-9  # of the axis: a limit that misses a round number by so little has it as a tick


class Tick(NamedTuple):
    """One mark on an axis: where, in the axis's unit, and what stands beside it."""

    position: float
    label: str


class Scale(NamedTuple):
    """How the values of an axis become dots; low < high, above 0 if `log`, `dots` at least 2.

    `only` is set where all values are one: the limits then are made up around it. `whole`: ticks at whole numbers.
    `linear` above 0: logarithmic to both sides of 0, and about linear from -linear to linear.
    """

    low: float
    high: float
    dots: int
    log: bool = False
    kind: Kind = "number"
    only: float | None = None
    whole: bool = False
    linear: float = 0.0

    def _bent(self, value: float) -> float:
        """A value on the way to its place, which is even in this."""
        if self.linear:
            return math.copysign(math.log1p(abs(value) / self.linear), value)
        return math.log10(value) if self.log else value

    def position(self, value: float) -> float:
        """Where a value lies, in dots: 0.0 at `low`, dots - 1.0 at `high`."""
        low, high, value = self._bent(self.low), self._bent(self.high), self._bent(value)
        return (value / 4 - low / 4) / (high / 4 - low / 4) * (self.dots - 1)

    def value(self, position: float) -> float:
        """What lies at a position in dots; `position` the other way round."""
        share = position / (self.dots - 1)
        bent = self._bent(self.low) * (1 - share) + self._bent(self.high) * share
        if self.linear:
            return math.copysign(math.expm1(abs(bent)) * self.linear, bent)
        return float(10.0**bent) if self.log else bent

    def ticks(self, most: int) -> list[Tick]:
        """At most so many round values between the limits, labelled as the axis's kind asks."""
        if self.only is not None:
            return [Tick(self.only, _ONE[self.kind](self.only))]
        if self.kind == "time":
            ticks = time_ticks(self.low, self.high, most)
            return [tick for tick in ticks if tick.position > 0] if self.log else ticks
        if self.kind == "duration":
            return (log_duration_ticks if self.log else duration_ticks)(self.low, self.high, most)
        if self.log:
            return log_ticks(self.low, self.high, most)
        if self.linear:
            return symlog_ticks(self.low, self.high, most, self.linear)
        return number_ticks(self.low, self.high, most, whole=self.whole)


@lru_cache(512)
def row_ticks(scale: Scale, rows: int) -> tuple[tuple[int, str], ...]:
    """The ticks of an upright axis: (row, label), rows counted from the top, about one in four rows."""
    per_row = scale.dots // rows
    apart = 2 if rows > 3 else 1
    placed: list[tuple[int, str]] = []
    for most in range(rows // 4 + 1, rows + 1):
        placed = []
        for at, label in scale.ticks(most):
            row = math.floor(scale.dots - 1 - scale.position(at) + 0.5) // per_row
            if 0 <= row < rows and (not placed or placed[-1][0] - row >= apart):
                placed.append((row, label))
        if len(placed) > 1 or scale.only is not None:
            break
    return tuple(placed)


@lru_cache(512)
def column_ticks(scale: Scale, columns: int, left: int, right: int) -> tuple[tuple[int, str], ...]:
    """The ticks of a level axis: (column where the label begins, label), two blanks or more between the labels.

    Args:
        scale: the axis.
        columns: how many columns it has.
        left: how many columns there are to the left of column 0 for a label to begin in.
        right: how many of the last columns are taken by something else.
    """
    per_column = scale.dots // columns
    best: tuple[tuple[int, str], ...] = ()
    room = max(columns // 10, 2)
    for most in (*range(room, 0, -1), room + 1, room + 2, room + 3):
        placed: list[tuple[int, str]] = []
        ticks = scale.ticks(most)
        end = -left - 2
        for at, label in ticks:
            middle = math.floor(scale.position(at) + 0.5) // per_column
            start = max(min(middle - len(label) // 2, columns - len(label)), -left)
            if start >= end + 2 and start + len(label) <= columns - right and start <= middle:
                placed.append((start, label))
                end = start + len(label)
        if len(placed) > len(best):
            best = tuple(placed)
        if len(placed) == len(ticks) and len(best) > 1:
            break
    return best


def number_ticks(low: float, high: float, most: int, *, whole: bool = False) -> list[Tick]:
    """Ticks at multiples of 1, 2 or 5 times a power of ten; whole numbers only, if asked, for an axis that counts.

    Labels have the digits that tell them apart and no more: 0.5 1.0 1.5, 5k 10k, 2e-5 4e-5. Zero is always 0.
    """
    for digit, exponent in _round_steps((high / 2 - low / 2) / max(most, 1) * 2, whole):
        step = float(f"{digit}e{exponent}")
        slack = min(step, high / 2 - low / 2) * _SLACK
        first, last = math.ceil(low / step - slack / step), math.floor(high / step + slack / step)
        if last - first < most:
            multiples = [digit * count for count in range(first, last + 1)]
            labels = _decimal_labels(multiples, exponent)
            return [Tick(float(f"{n}e{exponent}"), label) for n, label in zip(multiples, labels, strict=True)]
    return []


def log_ticks(low: float, high: float, most: int) -> list[Tick]:
    """Ticks at powers of ten, at 1, 2 and 5 times them where there is room, at every few of them where there are many.

    `low` is above 0. Between two powers of ten, where less than two of these lie, there are `number_ticks`.
    """
    first, last = math.ceil(math.log10(low) - _SLACK), math.floor(math.log10(high) + _SLACK)
    between = [
        (digit, exponent)
        for exponent in (range(first - 1, last + 1) if last - first < most else ())
        for digit in (1, 2, 5)
        if low * (1 - _SLACK) <= float(f"{digit}e{exponent}") <= high * (1 + _SLACK)
    ]
    stride = next((s for s in (1, 2, 3, 5, 10, 20, 50, 100, 200, 500) if (last - first) // s < most), 1000)
    powers = [(1, exponent) for exponent in range(-(-first // stride) * stride, last + 1, stride)]
    chosen = between if 2 <= len(between) <= most else powers[:most]
    if not chosen:
        return [tick for tick in number_ticks(low, high, most) if tick.position > 0]
    return [Tick(float(f"{digit}e{exponent}"), _decimal_labels([digit], exponent)[0]) for digit, exponent in chosen]


def symlog_ticks(low: float, high: float, most: int, linear: float) -> list[Tick]:
    """Ticks at 0 and at powers of ten to both sides of it, from `linear` on, at every few of them where many are.

    Between two of these there are `number_ticks`.
    """
    first, last = round(math.log10(linear)), math.floor(math.log10(max(-low, high)) + _SLACK)
    for stride in range(1, last - first + 2):
        powers = range(last, first - 1, -stride)
        places = [(-1, power) for power in powers] + [(0, 0)] + [(1, power) for power in reversed(powers)]
        within = [(digit, power) for digit, power in places if low <= digit * 10.0**power <= high]
        if len(within) <= most:
            ticks = [Tick(digit * 10.0**power, _decimal_labels([digit], power)[0]) for digit, power in within]
            return ticks if len(ticks) > 1 else number_ticks(low, high, most)
    return number_ticks(low, high, most)


def duration_ticks(low: float, high: float, most: int) -> list[Tick]:
    """Ticks at a clock's round numbers, limits in seconds: 0 30s 1m 1m30s; 0 12h 1d."""
    if high - low < max(most, 1):  # steps of less than a second
        return [Tick(at, label if at == 0 else label + "s") for at, label in number_ticks(low, high, most)]
    if max(-low, high) > 1e5 * DAY:
        days = number_ticks(low / DAY, high / DAY, most)
        return [Tick(at * DAY, label if at == 0 else label + "d") for at, label in days]
    steps = itertools.chain(_CLOCK_STEPS, (DAY * digit * 10**power for digit, power in _round_steps(1, whole=True)))
    return _multiples(low, high, most, steps, lambda at, _: duration_label(at)) or []


def log_duration_ticks(low: float, high: float, most: int) -> list[Tick]:
    """Ticks at 1s 10s 1m 10m 1h 10h 1d 10d ..., limits in seconds and above 0."""
    ticks = [Tick(at, duration_label(at)) for at in _NAMED_DURATIONS if low <= at <= high]
    ticks = ticks[:: max(-(-len(ticks) // max(most, 1)), 1)]
    if len(ticks) > 1:
        return ticks
    return [Tick(at, label + "s") for at, label in log_ticks(low, high, most)]


def time_ticks(low: float, high: float, most: int, zone: tzinfo | None = None) -> list[Tick]:
    """Ticks at a clock's and a calendar's round numbers, limits in seconds since 1970 UTC.

    Labels are those of the clock in `zone`, or of this machine's: 14:30, 14:30:05 where steps are below a minute,
    Nov 20 at midnight, 2026-11 where steps are months, 2026 where they are years.
    """
    try:
        start, end = (datetime.fromtimestamp(limit, zone).astimezone(zone) for limit in (low, high))
        offset = (start.utcoffset() or timedelta()).total_seconds()
        ticks = _multiples(low, high, most, _CLOCK_STEPS, lambda at, step: _clock_label(at, step, zone), origin=-offset)
        return _calendar_ticks(start, end, most, zone) if ticks is None else ticks
    except (OverflowError, OSError, ValueError):  # beyond the calendar
        return number_ticks(low, high, most)


def duration_label(seconds: float) -> str:
    """A duration to the second, in the units it needs: 0, 45s, 1m30s, 2h, 1d6h."""
    left = round(abs(seconds))
    parts = []
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (1, "s")):
        count, left = divmod(left, unit)
        if count:
            parts.append(f"{count}{name}")
    return ("-" if seconds < 0 and parts else "") + ("".join(parts) or "0")


def number_label(value: float) -> str:
    """One number by itself, to four digits: 0.2128, 1e-5, 12.5, 1.5e9."""
    mantissa, _, exponent = f"{value:.4g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa


def time_label(seconds: float, zone: tzinfo | None = None) -> str:
    """One moment by itself, in seconds since 1970 UTC: Nov 20 14:30:05."""
    try:
        at = datetime.fromtimestamp(seconds, zone)
    except (OverflowError, OSError, ValueError):
        return number_label(seconds)
    return f"{_day_label(at)} {at:%H:%M:%S}"


_ONE: Final[dict[Kind, Callable[[float], str]]] = {
    "number": number_label,
    "duration": duration_label,
    "time": time_label,
}


def _round_steps(raw: float, whole: bool = False) -> Iterator[tuple[int, int]]:
    """(1, 2 or 5, power of ten) for every round step, growing, from about `raw` on, or from 1 on."""
    lowest = max(math.floor(math.log10(min(raw, 1e308))), -323) if raw > 0 else -323
    for exponent in range(max(lowest, 0) if whole else lowest, 309):
        yield from ((1, exponent), (2, exponent), (5, exponent))


def _multiples(
    low: float,
    high: float,
    most: int,
    steps: Iterable[float],
    label: Callable[[float, float], str],
    *,
    origin: float = 0.0,
) -> list[Tick] | None:
    """Ticks at origin + n * step for the smallest step that makes no more than `most`; None if none does."""
    slack = (high - low) * _SLACK
    for step in steps:
        first, last = math.ceil((low - origin - slack) / step), math.floor((high - origin + slack) / step)
        if last - first < most:
            return [Tick(at, label(at, step)) for at in (origin + n * step for n in range(first, last + 1))]
    return None


def _calendar_ticks(start: datetime, end: datetime, most: int, zone: tzinfo | None) -> list[Tick]:
    """Ticks at midnights, firsts of months or of years, for steps of a day or more."""

    def ticks(days: Iterable[date], label: Callable[[date], str]) -> list[Tick]:
        midnights = ((datetime(day.year, day.month, day.day, tzinfo=zone).timestamp(), label(day)) for day in days)
        return [Tick(at, text) for at, text in midnights if start.timestamp() <= at <= end.timestamp()]

    for step in (1, 2, 7, 14):
        first, last = -(-start.toordinal() // step), end.toordinal() // step
        if last - first < most:
            return ticks((date.fromordinal(n * step) for n in range(first, last + 1)), _day_label)
    for step in (1, 2, 3, 6):
        first, last = -(-(start.year * 12 + start.month - 1) // step), (end.year * 12 + end.month - 1) // step
        if last - first < most:
            months = (divmod(n * step, 12) for n in range(first, last + 1))
            return ticks((date(year, month + 1, 1) for year, month in months), lambda day: f"{day:%Y-%m}")
    for digit, power in _round_steps(1, whole=True):
        step = digit * 10**power
        first, last = -(-start.year // step), end.year // step
        if last - first < most:
            return ticks((date(n * step, 1, 1) for n in range(max(first, 1), last + 1)), lambda day: f"{day.year}")
    return []


def _clock_label(seconds: float, step: float, zone: tzinfo | None) -> str:
    at = datetime.fromtimestamp(round(seconds), zone)
    if at.hour == at.minute == at.second == 0:
        return _day_label(at)
    return f"{at:%H:%M:%S}" if step < MINUTE else f"{at:%H:%M}"


def _day_label(day: date) -> str:
    return f"{day:%b} {day.day}"


def _decimal_labels(multiples: list[int], exponent: int) -> list[str]:
    """The numbers n * 10 ** exponent, all written alike: in full, with a suffix or a power of ten, what is shortest."""
    largest = max((abs(n) for n in multiples), default=0)
    leading = exponent + len(str(largest)) - 1  # the power of ten of the largest
    forms = [(1, exponent - leading, f"e{leading}")]  # (handicap, shift, ending)
    if leading // 3 * 3 in _SUFFIXES:
        forms.append((0, exponent - leading // 3 * 3, _SUFFIXES[leading // 3 * 3]))
    if -5 < leading < 15:
        forms.append((0, exponent, ""))

    def length(form: tuple[int, int, str]) -> int:
        handicap, shift, ending = form
        return handicap + max((len(_shifted(n, shift)) for n in multiples), default=0) + len(ending)

    _, shift, ending = min(reversed(forms), key=length)
    return [_shifted(n, shift) + ending if n else "0" for n in multiples]


def _shifted(number: int, shift: int) -> str:
    """The decimal number `number` * 10 ** shift in full."""
    if shift >= 0:
        return str(number * 10**shift)
    digits = str(abs(number)).zfill(1 - shift)
    return f"{'-' if number < 0 else ''}{digits[:shift]}.{digits[shift:]}"
