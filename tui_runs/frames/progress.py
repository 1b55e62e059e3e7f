"""How far the runs that are running are: worked out of the catalog, and of the points that are held."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Final

import polars as pl

from tui_runs.analysis.progress import (
    MetricEnd,
    Progress,
    measure,
    steps_were_epochs,
    tells_length,
    tells_position,
    totals_of,
)
from tui_runs.analysis.ranking import is_system
from tui_runs.frames.catalog import Catalog, RunKey
from tui_runs.schema import TIME

if TYPE_CHECKING:
    from tui_runs.frames.histories import Histories
    from tui_runs.frames.workspace import Workspace

PROGRESS: Final = ("progress", "steps_per_s", "expected_end")
"""The columns of `progress_frame` beside the run's."""
GOING_ON: Final = ("running", "stale")
"""Statuses of runs that are not known to have ended."""
_SIBLINGS: Final = 5
"""Finished runs of an experiment that are looked at for what their steps are."""


def progress_frame(workspace: Workspace) -> pl.DataFrame:
    """One row for each run that goes on: `source`, `run_id` and the columns of PROGRESS, null where nothing tells.

    progress is from 0 to 1; steps_per_s and expected_end are of those alone that are running.
    """
    catalog = workspace.catalog
    going_on = _going_on(catalog)
    measured = _measure(catalog, workspace.histories, going_on)
    running = going_on["status"] == "running"
    rows = [
        (*run, one.fraction, one.rate if runs else None, one.expected_end if runs else None)
        for (run, one), runs in zip(measured.items(), running, strict=True)
    ]
    kinds = (pl.String, pl.String, pl.Float64, pl.Float64, TIME)
    return pl.DataFrame(rows, schema=dict(zip(("source", "run_id", *PROGRESS), kinds, strict=True)), orient="row")


def progress_of(workspace: Workspace, run: RunKey) -> Progress | None:
    """How far one run is, or how far it came; None where there is no such run."""
    runs = workspace.catalog.runs
    row = runs.filter((runs["source"] == run.source) & (runs["run_id"] == run.run_id))
    return _measure(workspace.catalog, workspace.histories, row).get(run)


def some_progress(catalog: Catalog) -> bool:
    """Whether of some run that goes on it is known how far it is, or will be with its first point."""
    measured = _measure(catalog, None, _going_on(catalog))
    if any(one.fraction is not None for one in measured.values()):
        return True
    begun = [run for run, one in measured.items() if one.step is None]
    return any(totals_of(lengths) for lengths in _lengths_of(catalog, begun).values())


def seconds_left(now: datetime) -> pl.Expr:
    """Seconds until `expected_end`; null where that is over: such a run is late, and nobody knows how long it takes."""
    left = (pl.col("expected_end") - pl.lit(now).cast(TIME)).dt.total_microseconds() / 1e6
    return pl.when(left >= 0).then(left.round(3))


def _going_on(catalog: Catalog) -> pl.DataFrame:
    runs = catalog.runs
    return runs.filter(runs["status"].is_in(GOING_ON))


def _measure(catalog: Catalog, histories: Histories | None, runs: pl.DataFrame) -> dict[RunKey, Progress]:
    """The progress of some runs, in their order.

    Args:
        catalog: where they are.
        histories: points that tell the speed of late; None where that does not matter.
        runs: rows of `Catalog.runs`.
    """
    if runs.is_empty():
        return {}
    facts = runs.select("source", "run_id", "experiment", "started").iter_rows()
    places = {RunKey(source, run_id): (experiment, started) for source, run_id, experiment, started in facts}
    lengths, ends = _lengths_of(catalog, list(places)), _ends_of(catalog, list(places))
    measured, untold = {}, []
    for run, (_, started) in places.items():
        logged, keys = ends[run]
        points = histories.any_held(run, keys) if histories is not None else None
        measured[run] = measure(lengths[run], logged, started, points)
        if measured[run].fraction is None and any(total.unit == "epoch" for total in totals_of(lengths[run])):
            untold.append((run, points))
    by_epochs = _logged_by_epochs(catalog, {(run.source, places[run][0]) for run, _ in untold})
    for run, points in untold:
        experiment, started = places[run]
        if (run.source, experiment) in by_epochs:
            measured[run] = measure(lengths[run], ends[run][0], started, points, steps_are_epochs=True)
    return measured


