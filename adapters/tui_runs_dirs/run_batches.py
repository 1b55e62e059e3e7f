"""Makes the frames of a `RunBatch` of what was read of runs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import polars as pl

from tui_runs.adapter import Problem, RunBatch
from tui_runs.display import encodable
from tui_runs.schema import DETAILS, METRICS, PARAMS, RUNS, STATUSES, TAGS, TIME, empty
from tui_runs_dirs.git import Repositories
from tui_runs_dirs.known_run import KnownRun
from tui_runs_dirs.totals import NO_TIME, Total

T = TypeVar("T")

TOOL_TAG: Final = "tool"
"""Every run has a tag of this name that says what wrote it: "Hydra, Lightning"."""
_TEXTS: Final = ("name", "experiment", "user", "host", "group", "job_type", "git_commit", "command", "notes")
_LATEST: Final = 253_402_300_800_000_000
_METRIC_TYPES: Final = {name: pl.Int64 if dtype == TIME else dtype for name, dtype in METRICS.items()}


@dataclass(slots=True)
class RunView:
    """A run as it is shown.

    Args:
        facts: its row of RUNS, by column; times in microseconds since 1970.
        params: key and text.
        tags: key and text.
        metrics: rows of METRICS from `key` on.
        problems: what is wrong with its files.
        version: of the run that it was made of.
    """

    facts: dict[str, Any]
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: list[tuple[Any, ...]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    version: int = 0

    @property
    def run_id(self) -> str:
        """Unique in the source."""
        return str(self.facts["run_id"])

    @property
    def status(self) -> str:
        """One of the schema's."""
        return str(self.facts["status"])


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """What a view depends on besides its run.

    Args:
        root: of the source.
        stale_after: seconds without a write after which a run that has not ended does not run any more.
        titles: what layouts are called for a person.
        repositories: the commits that were checked out.
    """

    root: str
    stale_after: float
    titles: Mapping[str, str]
    repositories: Repositories

    def view(self, run: KnownRun, *, by_tails: bool = False) -> RunView:
        """What is to be shown of a run now.

        Args:
            run: as far as it was read.
            by_tails: its large files were not read yet: their last values are looked up.
        """
        with run.lock:
            params, tags, fields, summary = _merged(run)
            totals = run.tails() if by_tails else run.totals
            metrics = [(key, *_row(total, whole=not by_tails)) for key, total in totals.items()]
            unseen = (item for item in summary.items() if item[0] not in totals)
            metrics += [(encodable(key), value, *(None,) * 6, 0, True) for key, value in unseen]
            facts = self._facts(run, fields, totals)
            tags.setdefault(TOOL_TAG, self.tool(run))
            return RunView(facts, params, tags, metrics, run.problems, run.version)

    def tool(self, run: KnownRun) -> str:
        """What wrote a run, for a person: one tool or several."""
        said = [claim for claim in run.found.claims if claim.facts or claim.series] or list(run.found.claims)
        named = dict.fromkeys(claim.tool or self.titles.get(claim.layout, claim.layout) for claim in said)
        if len(named) > 1:
            named.pop(self.titles.get("plain", ""), None)
        return encodable(", ".join(named))

    def _facts(self, run: KnownRun, fields: Mapping[str, Any], totals: Mapping[str, Total]) -> dict[str, Any]:
        directory = run.found.directory
        name, above = _names(directory, self.root)
        writes = [moment // 1000 for moment in run.writes]
        updated = max(writes, default=None)
        begun = [total.first_time for total in totals.values() if total.first_time != NO_TIME]
        started = _micros(fields.get("started"))
        if started is None:
            started = min(begun, default=min(writes, default=None))
        is_live = updated is not None and time.time() - updated / 1e6 <= self.stale_after
        status = fields.get("status")
        if status is None:
            status = "running" if is_live else "finished"
        elif status == "running" and not is_live:
            status = "stale"
        ended = _micros(fields.get("ended"))
        if ended is None and status in ("finished", "failed", "killed"):
            ended = updated if updated is None or started is None else max(started, updated)
        facts: dict[str, Any] = {column: _text(fields.get(column)) for column in _TEXTS}
        return {
            **facts,
            "run_id": run.run_id,
            "name": facts["name"] or encodable(name),
            "experiment": facts["experiment"] or encodable(above),
            "status": status if status in STATUSES else "unknown",
            "started": _in_range(started),
            "ended": _in_range(ended),
            "updated": _in_range(updated),
            "parent_id": run.parent_id,
            "git_commit": facts["git_commit"] or self.repositories.commit_at(directory, started),
            "uri": encodable(directory),
        }

    def details(self, runs: Sequence[KnownRun]) -> pl.DataFrame:
        """What the files say besides, as schema DETAILS."""
        rows: list[tuple[str, ...]] = []
        for run in runs:
            with run.lock:
                rows += [(run.run_id, *map(encodable, row)) for facts in run.said() for row in facts.details]
        return pl.DataFrame(rows, schema=dict(DETAILS), orient="row")


def _merged(run: KnownRun) -> tuple[dict[str, str], dict[str, str], dict[str, Any], dict[str, float]]:
    """Params, tags, fields and last values of all facts; what is said twice is believed the first time."""
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    fields: dict[str, Any] = {}
    summary: dict[str, float] = {}
    for facts in run.said():
        _add(params, facts.params)
        _add(tags, facts.tags)
        _add(fields, facts.fields)
        _add(summary, facts.summary)
    return params, tags, fields, summary


def _add(known: dict[str, T], said: Mapping[str, T]) -> None:
    for key, value in said.items():
        if value is not None:
            known.setdefault(key, value)


def _names(directory: str, root: str) -> tuple[str, str]:
    """What a run and its experiment are called where no file says it: its directory, and the one above."""
    parts = [part for part in directory.split("/") if part]
    base = [part for part in root.split("/") if part]
    inside = parts[len(base) : -1]
    return (parts[-1] if parts else "/"), "/".join(inside) or (parts[-2] if len(parts) > 1 else "")


def make_batch(views: Sequence[RunView], total: int | None = None, problems: Sequence[Problem] = ()) -> RunBatch:
    """The batch of these runs, with the problems of their files and some more."""
    problems = [*problems, *(problem for view in views for problem in view.problems)]
    if not views:
        return RunBatch(empty(RUNS), empty(PARAMS), empty(TAGS), empty(METRICS), problems, total)
    facts = {name: [view.facts.get(name) for view in views] for name in RUNS}
    stored = {name: pl.Int64 if dtype == TIME else pl.String for name, dtype in RUNS.items()}
    rows = [(view.run_id, *row) for view in views for row in view.metrics]
    columns: Any = zip(*rows, strict=True) if rows else ((),) * len(_METRIC_TYPES)
    metrics = pl.DataFrame(dict(zip(_METRIC_TYPES, columns, strict=True)), schema=_METRIC_TYPES)
    return RunBatch(
        pl.DataFrame(facts, schema=stored).select(pl.col(name).cast(dtype) for name, dtype in RUNS.items()),
        _texts([(view.run_id, key, text) for view in views for key, text in view.params.items()]),
        _texts([(view.run_id, key, text) for view in views for key, text in view.tags.items()]),
        metrics.with_columns(pl.col("last_time").cast(TIME)),
        problems,
        total,
    )


def _texts(rows: list[tuple[str, str, str]]) -> pl.DataFrame:
    columns: Any = zip(*rows, strict=True) if rows else ((), (), ())
    return pl.DataFrame(dict(zip(PARAMS, columns, strict=True)), schema=dict(PARAMS))


def _row(total: Total, *, whole: bool) -> tuple[Any, ...]:
    last = total.last, total.last_step, _in_range(total.last_time)
    if not whole:
        return (*last, *(None,) * 5, False)
    return (*last, total.low, total.low_step, total.high, total.high_step, total.points, True)


def _text(said: Any) -> str | None:
    return encodable(str(said)) if said else None


def _micros(said: Any) -> int | None:
    if not isinstance(said, datetime):
        return None
    return round((said if said.tzinfo else said.replace(tzinfo=UTC)).timestamp() * 1e6)


def _in_range(moment: int | None) -> int | None:
    """A time in microseconds that Python's datetime can hold too."""
    return moment if moment is not None and 0 <= moment < _LATEST else None
