"""Points made into curves, pictures and pages: the same objects as before while nothing that decides them is new."""

from __future__ import annotations

import weakref
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from tui_runs.adapter import History
from tui_runs.analysis.chart_choices import Kind, Smoothing, Spread, XAxis
from tui_runs.frames.catalog import RunKey
from tui_runs.frames.histories import Histories, SeriesKey
from tui_runs.frames.workspace import Workspace
from tui_runs.schema import DETAILS, HISTORY
from tui_runs.tui.charts import curves as curves_module
from tui_runs.tui.charts.curves import Curves
from tui_runs.tui.charts.own_x import OwnX
from tui_runs.tui.charts.pages import Pages
from tui_runs.tui.charts.state import ChartState, YScale, Zoom
from tui_runs.tui.marks import Look

RUN = RunKey("s", "r")
LOOKS = {RUN: Look("#ff0000")}
WHEN = datetime(2026, 11, 20, tzinfo=UTC)


def give(histories: Histories, metric: str, values: list[float]) -> None:
    """Points come in, of a curve that is held from now on."""
    key = SeriesKey(*RUN, metric)
    (request,) = histories.wanted([key]) or [None]
    if request is None:
        histories.grown("s", pl.DataFrame({"run_id": ["r"], "key": [metric]}))
        (request,) = histories.wanted([key])
    start = request.cursor.get(("r", metric), 0)
    rows = [("r", metric, step, WHEN + timedelta(seconds=step), value) for step, value in enumerate(values, start)]
    frame = pl.DataFrame(rows, schema=dict(HISTORY), orient="row")
    histories.add(request, History(frame, {("r", metric): start + len(values)}, True))


def step_metric(metric: str, over: str) -> pl.DataFrame:
    row = {"run_id": "r", "group": "metric", "item": metric, "key": "step_metric", "value": over}
    return pl.DataFrame([row], schema=DETAILS)