def _lengths_of(catalog: Catalog, runs: Sequence[RunKey]) -> dict[RunKey, dict[str, str]]:
    """Those params of some runs that tell how long they will be."""
    keys = [key for key in catalog.keys("params") if tells_length(key)]
    found: dict[RunKey, dict[str, str]] = {run: {} for run in runs}
    if not keys:
        return found
    ids = pl.Series([run.run_id for run in runs], dtype=pl.String)
    rows = catalog.wide([f"params.{key}" for key in keys]).filter(pl.col("run_id").is_in(ids.implode()))
    for source, run_id, *values in rows.iter_rows():
        of_run = found.get(RunKey(source, run_id), {})  # of another source where it is not there
        of_run.update((key, value) for key, value in zip(keys, values, strict=True) if value is not None)
    return found


def _ends_of(catalog: Catalog, runs: Sequence[RunKey]) -> dict[RunKey, tuple[list[MetricEnd], list[str]]]:
    """How far the metrics of some runs have come, and which they are, that which was logged most often first.

    Those that say a step or an epoch stand for themselves, and one for all others: a run may have a thousand.
    """
    frame = catalog.metrics_of_runs(runs)
    keys = frame["key"].unique().to_list()
    system = pl.Series([key for key in keys if is_system(key)], dtype=pl.String)
    telling = pl.Series([key for key in keys if tells_position(key)], dtype=pl.String)
    frame = frame.filter(~pl.col("key").is_in(system.implode()))
    furthest = pl.col("last_step") == pl.col("last_step").max()
    all_of_them = frame.group_by("run").agg(
        pl.col("last_step").max(),
        pl.col("last_time").max(),
        pl.col("count").filter(furthest).max(),
        pl.col("key").sort_by("count", descending=True, nulls_last=True),
    )
    found: dict[RunKey, tuple[list[MetricEnd], list[str]]] = {run: ([], []) for run in runs}
    for place, step, time, count, often in all_of_them.iter_rows():
        found[runs[place]] = [MetricEnd("", None, step, time, None, None, count)], often
    columns = [one.name for one in fields(MetricEnd)]
    for place, *end in frame.filter(pl.col("key").is_in(telling.implode())).select("run", *columns).iter_rows():
        found[runs[place]][0].append(MetricEnd(*end))
    return found


def _logged_by_epochs(
    catalog: Catalog, experiments: Iterable[tuple[str, str | None]]
) -> frozenset[tuple[str, str | None]]:
    """Those experiments, by source and name, in which runs that have finished show that steps are epochs."""
    place = ["source", "experiment"]
    wanted = pl.DataFrame(list(experiments), schema=dict.fromkeys(place, pl.String), orient="row")
    if wanted.is_empty():
        return frozenset()
    latest = (
        catalog.runs.filter(pl.col("status") == "finished")
        .join(wanted, on=place, how="semi", nulls_equal=True)
        .sort("started", descending=True, nulls_last=True)
        .group_by(place, maintain_order=True)
        .head(_SIBLINGS)
    )
    rows = latest.select("source", "run_id", "experiment").iter_rows()
    siblings = {RunKey(source, run_id): experiment for source, run_id, experiment in rows}
    lengths, ends = _lengths_of(catalog, list(siblings)), _ends_of(catalog, list(siblings))
    told: dict[tuple[str, str | None], set[bool | None]] = {}
    for run, experiment in siblings.items():
        said = steps_were_epochs(lengths[run], ends[run][0])
        told.setdefault((run.source, experiment), set()).add(said)
    return frozenset(one for one, said in told.items() if True in said and False not in said)
