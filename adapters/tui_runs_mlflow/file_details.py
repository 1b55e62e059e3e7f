"""Reads from a file store what MLflow keeps of a run outside of its params, tags and metrics.

    <experiment>/meta.yaml  tags/  datasets/<id>/meta.yaml  models/<id>/{meta.yaml,metrics,params,tags}
    <experiment>/<run>/inputs/<any>/meta.yaml  outputs/<model id>/meta.yaml
    models/<name>/version-<n>/{meta.yaml,tags}  models/<name>/aliases/<alias>     the model registry, in the root

It is asked whenever the cursor stands on another run, so only that run's own files are read, and of the models and
their versions an index is kept. Names out of a file are never followed as paths.
"""

from __future__ import annotations

import os
import re
import textwrap
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Final, Literal, TypeGuard

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
from tui_runs_mlflow.meta_yaml import MetaError, parse_meta
from tui_runs_mlflow.run_files import META_REMEDY, problem_with, read_file, read_texts, unreadable, walk_files

_METRIC_TAIL: Final = 1 << 18
"""Bytes of the end of a model's metric file that are read: 4,000 lines, 5 ms."""
_SETTLED: Final = 10.0
"""Seconds after which a directory's time of change is believed: file systems' clocks are coarse."""
_TAGS: Final = re.compile(rb"^tags:\n((?:(?: .*)?\n)+)", re.MULTILINE)

Meta = Mapping[str, str | int | None]


