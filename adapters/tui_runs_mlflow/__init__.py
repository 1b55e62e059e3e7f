"""Reads MLflow stores. This module is imported at every start, so the readers are imported when one is opened."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

from tui_runs.adapter import Match, Option, OptionValue, Source, option_values
from tui_runs.errors import LocationError

_LOOK_AT: Final = 2000
"""Directory entries looked at before a directory is said not to be a store."""


class MlflowAdapter:
    """MLflow's file store (`./mlruns`), read without mlflow."""

    name = "mlflow"
    options = (Option("deleted", "Show deleted runs and experiments too.", default=False),)

    def match(self, location: str) -> Match | None:
        """Recognise a store's directory, or that of one experiment, by a meta.yaml as MLflow writes it."""
        from tui_runs_mlflow.store_layout import experiment_at, is_directory  # noqa: PLC0415

        path = _path_of(location)
        if path is None:
            return None
        if experiment_at(path):
            return Match("a meta.yaml of an MLflow experiment")
        try:
            with os.scandir(path) as entries:
                for _, entry in zip(range(_LOOK_AT), entries, strict=False):
                    if is_directory(entry) and experiment_at(entry.path):
                        return Match(f"{entry.name}/meta.yaml of an MLflow experiment")
        except (OSError, ValueError):
            return None
        return None

    def open(self, location: str, options: Mapping[str, OptionValue]) -> Source:
        """Open a file store, or one experiment of it.

        Raises:
            LocationError: it is no directory that can be listed.
        """
        from tui_runs_mlflow.file_store import FileStore  # noqa: PLC0415
        from tui_runs_mlflow.store_layout import experiment_at  # noqa: PLC0415

        path = _path_of(location)
        if path is None:
            raise LocationError(f"{location!r} is not a path.", "Give a directory, such as ./mlruns.")
        path = os.path.abspath(path)
        only = None
        if experiment_at(path):
            path, only = os.path.split(path)
        values = option_values(self.options, options)
        return FileStore(path, only=only, with_deleted=bool(values["deleted"]))


def _path_of(location: str) -> str | None:
    """The path that a location names: itself, or that of a file: URL; None for other URLs."""
    if "://" not in location and not location.startswith("file:"):
        return location or None
    try:
        parts = urlsplit(location)
    except ValueError:  # half an IPv6 address
        return None
    return unquote(parts.path) if parts.scheme == "file" and parts.netloc in ("", "localhost") else None
