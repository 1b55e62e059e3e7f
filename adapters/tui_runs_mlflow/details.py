"""What MLflow knows of a run beyond params, tags and metrics, as plain records and as rows of the DETAILS frame.

Every backend fills in the same records, so that one store shows the same from files, a database or a server. Names
of fields are MLflow's own (mlflow.entities). Datasets and old models are described by JSON inside a text, which is
flattened: nothing in it is trusted to have the form that MLflow gives it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Final, Literal, TypeAlias

import polars as pl

from tui_runs.display import address, encodable, iso
from tui_runs.schema import DETAILS

MODELS_LIMIT: Final = 100
"""Logged models of a run that are read, the last ones; a training may log one at every checkpoint."""
_LONGEST: Final = 2000
"""Characters of a schema or of any other JSON that are shown."""
_MOST_MEMBERS: Final = 100
_DEEPEST: Final = 6
"""Members of a JSON text that get a row of their own, and how deep they may lie."""

CONTEXT_TAG: Final = "mlflow.data.context"
NOTE_TAG: Final = "mlflow.note.content"
HISTORY_TAG: Final = "mlflow.log-model.history"
"""Where clients before 3.0 list the models of a run, as JSON."""
_RUN_TAGS: Final = {
    "mlflow.project.entryPoint": "entry point",
    "mlflow.project.backend": "project backend",
    "mlflow.project.env": "project environment",
    "mlflow.source.type": "source type",
    "mlflow.source.git.repoURL": "git repository",
    "mlflow.source.git.branch": "git branch",
    "mlflow.source.git.dirty": "git uncommitted changes",
    "mlflow.docker.image.uri": "docker image",
    "mlflow.docker.image.id": "docker image id",
    "mlflow.databricks.notebookPath": "notebook",
    "mlflow.databricks.runURL": "databricks run",
    "mlflow.autologging": "autologging",
}
RUN_TAGS: Final = (*_RUN_TAGS, HISTORY_TAG)
"""The tags of a run that `RunDetails.tags` must have where the run has them."""
LOGGED_MODEL_STATUSES: Final = {0: "UNSPECIFIED", 1: "PENDING", 2: "READY", 3: "FAILED"}
"""mlflow.entities.LoggedModelStatus, as stores keep it."""
DELETED_VERSION: Final = "Deleted_Internal"
"""The stage of a model version that was deleted."""

Row: TypeAlias = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class DatasetInput:
    """A dataset that a run read. `source`, `schema` and `profile` are JSON; `tags` are those of the reading."""

    name: str
    digest: str | None = None
    source_type: str | None = None
    source: str | None = None
    schema: str | None = None
    profile: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelMetric:
    """A value that was measured of a logged model, perhaps on a dataset; the timestamp is in milliseconds."""

    key: str
    value: float
    step: int
    timestamp: int
    dataset_name: str | None = None
    dataset_digest: str | None = None


@dataclass(frozen=True, slots=True)
class LoggedModel:
    """A model that a run made or read (MLflow 3). Times are milliseconds since 1970.

    Args:
        role: "output" of this run, or "input".
        step: of the run, at which it was logged.
        metrics: all values, or the last ones.
    """

    model_id: str
    role: Literal["output", "input"]
    step: int | None = None
    name: str | None = None
    status: str | None = None
    model_type: str | None = None
    source_run_id: str | None = None
    created: int | None = None
    location: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Sequence[ModelMetric] = ()


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A version of a registered model. Times are milliseconds since 1970."""

    name: str
    version: str
    stage: str | None = None
    aliases: Sequence[str] = ()
    description: str | None = None
    status: str | None = None
    status_message: str | None = None
    created: int | None = None
    source: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExperimentDetails:
    """The experiment of a run. Times are milliseconds since 1970."""

    experiment_id: str
    name: str
    artifact_location: str | None = None
    created: int | None = None
    deleted: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class RunDetails:
    """Everything about one run. Times are milliseconds since 1970.

    Args:
        run_id: whose.
        tags: those in RUN_TAGS; others are ignored.
        entry_point: from the run's own record, where MLflow 1.x kept it.
        models_left_out: how many logged models there are beyond those in `models`.
    """

    run_id: str
    tags: Mapping[str, str] = field(default_factory=dict)
    entry_point: str | None = None
    artifact_uri: str | None = None
    deleted_at: int | None = None
    experiment: ExperimentDetails | None = None
    datasets: Sequence[DatasetInput] = ()
    models: Sequence[LoggedModel] = ()
    models_left_out: int = 0
    versions: Sequence[ModelVersion] = ()


def details_frame(runs: Iterable[RunDetails]) -> pl.DataFrame:
    """The rows of the DETAILS frame: run by run, the run itself and its experiment before what it read and made."""
    rows = [
        (run.run_id, group, encodable(item), encodable(key), encodable(value))
        for run in runs
        for group, item, some in _items(run)
        for key, value in some
        if value is not None
    ]
    return pl.DataFrame(rows, schema=dict(DETAILS), orient="row")


