"""Makes runs out of what all layouts claim: what several tools say of one run is told once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tui_runs_dirs.layout import Claim


@dataclass(frozen=True, slots=True)
class FoundRun:
    """A run, as the claims make it.

    Args:
        directory: of the run.
        parent: the directory of the run that this one belongs to; None where it stands alone.
        claims: those of the highest rank first; none reads a file that one before it reads or covers.
    """

    directory: str
    parent: str | None
    claims: tuple[Claim, ...]


def join(claims: Iterable[Claim]) -> list[FoundRun]:
    """Make runs out of claims; the rules are told at `tui_runs_dirs.layout.Claim`.

    Args:
        claims: of one tree, in the order in which they were found.
    """
    by_directory: dict[str, list[Claim]] = {}
    for claim in claims:
        by_directory.setdefault(claim.directory, []).append(claim)
    heads = {directory for directory, said in by_directory.items() if any(claim.own_run for claim in said)}
    above_of: dict[str, Sequence[str]] = {}
    outer = {directory: _enclosing(directory, by_directory, heads, above_of) for directory in by_directory}
    inner: dict[str, int] = {}
    for directory in heads:
        if (above := outer[directory]) is not None:
            inner[above] = inner.get(above, 0) + 1
    joins = {
        directory: above
        for directory, above in outer.items()
        if above is not None and (directory not in heads or inner[above] == 1)
    }
    members: dict[str, list[Claim]] = {}
    for directory in sorted(by_directory, key=lambda path: path.split(os.sep)):
        members.setdefault(_top(directory, joins), []).extend(by_directory[directory])
    runs = []
    for directory, said in members.items():
        above = outer[directory]
        parent = _top(above, joins) if above is not None else None
        runs.append(FoundRun(directory, parent, _sorted_out(directory, said)))
    return runs


def _enclosing(
    directory: str, by_directory: Mapping[str, Sequence[Claim]], heads: set[str], above: dict[str, Sequence[str]]
) -> str | None:
    """The nearest directory above that is a run of another layout, and reaches so far down.

    Args:
        directory: of some claims.
        by_directory: all claims.
        heads: the directories of runs.
        above: gets the heads at and above each directory that was asked for, the nearest first.
    """
    layouts = {claim.layout for claim in by_directory[directory]}
    for head in _heads_from(os.path.dirname(directory), heads, above):
        said = by_directory[head]
        if layouts.isdisjoint(claim.layout for claim in said):
            levels = directory.count(os.sep) - head.rstrip(os.sep).count(os.sep)
            return head if levels <= max(claim.reach for claim in said) else None
    return None


def _heads_from(directory: str, heads: set[str], above: dict[str, Sequence[str]]) -> Sequence[str]:
    """The heads at and above a directory, the nearest first."""
    found = above.get(directory)
    if found is None:
        parent = os.path.dirname(directory)
        found = () if parent == directory else _heads_from(parent, heads, above)
        found = above[directory] = (directory, *found) if directory in heads else found
    return found


def _top(directory: str, joins: Mapping[str, str]) -> str:
    while directory in joins:
        directory = joins[directory]
    return directory


def _sorted_out(directory: str, claims: Sequence[Claim]) -> tuple[Claim, ...]:
    """The claims of one run by rank, each file left to one of them, metrics of several directories told apart."""
    places: dict[str, set[str]] = {}
    for claim in claims:
        places.setdefault(claim.layout, set()).add(claim.directory)
    taken: set[str] = set()
    found = []
    for claim in sorted(claims, key=lambda one: -one.rank):
        prefix = claim.prefix
        if not prefix and len(places[claim.layout]) > 1 and claim.directory != directory:
            prefix = os.path.relpath(claim.directory, directory).replace(os.sep, "/") + "/"
        facts = [file for file in claim.facts if file.path not in taken]
        series = [file for file in claim.series if file.path not in taken]
        is_as_before = len(facts) == len(claim.facts) and len(series) == len(claim.series) and prefix == claim.prefix
        found.append(claim if is_as_before else replace(claim, facts=facts, series=series, prefix=prefix))
        taken.update(file.path for file in facts)
        taken.update(file.path for file in series)
        taken.update(claim.covers)
    return tuple(found)
