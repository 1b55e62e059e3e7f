"""Times as tools write them, as aware datetimes in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tui_runs_dirs.readers.settings import number_of

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def microseconds(time: datetime | None) -> int | None:
    """Since 1970."""
    return None if time is None else (time - _EPOCH) // _MICROSECOND


def utc(text: Any, *, local: bool = False) -> datetime | None:
    """An ISO 8601 time; None where it is none.

    Args:
        text: such as "2026-11-20 22:15:14.045405".
        local: without an offset it is a time of this machine's zone; else UTC.
    """
    if not isinstance(text, str):
        return None
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if local or time.tzinfo is not None else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return None


def utc_of_epoch(value: Any, per_second: int = 1) -> datetime | None:
    """A time counted from 1970, in seconds or in so many parts of one; None where it is none."""
    number = number_of(value)
    try:
        return None if number is None else datetime.fromtimestamp(number / per_second, UTC)
    except (ValueError, OverflowError, OSError):  # outside of the years that Python knows
        return None
