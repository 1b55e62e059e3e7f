"""Optuna's storages: SQLite databases of any name, and journal files; see `optuna_trials` for what becomes of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tui_runs.display import printable
from tui_runs_dirs.collections.databases import databases_with
from tui_runs_dirs.collections.gathering import last_write
from tui_runs_dirs.collections.optuna_journal import OptunaJournal, journals_in
from tui_runs_dirs.collections.optuna_trials import INTERMEDIATE, METRIC_NAMES, Study, Trial, gather, param_text
from tui_runs_dirs.files import problem_with
from tui_runs_dirs.layout import Collection, CollectionReading, Stamp
from tui_runs_dirs.readers.json_text import parse_text
from tui_runs_dirs.readers.settings import text_of
from tui_runs_dirs.readers.sqlite_file import Wanted, read_tables, sqlite_stamp
from tui_runs_dirs.readers.times import utc

if TYPE_CHECKING:
    import polars as pl

    from tui_runs_dirs.walk import Directory

_UTC_SINCE: Final = 5
"""Since this version a database has times in UTC; before, in the local time of whoever ran the trial. The schema is the
same (12), so only the library's version tells. Looked up in the sources of 2.10, 4.8, 4.9 and 5.0."""
_NEWEST_SCHEMA: Final = 12
_TABLES: Final[Wanted] = {
    "version_info": {"schema_version": int, "library_version": str},
    "studies": {"study_id": int, "study_name": str},
    "study_directions": {"study_id": int, "objective": int, "direction": str},
    "study_user_attributes": {"study_id": int, "key": str, "value_json": str},
    "study_system_attributes": {"study_id": int, "key": str, "value_json": str},
    "trials": {
        "trial_id": int, "number": int, "study_id": int, "state": str,
        "datetime_start": str, "datetime_complete": str,
    },
    "trial_params": {
        "trial_id": int, "param_name": str, "param_value": float, "distribution_json": str,
    },
    "trial_values": {"trial_id": int, "objective": int, "value": float, "value_type": str},
    "trial_user_attributes": {"trial_id": int, "key": str, "value_json": str},
    "trial_intermediate_values": {
        "trial_id": int, "step": int, "intermediate_value": float, "intermediate_value_type": str,
    },
}  # fmt: skip
_KINDS: Final = {"NAN": math.nan, "INF_POS": math.inf, "INF_NEG": -math.inf}
"""What a column beside a number says of it; the number is then null. Optuna before 3 has none, and null for NaN."""


_MARKS: Final = {"studies": {"study_name"}, "trials": {"study_id", "state"}, "trial_params": {"distribution_json"}}


class OptunaLayout:
    """Finds storages. See `tui_runs_dirs.layout.Layout`."""

    name = "optuna"
    title = "Optuna"

    def recognise(self, directory: Directory) -> Sequence[Collection]:
        """Databases with Optuna's tables, and files that begin as its journals do."""
        databases = databases_with(directory, _MARKS)
        return [*map(OptunaDatabase, databases), *map(OptunaJournal, journals_in(directory))]


@dataclass(slots=True)
class OptunaDatabase:
    """A SQLite database that an RDBStorage wrote. See `tui_runs_dirs.layout.Collection`."""

    path: str
    layout: str = "optuna"

    def stamp(self) -> Stamp:
        """Of the database and its `-wal`."""
        return sqlite_stamp(self.path)

    def read(self) -> CollectionReading:
        """Read all studies.

        Raises:
            OSError: it cannot be read; NotReadError says why.
        """
        tables, columns = read_tables(self.path, _TABLES)
        versions = tables["version_info"].rows()
        schema, library = versions[0] if versions else (None, None)
        studies = _studies(tables)
        trials = _trials(tables, local=not _writes_utc(library))
        gathered, run_ids = gather(studies, trials, last_write(self.stamp()))
        missing = sorted(_TABLES.keys() - columns.keys() - {"version_info"})
        if missing or (schema or 0) > _NEWEST_SCHEMA:
            what = f"Its schema ({schema}, by optuna {printable(str(library))}) is not one that is known"
            what += f"; the tables {', '.join(missing)} are missing." if missing else "."
            gathered.problems.append(problem_with(self.path, what, "What is understood of it is shown."))
        points = _rename(tables["trial_intermediate_values"], run_ids)
        return gathered.reading(points)


def _writes_utc(library: str | None) -> bool:
    major = (library or "").partition(".")[0]
    return major.isdecimal() and int(major) >= _UTC_SINCE


def _studies(tables: Mapping[str, pl.DataFrame]) -> dict[int, Study]:
    studies = {number: Study(name or str(number)) for number, name in tables["studies"].iter_rows()}
    for number, objective, direction in tables["study_directions"].iter_rows():
        if number in studies and objective is not None:
            studies[number].directions[objective] = direction or "not set"
    for number, key, value in tables["study_user_attributes"].iter_rows():
        if number in studies and key is not None:
            studies[number].attributes[key] = text_of(parse_text(value))
    for number, key, value in tables["study_system_attributes"].iter_rows():
        names = parse_text(value) if key == METRIC_NAMES else None
        if number in studies and isinstance(names, list):
            studies[number].metric_names = names
    return studies


def _trials(tables: Mapping[str, pl.DataFrame], *, local: bool) -> dict[int, Trial]:
    trials: dict[int, Trial] = {}
    for trial_id, number, study, state, started, ended in tables["trials"].iter_rows():
        if None in (trial_id, number, study):
            continue
        times = utc(started, local=local), utc(ended, local=local)
        trials[trial_id] = Trial(study, number, state or "unknown", *times)
    distributions: dict[str | None, object] = {}  # few differ, and each is JSON
    for trial_id, name, value, text in tables["trial_params"].iter_rows():
        if trial_id in trials and name is not None:
            if text not in distributions:
                distributions[text] = parse_text(text)
            trials[trial_id].params[name] = param_text(value, distributions[text])
    for trial_id, objective, value, kind in tables["trial_values"].iter_rows():
        if trial_id in trials and objective is not None:
            trials[trial_id].values[objective] = _KINDS.get(kind, math.nan if value is None else value)
    for trial_id, key, value in tables["trial_user_attributes"].iter_rows():
        if trial_id in trials and key is not None:
            trials[trial_id].attributes[key] = text_of(parse_text(value))
    return trials


def _rename(points: pl.DataFrame, run_ids: Mapping[int, str]) -> pl.DataFrame:
    """The intermediate values as HISTORY."""
    import polars as pl  # noqa: PLC0415

    kind = pl.col("intermediate_value_type")
    value = pl.coalesce(kind.replace_strict(_KINDS, default=None), pl.col("intermediate_value"), math.nan)
    return points.select(
        pl.col("trial_id").replace_strict(run_ids, default=None, return_dtype=pl.String).alias("run_id"),
        pl.lit(INTERMEDIATE).alias("key"),
        "step",
        value.alias("value"),
    ).drop_nulls("run_id")


LAYOUT: Final = OptunaLayout()
