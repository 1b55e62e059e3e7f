"""How far a run is, against trainings that are gone through step by step, and what the real tools wrote."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tui_runs.analysis.progress import (
    Best,
    MetricEnd,
    Progress,
    Total,
    best_so_far,
    measure,
    progress_parts,
    recent_rate,
    steps_were_epochs,
    totals_of,
)
from tui_runs.schema import METRICS, TIME

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DATA = Path(__file__).parents[1] / "data"


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def end_of(key: str, points: list[tuple[int, float, float]]) -> MetricEnd:
    """What METRICS says of points (step, seconds since the start, value)."""
    values = [value for _, _, value in points]
    step, seconds, last = points[-1]
    first_of_the_greatest = next(one for one, _, value in points if value == max(values))
    return MetricEnd(key, last, step, after(seconds), min(values), first_of_the_greatest, len(points))


def frame_of(points: list[tuple[int, float]]) -> pl.DataFrame:
    rows = [(step, after(seconds)) for step, seconds in points]
    return pl.DataFrame(rows, schema={"step": pl.Int64, "time": TIME}, orient="row")


class TestTotals:
    @pytest.mark.parametrize(
        ("params", "first"),
        [
            ({"max_steps": "10000"}, Total(10_000, "step")),
            ({"max_steps": "-1", "num_train_epochs": "3"}, Total(3, "epoch")),  # Hugging Face: not limited
            ({"max_steps": "500", "num_train_epochs": "3.0"}, Total(500, "step")),
            ({"trainer.max_steps": "-1", "trainer.max_epochs": "12"}, Total(12, "epoch")),  # LightningCLI
            ({"trainer/max_epochs": "12"}, Total(12, "epoch")),
            ({"max_iters": "6e5", "eval_iters": "200"}, Total(600_000, "step")),  # nanoGPT
            ({"total_timesteps": "1000000", "n_steps": "2048"}, Total(1_000_000, "step")),  # Stable-Baselines3
            ({"SOLVER.MAX_ITER": "90000"}, Total(90_000, "step")),  # Detectron2
            ({"num-epochs": "7"}, Total(7, "epoch")),
            ({"epochs": "10", "steps_per_epoch": "50"}, Total(500, "step")),
            ({"eval.epochs": "2", "epochs": "30"}, Total(30, "epoch")),
            ({"train.epochs": "30", "pretrain.model.epochs": "100"}, Total(30, "epoch")),
        ],
    )
    def test_what_is_most_likely_meant_comes_first(self, params: dict[str, str], first: Total) -> None:
        assert totals_of(params)[0] == first

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("max_steps", "-1"),
            ("max_steps", "0"),
            ("max_steps", "None"),
            ("max_epochs", ""),
            ("epochs", "inf"),
            ("epochs", "nan"),
            ("warmup_epochs", "3"),
            ("warmup.epochs", "3"),
            ("logging_steps", "5"),
            ("save_steps", "500"),
            ("gradient_accumulation_steps", "4"),
            ("sampler.num_steps", "50"),
            ("epochs.note", "10"),
        ],
    )
    def test_what_is_no_length_of_a_training(self, key: str, value: str) -> None:
        assert totals_of({key: value}) == []


ENDS = st.builds(
    MetricEnd,
    key=st.sampled_from(["loss", "epoch", "train/epoch", "step", "global_step", "trainer/global_step", "system/cpu"]),
    last=st.none() | st.floats(),
    last_step=st.none() | st.integers(-(2**62), 2**62),
    last_time=st.none() | st.datetimes(timezones=st.just(UTC)),
    min=st.none() | st.floats(),
    max_step=st.none() | st.integers(-(2**62), 2**62),
    count=st.none() | st.integers(0, 2**32 - 1),
)
LENGTHS = st.dictionaries(
    st.sampled_from(["max_steps", "epochs", "steps_per_epoch", "trainer.max_epochs", "n_steps"]),
    st.floats().map(str) | st.integers(-2, 10**7).map(str) | st.text(max_size=4),
)


class TestBounds:
    @given(LENGTHS, st.lists(ENDS, max_size=5), st.none() | st.datetimes(timezones=st.just(UTC)), st.booleans())
    def test_never_over_all_nor_negative_whatever_is_logged(
        self, params: dict[str, str], ends: list[MetricEnd], started: datetime | None, by_epochs: bool
    ) -> None:
        progress = measure(params, ends, started, steps_are_epochs=by_epochs)
        assert progress.fraction is None or 0 <= progress.fraction <= 1
        assert progress.left is None or progress.left >= 0
        assert progress.rate is None or progress.rate > 0
        if progress.at is not None and progress.expected_end is not None:
            assert progress.expected_end >= progress.at
        for running in (True, False):
            said = progress_parts(progress, None, START, running=running)
            assert not any("nan" in part or "inf" in part for part in said)

    @given(st.integers(1, 10_000), st.lists(st.integers(0, 10_000), min_size=2, max_size=8, unique=True))
    def test_more_steps_are_never_less_progress(self, total: int, steps: list[int]) -> None:
        every = sorted(steps)
        logged: list[tuple[int, float, float]] = []
        fractions = []
        for step in every:
            logged.append((step, float(step), 1.0))
            fractions.append(measure({"max_steps": str(total)}, [end_of("loss", logged)], START).fraction)
        known = [fraction for fraction in fractions if fraction is not None]
        assert known == sorted(known)
        assert fractions[: len(known)] == known  # once a run has passed it, it is not its total

    def test_unknown_stays_unknown(self) -> None:
        ends = [end_of("loss", [(0, 0, 1), (40, 20, 0.5)])]
        nothing = measure({}, ends, START)
        assert (nothing.fraction, nothing.left, nothing.expected_end) == (None, None, None)
        assert (nothing.step, nothing.rate) == (40, 2.0)
        assert measure({"epochs": "100"}, ends, START).fraction is None  # nothing says what its steps are
        assert measure({"max_steps": "10"}, ends, START).fraction is None
        assert measure({"max_steps": "10"}, [], START) == Progress("step", None, None, None, None, None, None)


class TestEpochs:
    """Trainings of 4 epochs of 25 steps, logged as the tools do; at each point the truth is the step divided by 100."""

    EPOCHS, STEPS = 4, 25

    def told(self, points: list[tuple[int, float, float]]) -> float | None:
        return measure({"epochs": str(self.EPOCHS)}, [end_of("epoch", points)], START).fraction

    @pytest.mark.parametrize("first", [0, 1])
    def test_logged_at_the_end_of_each(self, first: int) -> None:
        points: list[tuple[int, float, float]] = []
        for epoch in range(self.EPOCHS):
            points.append((25 * (epoch + 1), 1.0, float(first + epoch)))
            assert self.told(points) == (epoch + 1) / self.EPOCHS

    @pytest.mark.parametrize("first", [0, 1])
    @pytest.mark.parametrize("every", [1, 5])
    def test_logged_with_every_row_as_lightning_does(self, first: int, every: int) -> None:
        points: list[tuple[int, float, float]] = []
        for step in range(every - 1, self.EPOCHS * self.STEPS, every):
            points.append((step, float(step), float(first + step // self.STEPS)))
            told = self.told(points)
            assert told is not None
            if step >= self.STEPS + every:  # in the first epoch nothing tells how long it is
                assert told == pytest.approx((step + 1) / 100, abs=(every + 1) / 100)
            else:
                assert told <= 0.5
        assert told == pytest.approx(1, abs=0.06)

    def test_fractions_as_hugging_face_logs_them(self) -> None:
        points: list[tuple[int, float, float]] = []
        for step in range(5, 101, 5):
            points.append((step, float(step), step / self.STEPS))
            assert self.told(points) == pytest.approx(step / 100)

    def test_wandb_counts_its_own_steps(self) -> None:
        # The trainer logs every tenth step; W&B's axis has one step a call.
        calls = [(call, 5.0 * call) for call in range(31)]
        ends = [end_of("train/global_step", [(call, seconds, 10.0 * call) for call, seconds in calls])]
        progress = measure({"max_steps": "1000"}, ends, START, frame_of(calls))
        assert (progress.done, progress.total, progress.rate) == (300, 1000, pytest.approx(2.0))
        assert progress.left == pytest.approx(350)

    def test_steps_that_are_epochs(self) -> None:
        points = [(epoch, 10.0 * (epoch + 1), 0.5) for epoch in range(5)]
        progress = measure({"epochs": "20"}, [end_of("val/loss", points)], START, steps_are_epochs=True)
        assert (progress.unit, progress.done, progress.fraction) == ("epoch", 5, 0.25)
        said = progress_parts(progress, None, after(50), running=True)
        assert said[:2] == ["epoch 5 of 20", "4.8 epochs/min"]  # 4 of them since the start, 50 s ago

    @pytest.mark.parametrize(
        ("last", "told"), [(20, True), (19, True), (12, None), (21, False), (2_000, False)], ids=str
    )
    def test_what_a_finished_run_tells_of_its_steps(self, last: int, told: bool | None) -> None:
        ends = [end_of("loss", [(1, 0, 1), (last, 9, 0.1)]), end_of("system/cpu", [(5_000, 9, 1)])]
        assert steps_were_epochs({"epochs": "20"}, ends) is told
        assert steps_were_epochs({}, ends) is None
        assert steps_were_epochs({"epochs": "20"}, [*ends, end_of("epoch", [(last, 9, 20)])]) is None


class TestSpeed:
    @given(
        st.integers(4, 600),
        st.floats(0.001, 1e4),
        st.integers(1, 1000),
        st.floats(0, 1e6),
        st.floats(0, 1),
    )
    def test_a_pause_does_not_change_it(
        self, points: int, seconds: float, stride: int, pause: float, at: float
    ) -> None:
        times = [i * seconds + (pause if i > at * points else 0) for i in range(points)]
        rate = recent_rate(frame_of([(i * stride, time) for i, time in enumerate(times)]))
        assert rate == pytest.approx(stride / seconds, rel=0.01, abs=1e-6)

    @given(st.integers(17, 400), st.integers(10, 300))
    def test_evaluations_every_few_steps_are_in_it(self, points: int, pause: int) -> None:
        # One second a step, and after every fourth one an evaluation.
        times = [i + pause * (i // 4) for i in range(4 * points)]
        rate = recent_rate(frame_of(list(enumerate(times))))
        assert rate is not None
        assert 1 / rate == pytest.approx(1 + pause / 4, rel=0.35)

    def test_a_run_that_begins_again_from_an_earlier_step(self) -> None:
        first = [(step, float(step)) for step in range(100)]
        again = [(step, 50_000.0 + 2 * step) for step in range(60, 90)]
        assert recent_rate(frame_of([*first, *again])) == pytest.approx(1, rel=0.01)
        assert recent_rate(frame_of([*first[:20], *again])) == pytest.approx(0.5, rel=0.01)

    def test_points_written_together(self) -> None:
        batches = [(step, 10.0 * (step // 20)) for step in range(200)]
        assert recent_rate(frame_of(batches)) == pytest.approx(2)

    @pytest.mark.parametrize(
        "points", [[], [(5, 0.0)], [(5, 0.0), (5, 9.0)], [(5, 3.0), (9, 3.0)], [(9, 0.0), (2, 5.0)]]
    )
    def test_too_little_to_tell(self, points: list[tuple[int, float]]) -> None:
        assert recent_rate(frame_of(points)) is None

    @given(st.integers(2, 300), st.floats(0.01, 100), st.integers(301, 10_000))
    def test_what_is_left_is_what_the_training_will_take(self, steps: int, seconds: float, total: int) -> None:
        points = [(step, step * seconds) for step in range(0, 2 * steps, 2)]
        assume(points[-1][0] < total)
        ends = [end_of("loss", [(step, time, 1.0) for step, time in points])]
        truth = (total - points[-1][0]) * seconds
        for held in (frame_of(points), None):
            assert measure({"max_steps": str(total)}, ends, START, held).left == pytest.approx(
                truth, rel=0.01, abs=0.01
            )


class TestBest:
    def metrics(self, rows: Mapping[str, list[float]]) -> pl.DataFrame:
        ends = [
            {
                "key": key,
                "min": min(values),
                "min_step": values.index(min(values)),
                "max": max(values),
                "max_step": values.index(max(values)),
            }
            for key, values in rows.items()
        ]
        return pl.DataFrame(ends, schema={name: kind for name, kind in METRICS.items() if name != "run_id"})

    def points(self, values: list[float]) -> pl.DataFrame:
        rows = [(step, after(step), value) for step, value in enumerate(values)]
        return pl.DataFrame(rows, schema={"step": pl.Int64, "time": TIME, "value": pl.Float64}, orient="row")

    @given(st.lists(st.floats(-100, 100), min_size=1, max_size=20))
    def test_of_a_loss_the_first_least_value(self, values: list[float]) -> None:
        metrics = self.metrics({"lr": [0.1, 0.2], "val_loss": values, "train_loss": [0.0]})
        best = best_so_far(metrics, {}, lambda key: self.points(values))
        step = values.index(min(values))
        assert best == Best("val_loss", min(values), step, after(step))

    def test_which_way_is_better_can_be_said_and_points_may_be_missing(self) -> None:
        metrics = self.metrics({"val_loss": [3, 1, 2]})
        nothing = self.points([])
        assert best_so_far(metrics, {"val_loss": "higher"}, lambda key: nothing) == Best("val_loss", 3, 0, None)
        assert best_so_far(metrics, {"val_loss": None}, lambda key: nothing) is None
        assert best_so_far(self.metrics({"lr": [1.0]}), {}, lambda key: nothing) is None


class TestSaid:
    def test_all_of_it(self) -> None:
        progress = Progress("step", 6300, 10_000, 6300, 12.4, 300, after(0))
        best = Best("val_loss", 0.213, 6100, after(-120))
        assert progress_parts(progress, best, after(0), running=True) == [
            "step 6,300 of 10,000", "12.4 steps/s", "5m 00s left", "best val_loss 0.213 at 6,100, 2m ago",
        ]  # fmt: skip

    def test_of_a_run_that_has_ended_there_is_no_speed(self) -> None:
        progress = Progress("epoch", 2.96, 3, 6300, 0.02, 300, after(0))
        assert progress_parts(progress, None, after(0), running=False) == ["epoch 2.9 of 3", "step 6,300"]
        assert progress_parts(progress, None, after(100), running=True)[2:] == ["1.2 steps/min", "3m 20s left"]

    def test_what_is_late_has_no_time_left(self) -> None:
        progress = Progress("step", 1, 2, 1, 1.0, 1.0, after(0))
        assert progress_parts(progress, None, after(2), running=True) == ["step 1 of 2", "1 steps/s"]


class TestRealTools:
    """What the real tools wrote, see the MADE.md of each."""

    def progress(self, folder: str, name: str) -> Progress:
        from tui_runs.frames.progress import progress_of
        from tui_runs.frames.workspace import Workspace
        from tui_runs.headless.runs import run_named
        from tui_runs.sources.discover import find

        workspace = Workspace(now=lambda: START)
        workspace.open(find([str(DATA / folder)]))
        try:
            workspace.read_all()
            progress = progress_of(workspace, run_named(workspace.catalog, name))
            assert progress is not None
            return progress
        finally:
            workspace.close()

    @pytest.mark.parametrize(("name", "epochs"), [("bert_nan", 2), ("bert_resumed", 4)])
    def test_hugging_face(self, name: str, epochs: int) -> None:
        progress = self.progress("dirs_hf_trainer", name)
        assert (progress.unit, progress.done, progress.total) == ("epoch", epochs, epochs)

    @pytest.mark.parametrize("name", ["exp_lr0.1", "exp_lr0.01", "train_8.3.0", "train_8.0.100"])
    def test_ultralytics_from_0_and_from_1(self, name: str) -> None:
        progress = self.progress("dirs_ultralytics", name)
        assert (progress.unit, progress.done, progress.total) == ("epoch", 4, 4)

    def test_lightning(self, tmp_path: Path) -> None:
        """Real rows of 5 epochs, up to each of them; the truth is the epoch and the step of the row itself."""
        lines = (DATA / "dirs_lightning/lightning_logs/version_2/metrics.csv").read_text().splitlines()
        header = lines[0].split(",")
        at_epoch, at_step = header.index("epoch"), header.index("step")
        rows = [(int(line.split(",")[at_epoch]), int(line.split(",")[at_step])) for line in lines[1:]]
        trained = [row for row in rows if row[0] < 5]
        steps_of_an_epoch = (max(step for _, step in trained) + 1) / 5
        for kept in range(len(trained) // 2, len(trained) + 1, 7):
            run = tmp_path / str(kept) / "lightning_logs" / "version_0"
            run.mkdir(parents=True)
            run.joinpath("metrics.csv").write_text("\n".join(lines[: kept + 1]) + "\n")
            run.joinpath("hparams.yaml").write_text("max_epochs: 5\nmax_steps: -1\n")
            progress = self.progress(str(tmp_path / str(kept)), "version_0")
            truth = (trained[kept - 1][1] + 1) / steps_of_an_epoch
            assert progress.total == 5
            assert progress.done == pytest.approx(truth, abs=0.35)
