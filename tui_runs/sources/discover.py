"""What lies at a location, or just below it, and which adapter reads it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from tui_runs.adapter import Adapter, Match
from tui_runs.display import printable
from tui_runs.errors import LocationError
from tui_runs.sources.plugins import InstalledAdapter, claims, load, load_all

_SKIPPED: Final = frozenset({"node_modules", "site-packages", "__pycache__", "venv", "env", "checkpoints"})
_CHILDREN: Final = 500
"""Entries of a directory that are looked at for stores."""


@dataclass(frozen=True, slots=True)
class Found:
    """A store that can be opened.

    Args:
        location: as the user wrote it, or a path below that.
        adapter: what reads it.
        match: why.
        others: names of adapters that could read it as well.
    """

    location: str
    adapter: Adapter
    match: Match
    others: tuple[str, ...] = ()


def find(locations: Sequence[str], adapter: str | None = None) -> list[Found]:
    """The stores at these locations: each itself, or else the directories right below it.

    Args:
        locations: paths or URLs; none means the working directory.
        adapter: use this adapter, whatever the others say.

    Raises:
        LocationError: one of the locations is not there, or nothing reads it.
        AdapterError: the adapter asked for is not installed, or broken.
    """
    if adapter is not None:
        chosen = load(adapter)
        return [
            Found(location, chosen, chosen.match(location) or Match(f"asked for by --adapter {adapter}"))
            for location in dict.fromkeys(locations or ["."])
        ]
    adapters = load_all()
    found: dict[str, Found] = {}
    for location in locations or ["."]:
        stores = _stores_at(location, adapters)
        if not stores:
            raise _nothing_at(location, adapters)
        found.update((store.location, store) for store in stores)
    return list(found.values())


def _stores_at(location: str, adapters: list[InstalledAdapter]) -> list[Found]:
    itself = _store(location, adapters)
    if itself is not None:
        return [itself]
    return [store for child in _children(location) if (store := _store(child, adapters)) is not None]


def _store(location: str, adapters: list[InstalledAdapter]) -> Found | None:
    claimed = claims(location, adapters)
    if not claimed:
        return None
    (first, match), *others = claimed
    assert first.adapter is not None  # a broken adapter makes no claim
    return Found(location, first.adapter, match, tuple(other.name for other, _ in others))


def _children(location: str) -> Iterable[str]:
    try:
        with os.scandir(location) as entries:
            names = sorted(
                entry.name
                for _, entry in zip(range(_CHILDREN), entries, strict=False)
                if not entry.name.startswith(".") and entry.name not in _SKIPPED and _is_directory(entry)
            )
    except (OSError, ValueError):
        return []
    # "./mlruns" reads better than "mlruns", and cannot be taken for a command.
    return [os.path.join(location, name) for name in names]


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in circles
        return False


def _nothing_at(location: str, adapters: list[InstalledAdapter]) -> LocationError:
    """Say why a location cannot be opened, and what to do about it."""
    readable = ", ".join(one.name for one in adapters if one.adapter is not None)
    broken = ", ".join(one.name for one in adapters if one.adapter is None)
    if "://" in location and not location.startswith("file:"):
        return LocationError(
            f"No installed adapter reads {printable(location)}.",
            f"Installed: {readable}. `tui-runs adapters` lists them with their options.",
        )
    path = location.removeprefix("file://")
    shown = printable(path) or "The empty path"
    if "\0" in path or not os.path.lexists(path):
        return _not_there(path, shown)
    if not os.access(path, os.R_OK | (os.X_OK if os.path.isdir(path) else 0)):
        return LocationError(f"{shown}: permission denied.", "Run as a user who may read it, or ask its owner.")
    if not os.path.isdir(path):
        return LocationError(
            f"{shown} is a file that no installed adapter reads ({readable}).",
            "Give the directory that the training wrote, such as ./mlruns.",
        )
    remedy = f"Give the store itself, such as ./mlruns, or name an adapter with --adapter ({readable})."
    if broken:
        remedy += f" Broken adapters: {broken}; see `tui-runs adapters`."
    if _is_empty(path):
        return LocationError(f"{shown} is an empty directory.", remedy)
    return LocationError(f"No runs were recognised in {shown}, nor in the directories right below it.", remedy)


def _not_there(path: str, shown: str) -> LocationError:
    where, name = os.path.split(os.path.normpath(path))
    try:
        near = get_close_matches(name, os.listdir(where or "."), 1)
    except (OSError, ValueError):
        near = []
    remedy = (
        f"Did you mean {printable(os.path.join(where, near[0]))}?"
        if near
        else "Check the path, and the working directory."
    )
    return LocationError(f"{shown} does not exist.", remedy)


def _is_empty(path: str) -> bool:
    with os.scandir(path) as entries:
        return next(entries, None) is None
