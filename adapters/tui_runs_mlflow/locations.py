"""What MLflow keeps at a location: a server, a database, a directory of files, or several of them side by side.

Imported whenever locations are looked at, so it imports no reader.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote, urlsplit

from tui_runs.adapter import Match
from tui_runs_mlflow.database.recognise import is_mlflow_database, is_sqlite
from tui_runs_mlflow.store_layout import experiment_at, is_directory

_LOOK_AT: Final = 2000
"""Directory entries looked at before a directory is said not to be a store."""
_DATABASE_NAMES: Final = ("mlflow.db", "mlruns.db", "backend.db")
"""What MLflow's own defaults and documentation call a SQLite database."""

SERVER_SCHEMES: Final = ("http", "https")
DATABASE_SCHEMES: Final = ("postgresql", "postgres", "mysql", "mariadb")


def scheme_of(location: str) -> str:
    """The scheme of a URL in lower case, without a driver: "postgresql" of `postgresql+psycopg2://…`; else ""."""
    scheme, found, _ = location.partition("://")
    if location in ("databricks", "databricks-uc"):  # how MLFLOW_TRACKING_URI names a workspace
        return "databricks"
    return scheme.partition("+")[0].lower() if found else ""


def path_of(location: str) -> str | None:
    """The path that a location names: itself, or that of a file: or sqlite: URL; None for other URLs."""
    if location.startswith("sqlite:///"):
        return unquote(location.removeprefix("sqlite:///").partition("?")[0]) or None
    if scheme_of(location) == "" and not location.startswith("file:"):
        return location or None
    try:
        parts = urlsplit(location)
    except ValueError:  # half an IPv6 address
        return None
    return unquote(parts.path) if parts.scheme == "file" and parts.netloc in ("", "localhost") else None


def recognise(location: str) -> Match | None:
    """Say what of MLflow's is at a location; see `tui_runs.adapter.Adapter.match`."""
    scheme = scheme_of(location)
    if scheme in SERVER_SCHEMES:
        return Match("the address of a server", certainty=0.5)
    if scheme == "databricks":
        return Match("a Databricks workspace")
    if scheme in DATABASE_SCHEMES:
        return Match("the address of a database", certainty=0.9)
    path = path_of(location)
    if path is None:
        return None
    if location.startswith("sqlite:///"):
        return Match(f"what {location} stands for", locations=(path,))
    try:
        if os.path.isfile(path):
            if reason := is_mlflow_database(path):
                return Match(reason)
            # Whoever names it is told what is wrong with it, unless another adapter knows it better.
            return Match("a SQLite database", certainty=0.1) if is_sqlite(path) else None
        return _directory(location, path)
    except (OSError, ValueError):
        return None


def _directory(location: str, path: str) -> Match | None:
    if experiment_at(path):
        return Match("a meta.yaml of an MLflow experiment")
    experiment = next((name for name in _directories_in(path) if experiment_at(os.path.join(path, name))), None)
    artifacts = experiment is None and _holds_artifacts(path)
    if experiment is None and not artifacts and os.path.basename(os.path.abspath(path)) != "mlruns":
        return None
    inside = list(_databases_in(path))
    if experiment is not None:
        reason = f"{experiment}/meta.yaml of an MLflow experiment"
        if inside:
            return Match(f"{reason}, and {', '.join(map(os.path.basename, inside))}", locations=(location, *inside))
        return Match(reason)
    databases = inside or list(_databases_in(os.path.dirname(os.path.normpath(path))))
    if not databases:
        return None
    what = "holds artifacts only" if artifacts else "holds no runs itself"
    return Match(f"{location} {what}, its runs are in {' and '.join(databases)}", locations=databases)


def _directories_in(path: str) -> Iterator[str]:
    with os.scandir(path) as entries:
        for _, entry in zip(range(_LOOK_AT), entries, strict=False):
            if is_directory(entry):
                yield entry.name


def _holds_artifacts(path: str) -> bool:
    """Whether there is a directory `<experiment>/<run>/artifacts`, as MLflow makes them beside a database."""
    for experiment in _directories_in(path):
        if experiment.isdecimal():
            where = os.path.join(path, experiment)
            if any(os.path.isdir(os.path.join(where, run, "artifacts")) for run in _directories_in(where)):
                return True
    return False


def _databases_in(directory: str) -> Iterator[str]:
    """Paths of MLflow's databases right in a directory, as the directory was given."""
    for name in _DATABASE_NAMES:
        path = os.path.join(directory, name) if directory else name
        if os.path.isfile(path) and is_mlflow_database(path):
            yield path if os.path.dirname(path) else os.path.join(".", path)
