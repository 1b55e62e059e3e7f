"""Trackio's databases: one a project, `$TRACKIO_DIR/<project>.db`, with a row of JSON for every call of `log`.

The JSON stands in columns that are declared TEXT but hold blobs; NaN and the infinities are texts in it. What is
logged within half a second is written at once and has one time. A project's database of an older release has no
`run_id`: the run's name is its key then. That a run has ended is not written anywhere.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from tui_runs_dirs.collections.databases import databases_with
from tui_runs_dirs.collections.gathering import Gathered, Points
from tui_runs_dirs.files import problem_with
from tui_runs_dirs.layout import Collection, CollectionReading, Stamp
from tui_runs_dirs.readers.json_text import leaves, parse_numbers, parse_text, texts
from tui_runs_dirs.readers.settings import number_of, text_of
from tui_runs_dirs.readers.sqlite_file import Wanted, read_tables, sqlite_stamp
from tui_runs_dirs.readers.times import microseconds, utc

if TYPE_CHECKING:
    import polars as pl

    from tui_runs_dirs.walk import Directory

SYSTEM: Final = "system/"
"""Stands before the names of system metrics."""
_RUN: Final = {"run_id": str, "run_name": str, "timestamp": str}
_TABLES: Final[Wanted] = {
    "metrics": {**_RUN, "step": int, "metrics": str},
    "system_metrics": {**_RUN, "step": int, "metrics": str},
    "configs": {"run_id": str, "run_name": str, "config": str, "created_at": str},
    "alerts": {**_RUN, "step": int, "title": str, "text": str, "level": str},
}


@dataclass(slots=True)
class TrackioDatabase:
    """The runs of one project. See `tui_runs_dirs.layout.Collection`."""

    path: str
    layout: str = "trackio"

    def stamp(self) -> Stamp:
        """Of the database and its `-wal`."""
        return sqlite_stamp(self.path)

    def read(self) -> CollectionReading:
        """Read all runs.

        Raises:
            OSError: it cannot be read; NotReadError says why.
        """
        tables, _ = read_tables(self.path, _TABLES)
        gathered, points = Gathered(), Points()
        names: dict[str, str] = {}
        seen: dict[str, list[datetime]] = {}
        times: dict[str | None, tuple[datetime | None, int | None]] = {}
        broken = 0
        for table, prefix in (("metrics", ""), ("system_metrics", SYSTEM)):
            for run_id, name, stamp, step, text in tables[table].iter_rows():
                run = run_id or name
                if run is None:
                    continue
                names.setdefault(run, name or run)
                if stamp not in times:  # what is logged within half a second has the same
                    times[stamp] = utc(stamp), microseconds(utc(stamp))
                moment, time = times[stamp]
                if moment is not None:
                    seen.setdefault(run, []).append(moment)
                said = parse_numbers(text)
                if not isinstance(said, dict):
                    broken += 1
                    continue
                for key, value in leaves(said):
                    number = number_of(value)
                    if number is not None:
                        points.add(run, prefix + key, step, time, number)
                    elif isinstance(value, str) and not key.rpartition(".")[2].startswith("_"):
                        gathered.tags[run, key] = text_of(value)
        configs = _configs(tables["configs"], names)
        self._add_runs(gathered, names, configs, seen)
        for run_id, name, stamp, step, title, text, level in tables["alerts"].iter_rows():
            at = f"{stamp} {level}" + ("" if step is None else f" at step {step}")
            gathered.details.append((run_id or name or "", "alert", title or "", at, text or ""))
        if broken:
            what = f"{broken} of its rows are not JSON objects."
            gathered.problems.append(problem_with(self.path, what, "They are left out; the others are shown."))
        return replace(gathered.reading(points.frame()), tells_ends=False)

    def _add_runs(
        self,
        gathered: Gathered,
        names: Mapping[str, str],
        configs: Mapping[str, tuple[dict[str, object], str | None]],
        seen: Mapping[str, Sequence[datetime]],
    ) -> None:
        project = os.path.splitext(os.path.basename(self.path))[0]
        for run, name in reversed([*names.items()]):
            config, created = configs.get(run, ({}, None))
            times = seen.get(run, ())
            started = utc(config.get("_Created")) or (min(times) if times else utc(created))
            updated = max(times) if times else started
            gathered.runs[run] = {
                "name": name,
                "experiment": project,
                "status": "running",
                "started": started,
                "updated": updated,
                "user": _text(config.get("_Username")),
                "group": _text(config.get("_Group")),
            }
            params = {key: value for key, value in config.items() if not key.startswith("_")}
            gathered.params |= {(run, key): value for key, value in texts(params).items()}


def _configs(frame: pl.DataFrame, names: dict[str, str]) -> dict[str, tuple[dict[str, object], str | None]]:
    """The config of each run, and when it was written. Runs that have logged nothing yet join the names."""
    configs: dict[str, tuple[dict[str, object], str | None]] = {}
    for run_id, name, text, created in frame.iter_rows():
        run = run_id or name
        if run is not None:
            names.setdefault(run, name or run)
            config = parse_text(text)
            configs[run] = (config if isinstance(config, dict) else {}), created
    return configs


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


class TrackioLayout:
    """Finds the databases of projects. See `tui_runs_dirs.layout.Layout`."""

    name = "trackio"
    title = "Trackio"

    def recognise(self, directory: Directory) -> Sequence[Collection]:
        """Databases with Trackio's tables."""
        marks = {"metrics": {"run_name", "metrics"}, "configs": {"run_name", "config"}}
        return [TrackioDatabase(path) for path in databases_with(directory, marks)]


LAYOUT: Final = TrackioLayout()