class FileDetails:
    """The details of the runs of one file store. May be used from several threads at once.

    Args:
        root: the store's directory.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._models = _MetaIndex("m-", "source_run_id")
        self._versions = _MetaIndex("version-", "run_id")
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


class _MetaIndex:
    """Which run the directories in a directory belong to, by an entry of their meta.yaml that is never rewritten.

    A directory is listed again when its time of change is another, and only what is new in it is opened.

    Args:
        prefix: how the names of these directories begin.
        entry: the entry's name.
    """

    def __init__(self, prefix: str, entry: str) -> None:
        self._prefix = prefix
        self._entry = entry
        self._plain = re.compile(rf"^{entry}: (null|[0-9a-f]*[a-f][0-9a-f]*)$".encode(), re.MULTILINE)
        self._listed: dict[str, tuple[int, dict[str, str]]] = {}

    def find(self, directory: str, run_id: str, problems: dict[str, Problem]) -> list[str]:
        """Paths of the directories in `directory` whose meta.yaml names this run."""
        return [path for path, owner in self._owners(directory, problems).items() if owner == run_id]

    def _owners(self, directory: str, problems: dict[str, Problem]) -> dict[str, str]:
        try:
            changed = os.stat(directory).st_mtime_ns
        except OSError:
            return {}
        before, known = self._listed.get(directory, (0, {}))
        if before == changed:
            return known
        owners: dict[str, str] = {}
        settled = time.time() - changed / 1e9 > _SETTLED
        for path in _directories_in(directory, problems, self._prefix):
            owner = known[path] if path in known else self._owner(os.path.join(path, "meta.yaml"), problems)
            if owner is None:
                settled = False  # it may be written yet
            else:
                owners[path] = owner
        self._listed[directory] = (changed if settled else 0, owners)
        return owners

    def _owner(self, path: str, problems: dict[str, Problem]) -> str | None:
        """What a meta.yaml says; "" for no run, None where there is no telling."""
        with suppress(OSError):
            # Parsing all of it takes ten times as long, and there may be thousands.
            if (plain := self._plain.search(read_file(path))) is not None:
                return plain[1].decode() if plain[1] != b"null" else ""
        meta = _read_meta(path, problems)
        return None if meta is None else _text(meta, self._entry) or ""


class _Reading:
    """Reads some runs, and the experiments that they share once.

    Args:
        problems: gets what could not be read, by uri.
    """

    def __init__(self, root: str, models: _MetaIndex, versions: _MetaIndex, problems: dict[str, Problem]) -> None:
        self._root = root
        self._models = models
        self._versions = versions
        self._problems = problems
        self._experiments: dict[str, ExperimentDetails | None] = {}

    def run(self, run_id: str, directory: str) -> RunDetails | None:
        """Everything about the run in a directory; None where it is gone, or is no run."""
        meta = _read_meta(os.path.join(directory, "meta.yaml"), self._problems)
        if meta is None:
            return None
        experiment = os.path.dirname(directory)
        details = RunDetails(
            run_id,
            tags=self._some_texts(os.path.join(directory, "tags"), RUN_TAGS),
            entry_point=_text(meta, "entry_point_name"),
            artifact_uri=_text(meta, "artifact_uri"),
            deleted_at=_whole(meta, "deleted_time"),
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
        for path in _directories_in(directory, self._problems):
            file = os.path.join(path, "meta.yaml")
            meta = _read_meta(file, self._problems)
            if meta is not None:
                yield meta, _read_meta_tags(file)

    def _datasets(self, inputs: list[tuple[Meta, Mapping[str, str]]], directory: str) -> Iterator[DatasetInput]:
        for link, tags in inputs:
            name = _text(link, "source_id")
            if link.get("source_type") != "DATASET" or not _is_plain(name):
                continue
            meta = self._described(os.path.join(directory, name))
            if meta is None:
                continue
            yield DatasetInput(
                name=_text(meta, "name") or name,
                digest=_text(meta, "digest"),
                source_type=_text(meta, "source_type"),
                source=_text(meta, "source"),
                schema=_text(meta, "schema"),
                profile=_text(meta, "profile"),
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
        steps |= {name: _whole(link, "step") for link, _ in outputs if _is_plain(name := _text(link, "destination_id"))}
        made = last_models(steps)
        read = [
            name
            for link, _ in inputs
            if link.get("source_type") == "MODEL" and _is_plain(name := _text(link, "source_id"))
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
        others = (os.path.join(one, "models", name) for one in _directories_in(self._root, ignored))
        return next((path for path in others if os.path.isdir(path)), own)

    def _logged_model(self, path: str, role: Literal["output", "input"], step: int | None) -> LoggedModel | None:
        meta = self._described(path)
        if meta is None or meta.get("lifecycle_stage") == "deleted":
            return None
        status = _whole(meta, "status")
        return LoggedModel(
            model_id=os.path.basename(path),
            role=role,
            step=step,
            name=_text(meta, "name"),
            status=LOGGED_MODEL_STATUSES.get(status, str(status)) if status is not None else None,
            model_type=_text(meta, "model_type"),
            source_run_id=_text(meta, "source_run_id"),
            created=_whole(meta, "creation_timestamp"),
            location=_text(meta, "artifact_location"),
            params=self._texts(os.path.join(path, "params")),
            tags=self._texts(os.path.join(path, "tags")),
            metrics=last_metrics(self._model_metrics(os.path.join(path, "metrics"))),
        )

    def _described(self, path: str) -> Meta | None:
        """The meta.yaml of a dataset or logged model that a run names; None with a Problem where there is none."""
        file = os.path.join(path, "meta.yaml")
        is_link = os.path.islink(path) or os.path.islink(os.path.dirname(path))
        meta = None if is_link else _read_meta(file, self._problems)
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
        for model in _directories_in(os.path.join(self._root, "models"), self._problems):
            for path in self._versions.find(model, run_id, self._problems):
                meta = _read_meta(os.path.join(path, "meta.yaml"), self._problems)
                if meta is None or meta.get("current_stage") == DELETED_VERSION:
                    continue
                version = _text(meta, "version") or os.path.basename(path).removeprefix("version-")
                aliases = self._texts(os.path.join(model, "aliases"))
                yield ModelVersion(
                    name=_text(meta, "name") or os.path.basename(model),
                    version=version,
                    stage=_text(meta, "current_stage"),
                    aliases=[alias for alias, named in aliases.items() if named.strip() == version],
                    description=_text(meta, "description"),
                    status=_text(meta, "status"),
                    status_message=_text(meta, "status_message"),
                    created=_whole(meta, "creation_timestamp"),
                    source=_text(meta, "source"),
                    tags=self._texts(os.path.join(path, "tags")),
                )

    def _experiment(self, directory: str) -> ExperimentDetails | None:
        if directory in self._experiments:
            return self._experiments[directory]
        meta = _read_meta(os.path.join(directory, "meta.yaml"), self._problems)
        experiment = None
        if meta is not None:
            name = os.path.basename(directory)
            experiment = ExperimentDetails(
                experiment_id=_text(meta, "experiment_id") or name,
                name=_text(meta, "name") or name,
                artifact_location=_text(meta, "artifact_location"),
                created=_whole(meta, "creation_time"),
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


def _directories_in(directory: str, problems: dict[str, Problem], prefix: str = "") -> list[str]:
    """Paths of the real directories in a directory, sorted; none where it is not there, or is a link."""
    try:
        if os.path.islink(directory):
            return []
        with os.scandir(directory) as entries:
            return sorted(
                entry.path for entry in entries if entry.name.startswith(prefix) and entry.is_dir(follow_symlinks=False)
            )
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        problem = unreadable(directory, error)
        problems[problem.uri] = problem
        return []


def _read_meta(path: str, problems: dict[str, Problem]) -> Meta | None:
    """The scalars of a meta.yaml; None where there is none, or where it cannot be used."""
    try:
        return parse_meta(read_file(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except MetaError as error:
        problem = problem_with(path, f"The meta.yaml {error}.", META_REMEDY)
    except OSError as error:
        problem = unreadable(path, error)
    problems[problem.uri] = problem
    return None


def _read_meta_tags(path: str) -> dict[str, str]:
    """The tags in the meta.yaml of an input, which are a mapping inside of the mapping; the rest has been read."""
    try:
        block = _TAGS.search(read_file(path))
        if block is None:
            return {}
        tags = parse_meta(textwrap.dedent(block[1].decode()).encode())
    except (OSError, UnicodeDecodeError, MetaError):
        return {}
    return {encodable(key): encodable(str(value)) for key, value in tags.items() if value is not None}


def _tail(path: str) -> bytes:
    """The last lines of a file, up to the last whole one.

    Raises:
        OSError: it cannot be read, or is not a regular file.
    """
    data = read_file(path, _METRIC_TAIL)
    if len(data) == _METRIC_TAIL:
        with open(path, "rb", buffering=0) as file:
            file.seek(-_METRIC_TAIL, os.SEEK_END)
            data = file.read(_METRIC_TAIL)
        data = data[data.find(b"\n") + 1 :]
    return data[: data.rfind(b"\n") + 1]


def _metric_of(key: str, line: bytes) -> ModelMetric | None:
    """A line of a model's metric file: `time value step run`, then name and digest of a dataset; a name has spaces."""
    try:
        fields = line.decode().split(" ")
        when, value, step, _, *dataset = fields
        name, digest = (" ".join(dataset[:-1]), dataset[-1]) if len(dataset) > 1 else (None, None)
        return ModelMetric(key, float(value), int(step), int(when), name, digest) if len(dataset) != 1 else None
    except ValueError:  # UnicodeDecodeError is one
        return None


def _is_plain(name: str | None) -> TypeGuard[str]:
    """Whether a text out of a file is the name of something in a directory, and not a way out of it."""
    return name not in (None, "", ".", "..") and "\0" not in name and os.path.basename(name) == name


def _text(meta: Meta, name: str) -> str | None:
    value = meta.get(name)
    return None if value is None or value == "" else encodable(str(value))


def _whole(meta: Meta, name: str) -> int | None:
    value = meta.get(name)
    return value if isinstance(value, int) else None
