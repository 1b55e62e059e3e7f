"""What lies at a location, or just below it, and which adapter reads it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Final

from tui_runs.adapter import Adapter, FromEnvironment, Match
from tui_runs.display import address, printable
from tui_runs.errors import LocationError
from tui_runs.sources.plugins import InstalledAdapter, claims, load, load_all

_SKIPPED: Final = frozenset({"node_modules", "site-packages", "__pycache__", "venv", "env", "checkpoints"})
_CHILDREN: Final = 500
"""Entries of a directory that are looked at for stores."""
_SURE: Final = 0.5
"""How certain a claim must be on what nobody has named."""


@dataclass(frozen=True, slots=True)
class Found:
    """A store that can be opened.

    Args:
        location: as the user wrote it, or a path below that, or where the adapter said that the runs are.
        adapter: what reads it.
        match: why.
        others: names of adapters that could read it as well.
        named_by: the environment variable that names it, where nobody else did.
    """

    location: str
    adapter: Adapter
    match: Match
    others: tuple[str, ...] = ()
    named_by: str | None = None

    @property
    def name(self) -> str:
        """The location as it may be shown: without a password."""
        return address(self.location)

    @property
    def why_here(self) -> str | None:
        """A sentence for whoever did not name this very location; None where somebody did, or where it was found."""
        if self.named_by is not None:
            return f"{self.named_by} names {self.name}: {self.adapter.name}, {printable(self.match.reason)}."
        if self.match.locations:
            return f"Opening {self.name}: {printable(self.match.reason)}."
        return None


def find(locations: Sequence[str], adapter: str | None = None) -> list[Found]:
    """The stores at these locations: each itself, or what lies right below it.

    Args:
        locations: paths or URLs; none means what the environment names, and the working directory.
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
    found = [] if locations else list(_from_environment(adapters))
    for location in locations or ["."]:
        stores = _stores_at(location, adapters)
        if not stores and (locations or not found):
            raise _nothing_at(location, adapters)
        found += stores
    unique: dict[str, Found] = {}
    for store in found:
        unique.setdefault(_identity(store.location), store)
    return list(unique.values())


def _identity(location: str) -> str:
    """The same for every way to write a path."""
    try:
        return location if "://" in location else os.path.realpath(location)
    except (OSError, ValueError):
        return location


def _from_environment(adapters: list[InstalledAdapter]) -> Iterator[Found]:
    """What trackers' environment variables name. A path among them that holds nothing is passed over."""
    for one in adapters:
        if not isinstance(one.adapter, FromEnvironment):
            continue
        try:
            named = list(one.adapter.from_environment())
        except Exception:  # a stranger's, as in `claims`
            continue
        for location, variable in named:
            for store in _stores_at(location, [one]):
                yield replace(store, named_by=variable)


def _stores_at(location: str, adapters: list[InstalledAdapter]) -> list[Found]:
    """A store that certainly lies here; else the sure ones right below, and what somebody guesses of the whole.

    A guess is what an adapter makes of a project's directory in which it recognises some results. It does not hide the
    stores of trackers in there, which that adapter leaves to theirs.
    """
    itself = _stores(location, adapters)
    if itself and (itself[0].match.certainty >= _SURE or not os.path.isdir(location)):
        return itself
    return [*(store for child in _children(location) for store in _stores(child, adapters, _SURE)), *itself]


def _stores(location: str, adapters: list[InstalledAdapter], certainty: float = 0.0) -> list[Found]:
    claimed = claims(location, adapters)
    if not claimed or claimed[0][1].certainty < certainty:
        return []
    (first, match), *others = claimed
    assert first.adapter is not None  # a broken adapter makes no claim
    names = tuple(other.name for other, _ in others)
    return [Found(place, first.adapter, match, names) for place in match.locations or [location]]


def _children(location: str) -> Iterable[str]:
    try:
        with os.scandir(location) as entries:
            names = sorted(
                entry.name
                for _, entry in zip(range(_CHILDREN), entries, strict=False)
                if not entry.name.startswith(".") and entry.name not in _SKIPPED and _is_file_or_directory(entry)
            )
    except (OSError, ValueError):
        return []
    # "./mlruns" reads better than "mlruns", and cannot be taken for a command.
    return [os.path.join(location, name) for name in names]


def _is_file_or_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir() or entry.is_file()
    except OSError:  # a link that leads in circles
        return False


def _nothing_at(location: str, adapters: list[InstalledAdapter]) -> LocationError:
    """Say why a location cannot be opened, and what to do about it."""
    readable = ", ".join(one.name for one in adapters if one.adapter is not None)
    broken = ", ".join(one.name for one in adapters if one.adapter is None)
    if "://" in location and not location.startswith("file:"):
        return LocationError(
            f"No installed adapter reads {printable(address(location))}.",
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
