"""Asks a tracking server for what MLflow keeps of a run outside of its params, tags and metrics.

Four requests a run: the run itself with its inputs and outputs, its experiment, the models that it logged, and their
versions in the model registry; one more for each model that it only read, and for each that is registered.
Source: mlflow.org/docs/latest/rest-api.html.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Literal
from urllib.parse import quote

from tui_runs.capabilities import Details
from tui_runs_mlflow.details import (
    DELETED_VERSION,
    MODELS_LIMIT,
    DatasetInput,
    ExperimentDetails,
    LoggedModel,
    ModelMetric,
    ModelVersion,
    RunDetails,
    details_frame,
    last_models,
)
from tui_runs_mlflow.tracking_server.served_runs import point_of
from tui_runs_mlflow.tracking_server.transport import Request
from tui_runs_mlflow.tracking_server.troubles import MissingError, RefusedError, ServerLostError

_API: Final = "/api/2.0/mlflow"
_STATUS: Final = re.compile("LOGGED_MODEL_(STATUS_|UPLOAD_)?")
"""What the API puts before the word for a logged model's status."""

Ask = Callable[[Request], object]
"""Makes a request and gives the JSON of its answer; raises ServerLostError, MissingError, RefusedError, ClosedError."""
Json = Mapping[str, object]


def read_details(ask: Ask, run_ids: Sequence[str]) -> Details:
    """Ask what there is of some runs; an id that is unknown yields nothing.

    Args:
        ask: makes a request.
        run_ids: whose.

    Raises:
        ServerLostError: the server cannot be read.
        ClosedError: it is not asked any more.
    """
    reading = _Reading(ask)
    return Details(details_frame(run for run in map(reading.run, run_ids) if run is not None))


class _Reading:
    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._experiments: dict[str, ExperimentDetails] = {}
        self._aliases: dict[str, list[tuple[str, str]]] = {}

    def run(self, run_id: str) -> RunDetails | None:
        """Everything about a run; None where there is none of this id."""
        try:
            said = self._ask(Request(f"{_API}/runs/get", query={"run_id": run_id}))
        except (MissingError, RefusedError):
            return None
        run = _object(said, "run")
        info = _object(run, "info")
        experiment_id = _text(info, "experiment_id") or ""
        made = {
            _text(one, "model_id") or "": _whole(one, "step") or 0
            for one in _objects(_object(run, "outputs"), "model_outputs")
        }
        read = [_text(one, "model_id") or "" for one in _objects(_object(run, "inputs"), "model_inputs")]
        models, left_out = self._logged_models(run_id, experiment_id, made, read)
        return RunDetails(
            run_id,
            tags=_texts(_object(run, "data"), "tags"),
            artifact_uri=_text(info, "artifact_uri"),
            experiment=self._experiment(experiment_id),
            datasets=list(map(_dataset, _objects(_object(run, "inputs"), "dataset_inputs"))),
            models=models,
            models_left_out=left_out,
            versions=list(self._model_versions(run_id)),
        )

    def _optional(self, request: Request) -> object:
        """An answer; None from a server that does not know this, or does not show it: many are older than this."""
        try:
            return self._ask(request)
        except (MissingError, RefusedError):
            return None
        except ServerLostError as trouble:
            if trouble.passing:
                raise
            return None

    def _experiment(self, experiment_id: str) -> ExperimentDetails:
        if experiment_id not in self._experiments:
            said = self._optional(Request(f"{_API}/experiments/get", query={"experiment_id": experiment_id}))
            experiment = _object(said, "experiment")
            self._experiments[experiment_id] = ExperimentDetails(
                experiment_id=experiment_id,
                name=_text(experiment, "name") or experiment_id,
                artifact_location=_text(experiment, "artifact_location"),
                created=_whole(experiment, "creation_time"),
                deleted=experiment.get("lifecycle_stage") == "deleted",
                tags=_texts(experiment, "tags"),
            )
        return self._experiments[experiment_id]

    def _logged_models(
        self, run_id: str, experiment_id: str, made: Mapping[str, int], read: Sequence[str]
    ) -> tuple[list[LoggedModel], int]:
        """The models that a run made (the last ones) and read, and how many more it made."""
        body = {
            "experiment_ids": [experiment_id],
            "filter": _where("source_run_id", run_id),
            "max_results": MODELS_LIMIT,
        }
        said = self._optional(Request(f"{_API}/logged-models/search", body=body))
        known = {_text(_object(one, "info"), "model_id") or "": one for one in _objects(said, "models")}
        steps: dict[str, int | None] = {**dict.fromkeys(known), **made}
        outputs = last_models(steps)
        found: list[LoggedModel] = []
        for model_id in (*outputs, *read[:MODELS_LIMIT]):
            if model_id not in known:
                path = f"{_API}/logged-models/{quote(model_id, safe='')}"
                known[model_id] = _object(self._optional(Request(path, query={})), "model")
        found += [_logged_model(known[one], "output", step) for one, step in outputs.items() if known[one]]
        found += [_logged_model(known[one], "input", None) for one in read[:MODELS_LIMIT] if known[one]]
        return found, len(steps) - len(outputs)

    def _model_versions(self, run_id: str) -> Iterator[ModelVersion]:
        """The versions in the model registry that were made from a run."""
        query = {"filter": _where("run_id", run_id), "max_results": str(MODELS_LIMIT)}
        for one in _objects(self._optional(Request(f"{_API}/model-versions/search", query=query)), "model_versions"):
            stage = _text(one, "current_stage")
            if stage == DELETED_VERSION:
                continue
            name, version = _text(one, "name") or "", _text(one, "version") or ""
            yield ModelVersion(
                name=name,
                version=version,
                stage=stage,
                aliases=[alias for alias, named in self._aliases_of(name) if named == version],
                description=_text(one, "description"),
                status=_text(one, "status"),
                status_message=_text(one, "status_message"),
                created=_whole(one, "creation_timestamp"),
                source=_text(one, "source"),
                tags=_texts(one, "tags"),
            )

    def _aliases_of(self, name: str) -> list[tuple[str, str]]:
        """Every alias of a registered model, and the version that it names; a search of versions leaves them out."""
        if name not in self._aliases:
            said = self._optional(Request(f"{_API}/registered-models/get", query={"name": name}))
            aliases = _objects(_object(said, "registered_model"), "aliases")
            self._aliases[name] = [(_text(one, "alias") or "", _text(one, "version") or "") for one in aliases]
        return self._aliases[name]


