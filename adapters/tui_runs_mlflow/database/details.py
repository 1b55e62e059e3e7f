"""Reads from a tracking database what MLflow keeps of a run outside of its params, tags and metrics.

Datasets and models hang on `inputs`, whose rows say what goes where: DATASET -> RUN, RUN_INPUT -> MODEL_INPUT,
RUN_OUTPUT -> MODEL_OUTPUT. All of it came in time (inputs in 2.4, logged models in 3.0): a table or column that an old
schema lacks tells nothing. A NaN of a logged model stands there as 0, for its table has no `is_nan`.
"""

from __future__ import annotations

import math
import os
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

from tui_runs.adapter import Problem
from tui_runs.capabilities import Details
from tui_runs.errors import SourceLostError
from tui_runs.local_files import LocalFiles
from tui_runs.schema import Schema
from tui_runs_mlflow.artifacts import local_artifacts
from tui_runs_mlflow.database.connection import Database, StampedFile
from tui_runs_mlflow.database.queries import one_of
from tui_runs_mlflow.details import (
    DELETED_VERSION,
    LOGGED_MODEL_STATUSES,
    RUN_TAGS,
    DatasetInput,
    ExperimentDetails,
    LoggedModel,
    ModelMetric,
    ModelVersion,
    RunDetails,
    details_frame,
    last_models,
)

_AT_ONCE: Final = 100
_SERIES_AT_ONCE: Final = 50
"""Runs, and metrics of models, a statement."""
_NEWEST_POINTS: Final = 100
"""Points of a model's metric of which the last one is chosen."""

_RUNS: Final[Schema] = {
    "run_uuid": pl.String,
    "experiment_id": pl.Int64,
    "artifact_uri": pl.String,
    "entry_point_name": pl.String,
    "deleted_time": pl.Int64,
}
_EXPERIMENTS: Final[Schema] = {
    "experiment_id": pl.Int64,
    "name": pl.String,
    "artifact_location": pl.String,
    "lifecycle_stage": pl.String,
    "creation_time": pl.Int64,
}
_EXPERIMENT_TAGS: Final[Schema] = {"experiment_id": pl.Int64, "key": pl.String, "value": pl.String}
_TAGS: Final[Schema] = {"run_uuid": pl.String, "key": pl.String, "value": pl.String}
_INPUTS: Final[Schema] = {
    "input_uuid": pl.String,
    "source_type": pl.String,
    "source_id": pl.String,
    "destination_type": pl.String,
    "destination_id": pl.String,
    "step": pl.Int64,
}
_INPUT_TAGS: Final[Schema] = {"input_uuid": pl.String, "name": pl.String, "value": pl.String}
_DATASETS: Final[Schema] = {
    "dataset_uuid": pl.String,
    "name": pl.String,
    "digest": pl.String,
    "dataset_source_type": pl.String,
    "dataset_source": pl.String,
    "dataset_schema": pl.String,
    "dataset_profile": pl.String,
}
_MODEL_OWNERS: Final[Schema] = {"model_id": pl.String, "source_run_id": pl.String}
_MODELS: Final[Schema] = {
    "model_id": pl.String,
    "name": pl.String,
    "status": pl.Int64,
    "model_type": pl.String,
    "source_run_id": pl.String,
    "creation_timestamp_ms": pl.Int64,
    "artifact_location": pl.String,
    "lifecycle_stage": pl.String,
}
_MODEL_PARAMS: Final[Schema] = {"model_id": pl.String, "param_key": pl.String, "param_value": pl.String}
_MODEL_TAGS: Final[Schema] = {"model_id": pl.String, "tag_key": pl.String, "tag_value": pl.String}
_MODEL_SERIES: Final[Schema] = {"model_id": pl.String, "metric_name": pl.String}
_MODEL_METRICS: Final[Schema] = {
    "model_id": pl.String,
    "metric_name": pl.String,
    "metric_value": pl.Float64,
    "metric_step": pl.Int64,
    "metric_timestamp_ms": pl.Int64,
    "dataset_name": pl.String,
    "dataset_digest": pl.String,
}
_VERSIONS: Final[Schema] = {
    "run_id": pl.String,
    "workspace": pl.String,
    "name": pl.String,
    "version": pl.Int64,
    "current_stage": pl.String,
    "description": pl.String,
    "status": pl.String,
    "status_message": pl.String,
    "creation_time": pl.Int64,
    "source": pl.String,
}
_ALIASES: Final[Schema] = {"workspace": pl.String, "name": pl.String, "version": pl.Int64, "alias": pl.String}
_VERSION_TAGS: Final[Schema] = {
    "workspace": pl.String,
    "name": pl.String,
    "version": pl.Int64,
    "key": pl.String,
    "value": pl.String,
}

