"""How far a run is: its step or epoch of how many, how fast it goes, how long it will take, and its best so far.

What trainers write, and what is made of it:

    Hugging Face Trainer   params max_steps (-1 means "not limited") and num_train_epochs; metrics epoch or train/epoch,
                           in fractions up to the number of epochs, and on W&B train/global_step
    Lightning              params max_steps and max_epochs (-1 as above; below `trainer` with its CLI) where a user or a
                           logger notes them; metric epoch, counted from 0 and written with every row, and on W&B
                           trainer/global_step
    Ultralytics, Keras,    param epochs, and steps that are epochs; no metric says which epoch it is, see
    MLflow's autologging   `steps_were_epochs`
    hand-written loops     total_steps, max_iters, n_epochs and so on; metrics epoch, step, global_step, or steps alone
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from statistics import median
from typing import Final, Literal, NamedTuple

import polars as pl

from tui_runs.analysis.direction import Direction, direction_of
from tui_runs.analysis.ranking import by_interest, is_system
from tui_runs.display import duration, how_long_ago, number, printable, speed

Unit = Literal["step", "epoch"]

_TOTAL_STEPS: Final = (
    "maxsteps", "totalsteps", "maxtrainsteps", "numtrainsteps", "numtrainingsteps", "totaltrainsteps", "trainsteps",
    "trainingsteps", "maxiters", "maxiterations", "maxiter", "totaliterations", "numiterations", "numiters",
    "totaltimesteps", "numboostround", "numsteps", "nsteps",
)  # fmt: skip
_TOTAL_EPOCHS: Final = ("maxepochs", "numtrainepochs", "totalepochs", "trainepochs", "numepochs", "nepochs", "epochs")
_STEPS_OF_AN_EPOCH: Final = ("stepsperepoch", "batchesperepoch", "itersperepoch", "iterationsperepoch")
_STEP_METRICS: Final = (
    "globalstep", "step", "steps", "iteration", "iterations", "iter", "totaltimesteps", "timesteps", "numtimesteps",
)  # fmt: skip
_EPOCH_METRICS: Final = ("epoch", "epochs", "currentepoch")
_LENGTHS: Final = frozenset((*_TOTAL_STEPS, *_TOTAL_EPOCHS, *_STEPS_OF_AN_EPOCH))
_POSITIONS: Final = frozenset((*_STEP_METRICS, *_EPOCH_METRICS))
_SOMETHING_ELSE: Final = frozenset((
    "eval", "evaluation", "val", "valid", "validation", "test", "warmup", "sampler", "sampling", "diffusion",
    "rollout", "env", "earlystopping", "generation",
))  # fmt: skip
"""What a key stands below when its steps are not those of the training."""
_SEPARATORS: Final = re.compile(r"[./]")
_SPANS: Final = 16
"""Spans of the recent past whose speeds are compared."""
_POINTS_OF_A_SPAN: Final = 16


@dataclass(frozen=True, slots=True)
class Total:
    """How many steps or epochs a run is to have."""

    amount: float
    unit: Unit


@dataclass(frozen=True, slots=True)
class MetricEnd:
    """The columns of METRICS that tell how far a metric has come; see `tui_runs.schema`."""

    key: str
    last: float | None
    last_step: int | None
    last_time: datetime | None
    min: float | None
    max_step: int | None
    count: int | None


class Progress(NamedTuple):
    """How far a run is.

    Args:
        unit: what `done` and `total` count.
        done: so many of them, at most `total`; None where nothing tells.
        total: of so many, above 0; None where nothing tells.
        step: the greatest step that a metric was logged at.
        rate: of late, in `rate_unit` a second.
        left: seconds from `at` on until all is done, not negative.
        at: when the last point was logged.
        rate_unit: what `rate` counts, and `step` too: epochs where the steps are epochs.
    """

    unit: Unit
    done: float | None
    total: float | None
    step: int | None
    rate: float | None
    left: float | None
    at: datetime | None
    rate_unit: Unit = "step"

    @property
    def fraction(self) -> float | None:
        """From 0 to 1."""
        return None if self.done is None or self.total is None else self.done / self.total

    @property
    def expected_end(self) -> datetime | None:
        """When all will be done if it goes on as of late."""
        if self.left is None or self.at is None:
            return None
        try:
            return self.at + timedelta(seconds=self.left)
        except OverflowError:
            return None


class Best(NamedTuple):
    """The best value of a metric so far, where, and when as far as that is known."""

    metric: str
    value: float
    step: int | None
    time: datetime | None


def totals_of(params: Mapping[str, str]) -> list[Total]:
    """What a run's params say of its length, what is most likely meant first: steps come before epochs.

    Of a nested key (`trainer.max_steps`, `train/epochs`) the last part counts. Not above 0, or no number: no limit.

    Args:
        params: values as stored, by key.
    """
    return list(_totals_of(tuple(params.items())))


@lru_cache(1_024)  # the runs of an experiment mostly have the same ones, and they are looked at again and again
def _totals_of(params: tuple[tuple[str, str], ...]) -> tuple[Total, ...]:
    found: dict[str, list[tuple[int, float]]] = {}
    for key, value in params:
        name, depth = _meant(key)
        number = _above_zero(value) if name in _LENGTHS else None
        if number is not None:
            found.setdefault(name, []).append((depth, number))
    counts = {name: min(numbers)[1] for name, numbers in found.items()}  # the outermost key
    totals = [Total(counts[name], "step") for name in _TOTAL_STEPS if name in counts]
    epochs = [Total(counts[name], "epoch") for name in _TOTAL_EPOCHS if name in counts]
    of_one = next((counts[name] for name in _STEPS_OF_AN_EPOCH if name in counts), None)
    if epochs and of_one:
        totals.append(Total(epochs[0].amount * of_one, "step"))
    return (*totals, *epochs)


def tells_length(param: str) -> bool:
    """Whether a param is one of those that `totals_of` looks at, by its key."""
    return _meant(param)[0] in _LENGTHS


def tells_position(metric: str) -> bool:
    """Whether a metric says which step or epoch it is, by its key."""
    return _meant(metric)[0] in _POSITIONS


@lru_cache(16_384)
def _meant(key: str) -> tuple[str, int]:
    """The last part of a key in small letters, and how many stand above it; "" where it is not of the training."""
    *above, name = [part.lower().replace("_", "").replace("-", "") for part in _SEPARATORS.split(key)]
    return (name, len(above)) if _SOMETHING_ELSE.isdisjoint(above) else ("", 0)


def _above_zero(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if 0 < number < math.inf else None


def measure(
    params: Mapping[str, str],
    metrics: Sequence[MetricEnd],
    started: datetime | None,
    points: pl.DataFrame | None = None,
    *,
    steps_are_epochs: bool = False,
) -> Progress:
    """How far a run is.

    Epochs are counted by a metric that says the epoch; a total that the run has passed is not its total.

    Args:
        params: values as stored, by key.
        metrics: how far each has come.
        started: when the run began.
        points: columns step and time (and any other) of one of the metrics, in the order written; they tell the speed
            of late. Without them it is the mean since the start.
        steps_are_epochs: what the run logs, it logs once an epoch; see `steps_were_epochs`.
    """
    ends = [one for one in metrics if not is_system(one.key)]
    step = max((one.last_step for one in ends if one.last_step is not None), default=None)
    at = max((one.last_time for one in ends if one.last_time is not None), default=None)
    unit, done, total = _reached(totals_of(params), ends, step, steps_are_epochs)
    elapsed = (at - started).total_seconds() if at is not None and started is not None else 0.0
    axis = step if step is not None and step > 0 else None
    of_late = recent_rate(points) if points is not None else None
    if of_late is None and axis is not None and elapsed > 0:
        of_late = axis / elapsed
    counted = _last_of(ends, _STEP_METRICS)
    # W&B's own step counts calls of its log function: then the trainer's steps are more than those of the axis.
    rate = of_late * counted / axis if of_late is not None and counted is not None and axis is not None else of_late
    left = None
    if done is not None and total is not None:
        if done >= total:
            left = 0.0
        elif of_late is not None and axis is not None and done > 0:
            left = (total - done) / done * axis / of_late
        elif elapsed > 0 and done > 0:
            left = (total - done) / done * elapsed
    return Progress(
        unit,
        done,
        total,
        step,
        rate if _is_sound(rate, above=0) else None,
        left if _is_sound(left) else None,
        at,
        "epoch" if steps_are_epochs else "step",
    )


def _is_sound(number: float | None, *, above: float = -1) -> bool:
    return number is not None and above < number < math.inf


def _reached(
    totals: Sequence[Total], ends: Sequence[MetricEnd], step: int | None, steps_are_epochs: bool
) -> tuple[Unit, float | None, float | None]:
    """Unit, done and total: the first total against which something is counted, and that is not passed."""
    counted = _last_of(ends, _STEP_METRICS)
    steps = counted if counted is not None else None if step is None else float(_first_is_zero(ends, step) + step)
    epochs = _epochs_done(ends)
    if epochs is None and steps_are_epochs:
        epochs = steps
    for total in totals:
        done = steps if total.unit == "step" else epochs
        if done is not None and 0 <= done <= total.amount + 1:  # a last evaluation is often logged one step later
            return total.unit, min(done, total.amount), total.amount
    if steps is not None and steps >= 0:
        return "step", steps, None
    return "step", None, None


def _first_is_zero(ends: Iterable[MetricEnd], step: int) -> bool:
    """Whether steps are counted from 0, so that step 9 is the tenth: told where every single one was logged."""
    return any(one.last_step == step and one.count == step + 1 for one in ends)


def _named(ends: Iterable[MetricEnd], names: Sequence[str]) -> MetricEnd | None:
    """The metric that has the first of these names as the last part of its key, the least nested one."""
    found = {}
    for one in ends:
        name, depth = _meant(one.key)
        if name in names and one.last is not None and math.isfinite(one.last):
            found[names.index(name), depth, one.key] = one
    return found[min(found)] if found else None


def _last_of(ends: Iterable[MetricEnd], names: Sequence[str]) -> float | None:
    one = _named(ends, names)
    return one.last if one is not None else None


def _epochs_done(ends: Iterable[MetricEnd]) -> float | None:
    """How many epochs are done, of the metric that says the epoch.

    Fractions say it themselves. Whole numbers are the epoch that a point was logged in, counted from 0 or from 1: where
    each was logged once, that was at its end; where more often, it is estimated from the step at which it began.
    """
    one = _named(ends, _EPOCH_METRICS)
    if one is None or one.last is None:
        return None
    if one.last != int(one.last) or one.min not in (0, 1) or one.count is None:
        return one.last
    before = one.last - one.min
    if one.count <= before + 1:
        return before + 1
    if before < 1 or one.last_step is None or one.max_step is None:
        return before
    # The first point of an epoch is logged some steps after it began: as many as lie between two points.
    began = one.max_step - ((one.last_step + 1) / one.count - 1)
    return before + min(max((one.last_step + 1 - began) * before / began, 0.0), 1.0) if began > 0 else before


def steps_were_epochs(params: Mapping[str, str], metrics: Iterable[MetricEnd]) -> bool | None:
    """Whether the steps of a run that has finished were its epochs: its last step is their number, or one less.

    What is true of a finished run of an experiment is true of those that are still running: Ultralytics, Keras and
    MLflow's autologging log at the end of an epoch, with the epoch as the step, and nothing else says so.

    Returns:
        None where the run does not tell: it has no number of epochs, or a metric that says the epoch, or it ended
        early.
    """
    ends = [one for one in metrics if not is_system(one.key)]
    epochs = next((one.amount for one in totals_of(params) if one.unit == "epoch"), None)
    step = max((one.last_step for one in ends if one.last_step is not None), default=None)
    if epochs is None or epochs < 2 or step is None or _named(ends, _EPOCH_METRICS) is not None:
        return None
    return False if step > epochs else True if step >= epochs - 1 else None


def recent_rate(points: pl.DataFrame) -> float | None:
    """Steps a second of late; None where that cannot be told.

    The last points are divided into up to 16 spans of as many points; the speed is the median of theirs. A pause, or
    what lies between a run and its resumption, is one slow span of many, while an evaluation every few steps is in
    all of them. Spans in which the step or the time does not move on do not count.

    Args:
        points: columns step and time, in the order written.
    """
    tail = points.tail(_SPANS * _POINTS_OF_A_SPAN + 1)
    pairs = zip(tail["time"].to_physical().to_list(), tail["step"].to_list(), strict=True)
    # Points of one time were written together: the last one tells how far the run was.
    moments = {time: step for time, step in pairs if time is not None and step is not None}
    written = list(moments.items())
    points_of_a_span = max(1, -(-(len(written) - 1) // _SPANS))  # rounded up, so that there are no more spans
    marks = written[::-points_of_a_span][::-1]
    seconds_of_a_step = [
        (time - earlier) / 1e6 / (step - before)
        for (earlier, before), (time, step) in pairwise(marks)
        if step > before and time > earlier
    ]
    return 1 / median(seconds_of_a_step) if seconds_of_a_step else None


def best_so_far(
    metrics: pl.DataFrame, said: Mapping[str, Direction | None], points: Callable[[str], pl.DataFrame]
) -> Best | None:
    """The best value of the metric that people most likely compare by; None where none has a better way.

    Args:
        metrics: the columns of METRICS without run_id.
        said: which way metrics are better, where somebody knows.
        points: gives columns step, time and value of a metric; no rows where they are not held.
    """
    rows = {row["key"]: row for row in metrics.iter_rows(named=True)}
    for key in by_interest(rows):
        way = direction_of(key, said)
        which = "min" if way == "lower" else "max"
        value, step = rows[key][which], rows[key][f"{which}_step"]
        if way is None or is_system(key) or value is None or not math.isfinite(value):
            continue
        times = points(key).filter(pl.col("value") == value)["time"]
        return Best(key, value, step, times[0] if len(times) else None)
    return None


def progress_parts(progress: Progress, best: Best | None, now: datetime, *, running: bool) -> list[str]:
    """What there is to say of it, part by part: where it is, how fast, how long still, the best so far.

    Args:
        progress: how far the run is.
        best: of its metric of most interest.
        now: the time.
        running: whether it goes on: else there is no speed any more, and nothing is left.
    """
    parts = []
    if progress.done is not None:
        of = "" if progress.total is None else f" of {progress.total:,.10g}"
        parts.append(f"{progress.unit} {_counted(progress.done)}{of}")
    if progress.unit == "epoch" != progress.rate_unit and progress.step is not None and progress.step != progress.done:
        parts.append(f"step {progress.step:,}")
    if running and progress.rate is not None:
        parts.append(speed(progress.rate).replace("/", f" {progress.rate_unit}s/"))
    if running and progress.expected_end is not None and progress.expected_end > now:
        parts.append(f"{duration((progress.expected_end - now).total_seconds())} left")
    if best is not None:
        at = "" if best.step is None else f" at {best.step:,}"
        when = "" if best.time is None else f", {how_long_ago(best.time, now)}"
        parts.append(f"best {printable(best.metric)} {number(best.value)}{at}{when}")
    return parts


def _counted(done: float) -> str:
    """Steps, or epochs with one digit of a fraction, rounded down so that none is said to be done before it is."""
    return f"{math.floor(done * 10 + 1e-9) / 10 if done < 1e12 else done:,.10g}"
