"""How numbers, lengths of time and points in time are written in a filter."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

_NUMBER: Final = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|nan|inf|infinity)", re.ASCII | re.IGNORECASE)
_LENGTH: Final = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+", re.ASCII)
_PART: Final = re.compile(r"([\d.]+)([a-z]+)")
_SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_MOMENT: Final = re.compile(
    r"\d{4}-\d\d-\d\d(?:[ T](?P<minute>\d\d:\d\d(?P<second>:\d\d(?P<fraction>\.\d+)?)?)(?:Z|[+-]\d\d:?\d\d)?)?",
    re.ASCII,
)
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)


class Span(NamedTuple):
    """A time as it was written: from its start up to just before its end; a moment where the two are the same."""

    start: datetime
    end: datetime


def number(text: str) -> float | None:
    """A number as Python and the stores write it, `nan` and `inf` among them; None for what is none."""
    return float(text) if _NUMBER.fullmatch(text) else None


def seconds(text: str) -> float | None:
    """A length of time: `90s`, `1.5h`, `1h30m`, `3d`, or a number of seconds; None for what is none."""
    if not _LENGTH.fullmatch(text):
        return number(text)
    return sum(float(amount) * _SECONDS[unit] for amount, unit in _PART.findall(text))


def span(text: str, now: datetime) -> Span | None:
    """A time: `2026-11-20`, `2026-11-20 13:45`, `-2h` for two hours ago, or milliseconds since 1970.

    A day, a minute or a second lasts as long as it says. What names no zone is meant in the reader's own.

    Args:
        text: as typed.
        now: what `-2h` counts from.

    Returns:
        Times in UTC; None for what is no time. What is out of Python's reach is the first or the last that it knows.
    """
    milliseconds = number(text)
    ago = None if milliseconds is not None or not text.startswith("-") else seconds(text[1:])
    if ago is not None:
        moment = _shifted(now.astimezone(UTC), -ago)
        return Span(moment, moment)
    if milliseconds is not None and not math.isnan(milliseconds):
        moment = _shifted(datetime.fromtimestamp(0, UTC), milliseconds / 1000)
        return Span(moment, moment)
    match = _MOMENT.fullmatch(text)
    if match is None:
        return None
    minute, second, fraction = match.group("minute", "second", "fraction")
    length = (
        timedelta(seconds=0 if fraction else 1) if second else timedelta(minutes=1) if minute else timedelta(days=1)
    )
    try:
        start = datetime.fromisoformat(text)
        return Span(start.astimezone(UTC), (start + length).astimezone(UTC))
    except (ValueError, OverflowError, OSError):  # the 30th of February, the last day that Python knows
        return None


def _shifted(moment: datetime, by: float) -> datetime:
    try:
        return moment + timedelta(seconds=by)
    except OverflowError:
        return _LAST if by > 0 else _FIRST
