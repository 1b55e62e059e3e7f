"""How values look as text, in the app and outside it: numbers, ages, durations, and text from strangers.

All of these are pure and fast enough to be called for every cell of a screen.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Final

MISSING = "—"
"""Stands for null. An empty string shows as two quotes, NaN as NaN: the three are different things."""

STATUS_GLYPHS: Final = {
    "scheduled": "◌",
    "running": "▶",
    "finished": "✔",
    "failed": "✖",
    "killed": "■",
    "stale": "◍",
    "deleted": "⌫",
    "unknown": "?",
}
"""One cell each; the word stands beside it, so that nobody has to learn them."""

# C0 and C1 controls, DEL, soft hyphen, line and paragraph separators, bidi marks, embeddings, overrides and isolates,
# zero-width characters, the byte-order mark, interlinear anchors, shorthand and musical controls, tag characters, and
# lone surrogates (undecodable bytes).
HOSTILE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)


def _symbol(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    return f"⟨{code:04x}⟩"


def printable(text: str) -> str:
    """Text from a store as one line that is safe to print: control and direction characters become symbols.

    The result holds no character that moves the cursor, changes colours or the direction of writing. It may still
    look like markup: give it to rich as a Text or a Segment, never as a string to be parsed.
    """
    return text if text.isascii() and text.isprintable() else HOSTILE.sub(_symbol, text)


def encodable(text: str) -> str:
    r"""A file name or the like as text that a frame can hold: a byte that is no UTF-8 becomes `\udcff`."""
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


_PASSWORD: Final = re.compile(r"(?<=://)([^/?#@:]*):(?!\d+/)[^?#]*@")
_SECRET: Final = re.compile(r"([?&;](?:[a-z_]*password|[a-z_]*token|passwd|pwd|secret)=)[^&;#]*", re.IGNORECASE)


def address(location: str) -> str:
    """A location as it may be shown: the passwords in a URL are left out."""
    if "://" not in location:
        return location
    return _SECRET.sub(r"\1…", _PASSWORD.sub(r"\1@", location))


def number(value: float | None, digits: int = 4) -> str:
    """A metric value in few characters: 0.2128, 12.4, 100000, 3.2e-05, 1.2e+06, NaN, ∞.

    Two values that differ by more than one unit of the last significant digit never look the same. Below a million
    (or 10**digits) all whole digits are shown; zeros at the end of a fraction are not.

    Args:
        value: the number; None is missing. Minus zero equals zero, and looks like it.
        digits: significant digits, 1 to 17.
    """
    if value is None:
        return MISSING
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    size = abs(value)
    most = 10.0 ** max(digits, 6)
    if size < most and value == int(value):
        return str(int(value))
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    if size < 1e-4 or size >= most - 0.5:
        return f"{_without_zeros(mantissa)}e{exponent}"
    return _without_zeros(f"{value:.{max(digits - 1 - int(exponent), 0)}f}")


def _without_zeros(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def file_size(count: int | None) -> str:
    """Bytes as people say them, in powers of 1,000: 812 B, 3.4 kB, 1.2 GB."""
    if count is None:
        return MISSING
    size, units = float(count), iter(("B", "kB", "MB", "GB", "TB", "PB"))
    unit = next(units)
    while size >= 999.5 and (larger := next(units, None)) is not None:
        size, unit = size / 1000, larger
    return f"{size:.0f} {unit}" if unit == "B" or size >= 99.5 else f"{size:.1f} {unit}"


def duration(seconds: float | None) -> str:
    """A length of time in at most seven characters, or eight with a minus: 23ms, 12s, 9m 05s, 41m, 1h 04m, 3d 02h."""
    if seconds is None:
        return MISSING
    if seconds < 0:
        return "-" + duration(-seconds)
    if seconds < 0.1:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    if seconds < 60:
        return f"{int(seconds)}s"
    minutes, _ = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes}m" if minutes >= 10 else f"{minutes}m {int(seconds) % 60:02d}s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h {minutes:02d}m"
    days, hours = divmod(hours, 24)
    return f"{days}d {hours:02d}h" if days < 100 else f"{days}d"


def speed(per_second: float | None) -> str:
    """How often something happens, by the unit of time in which it is once or more: 12.4/s, 4.8/min, 2.1/h."""
    if per_second is None:
        return MISSING
    scale, unit = (1, "s") if per_second >= 0.9995 else (60, "min") if per_second * 60 >= 0.9995 else (3600, "h")
    rate = per_second * scale
    return f"{rate:,.0f}/{unit}" if rate >= 99.95 else f"{number(rate, 3)}/{unit}"


def percent(fraction: float | None) -> str:
    """A part of a whole, rounded down: 100% is all of it."""
    return MISSING if fraction is None else f"{int(fraction * 100 + 1e-9)}%"


def age(then: datetime | None, now: datetime) -> str:
    """How long ago a point in time is, as `ago` says it."""
    return MISSING if then is None else ago((now - then).total_seconds())


def ago(seconds: float | None) -> str:
    """How long ago, in at most four characters: now, 12s, 41m, 3h, 12d, 2y; -3h is in the future.

    Up to a minute in the future is "now": the clocks of two machines differ.
    """
    if seconds is None:
        return MISSING
    if seconds < -60:
        return "-" + ago(-seconds)
    if seconds < 1:
        return "now"
    for size, unit, limit in ((1, "s", 100), (60, "m", 100), (3600, "h", 48), (86400, "d", 731)):
        if seconds / size < limit:
            return f"{int(seconds / size)}{unit}"
    return f"{int(seconds / (365.25 * 86400))}y"


def how_long_ago(then: datetime | None, now: datetime) -> str:
    """The same as words: just now, 12s ago, 3h ago."""
    text = age(then, now)
    return "just now" if text == "now" else text if then is None else f"{text} ago"


def moment(then: datetime | None) -> str:
    """A point in time in the reader's own zone: 2026-11-20 22:51:55."""
    if then is None:
        return MISSING
    try:
        return then.astimezone().isoformat(" ", "seconds")[:19]
    except (OverflowError, ValueError, OSError):  # the first or the last day that Python knows
        return then.isoformat(" ", "seconds")[:19]


def iso(then: datetime | None) -> str | None:
    """A point in time as ISO 8601 in UTC, for programs: 2026-11-20T22:51:55.123Z, six decimals where it has more."""
    if then is None:
        return None
    timespec = "microseconds" if then.microsecond % 1000 else "milliseconds"
    return then.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def clip(text: str, width: int) -> str:
    """Cut text to a number of terminal cells, with … where something is missing; nothing fits into less than one."""
    if width < 1:
        return ""
    if text.isascii():
        return text if len(text) <= width else text[: width - 1] + "…"
    from rich.cells import cell_len, set_cell_size  # noqa: PLC0415  40 ms of start-up, and most text is ASCII

    start = text[: 8 * width]  # a value may hold a megabyte; eight marks on one letter are more than any language has
    if len(start) == len(text) and cell_len(text) <= width:
        return text
    return set_cell_size(start, width - 1).rstrip() + "…"
