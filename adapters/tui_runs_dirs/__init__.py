"""Reads directories that trainings leave behind. Imported at every start, so the readers are imported when opened."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import unquote, urlsplit

from tui_runs.adapter import Match, Option, OptionValue, Source, option_values
from tui_runs.errors import LocationError

_CERTAINTY: Final = 0.4
"""Of a directory with runs somewhere below: a guess, so that stores of trackers in there are looked for, too."""
_FILE_CERTAINTY: Final = 0.45
"""Of such a file: less than what is opened for itself where somebody names the directory around it."""
_LONGEST_PATH: Final = 16_384
"""No system opens a longer one, and to see that takes seconds."""
_VARIABLES: Final = ("TRACKIO_DIR", "ZENML_CONFIG_PATH", "GUILD_HOME")
"""Of the environment; they name directories."""
_REMEDY: Final = "Give a directory in which a training left its results, or a directory above several."


class DirsAdapter:
    """Runs that no tracker keeps: what trainings leave in directories, recognised by its layout."""

    name = "dirs"
    options = (
        Option("stale-minutes", "Minutes without a write after which a run counts as not running.", default=10.0),
        Option("depth", "Levels of directories below the location that are searched.", default=12),
        Option("files", "Files and directories that are looked at, at most.", default=1_000_000),
    )

    def __init__(self) -> None:
        self._in_vain: tuple[str, float] | None = None
        """The tree that was searched last without finding a run, and when: its parts are often asked for next."""

    def from_environment(self) -> Sequence[tuple[str, str]]:
        """Where tools that keep everything in one place do so. See `tui_runs.adapter.FromEnvironment`."""
        named = ((os.environ.get(variable, ""), variable) for variable in _VARIABLES)
        return [(path, variable) for path, variable in named if os.path.isdir(path)]

    def match(self, location: str) -> Match | None:
        """Recognise a directory in which, or below which, a known layout lies; or such a file."""
        path = _path_of(location)
        if path is None or "\0" in path or len(path) > _LONGEST_PATH:
            return None
        from tui_runs_dirs.recognise import first_tool  # noqa: PLC0415

        try:
            real = os.path.realpath(path)
            if self._in_vain is not None and time.monotonic() - self._in_vain[1] < 5:
                above = os.path.join(self._in_vain[0], "")
                if real.startswith(above):
                    return None
            found = first_tool(real)
        except (OSError, ValueError):
            return None
        if found is None:
            self._in_vain = (real, time.monotonic())
            return None
        return Match(found, _CERTAINTY if os.path.isdir(real) else _FILE_CERTAINTY)

    def open(self, location: str, options: Mapping[str, OptionValue]) -> Source:
        """Open a directory tree, or one file of a known format.

        Raises:
            LocationError: it is not there, or cannot be read.
        """
        path = _path_of(location)
        if path is None or "\0" in path:
            raise LocationError(f"{location!r} is not a path.", _REMEDY)
        from tui_runs_dirs.dir_store import open_tree  # noqa: PLC0415

        values = option_values(self.options, options)
        stale_after = 60 * max(1.0, float(values["stale-minutes"] or 0))
        depth, entries = max(0, int(values["depth"] or 0)), max(1, int(values["files"] or 0))
        return open_tree(os.path.abspath(path), stale_after, depth, entries)


def _path_of(location: str) -> str | None:
    """The path that a location names: itself, or that of a file: URL; None for other URLs."""
    if "://" not in location and not location.startswith("file:"):
        return location or None
    try:
        parts = urlsplit(location)
    except ValueError:  # half an IPv6 address
        return None
    return unquote(parts.path) if parts.scheme == "file" and parts.netloc in ("", "localhost") else None
