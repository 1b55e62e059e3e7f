"""The installed adapters: found by entry points, and loaded without letting a broken one do harm."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint, distributions
from typing import Final

from tui_runs.adapter import Adapter, Match
from tui_runs.errors import AdapterError

GROUP: Final = "tui_runs.adapters"
"""The entry-point group; the name of an entry point is the adapter's name."""


@dataclass(frozen=True, slots=True)
class InstalledAdapter:
    """One entry point and what came of loading it.

    Args:
        name: of the entry point.
        distribution: the package that brings it, with its version.
        adapter: None where it is broken.
        error: why it is broken, one line; empty where it is not.
    """

    name: str
    distribution: str
    adapter: Adapter | None
    error: str = ""


def installed_names() -> list[str]:
    """The names of all installed adapters, sorted; none is imported."""
    return sorted({point.name for point in _points()})


def load(name: str) -> Adapter:
    """Load one adapter.

    Raises:
        AdapterError: it is not installed, or it is broken.
    """
    for found in load_all():
        if found.name == name:
            if found.adapter is None:
                raise AdapterError(
                    f"The adapter {name!r} of {found.distribution} is broken: {found.error}",
                    "Update or uninstall that package; `tui-runs adapters` lists all.",
                )
            return found.adapter
    near = get_close_matches(name, installed_names(), 1)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    raise AdapterError(f"There is no adapter {name!r}.{meant}", f"Installed: {', '.join(installed_names())}.")


def load_all() -> list[InstalledAdapter]:
    """Load every adapter, by name; a broken one is a row with its error and disturbs no other.

    Where two distributions give the same name, both are there, in the order in which Python finds them.
    """
    return [_load_point(point) for point in sorted(_points(), key=lambda point: point.name)]


def _points() -> list[EntryPoint]:
    """The entry points of all distributions; one whose metadata cannot be read loses no other."""
    found: dict[tuple[str, str, str], EntryPoint] = {}
    for distribution in distributions():
        try:
            points = distribution.entry_points.select(group=GROUP)
            # The same distribution may be on the path twice.
            found.update({(point.name, point.value, _distribution_of(point)): point for point in points})
        except Exception:  # metadata of a stranger, written by anything
            continue
    return list(found.values())


def _load_point(point: EntryPoint) -> InstalledAdapter:
    distribution = _distribution_of(point)
    try:
        # What an import prints would stand in front of the data.
        with redirect_stdout(sys.stderr):
            adapter = point.load()()
        missing = [name for name in ("name", "options", "match", "open") if not hasattr(adapter, name)]
    # A stranger's import may do anything, sys.exit() included; none of it may end the program.
    except (Exception, SystemExit) as error:
        return InstalledAdapter(point.name, distribution, None, _one_line(error))
    if missing:
        return InstalledAdapter(point.name, distribution, None, f"it has no {', '.join(missing)}")
    return InstalledAdapter(point.name, distribution, adapter)


def _distribution_of(point: EntryPoint) -> str:
    try:
        return f"{point.dist.name} {point.dist.version}" if point.dist is not None else point.value
    except Exception:  # a distribution without a version
        return point.value


def claims(location: str, adapters: list[InstalledAdapter]) -> list[tuple[InstalledAdapter, Match]]:
    """The adapters that can read a location, the surest first."""
    found = list(_claims(location, adapters))
    found.sort(key=lambda claim: -claim[1].certainty)
    return found


def _claims(location: str, adapters: list[InstalledAdapter]) -> Iterator[tuple[InstalledAdapter, Match]]:
    for one in adapters:
        if one.adapter is None:
            continue
        try:
            match = one.adapter.match(location)
        except (Exception, SystemExit):  # `match` must not raise; one that does makes no claim
            continue
        if isinstance(match, Match) and isinstance(match.certainty, int | float):
            yield one, match


def _one_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