Row = Mapping[str, Any]


def read_details(database: Database, run_ids: Sequence[str]) -> Details:
    """Read what there is of some runs; an id that is unknown yields nothing.

    Raises:
        SourceLostError: the database cannot be read any more, or not now.
    """
    runs: list[RunDetails] = []
    for start in range(0, len(run_ids), _AT_ONCE):
        runs += _Reading(database, run_ids[start : start + _AT_ONCE]).runs()
    return Details(details_frame(runs))


def find_artifacts(database: Database, run_id: str) -> LocalFiles:
    """Where the artifacts of a run are; an unknown run has none. Beside a SQLite file they are looked for, too."""
    try:
        rows = _Reading(database, [run_id]).select("runs", _RUNS, *one_of("t.run_uuid", [run_id]))
    except SourceLostError as error:
        return LocalFiles(None, problem=Problem(database.uri, error.message, error.remedy))
    beside = [os.path.dirname(database.path)] if isinstance(database, StampedFile) else []
    return local_artifacts(run_id, rows[0]["artifact_uri"] if rows else None, beside)


class _Reading:
    """Reads some runs, a table at a time for all of them."""

    def __init__(self, database: Database, run_ids: Sequence[str]) -> None:
        self._database = database
        self._columns = database.columns()
        self._run_ids = run_ids

    def select(self, table: str, columns: Schema, which: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
        """The rows of one table `t` for which a condition holds; none where there is no such table.

        Args:
            table: its name.
            columns: those wanted; one that the table lacks is null.
            which: the condition.
            parameters: of the condition; none mean that nothing is asked for.
        """
        known = self._columns.get(table)
        if known is None or not parameters:
            return []
        listed = ", ".join(f"t.{name}" if name in known else "NULL" for name in columns)
        return self._database.frame(f"SELECT {listed} FROM {table} t WHERE {which}", parameters, columns).to_dicts()

    def runs(self) -> list[RunDetails]:
        """Everything about these runs."""
        records = self.select("runs", _RUNS, *one_of("t.run_uuid", self._run_ids))
        found = {record["run_uuid"]: record for record in records}
        self._run_ids = [run_id for run_id in self._run_ids if run_id in found]
        of_runs, parameters = one_of("t.run_uuid", self._run_ids)
        wanted, names = one_of("t.key", RUN_TAGS, "tag")
        tags = _texts(self.select("tags", _TAGS, f"{of_runs} AND {wanted}", parameters | names), "run_uuid")
        experiments = self._experiments({record["experiment_id"] for record in records} - {None})
        datasets = self._datasets()
        models, left_out = self._logged_models()
        versions = self._model_versions()
        return [
            RunDetails(
                run_id,
                tags=tags[run_id],
                entry_point=found[run_id]["entry_point_name"],
                artifact_uri=found[run_id]["artifact_uri"],
                deleted_at=found[run_id]["deleted_time"],
                experiment=experiments.get(found[run_id]["experiment_id"]),
                datasets=datasets[run_id],
                models=models[run_id],
                models_left_out=left_out[run_id],
                versions=versions[run_id],
            )
            for run_id in self._run_ids
        ]

    def _experiments(self, ids: set[int]) -> dict[int, ExperimentDetails]:
        among = {f"id{number}": one for number, one in enumerate(sorted(ids))}
        which = f"t.experiment_id IN ({', '.join(f':{name}' for name in among)})"
        tags = _texts(self.select("experiment_tags", _EXPERIMENT_TAGS, which, among), "experiment_id")
        return {
            row["experiment_id"]: ExperimentDetails(
                experiment_id=str(row["experiment_id"]),
                name=row["name"] or str(row["experiment_id"]),
                artifact_location=row["artifact_location"],
                created=row["creation_time"],
                deleted=row["lifecycle_stage"] == "deleted",
                tags=tags[row["experiment_id"]],
            )
            for row in self.select("experiments", _EXPERIMENTS, which, among)
        }

    def _datasets(self) -> dict[str, list[DatasetInput]]:
        which, parameters = one_of("t.destination_id", self._run_ids)
        which = f"t.destination_type = 'RUN' AND t.source_type = 'DATASET' AND {which}"
        inputs = self.select("inputs", _INPUTS, which, parameters)
        of_inputs = one_of("t.input_uuid", [row["input_uuid"] for row in inputs])
        tags = _texts(self.select("input_tags", _INPUT_TAGS, *of_inputs), "input_uuid", "name")
        of_datasets = one_of("t.dataset_uuid", sorted({row["source_id"] for row in inputs}))
        datasets = {row["dataset_uuid"]: row for row in self.select("datasets", _DATASETS, *of_datasets)}
        found: dict[str, list[DatasetInput]] = defaultdict(list)
        for row in inputs:
            dataset = datasets.get(row["source_id"])
            if dataset is not None:
                found[row["destination_id"]].append(
                    DatasetInput(
                        name=dataset["name"],
                        digest=dataset["digest"],
                        source_type=dataset["dataset_source_type"],
                        source=dataset["dataset_source"],
                        schema=dataset["dataset_schema"],
                        profile=dataset["dataset_profile"],
                        tags=tags[row["input_uuid"]],
                    )
                )
        return found

    def _logged_models(self) -> tuple[dict[str, list[LoggedModel]], dict[str, int]]:
        """The models that each run made (the last ones) and read, and how many more it made."""
        made: dict[str, dict[str, int | None]] = defaultdict(dict)
        read: dict[str, list[str]] = defaultdict(list)
        for row in self.select("logged_models", _MODEL_OWNERS, *one_of("t.source_run_id", self._run_ids)):
            made[row["source_run_id"]][row["model_id"]] = None
        which, parameters = one_of("t.source_id", self._run_ids)
        which = f"t.source_type IN ('RUN_INPUT', 'RUN_OUTPUT') AND {which}"
        for row in self.select("inputs", _INPUTS, which, parameters):
            if row["source_type"] == "RUN_OUTPUT":
                made[row["source_id"]][row["destination_id"]] = row["step"]
            else:
                read[row["source_id"]].append(row["destination_id"])
        left_out: dict[str, int] = defaultdict(int)
        for run_id, steps in made.items():
            made[run_id] = last_models(steps)
            left_out[run_id] = len(steps) - len(made[run_id])
        records = self._model_records({model_id for models in (*made.values(), *read.values()) for model_id in models})
        found: dict[str, list[LoggedModel]] = defaultdict(list)
        for run_id in self._run_ids:
            outputs = [(one, step) for one, step in made[run_id].items() if one in records]
            inputs = [one for one in read[run_id] if one in records]
            found[run_id] = [LoggedModel(one, "output", step, **records[one]) for one, step in outputs]
            found[run_id] += [LoggedModel(one, "input", **records[one]) for one in inputs]
        return found, left_out

    def _model_records(self, ids: set[str]) -> dict[str, dict[str, Any]]:
        """What LoggedModel wants to know of a model itself, by its id."""
        which, parameters = one_of("t.model_id", sorted(ids), "model")
        params = _texts(
            self.select("logged_model_params", _MODEL_PARAMS, which, parameters), "model_id", "param_key", "param_value"
        )
        tags = _texts(
            self.select("logged_model_tags", _MODEL_TAGS, which, parameters), "model_id", "tag_key", "tag_value"
        )
        metrics = self._model_metrics(sorted(ids))
        return {
            row["model_id"]: {
                "name": row["name"],
                "status": LOGGED_MODEL_STATUSES.get(row["status"], str(row["status"])),
                "model_type": row["model_type"],
                "source_run_id": row["source_run_id"],
                "created": row["creation_timestamp_ms"],
                "location": row["artifact_location"],
                "params": params[row["model_id"]],
                "tags": tags[row["model_id"]],
                "metrics": metrics[row["model_id"]],
            }
            for row in self.select("logged_models", _MODELS, which, parameters)
            if row["lifecycle_stage"] != "deleted"
        }

    def _model_metrics(self, ids: Sequence[str]) -> dict[str, list[ModelMetric]]:
        """Of each metric of each model the points with the newest times, among which is the last one.

        A training may log a million points of a model, and sorting these takes seconds, in which it could not write
        into a SQLite file; the table's key leads to the newest of one metric at once.
        """
        found: dict[str, list[ModelMetric]] = defaultdict(list)
        if "logged_model_metrics" not in self._columns or not ids:
            return found
        which, parameters = one_of("m.model_id", ids, "model")
        sql = f"SELECT DISTINCT m.model_id, m.metric_name FROM logged_model_metrics m WHERE {which}"
        series = self._database.frame(sql, parameters, _MODEL_SERIES).rows()
        for start in range(0, len(series), _SERIES_AT_ONCE):
            parts: list[str] = []
            parameters = {}
            for number, (model_id, name) in enumerate(series[start : start + _SERIES_AT_ONCE]):
                parameters |= {f"model{number}": model_id, f"name{number}": name}
                parts.append(
                    f"SELECT * FROM (SELECT {', '.join(f'm.{column}' for column in _MODEL_METRICS)} "
                    f"FROM logged_model_metrics m WHERE m.model_id = :model{number} AND m.metric_name = :name{number} "
                    f"ORDER BY m.metric_timestamp_ms DESC LIMIT {_NEWEST_POINTS}) p{number}"
                )
            for row in self._database.frame(" UNION ALL ".join(parts), parameters, _MODEL_METRICS).to_dicts():
                metric = ModelMetric(
                    key=row["metric_name"],
                    value=_stored_number(row["metric_value"]),
                    step=row["metric_step"],
                    timestamp=row["metric_timestamp_ms"],
                    dataset_name=row["dataset_name"],
                    dataset_digest=row["dataset_digest"],
                )
                found[row["model_id"]].append(metric)
        return found

    def _model_versions(self) -> dict[str, list[ModelVersion]]:
        """The versions in the model registry that were made from each run."""
        which, parameters = one_of("t.run_id", self._run_ids)
        records = self.select("model_versions", _VERSIONS, which, parameters)
        which, parameters = one_of("t.name", sorted({row["name"] for row in records}), "name")
        aliases: dict[tuple[object, ...], list[str]] = defaultdict(list)
        for row in self.select("registered_model_aliases", _ALIASES, which, parameters):
            aliases[_version_of(row)].append(row["alias"])
        tags: dict[tuple[object, ...], dict[str, str]] = defaultdict(dict)
        for row in self.select("model_version_tags", _VERSION_TAGS, which, parameters):
            tags[_version_of(row)][row["key"]] = row["value"] or ""
        found: dict[str, list[ModelVersion]] = defaultdict(list)
        for row in records:
            if row["current_stage"] == DELETED_VERSION:
                continue
            found[row["run_id"]].append(
                ModelVersion(
                    name=row["name"],
                    version=str(row["version"]),
                    stage=row["current_stage"],
                    aliases=aliases[_version_of(row)],
                    description=row["description"],
                    status=row["status"],
                    status_message=row["status_message"],
                    created=row["creation_time"],
                    source=row["source"],
                    tags=tags[_version_of(row)],
                )
            )
        return found


def _texts(rows: Sequence[Row], owner: str, key: str = "key", value: str = "value") -> dict[Any, dict[str, str]]:
    """Keys and values by whose they are."""
    found: dict[Any, dict[str, str]] = defaultdict(dict)
    for row in rows:
        found[row[owner]][row[key]] = row[value] or ""
    return found


def _version_of(row: Row) -> tuple[object, ...]:
    """What tells a model version from all others; names are unique within a workspace."""
    return row["workspace"], row["name"], row["version"]


def _stored_number(value: float | None) -> float:
    """A value as it was logged: SQL knows no infinity, so MLflow stores the largest number in its place."""
    if value is None:
        return math.nan
    return math.copysign(math.inf, value) if abs(value) >= sys.float_info.max else value