def last_metrics(metrics: Iterable[ModelMetric]) -> list[ModelMetric]:
    """The last value of each metric on each dataset: by step, then time, then value, as for the metrics of runs.

    Source: `_get_model_metrics_from_file` of mlflow.store.tracking.file_store.FileStore.
    """
    last: dict[tuple[str, str, str], ModelMetric] = {}
    for metric in metrics:
        series = (metric.key, metric.dataset_name or "", metric.dataset_digest or "")
        before = last.get(series)
        if before is None or (before.step, before.timestamp, before.value) < (
            metric.step,
            metric.timestamp,
            metric.value,
        ):
            last[series] = metric
    return [last[series] for series in sorted(last)]


def last_models(steps: Mapping[str, int | None]) -> dict[str, int | None]:
    """Of the models that a run logged (their steps, by id) the last MODELS_LIMIT."""
    kept = sorted(steps, key=lambda model: steps[model] or 0)[-MODELS_LIMIT:]
    return {model: steps[model] for model in kept}


def _items(run: RunDetails) -> Iterator[tuple[str, str, Iterable[Row]]]:
    """Group, item and rows of everything that is told of a run."""
    yield "run", run.run_id, _run_rows(run)
    if run.experiment is not None:
        yield "experiment", run.experiment.name, _experiment_rows(run.experiment)
    datasets = sorted(run.datasets, key=lambda one: (one.name, one.digest or ""))
    for item, dataset in zip(_distinct([(one.name, one.digest) for one in datasets]), datasets, strict=True):
        yield "dataset", item, _dataset_rows(dataset)
    models = sorted(run.models, key=lambda one: (one.role == "input", one.name or "", one.step or 0, one.model_id))
    for item, model in zip(
        _distinct([(one.name or one.model_id, one.model_id) for one in models]), models, strict=True
    ):
        yield "logged model", item, _model_rows(model, run.run_id)
    if run.models_left_out:
        yield "logged model", "…", [("not shown", f"{run.models_left_out} more")]
    yield from _models_of_history(run.tags.get(HISTORY_TAG), {model.model_id for model in models})
    for version in sorted(run.versions, key=lambda one: (one.name, len(one.version), one.version)):
        yield "registered model", f"{version.name} v{version.version}", _version_rows(version)


def _run_rows(run: RunDetails) -> Iterator[Row]:
    if run.entry_point and "mlflow.project.entryPoint" not in run.tags:
        yield "entry point", run.entry_point
    for tag, key in _RUN_TAGS.items():
        if tag in run.tags:
            yield key, address(run.tags[tag])
    yield "artifact uri", _address(run.artifact_uri)
    yield "deleted", _time(run.deleted_at)


def _experiment_rows(experiment: ExperimentDetails) -> Iterator[Row]:
    yield "id", experiment.experiment_id
    yield "description", experiment.tags.get(NOTE_TAG)
    yield "lifecycle stage", "deleted" if experiment.deleted else None
    yield "artifact location", _address(experiment.artifact_location)
    yield "created", _time(experiment.created)
    yield from _tags({key: value for key, value in experiment.tags.items() if key != NOTE_TAG})


def _dataset_rows(dataset: DatasetInput) -> Iterator[Row]:
    yield "digest", dataset.digest
    yield "context", dataset.tags.get(CONTEXT_TAG)
    yield "source type", dataset.source_type
    yield from _source_rows(dataset.source)
    yield from _schema_rows(dataset.schema)
    yield from _members("profile", dataset.profile)
    yield from _tags({key: value for key, value in dataset.tags.items() if key != CONTEXT_TAG})


def _model_rows(model: LoggedModel, run_id: str) -> Iterator[Row]:
    yield "role", model.role
    yield "model id", model.model_id
    yield "status", model.status
    yield "type", model.model_type or None
    yield "step", None if model.step is None else str(model.step)
    yield "source run", None if model.source_run_id == run_id else model.source_run_id or None
    yield "created", _time(model.created)
    yield "description", model.tags.get(NOTE_TAG)
    yield "location", _address(model.location)
    yield from ((f"params.{key}", value) for key, value in sorted(model.params.items()))
    metrics = last_metrics(model.metrics)
    datasets = sorted({(one.dataset_name, one.dataset_digest or "") for one in metrics if one.dataset_name})
    names = dict(zip(datasets, _distinct(datasets), strict=True))
    for metric in metrics:
        on = f" on {names[metric.dataset_name, metric.dataset_digest or '']}" if metric.dataset_name else ""
        yield f"metrics.{metric.key}{on}", f"{metric.value!r} at step {metric.step}"
    # MLflow's own tags repeat what the run has, or are JSON of what stands under "registered model".
    yield from _tags({key: value for key, value in model.tags.items() if not key.startswith("mlflow.")})


