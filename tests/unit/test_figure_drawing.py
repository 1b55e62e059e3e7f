"""What a figure says of itself, and that it is drawn whatever was asked for before."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest
from rich.color import ColorSystem

from tui_runs.drawing.parallel import Pointer
from tui_runs.tui.figures.drawing import FigureRequest, Palette, draw_figure
from tui_runs.tui.figures.state import FigureKind, FigureState

PALETTE = Palette("#202020", "#fbfcfd", "#0000ff", dark=False)


def request(state: FigureState, **columns: list[float] | list[str]) -> FigureRequest:
    runs = len(next(iter(columns.values())))
    frame = pl.DataFrame(
        {
            "source": ["s"] * runs,
            "run_id": [f"r{n}" for n in range(runs)],
            "name": [f"run {n}" for n in range(runs)],
            **{name.replace("__", "."): values for name, values in columns.items()},
        }
    )
    params = [name for name in frame.columns if name.startswith("params.")]
    return FigureRequest(state, frame, "metrics.m", params, None, None, None, None, (100, 20), PALETTE)


class TestMessage:
    def test_why_there_is_no_histogram(self) -> None:
        drawn = draw_figure(
            request(FigureState(FigureKind.HISTOGRAM, log_x=True), metrics__m=[-1.0, 0.0, float("nan")])
        )
        assert drawn.message == "No run can be drawn: 1 NaN, 2 ≤ 0."

    def test_why_there_is_no_scatter(self) -> None:
        state = FigureState(against="params.a")
        apart = request(state, metrics__m=[1.0, None], params__a=[None, 2.0])  # type: ignore[list-item]
        assert draw_figure(apart).message == "No run has both m and a."
        low = request(replace(state, log_x=True), metrics__m=[1.0, 2.0], params__a=[-1.0, -2.0])
        assert draw_figure(low).message == "No run can be drawn: 2 ≤ 0."


class TestParallel:
    asked = request(FigureState(FigureKind.PARALLEL), metrics__m=[1.0, 2.0, 3.0], params__a=["1", "2", "3"])

    @pytest.mark.parametrize("axis", [0, 1, 2, 10])
    def test_a_pointer_at_an_axis_that_is_gone(self, axis: int) -> None:
        drawn = draw_figure(replace(self.asked, pointer=Pointer(axis, 0.5, 0.2)))
        pointed = any("█" in part.text for line in drawn.lines for part in line)
        assert len(drawn.axes) == 2
        assert pointed is (axis < 2)

    @pytest.mark.parametrize(
        ("dark", "system", "said"),
        [
            (True, ColorSystem.TRUECOLOR, "yellow is greatest"),
            (False, ColorSystem.TRUECOLOR, "violet is greatest"),
            (True, ColorSystem.STANDARD, "yellow is greatest"),
            (False, ColorSystem.STANDARD, "blue is greatest"),
        ],
    )
    def test_the_colour_of_the_greatest_is_named(self, dark: bool, system: ColorSystem, said: str) -> None:
        assert said in draw_figure(replace(self.asked, palette=replace(PALETTE, dark=dark, system=system))).note
