"""Reads MLflow stores. This module is imported at every start, so the readers are imported when one is opened."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from tui_runs.adapter import Match, Option, OptionValue, Source, option_values
from tui_runs.errors import LocationError


class MlflowAdapter:
    """MLflow's file stores and databases, read without mlflow; its tracking servers, through mlflow's client."""

    name = "mlflow"
    options = (
        Option("deleted", "Show deleted runs and experiments too.", default=False),
        Option("experiment", "Show this experiment only, by its name or id.", default=None),
        Option("cache", "Keep a snapshot of big file stores in the user's cache directory.", default=True, shared=True),
    )

    def match(self, location: str) -> Match | None:
        """Recognise a server or database by its address, a store's directory or file by what is in it."""
        from tui_runs_mlflow.locations import recognise  # noqa: PLC0415

        return recognise(location)

    def from_environment(self) -> Sequence[tuple[str, str]]:
        """What MLflow's own tools would use; a path only if it is there."""
        from tui_runs_mlflow.locations import path_of  # noqa: PLC0415

        variable = "MLFLOW_TRACKING_URI"
        uri = os.environ.get(variable, "")
        path = path_of(uri)
        there = path is None or os.path.exists(path)
        return [(uri, variable)] if uri and there else []

    def open(self, location: str, options: Mapping[str, OptionValue]) -> Source:
        """Open a store, or one experiment of it.

        Raises:
            LocationError: it cannot be read; a server that does not answer is told by its `scan`.
        """
        from tui_runs_mlflow.locations import DATABASE_SCHEMES, SERVER_SCHEMES, path_of, scheme_of  # noqa: PLC0415

        values = option_values(self.options, options)
        with_deleted = bool(values["deleted"])
        experiment = str(values["experiment"]) if values["experiment"] is not None else None
        scheme = scheme_of(location)
        if scheme in SERVER_SCHEMES or scheme == "databricks":
            from tui_runs_mlflow.tracking_server.store import ServerStore  # noqa: PLC0415

            return ServerStore(location, experiment=experiment, with_deleted=with_deleted)
        path = path_of(location)
        if scheme in DATABASE_SCHEMES or (path is not None and os.path.isfile(path)) or scheme == "sqlite":
            return _open_database(location, path, experiment, with_deleted)
        if path is None:
            raise LocationError(f"{location!r} is not a path.", "Give a directory, such as ./mlruns.")
        return _open_files(path, experiment, with_deleted, with_cache=bool(values["cache"]))


def _open_database(location: str, path: str | None, experiment: str | None, with_deleted: bool) -> Source:
    from tui_runs_mlflow.database.store import DatabaseStore  # noqa: PLC0415

    if path is None:
        from tui_runs_mlflow.database.sql_server import SqlServerDatabase  # noqa: PLC0415

        return DatabaseStore(SqlServerDatabase(location), experiment=experiment, with_deleted=with_deleted)
    from tui_runs_mlflow.database.sqlite import SqliteDatabase  # noqa: PLC0415

    return DatabaseStore(SqliteDatabase(os.path.abspath(path)), experiment=experiment, with_deleted=with_deleted)


def _open_files(path: str, experiment: str | None, with_deleted: bool, *, with_cache: bool) -> Source:
    from tui_runs_mlflow.file_store import FileStore  # noqa: PLC0415
    from tui_runs_mlflow.store_layout import experiment_at, experiment_named  # noqa: PLC0415

    path = os.path.abspath(path)
    only = None
    if experiment_at(path):
        path, only = os.path.split(path)
    elif experiment is not None:
        only = experiment_named(path, experiment)
    if not with_cache:
        return FileStore(path, only=only, with_deleted=with_deleted)
    from platformdirs import user_cache_dir  # noqa: PLC0415

    return FileStore(path, only=only, with_deleted=with_deleted, cache=user_cache_dir("tui-runs", appauthor=False))
