"""Reads from a file store what MLflow keeps of a run outside of its params, tags and metrics.

    <experiment>/meta.yaml  tags/  datasets/<id>/meta.yaml  models/<id>/{meta.yaml,metrics,params,tags}
    <experiment>/<run>/inputs/<any>/meta.yaml  outputs/<model id>/meta.yaml
    models/<name>/version-<n>/{meta.yaml,tags}  models/<name>/aliases/<alias>     the model registry, in the root

It is asked whenever the cursor stands on another run, so only that run's own files are read, and of the models and
their versions an index is kept. Names out of a file are never followed as paths.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from typing import Final, Literal

from tui_runs.adapter import Problem
from tui_runs.capabilities import Details
from tui_runs.display import encodable
from tui_runs_mlflow.details import (
    DELETED_VERSION,
    LOGGED_MODEL_STATUSES,
    MODELS_LIMIT,
    RUN_TAGS,
    DatasetInput,
    ExperimentDetails,
    LoggedModel,
    ModelMetric,
    ModelVersion,
    RunDetails,
    details_frame,
    last_metrics,
    last_models,
)
from tui_runs_mlflow.meta_files import (
    Meta,
    MetaIndex,
    directories_in,
    is_plain,
    read_meta,
    read_meta_tags,
    text_of,
    whole_of,
)
from tui_runs_mlflow.run_files import META_REMEDY, problem_with, read_end, read_file, read_texts, unreadable, walk_files

_METRIC_TAIL: Final = 1 << 18
"""Bytes of the end of a model's metric file that are read: 4,000 lines, 5 ms."""


