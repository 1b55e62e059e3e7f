"""Limits set by hand: what people type is understood, and what makes no sense is said."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_runs.tui.charts.limits import FieldError, LimitsAsked, LimitsForm, read, written
from tui_runs.tui.charts.state import ChartState, YScale, Zoom

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
METRICS = ("val/loss", "train/loss")
AT_FIRST = ChartState()


def asked(state: ChartState = AT_FIRST, kind: str = "number", whole: object = (0.0, 1000.0)) -> LimitsAsked:
    return LimitsAsked(state, "val/loss", METRICS, kind, whole, (4, 5))  # type: ignore[arg-type]


PLAIN = asked()


def taken(known: LimitsAsked = PLAIN, metric: str = "val/loss", **fields: str) -> ChartState:
    return read(replace(written(known, metric), **fields), known, NOW)


ENDS = st.floats(-1e9, 1e9, allow_nan=False).map(lambda end: float(f"{end:.10g}"))


@given(st.sampled_from(["", *METRICS]), st.lists(ENDS, min_size=2, max_size=2, unique=True).map(sorted))
def test_what_is_written_is_read_again(metric: str, ends: list[float]) -> None:
    low, high = ends
    state = taken(metric=metric, y_from=repr(low), y_to=repr(high), x_from="10", x_to="20", charts="3x4")
    assert dict(state.y_limits)[metric] == (low, high)
    assert (state.zoom, state.grid) == (Zoom(10, 20), (3, 4))
    again = written(asked(state), metric)
    assert (float(again.y_from), float(again.y_to)) == (low, high)
    assert read(again, asked(state), NOW) == state


def test_fields_left_alone_change_nothing() -> None:
    for zoom in (None, Zoom(100, 1000, at_end=True), Zoom(100, math.inf), Zoom(-math.inf, 30), Zoom(1 / 3, 2 / 3)):
        state = ChartState(zoom=zoom, grid=(0, 7), y_limits=(("val/loss", (1 / 3, math.inf)),))
        assert taken(asked(state)) == state


def test_an_empty_end_is_left_to_the_curves() -> None:
    state = taken(y_to="0.5", x_from="100")
    assert state.y_span("val/loss") == (-math.inf, 0.5)
    assert state.y_span("train/loss") is None
    assert (state.limits((0, 1000)), state.limits((0, 1400))) == ((100, 1000), (100, 1400))
    assert taken(asked(state), y_to="", x_from="") == ChartState()


def test_limits_of_all_charts_give_way_to_those_of_one() -> None:
    state = taken(metric="", y_from="0", y_to="1")
    state = taken(asked(state), y_from="0.2", y_to="0.4")
    assert (state.y_span("val/loss"), state.y_span("train/loss")) == ((0.2, 0.4), (0, 1))
    assert state.whole == ChartState()


@pytest.mark.parametrize(
    ("kind", "text", "ends"),
    [
        ("duration", ("1h30m", "2h"), (5400, 7200)),
        ("duration", ("90", ""), (90, math.inf)),
        ("time", ("2026-11-20 10:00+00:00", "-1h"), (NOW.timestamp() - 7200, NOW.timestamp() - 3600)),
    ],
)
def test_times(kind: str, text: tuple[str, str], ends: tuple[float, float]) -> None:
    known = asked(kind=kind, whole=(0.0, 2e9))
    assert taken(known, x_from=text[0], x_to=text[1]).zoom == Zoom(*ends)


def test_a_day_is_meant_to_its_end() -> None:
    known = asked(kind="time", whole=(0.0, 2e9))
    zoom = taken(known, x_from="2026-11-19", x_to="2026-11-19").zoom
    assert zoom is not None
    assert zoom.high - zoom.low == 86_400


@pytest.mark.parametrize(("text", "grid"), [("3x4", (3, 4)), (" 2 X 2 ", (2, 2)), ("1×5", (1, 5)), ("20", (0, 20))])
def test_charts_on_a_page(text: str, grid: tuple[int, int]) -> None:
    state = taken(asked(ChartState(single=True)), charts=text)
    assert (state.grid, state.single) == (grid, False)


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({"metric": "los"}, "metric", "no chart of “los”"),
        ({"y_from": "abc"}, "y_from", "“abc” is no number"),
        ({"y_to": "nan"}, "y_to", "no number"),
        ({"y_from": "3", "y_to": "1"}, "y_to", "end at 1, and begin at 3"),
        ({"x_from": "1000"}, "x_from", "No curve reaches beyond x = 1000"),
        ({"x_to": "-1"}, "x_to", "begin at x = 0 or later"),
        ({"charts": "many"}, "charts", "no number of charts"),
        ({"charts": "0"}, "charts", "1 to 36"),
        ({"charts": "0x4"}, "charts", "1 to 36"),
        ({"charts": "37"}, "charts", "1 to 36"),
        ({"charts": "9" * 5000}, "charts", "1 to 36"),
        ({"charts": "2x3x4"}, "charts", "no number of charts"),
        ({"charts": "5x5"}, "charts", "room for 4 rows of 5"),
        ({"charts": "21"}, "charts", "room for 4 rows of 5"),
    ],
)
def test_what_makes_no_sense_is_said(fields: dict[str, str], field: str, says: str) -> None:
    with pytest.raises(FieldError) as raised:
        taken(**fields)
    assert raised.value.field == field
    assert says in raised.value.message


def test_logarithmic_axes_have_no_place_for_0() -> None:
    for state, field in ((ChartState(y=YScale.LOG), "y_from"), (ChartState(log_x=True), "x_from")):
        with pytest.raises(FieldError, match="no place for 0"):
            taken(asked(state), **{field: "0"})
    assert taken(asked(ChartState(y=YScale.SYMLOG)), y_from="0").y_span("val/loss") == (0, math.inf)


@given(st.builds(LimitsForm, *[st.text(max_size=12)] * 6))
def test_anything_may_be_typed(form: LimitsForm) -> None:
    for kind in ("number", "duration", "time"):
        try:
            state = read(form, asked(kind=kind), NOW)
        except FieldError:
            continue
        assert isinstance(state, ChartState)


@pytest.mark.parametrize("end", [4e11, -4e11, 1e300])
def test_a_zoom_beyond_the_calendar_is_left_as_it_was(end: float) -> None:
    state = ChartState(zoom=Zoom(*sorted((0.0, end))))
    known = asked(state, "time", tuple(sorted((0.0, 2 * end))))
    assert read(written(known, ""), known, NOW) == state
