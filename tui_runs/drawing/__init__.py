"""Draws curves as braille dots in rich Segments, and sparklines as text.

Every curve is rasterised in numpy (raster.py), since plotext 6.1 makes several Python and C++ objects of every point.
A chart of 65x15 cells, 5 curves of 130 points, CPU time on a 2.5 GHz Xeon, CPython 3.11 built without PGO:

    plotext, signal().lines(), draw(), build().string()    27 ms, with a string that is still to be parsed
    plotext's C++ kernel alone, by private bindings          6 ms, the same
    draw_chart, to Segments                                1.1 ms; 9 charts of 5 x 130 points 9 ms, of 5 x 1000 22 ms

There is no state but caches: call it from any thread.
"""

from __future__ import annotations

from tui_runs.analysis.reduction import Series
from tui_runs.drawing.chart import MIN_HEIGHT, MIN_WIDTH, Area, Drawing, draw_chart
from tui_runs.drawing.colours import FEW_COLOURS, RUN_COLOURS, blended, colour_slot, run_looks
from tui_runs.drawing.contents import Axes, Curve, Ribbon, Undrawn, count_undrawn, not_shown
from tui_runs.drawing.raster import ASCII, BRAILLE, DASHES, HALVES, Glyphs
from tui_runs.drawing.sparks import sparkline

__all__ = [
    "ASCII",
    "BRAILLE",
    "DASHES",
    "FEW_COLOURS",
    "HALVES",
    "MIN_HEIGHT",
    "MIN_WIDTH",
    "RUN_COLOURS",
    "Area",
    "Axes",
    "Curve",
    "Drawing",
    "Glyphs",
    "Ribbon",
    "Series",
    "Undrawn",
    "blended",
    "colour_slot",
    "count_undrawn",
    "draw_chart",
    "not_shown",
    "run_looks",
    "sparkline",
]