class FileDetails:
    """The details of the runs of one file store. May be used from several threads at once.

    Args:
        root: the store's directory.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._models = MetaIndex("m-", "source_run_id")
        self._versions = MetaIndex("version-", "run_id")
        self._lock = threading.Lock()

    def read(self, directories: Mapping[str, str]) -> Details:
        """Read what there is of some runs.

        Args:
            directories: where each run lies, by run id; one that is gone yields nothing.
        """
        problems: dict[str, Problem] = {}
        with self._lock:
            reading = _Reading(self._root, self._models, self._versions, problems)
            runs = [reading.run(run_id, directory) for run_id, directory in directories.items()]
        return Details(details_frame(run for run in runs if run is not None), list(problems.values()))


class _Reading:
    """Reads some runs, and the experiments that they share once.

    Args:
        problems: gets what could not be read, by uri.
    """

    def __init__(self, root: str, models: MetaIndex, versions: MetaIndex, problems: dict[str, Problem]) -> None:
        self._root = root
        self._models = models
        self._versions = versions
        self._problems = problems
        self._experiments: dict[str, ExperimentDetails | None] = {}

    def run(self, run_id: str, directory: str) -> RunDetails | None:
        """Everything about the run in a directory; None where it is gone, or is no run."""
        meta = read_meta(os.path.join(directory, "meta.yaml"), self._problems)
        if meta is None:
            return None
        experiment = os.path.dirname(directory)
        details = RunDetails(
            run_id,
            tags=self._some_texts(os.path.join(directory, "tags"), RUN_TAGS),
            entry_point=text_of(meta, "entry_point_name"),
            artifact_uri=text_of(meta, "artifact_uri"),
            deleted_at=whole_of(meta, "deleted_time"),
            experiment=self._experiment(experiment),
        )
        inputs = list(self._links(os.path.join(directory, "inputs")))
        details.datasets = list(self._datasets(inputs, os.path.join(experiment, "datasets")))
        outputs = list(self._links(os.path.join(directory, "outputs")))
        details.models, details.models_left_out = self._logged_models(run_id, experiment, inputs, outputs)
        details.versions = list(self._model_versions(run_id))
        return details

    def _links(self, directory: str) -> Iterator[tuple[Meta, Mapping[str, str]]]:
        """What the inputs or outputs of a run say, with their tags: mlflow.store.tracking.file_store.FileStore."""
        for path in directories_in(directory, self._problems):
            file = os.path.join(path, "meta.yaml")
            meta = read_meta(file, self._problems)
            if meta is not None:
                yield meta, read_meta_tags(file)

    def _datasets(self, inputs: list[tuple[Meta, Mapping[str, str]]], directory: str) -> Iterator[DatasetInput]:
        for link, tags in inputs:
            name = text_of(link, "source_id")
            if link.get("source_type") != "DATASET" or not is_plain(name):
                continue
            meta = self._described(os.path.join(directory, name))
            if meta is None:
                continue
            yield DatasetInput(
                name=text_of(meta, "name") or name,
                digest=text_of(meta, "digest"),
                source_type=text_of(meta, "source_type"),
                source=text_of(meta, "source"),
                schema=text_of(meta, "schema"),
                profile=text_of(meta, "profile"),
                tags=tags,
            )

    def _logged_models(
        self,
        run_id: str,
        experiment: str,
        inputs: list[tuple[Meta, Mapping[str, str]]],
        outputs: list[tuple[Meta, Mapping[str, str]]],
    ) -> tuple[list[LoggedModel], int]:
        """The models that a run made (the last ones) and read, and how many more it made."""
        models = os.path.join(experiment, "models")
        steps: dict[str, int | None] = {
            os.path.basename(path): None for path in self._models.find(models, run_id, self._problems)
        }
        steps |= {
            name: whole_of(link, "step") for link, _ in outputs if is_plain(name := text_of(link, "destination_id"))
        }
        made = last_models(steps)
        read = [
            name
            for link, _ in inputs
            if link.get("source_type") == "MODEL" and is_plain(name := text_of(link, "source_id"))
        ][:MODELS_LIMIT]
        found = [self._logged_model(os.path.join(models, name), "output", step) for name, step in made.items()]
        found += [self._logged_model(self._model_directory(models, name), "input", None) for name in read]
        return [model for model in found if model is not None], len(steps) - len(made)

    def _model_directory(self, models: str, name: str) -> str:
        """Where a logged model lies: with those of this experiment, or of another."""
        own = os.path.join(models, name)
        if os.path.isdir(own):
            return own
        ignored: dict[str, Problem] = {}  # the scan reports a root that cannot be listed
        others = (os.path.join(one, "models", name) for one in directories_in(self._root, ignored))
        return next((path for path in others if os.path.isdir(path)), own)

    def _logged_model(self, path: str, role: Literal["output", "input"], step: int | None) -> LoggedModel | None:
        meta = self._described(path)
        if meta is None or meta.get("lifecycle_stage") == "deleted":
            return None
        status = whole_of(meta, "status")
        return LoggedModel(
            model_id=os.path.basename(path),
            role=role,
            step=step,
            name=text_of(meta, "name"),
            status=LOGGED_MODEL_STATUSES.get(status, str(status)) if status is not None else None,
            model_type=text_of(meta, "model_type"),
            source_run_id=text_of(meta, "source_run_id"),
            created=whole_of(meta, "creation_timestamp"),
            location=text_of(meta, "artifact_location"),
            params=self._texts(os.path.join(path, "params")),
            tags=self._texts(os.path.join(path, "tags")),
            metrics=last_metrics(self._model_metrics(os.path.join(path, "metrics"))),
        )

    def _described(self, path: str) -> Meta | None:
        """The meta.yaml of a dataset or logged model that a run names; None with a Problem where there is none."""
        file = os.path.join(path, "meta.yaml")
        is_link = os.path.islink(path) or os.path.islink(os.path.dirname(path))
        meta = None if is_link else read_meta(file, self._problems)
        if meta is None and encodable(file) not in self._problems:
            what = "A run names what should be described here, and it is not."
            self._problems[encodable(file)] = problem_with(file, what, META_REMEDY)
        return meta

    def _model_metrics(self, directory: str) -> Iterator[ModelMetric]:
        problems: list[Problem] = []
        for key, path in walk_files(directory, problems) if not os.path.islink(directory) else ():
            try:
                data = _tail(path)
            except OSError as error:
                problems.append(unreadable(path, error))
                continue
            metrics = [_metric_of(encodable(key), line) for line in data.splitlines() if line]
            yield from (metric for metric in metrics if metric is not None)
            if None in metrics:
                what = f"{metrics.count(None)} lines are not `time value step run`, with or without a dataset."
                problems.append(problem_with(path, what, "They are left out."))
        self._problems.update((problem.uri, problem) for problem in problems)

    def _model_versions(self, run_id: str) -> Iterator[ModelVersion]:
        """The versions in the model registry that were made from a run."""
        for model in directories_in(os.path.join(self._root, "models"), self._problems):
            for path in self._versions.find(model, run_id, self._problems):
                meta = read_meta(os.path.join(path, "meta.yaml"), self._problems)
                if meta is None or meta.get("current_stage") == DELETED_VERSION:
                    continue
                version = text_of(meta, "version") or os.path.basename(path).removeprefix("version-")
                aliases = self._texts(os.path.join(model, "aliases"))
                yield ModelVersion(
                    name=text_of(meta, "name") or os.path.basename(model),
                    version=version,
                    stage=text_of(meta, "current_stage"),
                    aliases=[alias for alias, named in aliases.items() if named.strip() == version],
                    description=text_of(meta, "description"),
                    status=text_of(meta, "status"),
                    status_message=text_of(meta, "status_message"),
                    created=whole_of(meta, "creation_timestamp"),
                    source=text_of(meta, "source"),
                    tags=self._texts(os.path.join(path, "tags")),
                )

    def _experiment(self, directory: str) -> ExperimentDetails | None:
        if directory in self._experiments:
            return self._experiments[directory]
        meta = read_meta(os.path.join(directory, "meta.yaml"), self._problems)
        experiment = None
        if meta is not None:
            name = os.path.basename(directory)
            experiment = ExperimentDetails(
                experiment_id=text_of(meta, "experiment_id") or name,
                name=text_of(meta, "name") or name,
                artifact_location=text_of(meta, "artifact_location"),
                created=whole_of(meta, "creation_time"),
                deleted=meta.get("lifecycle_stage") == "deleted",
                tags=self._texts(os.path.join(directory, "tags")),
            )
        self._experiments[directory] = experiment
        return experiment

    def _texts(self, directory: str) -> dict[str, str]:
        """What the files below a directory hold, by their paths; a link is not followed."""
        problems: list[Problem] = []
        texts = {} if os.path.islink(directory) else dict(read_texts(directory, problems))
        self._problems.update((problem.uri, problem) for problem in problems)
        return texts

    def _some_texts(self, directory: str, names: tuple[str, ...]) -> dict[str, str]:
        """What the files of these names hold; what cannot be read the scan has reported."""
        texts: dict[str, str] = {}
        for name in names if not os.path.islink(directory) else ():
            try:
                texts[name] = read_file(os.path.join(directory, name)).decode(errors="replace")
            except OSError:
                continue
        return texts


def _tail(path: str) -> bytes:
    """The last lines of a file, up to the last whole one.

    Raises:
        OSError: it cannot be read, or is not a regular file.
    """
    data, start = read_end(path, _METRIC_TAIL)
    first = data.find(b"\n") + 1 if start else 0
    return data[first : data.rfind(b"\n") + 1]


def _metric_of(key: str, line: bytes) -> ModelMetric | None:
    """A line of a model's metric file: `time value step run`, then name and digest of a dataset; a name has spaces."""
    try:
        fields = line.decode().split(" ")
        when, value, step, _, *dataset = fields
        name, digest = (" ".join(dataset[:-1]), dataset[-1]) if len(dataset) > 1 else (None, None)
        return ModelMetric(key, float(value), int(step), int(when), name, digest) if len(dataset) != 1 else None
    except ValueError:  # UnicodeDecodeError is one
        return None
