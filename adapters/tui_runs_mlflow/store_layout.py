"""Where experiments and runs lie in an MLflow file store: `<root>/<experiment>/<run>/meta.yaml`."""

from __future__ import annotations

import os
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Final

from tui_runs.adapter import Problem
from tui_runs.display import printable
from tui_runs.errors import LocationError
from tui_runs_mlflow.meta_yaml import MetaError, parse_meta
from tui_runs_mlflow.run_files import (
    META_REMEDY,
    problem_with,
    read_file,
    unreadable,
    walk_files,
)

TRASH: Final = ".trash"
_NOT_EXPERIMENTS: Final = frozenset({TRASH, "models"})
_NOT_RUNS: Final = frozenset({"tags", "datasets", "traces", "models"})


@dataclass(frozen=True, slots=True)
class ExperimentDir:
    """A directory of runs.

    Args:
        directory: where it is.
        name: what its meta.yaml calls it, else the directory's name.
        deleted: it lies in the trash, or says that it is deleted.
    """

    directory: str
    name: str
    deleted: bool


def find_experiments(root: str, problems: list[Problem], only: str | None = None) -> list[ExperimentDir]:
    """The experiments of a store, the deleted ones too.

    Args:
        root: the store's directory.
        problems: gets what cannot be read.
        only: the directory name of the one experiment wanted, or None for all.

    Raises:
        OSError: the root cannot be listed.
    """
    found = list(_experiments_in(root, _NOT_EXPERIMENTS, problems, in_trash=False))
    trash = os.path.join(root, TRASH)
    if os.path.isdir(trash) and not os.path.islink(trash):
        try:
            found += _experiments_in(trash, frozenset(), problems, in_trash=True)
        except OSError as error:
            problems.append(unreadable(trash, error))
    return [one for one in found if only is None or os.path.basename(one.directory) == only]


def _experiments_in(
    root: str, skip: frozenset[str], problems: list[Problem], *, in_trash: bool
) -> Iterator[ExperimentDir]:
    with os.scandir(root) as entries:
        names = sorted(
            entry.name
            for entry in entries
            # A name with a dot, such as .git, is never MLflow's, but for the trash, which is listed by itself.
            if entry.name not in skip and not entry.name.startswith(".") and is_directory(entry)
        )
    for name in names:
        directory = os.path.join(root, name)
        meta = os.path.join(directory, "meta.yaml")
        try:
            values = parse_meta(read_file(meta))
            if "name" not in values:
                raise MetaError("has no name")
        except (FileNotFoundError, NotADirectoryError):
            # No meta.yaml: an experiment that lost it still has runs; anything else is none of ours.
            try:
                if not any(True for _ in find_runs(directory)):
                    continue
            except OSError as error:
                problems.append(unreadable(directory, error))
                continue
            problems.append(problem_with(meta, "It is missing, so the experiment has no name.", META_REMEDY))
            values = {}
        except MetaError as error:
            problems.append(problem_with(meta, f"The experiment's meta.yaml {error}.", META_REMEDY))
            values = {}
        except OSError as error:
            problems.append(unreadable(meta, error))
            values = {}
        deleted = in_trash or values.get("lifecycle_stage") == "deleted"
        yield ExperimentDir(directory, str(values.get("name") or name), deleted)


def find_runs(experiment: str) -> Iterator[tuple[float, str]]:
    """The run directories of an experiment as (time of change in seconds, path), in no order.

    The time is the directory's own, which is about when the run began: cheaper than reading it, and only used to
    show the newest first. A directory without meta.yaml counts when it has params, tags or metrics: a damaged run.

    Raises:
        OSError: the experiment's directory cannot be listed.
    """
    with os.scandir(experiment) as entries:
        for entry in entries:
            if may_be_run(entry) and looks_like_run(entry.path):
                try:
                    when = entry.stat().st_mtime
                except FileNotFoundError:  # removed this moment
                    continue
                yield when, entry.path


def may_be_run(entry: os.DirEntry[str]) -> bool:
    """Whether an entry of an experiment is a directory whose name is not MLflow's own for something else."""
    return entry.name not in _NOT_RUNS and not entry.name.startswith(".") and is_directory(entry)


def is_directory(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a directory or a link to one; a link that leads in circles is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def looks_like_run(directory: str) -> bool:
    """Whether a directory inside an experiment is a run, whole or damaged (and not one of artifacts only).

    One that cannot be looked into is taken for a run: reading it will tell why.
    """
    for name in ("meta.yaml", "params", "tags", "metrics"):
        try:
            os.stat(os.path.join(directory, name))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            return True
        return True
    return False


def experiment_at(location: str) -> bool:
    """Whether a directory is an experiment of a file store: its meta.yaml says so."""
    try:
        values = parse_meta(read_file(os.path.join(location, "meta.yaml")))
    except (OSError, MetaError, ValueError):  # ValueError: a NUL or the like in the path
        return False
    return "experiment_id" in values and "artifact_location" in values


def experiment_named(root: str, wanted: str) -> str:
    """The directory name of the experiment that has this name, or else this id.

    Raises:
        LocationError: there is none, or the root cannot be listed.
    """
    try:
        experiments = find_experiments(root, [])
    except OSError as error:
        why = unreadable(root, error)
        raise LocationError(f"{why.uri}: {why.what}", why.remedy) from None
    names = {os.path.basename(one.directory): one.name for one in experiments}
    found = next((directory for directory, name in names.items() if name == wanted), wanted)
    if found not in names:
        has = ", ".join(sorted(map(printable, names.values()))) or "none"
        raise LocationError(f"{printable(root)} has no experiment {printable(wanted)!r}.", f"It has: {has}.")
    return found


def folders_of(run: str) -> list[str]:
    """A run's directory and those below it in which something may change."""
    found = [run]
    for part in ("metrics", "params", "tags"):
        top = os.path.join(run, part)
        if os.path.isdir(top) and not os.path.islink(top):
            found += [where for where, _, _ in os.walk(top)]
    return found


def last_activity(run: str) -> float:
    """When a run last logged, in seconds; 0 where it is gone."""
    ignored: list[Problem] = []
    newest = 0.0
    for _, path in walk_files(os.path.join(run, "metrics"), ignored):
        try:
            newest = max(newest, os.stat(path, follow_symlinks=False).st_mtime)
        except OSError:
            continue
    return newest


def metrics_size(run: str) -> int:
    """Bytes of a run's metric files."""
    ignored: list[Problem] = []
    total = 0
    for _, path in walk_files(os.path.join(run, "metrics"), ignored):
        try:
            total += os.stat(path, follow_symlinks=False).st_size
        except OSError:
            continue
    return total


def directories_besides(root: str, experiments: Container[str]) -> list[str]:
    """Directories in a store that are no experiments, or not yet.

    Raises:
        OSError: the root cannot be listed.
    """
    with os.scandir(root) as entries:
        return [entry.path for entry in entries if may_be_run(entry) and entry.path not in experiments]
