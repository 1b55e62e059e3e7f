"""What is known of some runs, as the diff wants it: values by key, by kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import polars as pl

from tui_runs.adapter import Problem, Source
from tui_runs.analysis.diff import Facts, Value
from tui_runs.capabilities import Detailed
from tui_runs.frames.catalog import RunKey
from tui_runs.frames.selection import wide
from tui_runs.frames.workspace import Workspace

RUN_FACTS: Final = (
    "source", "adapter", "experiment", "status", "user", "host", "group", "job_type", "parent_id", "git_commit",
    "command", "notes", "duration_s",
)  # fmt: skip
"""Columns of runs that are compared. Ids, names and moments differ always, and tell nothing."""
_OWN_TAGS: Final = "mlflow."
"""Tags that a tracker sets by itself: what they say stands in the columns of the run and in its details."""
_GROUPS: Final = {"run": "environment", "param": "more params", "tag": "more tags"}
"""Groups of details that are compared under another name, beside "environment" and "dataset"."""
_NOT_COMPARED: Final = frozenset({"experiment", "logged model", "registered model", "media", "metric"})
"""Groups of what runs made: each run its own; and of what is the same for all runs of an experiment."""
_KNOWN_OTHERWISE: Final = frozenset({"artifact uri", "deleted", "host", "username", "git commit"})
"""Keys of the environment that stand in columns of the run, or that differ always."""

Details = Mapping[RunKey, Facts]


def facts_of(workspace: Workspace, runs: Sequence[RunKey], details: Details | None = None) -> list[Facts]:
    """Run columns, params, metrics (their last values) and tags of some runs; reads no file.

    Args:
        workspace: what is known of the runs.
        runs: which; those that are gone have nothing.
        details: as `read_details` gave them; None where they are not to be compared.

    Returns:
        One a run, in their order.
    """
    columns = _run_facts(workspace, runs)
    params, metrics, tags = (workspace.catalog.values_of(kind, runs) for kind in ("params", "metrics", "tags"))
    return [
        {
            "run": columns.get(run, {}),
            "param": params[run],
            "metric": metrics[run],
            "tag": {key: value for key, value in tags[run].items() if not key.startswith(_OWN_TAGS)},
            **((details or {}).get(run, {})),
        }
        for run in runs
    ]


def _run_facts(workspace: Workspace, runs: Sequence[RunKey]) -> dict[RunKey, dict[str, Value]]:
    ids = pl.Series([run.run_id for run in runs], dtype=pl.String)
    frame = wide(workspace, RUN_FACTS).filter(pl.col("run_id").is_in(ids.implode()))
    return {
        RunKey(row["source"], row["run_id"]): {name: row[name] for name in RUN_FACTS if row[name] is not None}
        for row in frame.iter_rows(named=True)
    }


def read_details(sources: Mapping[str, Source], runs: Sequence[RunKey]) -> tuple[Details, list[Problem]]:
    """Environment, code, datasets and whatever else the sources know of some runs; reads, so call it from a worker.

    Args:
        sources: the open sources by their names.
        runs: whose details.

    Returns:
        The details of the runs that have any, and what could not be read.

    Raises:
        SourceLostError: a source is gone.
    """
    found: dict[RunKey, dict[str, dict[str, Value]]] = {}
    problems: list[Problem] = []
    for name, source in sources.items():
        ids = [run.run_id for run in runs if run.source == name]
        if not ids or not isinstance(source, Detailed):
            continue
        details = source.details(ids)
        problems += details.problems
        for run_id, kind, key, value in _comparable(details.frame.iter_rows()):
            found.setdefault(RunKey(name, run_id), {}).setdefault(kind, {})[key] = value
    return found, problems


def _comparable(rows: Iterable[tuple[str, str, str, str, str | None]]) -> Iterable[tuple[str, str, str, str | None]]:
    """Rows of DETAILS as run, kind, key and value; without those that differ always."""
    for run_id, group, item, key, value in rows:
        kind = _GROUPS.get(group, group)
        if kind == "environment":
            if key not in _KNOWN_OTHERWISE:
                yield run_id, "code" if key.startswith("git") else kind, key, value
        elif group not in _NOT_COMPARED:
            yield run_id, kind, f"{item}.{key}" if item else key, value
