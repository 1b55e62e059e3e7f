"""Asks the layouts what lies in a tree."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from tui_runs_dirs.joining import FoundRun, join
from tui_runs_dirs.layout import Claim, Collection, Layout
from tui_runs_dirs.layouts import built_in
from tui_runs_dirs.user_layouts import FILE_NAME, has_layouts, layouts_at
from tui_runs_dirs.walk import Directory, Walk

_MATCH_SECONDS: Final = 1.0
_MATCH_ENTRIES: Final = 300_000


@dataclass(slots=True)
class Findings:
    """What was found so far in a tree.

    Args:
        claims: in the order of the walk.
        collections: likewise.
    """

    claims: list[Claim] = field(default_factory=list)
    collections: list[Collection] = field(default_factory=list)

    def runs(self, without_below: str | None = None) -> list[FoundRun]:
        """The runs that the claims make.

        Args:
            without_below: leave out what may still change while the walk is at this directory.
        """
        claims = self.claims
        if without_below is not None:
            open_places = [claim.directory for claim in claims if _is_within(without_below, claim.directory)]
            claims = [claim for claim in claims if not any(_is_within(claim.directory, place) for place in open_places)]
        return join(claims)


def search(walk: Walk, layouts: Sequence[Layout]) -> Iterator[tuple[Directory, Findings]]:
    """Walk, and give after each directory what was found up to then.

    Raises:
        OSError: the walk's root cannot be listed.
    """
    findings = Findings()
    for directory in walk:
        for layout in layouts:
            for found in layout.recognise(directory):
                if isinstance(found, Claim):
                    findings.claims.append(found)
                    is_here = found.directory == directory.path
                    directory.is_run = directory.is_run or is_here
                    directory.closed = directory.closed or (found.closed and is_here)
                    directory.taken.update([file.path for file in found.facts])
                    directory.taken.update([file.path for file in found.series])
                    directory.taken.update(found.covers)
                else:
                    findings.collections.append(found)
                    directory.taken.add(found.path)
        yield directory, findings


def titles() -> dict[str, str]:
    """What the layouts of tools are called for a person, by their name."""
    return {layout.name: layout.title for layout in built_in()}


def first_tool(path: str) -> str | None:
    """Why a location holds runs: the tool found first, and where; None where none is found in a second of looking.

    Raises:
        OSError: the location cannot be listed.
    """
    if has_layouts(path):
        return f"{FILE_NAME} says what lies here"
    layouts = [*layouts_at(path), *built_in()]
    until = time.monotonic() + _MATCH_SECONDS
    walk = Walk(path, entries=_MATCH_ENTRIES, breadth_first=True)
    for directory in walk:
        for layout in layouts:
            if found := layout.recognise(directory):
                tool = getattr(found[0], "tool", None) or layout.title
                return f"{tool} in {directory.relative}" if directory.relative else tool
        if time.monotonic() > until:
            return None
    return None


def _is_within(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory.rstrip("/") + "/")
