"""The runs of a collection while it is read, and the frames that are made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tui_runs.adapter import Problem, RunBatch
from tui_runs.display import encodable
from tui_runs_dirs.layout import CollectionReading, Stamp

if TYPE_CHECKING:
    import polars as pl


@dataclass(slots=True)
class Points:
    """Points while they are read, in the columns of HISTORY; a step or time that is not known is None.

    Times are microseconds since 1970: a million datetimes would take a second.
    """

    run_ids: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    steps: list[int | None] = field(default_factory=list)
    times: list[int | None] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def add(self, run_id: str, key: str, step: int | None, time: int | None, value: float) -> None:
        """Add the next point of a series."""
        self.run_ids.append(run_id)
        self.keys.append(encodable(key))
        self.steps.append(step)
        self.times.append(time)
        self.values.append(value)

    def frame(self) -> pl.DataFrame:
        """Schema HISTORY."""
        import polars as pl  # noqa: PLC0415

        from tui_runs.schema import HISTORY  # noqa: PLC0415

        columns: tuple[list[Any], ...] = (self.run_ids, self.keys, self.steps, self.times, self.values)
        frame = pl.DataFrame(dict(zip(HISTORY, columns, strict=True)), schema={**HISTORY, "time": pl.Int64})
        return frame.cast({"time": HISTORY["time"]})


@dataclass(slots=True)
class Gathered:
    """What was read so far, by run id; the last word on a key counts.

    Args:
        runs: columns of schema RUNS by name, without run_id.
        params: of each (run id, key) the text.
        tags: the same.
        summary: of each (run id, key) a last value that no series has.
        details: rows of schema DETAILS.
        problems: what could not be understood.
    """

    runs: dict[str, Mapping[str, object]] = field(default_factory=dict)
    params: dict[tuple[str, str], str] = field(default_factory=dict)
    tags: dict[tuple[str, str], str] = field(default_factory=dict)
    summary: dict[tuple[str, str], float] = field(default_factory=dict)
    details: list[tuple[str, str, str, str, str]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def reading(self, history: pl.DataFrame | None = None) -> CollectionReading:
        """Everything as frames. What is said of a run that is not there is left out.

        Args:
            history: columns of schema HISTORY, in the order in which the points were written; None for no points. A
                point without a step gets its place in the series.
        """
        import polars as pl  # noqa: PLC0415  only what is read needs it, not what is recognised

        from tui_runs.schema import DETAILS, HISTORY, PARAMS, RUNS, TAGS, conform  # noqa: PLC0415

        points = conform(pl.DataFrame() if history is None else history, HISTORY)
        if points.height:
            position = pl.int_range(pl.len()).over("run_id", "key")
            points = points.filter(pl.col("run_id").is_in(list(self.runs))).with_columns(
                pl.coalesce("step", position).alias("step")
            )
        metrics = metrics_of(points, self._rows(self.summary))
        batch = RunBatch(
            pl.DataFrame(
                [{"run_id": encodable(run_id), **_clean(row)} for run_id, row in self.runs.items()],
                schema=dict(RUNS),
            ),
            pl.DataFrame(self._texts(self.params), schema=dict(PARAMS), orient="row"),
            pl.DataFrame(self._texts(self.tags), schema=dict(TAGS), orient="row"),
            metrics,
            self.problems,
        )
        details = [tuple(map(encodable, row)) for row in self.details if row[0] in self.runs]
        return CollectionReading(batch, points, pl.DataFrame(details, schema=dict(DETAILS), orient="row"))

    def _rows(self, said: Mapping[tuple[str, str], float]) -> list[tuple[str, str, float]]:
        return [
            (encodable(run_id), encodable(key), value) for (run_id, key), value in said.items() if run_id in self.runs
        ]

    def _texts(self, said: Mapping[tuple[str, str], str]) -> list[tuple[str, str, str]]:
        return [
            (encodable(run_id), encodable(key), encodable(value))
            for (run_id, key), value in said.items()
            if run_id in self.runs
        ]


def metrics_of(points: pl.DataFrame, summary: Sequence[tuple[str, str, float]] = ()) -> pl.DataFrame:
    """What whole series add up to, by the rules of `tui_runs_dirs.totals.Total`.

    Args:
        points: schema HISTORY.
        summary: rows (run_id, key, value) of metrics that have no series; those that have one are left out.

    Returns:
        Schema METRICS.
    """
    import polars as pl  # noqa: PLC0415

    from tui_runs.schema import METRICS, conform  # noqa: PLC0415

    series = (
        points.lazy()
        .group_by("run_id", "key", maintain_order=True)
        .agg(
            *(
                pl.col(name).sort_by("step", maintain_order=True).last().alias(last)
                for name, last in (("value", "last"), ("step", "last_step"), ("time", "last_time"))
            ),
            pl.col("value").min().alias("min"),
            pl.col("step").get(pl.col("value").arg_min()).alias("min_step"),
            pl.col("value").max().alias("max"),
            pl.col("step").get(pl.col("value").arg_max()).alias("max_step"),
            pl.len().alias("count"),
        )
        .collect()
    )
    alone = pl.DataFrame(
        list(summary), schema={"run_id": pl.String, "key": pl.String, "last": pl.Float64}, orient="row"
    ).join(series, on=["run_id", "key"], how="anti")
    both = [series, alone.with_columns(pl.lit(0).alias("count"))]
    return conform(
        pl.concat([conform(frame.with_columns(pl.lit(value=True).alias("exact")), METRICS) for frame in both]), METRICS
    )


def last_write(stamp: Stamp) -> datetime | None:
    """When the files of a stamp were written last."""
    if not stamp:
        return None
    try:
        return datetime.fromtimestamp(max(one.mtime_ns for one in stamp) / 1e9, UTC)
    except (OverflowError, ValueError, OSError):  # outside of the years that Python knows
        return None


def _clean(row: Mapping[str, object]) -> dict[str, object]:
    return {name: encodable(value) if isinstance(value, str) else value for name, value in row.items()}
