"""Metric files that are read on: what is known of each so far, and what the bytes appended since then add to it."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Final, NamedTuple

import polars as pl

from tui_runs.adapter import Problem, RunBatch
from tui_runs.follow import read_appended
from tui_runs.schema import METRICS, PARAMS, RUNS, conform, empty
from tui_runs_mlflow.metric_lines import BadLines, parse_points, summarise, time_of
from tui_runs_mlflow.run_files import problem_with, unreadable

_CHUNK: Final = 16 << 20


class Summary(NamedTuple):
    """What the table shows of a metric; the columns of `metric_lines.summarise` but the first."""

    last: float
    last_step: int
    last_ms: int
    min: float
    min_step: int
    max: float
    max_step: int
    points: int

    def merge(self, later: Summary) -> Summary:
        """The summary of both parts of a file; on equal terms the earlier one stays."""
        newer = (later.last_step, later.last_ms, later.last) > (self.last_step, self.last_ms, self.last)
        latest = later if newer else self
        low = later if later.min < self.min or (self.min != self.min and later.min == later.min) else self
        high = later if later.max > self.max or (self.max != self.max and later.max == later.max) else self
        return Summary(
            latest.last,
            latest.last_step,
            latest.last_ms,
            low.min,
            low.min_step,
            high.max,
            high.max_step,
            self.points + later.points,
        )


@dataclass(slots=True)
class MetricSeries:
    """One metric file as far as it has been read."""

    run_id: str
    key: str
    path: str
    offset: int = 0
    summary: Summary | None = None


def advance(series: Sequence[MetricSeries], problems: list[Problem]) -> tuple[list[MetricSeries], bool]:
    """Read what was appended to some metric files, about 16 MiB in all at most.

    Returns:
        Those that have grown or were rewritten (without a summary, if they are empty now), and whether there is more
        to read.
    """
    grown: list[MetricSeries] = []
    chunks: list[bytes] = []
    budget, more = _CHUNK, False
    for one in series:
        if budget <= 0:
            more = True
            break
        try:
            appended = read_appended(one.path, one.offset, budget)
        except OSError as error:
            if error.errno == errno.EFBIG:
                problems.append(unreadable(one.path, error))
            continue  # else it is gone: the run's directory says the rest
        if appended.restarted:
            one.summary = None
        one.offset = appended.offset
        more = more or appended.more
        if appended.data or appended.restarted:
            budget -= len(appended.data)
            grown.append(one)
            chunks.append(appended.data)
    points, bad = parse_points(chunks)
    for row in summarise(points).iter_rows():
        one, later = grown[row[0]], Summary(*row[1:])
        one.summary = one.summary.merge(later) if one.summary else later
    for lines in bad:
        one = grown[lines.series]
        problems.append(bad_lines_problem(one.path, lines, from_start=one.offset == len(chunks[lines.series])))
    return grown, more


def bad_lines_problem(path: str, lines: BadLines, *, from_start: bool) -> Problem:
    """Say which lines of a metric file are no points; by number if they were read from the file's beginning."""
    where = f"line {lines.line}: " if from_start else ""
    what = f"{lines.count} of its lines are no points; the first is {where}{lines.text!r}."
    return problem_with(path, what, "They are left out; the other lines are shown.")


def series_batch(series: Sequence[MetricSeries], problems: Sequence[Problem] = ()) -> RunBatch:
    """A batch of these metrics alone, of runs sent earlier."""
    rows = [(one.run_id, one.key, *one.summary) for one in series if one.summary is not None]
    columns = {name: METRICS.get(name, pl.Int64) for name in Summary._fields}
    schema = {"run_id": pl.String, "key": pl.String, **columns}
    frame = pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        pl.col("points").alias("count"),
        time_of(pl.col("last_ms")).alias("last_time"),
        pl.lit(value=True).alias("exact"),
    )
    return RunBatch(empty(RUNS), empty(PARAMS), empty(PARAMS), conform(frame, METRICS), problems)


def read_whole(series: Sequence[MetricSeries], closed: Event) -> Iterator[RunBatch]:
    """Read long files from their beginning, one after the other; a batch of exact values for each."""
    for one in series:
        problems: list[Problem] = []
        more = True
        while more and not closed.is_set():
            _, more = advance([one], problems)
        if not closed.is_set():
            yield series_batch([one], problems)