class TestCurves:
    def test_prepared_once_while_the_points_are_the_same(self) -> None:
        histories = Histories()
        curves, key = Curves(histories), SeriesKey(*RUN, "loss")
        give(histories, "loss", [3, 2, 1])
        first = curves.series(key, XAxis.STEP, "", Smoothing())
        assert curves.series(key, XAxis.STEP, "", Smoothing()) is first
        give(histories, "loss", [0.5])
        second = curves.series(key, XAxis.STEP, "", Smoothing())
        assert second is not None
        assert second.y.tolist() == [3, 2, 1, 0.5]

    def test_the_points_may_be_dropped(self) -> None:
        histories = Histories()
        curves, key = Curves(histories), SeriesKey(*RUN, "loss")
        give(histories, "loss", [3, 2, 1])
        assert curves.series(key, XAxis.STEP, "", Smoothing()) is not None
        points = weakref.ref(histories.points(key))
        histories.forget("s", ["r"])
        assert points() is None

    def test_points_as_they_were_are_kept_by_no_other_axis(self) -> None:
        histories = Histories()
        curves, key = Curves(histories), SeriesKey(*RUN, "loss")
        give(histories, "loss", [3, 2, 1])
        for x in (XAxis.STEP, XAxis.RELATIVE, XAxis.TIME):
            assert curves.series(key, x, "", Smoothing(Kind.EMA, 0.5)) is not None
        before = [weakref.ref(one.raw) for one in curves._kept[key].values()]
        give(histories, "loss", [0.5])
        assert curves.series(key, XAxis.STEP, "", Smoothing()) is not None
        assert [one() for one in before] == [None] * 3
        assert curves._points == 4 + curves_module._OVERHEAD

    def test_many_short_curves_are_not_kept_for_ever(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(curves_module, "_POINTS_KEPT", 10_000)
        histories = Histories()
        curves = Curves(histories)
        for number in range(100):
            give(histories, f"m{number}", [1.0, 2.0])
            curves.series(SeriesKey(*RUN, f"m{number}"), XAxis.STEP, "", Smoothing())
        curves.tidy(5)
        assert 5 <= len(curves._kept) <= 40


class TestPages:
    @pytest.fixture
    def workspace(self) -> Workspace:
        workspace = Workspace(now=lambda: WHEN)
        give(workspace.histories, "loss", [float(number) for number in range(100)])
        give(workspace.histories, "acc", [1.0, 2.0, 3.0])
        return workspace

    def test_nothing_is_made_anew_while_nothing_is_new(self, workspace: Workspace) -> None:
        pages = Pages(workspace, OwnX())
        seen = []
        for _ in range(2):
            pages.choose(dict(LOOKS), ChartState(), None, "#000000")
            page = pages.page(["loss", "acc"])
            seen.append((page.pictures, pages.signature(["loss", "acc"])))
        assert all(one is other for one, other in zip(seen[0][0], seen[1][0], strict=True))
        assert seen[0][1] == seen[1][1]

    @pytest.mark.parametrize(
        "state",
        [
            ChartState(smoothing=Smoothing(Kind.EMA, 0.9)),
            ChartState(x=XAxis.RELATIVE),
            ChartState(x=XAxis.METRIC, x_metric="acc"),
            ChartState(log_x=True),
            ChartState(y=YScale.LOG),
            ChartState(zoom=Zoom(10, 20)),
            ChartState(cursor=30),
            ChartState(y_limits=(("loss", (0, 1)),)),
            ChartState(ignore_outliers=True),
            ChartState(pinned=("loss",)),
        ],
    )
    def test_what_the_user_chooses_is_another_picture(self, workspace: Workspace, state: ChartState) -> None:
        pages = Pages(workspace, OwnX())
        seen = []
        for one in (ChartState(), state):
            pages.choose(LOOKS, one, None, "#000000")
            seen.append((pages.page(["loss"]).pictures[0].identity, pages.signature(["loss"])))
        assert seen[0][0] != seen[1][0]
        assert seen[0][1] != seen[1][1]

    def test_points_colours_and_the_ground_are_another_picture(self, workspace: Workspace) -> None:
        pages = Pages(workspace, OwnX())

        def identity(look: Look, state: ChartState, ground: str) -> object:
            pages.choose({RUN: look, RunKey("s", "q"): look}, state, None, ground)
            return pages.page(["loss"]).pictures[0].identity

        smooth = ChartState(smoothing=Smoothing(Kind.EMA, 0.9))
        seen = [identity(look, smooth, "#000000") for look in (Look("#ff0000"), Look("#00ff00"), Look("#ff0000", 1))]
        seen.append(identity(Look("#ff0000"), smooth, "#ffffff"))
        give(workspace.histories, "loss", [7.0])
        seen.append(identity(Look("#ff0000"), smooth, "#ffffff"))
        seen.append(identity(Look("#ff0000"), ChartState(bands=Spread.RANGE), "#ffffff"))
        give(workspace.histories, "loss", [8.0])
        seen.append(identity(Look("#ff0000"), ChartState(bands=Spread.RANGE), "#ffffff"))
        workspace.histories.forget("s", ["r"])
        seen.append(identity(Look("#ff0000"), ChartState(bands=Spread.RANGE), "#ffffff"))
        assert len(set(seen)) == len(seen)

    def test_points_of_one_metric_leave_the_others_as_they_are(self, workspace: Workspace) -> None:
        pages = Pages(workspace, OwnX())
        pages.choose(LOOKS, ChartState(), None, "#000000")
        before = pages.page(["loss", "acc"]).pictures
        give(workspace.histories, "acc", [4.0])
        after = pages.page(["loss", "acc"]).pictures
        assert (after[0] is before[0], after[1] is before[1]) == (True, False)

    def test_what_is_kept_is_what_is_to_be_kept(self, workspace: Workspace) -> None:
        pages = Pages(workspace, OwnX())
        pages.choose(LOOKS, ChartState(), None, "#000000")
        before = pages.page(["loss", "acc"]).drawn
        pages.keep(["acc"])
        after = pages.page(["loss", "acc"]).drawn
        assert (after[0] is before[0], after[1] is before[1]) == (False, True)

    def test_looking_ahead_does_not_change_what_is_needed(self, workspace: Workspace) -> None:
        workspace.histories.wanted([SeriesKey(*RUN, "loss")])
        pages = Pages(workspace, OwnX())
        pages.choose(LOOKS, ChartState(), None, "#000000")
        pages.page(["acc"])
        assert workspace.histories._needed == {SeriesKey(*RUN, "loss")}

    @pytest.mark.parametrize(("zoomed_over", "zoomed"), [(None, 0), ((XAxis.METRIC, "epoch"), 1)])
    def test_a_zoom_and_a_cursor_are_of_one_x(
        self, workspace: Workspace, zoomed_over: tuple[XAxis, str] | None, zoomed: int
    ) -> None:
        give(workspace.histories, "epoch", [step / 10 for step in range(100)])
        own_x = OwnX()
        own_x.take(RUN, step_metric("acc", "epoch"))
        pages = Pages(workspace, own_x)
        pages.choose(LOOKS, ChartState(zoom=Zoom(0.05, 0.15), cursor=0.1), zoomed_over, "#000000")
        page = pages.page(["loss", "acc"])
        assert page.wholes == {(XAxis.STEP, ""): (0, 99), (XAxis.METRIC, "epoch"): (0, 0.2)}
        chosen = [(picture.axes.x_limits, picture.cursor) for picture in page.pictures]
        assert chosen[zoomed] == ((0.05, 0.15), 0.1)
        assert chosen[1 - zoomed] == (None, None)


def test_an_x_from_a_store_cannot_break_the_screen() -> None:
    workspace, own_x = Workspace(now=lambda: WHEN), OwnX()
    give(workspace.histories, "loss", [1.0, 2.0])
    own_x.take(RUN, step_metric("loss", "\x1b[31mep"))
    pages = Pages(workspace, own_x)
    pages.choose(LOOKS, ChartState(), None, "#000000")
    assert pages.page(["loss"]).pictures[0].waiting == "no ␛[31mep was logged with it"
    give(workspace.histories, "\x1b[31mep", [1.0, 2.0])
    assert "␛[31mep" in pages.page(["loss"]).pictures[0].note
    assert "\x1b" not in pages.page(["loss"]).pictures[0].note


def test_a_few_runs_of_a_source_are_asked_for_an_x_of_their_own() -> None:
    runs = [RunKey("s", str(number)) for number in range(9)]
    silent, talking = OwnX(), OwnX()
    assert [silent.next_to_ask(runs) for _ in range(5)] == [*runs[:3], None, None]
    for run in runs:
        assert talking.next_to_ask(runs) == run
        talking.take(run, step_metric("loss", "epoch"))
    assert talking.of("loss", runs) == "epoch"
