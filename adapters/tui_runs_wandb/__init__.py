"""Reads W&B runs. This module is imported at every start, so the readers are imported when a store is opened."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

from tui_runs.adapter import Match, Option, OptionValue, Source, option_values
from tui_runs.errors import LocationError

_GIVE: Final = "Give a directory, such as ./wandb, one run's directory in it, or a .wandb file."


class WandbAdapter:
    """W&B's local runs (`./wandb`), read without wandb; its cloud and servers, through wandb's client."""

    name = "wandb"
    options = (Option("stale-minutes", "Minutes without a write after which a run counts as stale.", default=10.0),)

    def match(self, location: str) -> Match | None:
        """Recognise a directory of runs, one run's directory, or its log; or an address of the cloud."""
        from tui_runs_wandb.run_dir import is_store, run_at  # noqa: PLC0415

        if _is_in_cloud(location):
            return Match("the address of a W&B project", certainty=1.0 if location.startswith("wandb:") else 0.95)
        path = _path_of(location)
        if path is None:
            return None
        try:
            if os.path.isdir(path):
                run = run_at(os.path.realpath(path))
                if run is not None and run.log is not None:
                    return Match(f"a run's transaction log: {os.path.basename(run.log)}")
                reason = is_store(path)
                return Match(reason) if reason else None
            if path.endswith(".wandb") and os.path.isfile(path):
                return Match("a run's transaction log")
        except (OSError, ValueError):
            return None
        return None

    def open(self, location: str, options: Mapping[str, OptionValue]) -> Source:
        """Open a directory of runs, the directory of a project that has one, one run, or its log; or a project.

        Raises:
            LocationError: there is nothing of W&B's, or it cannot be read; a server that does not answer is told by
                the source's `scan`.
        """
        if _is_in_cloud(location):
            from tui_runs_wandb.cloud.store import CloudStore  # noqa: PLC0415

            return CloudStore(location)
        from tui_runs_wandb.local_store import open_local  # noqa: PLC0415

        path = _path_of(location)
        if path is None or "\0" in path:
            raise LocationError(f"{location!r} is not a path.", _GIVE)
        minutes = option_values(self.options, options)["stale-minutes"]
        return open_local(os.path.abspath(path), stale_after=60 * max(1.0, float(minutes or 0)))


def _is_in_cloud(location: str) -> bool:
    """Whether a location is the address of a project or a run in W&B's cloud, or on a server."""
    if ":" not in location:  # nearly always, and what is imported here takes 2 ms of every start
        return False
    from tui_runs_wandb.cloud.address import cloud_address  # noqa: PLC0415

    return cloud_address(location) is not None


def _path_of(location: str) -> str | None:
    """The path that a location names: itself, or that of a file: URL; None for other URLs."""
    if "://" not in location and not location.startswith("file:"):
        return location or None
    try:
        parts = urlsplit(location)
    except ValueError:  # half an IPv6 address
        return None
    return unquote(parts.path) if parts.scheme == "file" and parts.netloc in ("", "localhost") else None