def _version_rows(version: ModelVersion) -> Iterator[Row]:
    yield "stage", None if version.stage == "None" else version.stage
    yield "aliases", ", ".join(sorted(version.aliases)) or None
    yield "description", version.description or None
    yield "status", version.status
    yield "status message", version.status_message or None
    yield "created", _time(version.created)
    yield "source", _address(version.source)
    yield from _tags(version.tags)


def _models_of_history(history: str | None, known: set[str]) -> Iterator[tuple[str, str, list[Row]]]:
    """The models in the tag that clients before 3.0 write, but for those that are logged models too."""
    entries = _json(history)
    if not isinstance(entries, list):
        return
    models = [one for one in entries if isinstance(one, dict) and _text(one.get("model_id")) not in known]
    names = _distinct([(_text(one.get("artifact_path")) or "model", _text(one.get("model_uuid"))) for one in models])
    for item, model in list(zip(names, models, strict=True))[-MODELS_LIMIT:]:
        flavors = model.get("flavors")
        yield (
            "logged model",
            item,
            [
                ("role", "output"),
                ("model uuid", _text(model.get("model_uuid"))),
                ("flavors", ", ".join(sorted(flavors)) or None if isinstance(flavors, dict) else None),
                ("created", _text(model.get("utc_time_created"))),
                ("mlflow version", _text(model.get("mlflow_version"))),
            ],
        )


def _source_rows(source: str | None) -> Iterator[Row]:
    """Where a dataset comes from: mostly an object of one member, such as {"uri": "s3://…"}."""
    values = _json(source)
    if isinstance(values, dict) and len(values) == 1:
        (only,) = values.values()
        if isinstance(only, str):
            yield "source", address(only)
            return
    yield from ((key, _address(value)) for key, value in _members("source", source))


def _schema_rows(schema: str | None) -> Iterator[Row]:
    """The columns or tensors of a dataset. Source: mlflow.types.schema.Schema.to_json, in an object of one member."""
    values = _json(schema)
    if isinstance(values, dict) and len(values) == 1:
        columns = values.get("mlflow_colspec")
        if isinstance(columns, list):
            yield "columns", str(len(columns))
            yield "schema", _clipped(", ".join(map(_column, columns))) or None
            return
        tensors = values.get("mlflow_tensorspec")
        if isinstance(tensors, dict):
            for name, spec in islice(tensors.items(), _MOST_MEMBERS):
                parts = _json(spec) if isinstance(spec, str) else spec
                if isinstance(parts, list):
                    yield f"schema.{name}", _clipped(", ".join(map(_column, parts)))
            return
    yield from _members("schema", schema)


def _column(column: object) -> str:
    """One column of a schema: its name, if it has one, and its type; of a tensor the type and shape."""
    if not isinstance(column, dict):
        return json.dumps(column)
    tensor = column.get("tensor-spec")
    if isinstance(tensor, dict):
        kind = f"{_text(tensor.get('dtype'))} {json.dumps(tensor.get('shape'))}"
    else:
        kind = _text(column.get("type")) or ""
    return f"{_text(column.get('name')) or ''} {kind}".strip()


def _members(name: str, text: str | None) -> Iterator[Row]:
    """A JSON text as rows, one a member: `profile.num_rows`; a text that is no JSON object as it is."""
    value = _json(text)
    if not isinstance(value, dict):
        yield name, _clipped(text) if text else None
        return
    todo: list[tuple[str, object, int]] = [(name, value, 0)]
    shown = 0
    while todo and shown < _MOST_MEMBERS:
        path, value, depth = todo.pop()
        if isinstance(value, dict) and depth < _DEEPEST:
            todo += [(f"{path}.{key}", member, depth + 1) for key, member in reversed(value.items())]
        elif value is not None:
            yield path, _clipped(_text(value) or json.dumps(value))
            shown += 1
    if todo:
        yield f"{name}.…", "more is not shown"


def _json(text: str | None) -> object:
    """The value of a JSON text; None where it is none."""
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _clipped(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _tags(tags: Mapping[str, str]) -> Iterator[Row]:
    return ((f"tags.{key}", value) for key, value in sorted(tags.items()))


def _address(location: str | None) -> str | None:
    return address(location) if location else None


def _time(ms: int | None) -> str | None:
    if ms is None:
        return None
    try:
        return iso(datetime.fromtimestamp(ms / 1000, UTC))
    except (OverflowError, ValueError, OSError):  # outside of the years that Python knows
        return str(ms)


def _distinct(named: Sequence[tuple[str, str | None]]) -> list[str]:
    """Names of things that have a name and an id: the name, and the beginning of the id where two share one."""
    count = Counter(name for name, _ in named)
    return [f"{name} ({(other or '')[:10]})" if count[name] > 1 else name for name, other in named]
