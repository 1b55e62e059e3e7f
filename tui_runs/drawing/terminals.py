"""What the terminal at hand can show: which characters, and how many colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rich.color import ColorSystem

from tui_runs.drawing.colours import FEW_COLOURS, RUN_COLOURS
from tui_runs.drawing.raster import ASCII, BRAILLE, HALVES, Glyphs
from tui_runs.strokes import Characters, characters_for

_GLYPHS: Final[Mapping[Characters, Glyphs]] = {"all": BRAILLE, "blocks": HALVES, "ascii": ASCII}
_MANY: Final = frozenset({"256color", "kitty", "direct"})
"""Endings of TERM; those that rich knows as well."""


def glyphs_for(environ: Mapping[str, str], encoding: str = "utf-8") -> Glyphs:
    """What dots are drawn with: braille where it can be had, half blocks on the console of Linux, or ASCII."""
    return _GLYPHS[characters_for(environ, encoding)]


def colour_system(environ: Mapping[str, str]) -> ColorSystem:
    """How many colours the terminal has."""
    if environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return ColorSystem.TRUECOLOR
    many = environ.get("TERM", "").rpartition("-")[2] in _MANY
    return ColorSystem.EIGHT_BIT if many else ColorSystem.STANDARD


def colours_for(environ: Mapping[str, str]) -> Sequence[str]:
    """The colours for runs: one, so that dashes alone tell them apart, for those who want no colours."""
    if environ.get("NO_COLOR"):
        return ("#a0a0a0",)
    return FEW_COLOURS if colour_system(environ) is ColorSystem.STANDARD else RUN_COLOURS