def _dataset(said: Json) -> DatasetInput:
    dataset = _object(said, "dataset")
    return DatasetInput(
        name=_text(dataset, "name") or "",
        digest=_text(dataset, "digest"),
        source_type=_text(dataset, "source_type"),
        source=_text(dataset, "source"),
        schema=_text(dataset, "schema"),
        profile=_text(dataset, "profile"),
        tags=_texts(said, "tags"),
    )


def _logged_model(said: Json, role: Literal["output", "input"], step: int | None) -> LoggedModel:
    info, data = _object(said, "info"), _object(said, "data")
    return LoggedModel(
        model_id=_text(info, "model_id") or "",
        role=role,
        step=step,
        name=_text(info, "name"),
        status=_STATUS.sub("", _text(info, "status") or "") or None,
        model_type=_text(info, "model_type"),
        source_run_id=_text(info, "source_run_id"),
        created=_whole(info, "creation_timestamp_ms"),
        location=_text(info, "artifact_uri"),
        params=_texts(data, "params"),
        tags=_texts(info, "tags"),
        metrics=list(_metrics(data)),
    )


def _metrics(data: Json) -> Iterator[ModelMetric]:
    for one in _objects(data, "metrics"):
        try:
            point = point_of(one)
        except ValueError:
            continue
        dataset = _text(one, "dataset_name"), _text(one, "dataset_digest")
        yield ModelMetric(_text(one, "key") or "", point.value, point.step, point.ms, *dataset)


def _where(name: str, value: str) -> str:
    """A condition in MLflow's filter language. An id with a quote in it is none of MLflow's, and finds nothing."""
    return f"{name} = '{value.replace(chr(39), '')}'"


def _object(said: object, name: str) -> Json:
    """A member of an answer that is an object; an empty one where it is not."""
    value = said.get(name) if isinstance(said, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _objects(said: object, name: str) -> list[Json]:
    """The objects in a member of an answer that is a list, which leaves an empty one out."""
    value = said.get(name) if isinstance(said, Mapping) else None
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _text(said: Json, name: str) -> str | None:
    value = said.get(name)
    return None if value is None or value == "" else str(value)


def _whole(said: Json, name: str) -> int | None:
    """A whole number, which the API gives as a number or, where it may be large, as a text; 0 stands for none."""
    try:
        return int(str(said.get(name))) or None
    except ValueError:
        return None


def _texts(said: Json, name: str) -> dict[str, str]:
    return {str(one.get("key", "")): str(one.get("value", "")) for one in _objects(said, name)}
