"""Colours that grow with a number, and which run of parallel coordinates gets which.

The ramp is viridis (Smith and van der Walt 2015, matplotlib's since 2.0): its lightness grows evenly, for normal and
for colour-blind eyes alike. Only the part of it is taken that stands out from the ground.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from rich.color import ColorSystem
from rich.style import Style

from tui_runs.analysis.arrays import Flags, Floats, Integers
from tui_runs.analysis.direction import Direction
from tui_runs.analysis.parallel import shades_of
from tui_runs.drawing.colours import blended
from tui_runs.drawing.parallel import Line

SHADES: Final = 8

_VIRIDIS: Final = (
    "#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725",
)  # fmt: skip
_ON_DARK: Final = (0.25, 1.0)
_ON_LIGHT: Final = (0.85, 0.0)
_FEW: Final = ("#5555ff", "#55ff55", "#ffff55")
"""Of 16 colours those that grow lighter, blue, green, yellow."""


def ramp(*, dark: bool = True, system: ColorSystem = ColorSystem.TRUECOLOR) -> tuple[str, ...]:
    """Colours as `#rrggbb`: the further on, the more it stands out from the ground.

    Args:
        dark: the ground is.
        system: how many colours the terminal has.
    """
    if system is ColorSystem.STANDARD:
        return _FEW if dark else _FEW[::-1]
    first, last = _ON_DARK if dark else _ON_LIGHT
    return tuple(_viridis(first + (last - first) * at / (SHADES - 1)) for at in range(SHADES))


def _viridis(share: float) -> str:
    place = share * (len(_VIRIDIS) - 1)
    at = min(int(place), len(_VIRIDIS) - 2)
    return blended(_VIRIDIS[at], _VIRIDIS[at + 1], at + 1 - place)


def layer_runs(
    metric: Floats,
    better: Direction | None,
    shades: Sequence[Style],
    muted: Style,
    context: Flags | None = None,
    standouts: Sequence[tuple[int, Style]] = (),
) -> tuple[Integers, list[Line]]:
    """Which runs of parallel coordinates lie above which, and how they are drawn, for `draw_parallel`.

    From the back: those that are context alone, those without a value of the metric, then by the metric, the best or
    the greatest last, and those that stand out.

    Args:
        metric: of n runs.
        better: which way it is better.
        shades: by the metric's rank, the last for the best or the greatest.
        muted: of runs that are context.
        context: which of the n are; none where None.
        standouts: places of runs, and how they are drawn, the last on top.

    Returns:
        n places in the lines, and these.
    """
    lines = [Line(muted), Line(muted), *map(Line, shades)]
    layers = shades_of(metric, len(shades), better) + 2
    if context is not None:
        layers[context] = 0
    for place, style in standouts:
        layers[place] = len(lines)
        lines.append(Line(style, alone=True))
    return np.asarray(layers, np.int64), lines
