"""How values look as text, in the app and outside it: numbers, ages, durations, and text from strangers.

All of these are pure and fast enough to be called for every cell of a screen.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

MISSING = "—"
"""Stands for null. An empty string shows as two quotes, NaN as NaN: the three are different things."""

# C0 and C1 controls, DEL, line and paragraph separators, bidi marks, embeddings, overrides and isolates, zero-width
# characters, the byte-order mark, interlinear anchors, tag characters, and lone surrogates (undecodable bytes).
_HOSTILE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
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
    return text if text.isascii() and text.isprintable() else _HOSTILE.sub(_symbol, text)


def number(value: float | None, digits: int = 4) -> str:
    """A metric value in few characters: 0.2128, 12.4, 3.2e-05, 1.20e+06, NaN, ∞.

    Args:
        value: the number; None is missing.
        digits: significant digits, 1 to 17.
    """
    if value is None:
        return MISSING
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value == int(value) and abs(value) < 10**7:
        return str(int(value))
    text = f"{value:.{digits}g}"
    if "e" not in text and abs(value) < 10 ** (digits - 1):
        return text
    return text if "e" in text or abs(value) < 10**7 else f"{value:.{digits - 1}e}"


def duration(seconds: float | None) -> str:
    """A length of time in at most seven characters: 0.4s, 12s, 41m, 1h 04m, 3d 02h."""
    if seconds is None:
        return MISSING
    if seconds < 0:
        return "-" + duration(-seconds)
    if seconds < 10:
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


def age(then: datetime | None, now: datetime) -> str:
    """How long ago, in at most four characters: now, 12s, 41m, 3h, 12d, 2y."""
    if then is None:
        return MISSING
    seconds = (now - then).total_seconds()
    if seconds < 1:
        return "now"
    for size, unit, limit in ((1, "s", 100), (60, "m", 100), (3600, "h", 48), (86400, "d", 730)):
        if seconds / size < limit:
            return f"{int(seconds / size)}{unit}"
    return f"{int(seconds / (365.25 * 86400))}y"


def moment(then: datetime | None) -> str:
    """A point in time in the reader's own zone: 2026-11-20 22:51:55."""
    return MISSING if then is None else f"{then.astimezone():%Y-%m-%d %H:%M:%S}"


def iso(then: datetime | None) -> str | None:
    """A point in time as ISO 8601 in UTC, for programs: 2026-11-20T22:51:55.123Z."""
    if then is None:
        return None
    return then.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clip(text: str, width: int) -> str:
    """Cut text to a number of characters, with … where something is missing."""
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"
