"""Which characters the terminal at hand can show, and the bars and trends that are drawn with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

Characters: TypeAlias = Literal["all", "blocks", "ascii"]
"""All of Unicode's lines, blocks and braille; the few blocks that the console of Linux has; none of them."""


def characters_for(environ: Mapping[str, str], encoding: str = "utf-8") -> Characters:
    """What there is, as TERM and the encoding tell."""
    try:
        "━⣿".encode(encoding)
    except (LookupError, UnicodeEncodeError):
        return "ascii"
    term = environ.get("TERM", "")
    return "blocks" if term == "linux" else "ascii" if term in ("vt100", "vt220") else "all"


class Strokes(NamedTuple):
    """What bars and trends are drawn with.

    Args:
        levels: of a trend, the lowest first.
        parts: of a cell that a bar fills, the least first and the whole last.
        rest: of a bar; another character, for those who have no colours.
    """

    levels: str
    parts: str
    rest: str


LINES: Final = Strokes("▁▂▃▄▅▆▇█", "╸━", "─")
BLOCKS: Final = Strokes("_▄█", "█", "░")
ASCII: Final = Strokes("_.-=+*#", "#", ".")
_STROKES: Final[Mapping[Characters, Strokes]] = {"all": LINES, "blocks": BLOCKS, "ascii": ASCII}


def strokes_for(environ: Mapping[str, str], encoding: str = "utf-8") -> Strokes:
    """What bars and trends are drawn with in this terminal."""
    return _STROKES[characters_for(environ, encoding)]


def level(share: float, strokes: Strokes) -> str:
    """One character as high as a share of 1."""
    steps = len(strokes.levels)
    return strokes.levels[min(max(int(share * steps), 0), steps - 1)]


def bar(share: float, width: int, strokes: Strokes) -> tuple[str, str]:
    """A bar that is filled to a share of 1: what is filled, and the rest. More than nothing never looks like nothing.

    Args:
        share: 0 to 1; less and more are taken for these.
        width: of both together, in cells.
        strokes: what to draw with.
    """
    steps = len(strokes.parts)
    filled = round(min(max(share, 0.0), 1.0) * width * steps)
    if share > 0 and width > 0:
        filled = max(filled, 1)
    whole, part = divmod(filled, steps)
    text = strokes.parts[-1] * whole + (strokes.parts[part - 1] if part else "")
    return text, strokes.rest * (width - len(text))
