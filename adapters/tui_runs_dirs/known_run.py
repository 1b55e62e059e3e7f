"""A run as it is known: what was read of its files, and how far."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from tui_runs.adapter import Problem
from tui_runs_dirs.files import unreadable
from tui_runs_dirs.joining import FoundRun
from tui_runs_dirs.layout import FactFile, Facts, SeriesFile, Stamp, SummedTogether, WithTail
from tui_runs_dirs.totals import Summed, Total, joined, totals_of

READ_BYTES: Final = 16 << 20
"""Of one file, between two looks at whether the source was closed."""
LARGE_BYTES: Final = 4 << 20
"""A longer file is read from its end first."""
TAIL_BYTES: Final = 256 << 10
_GENERATIONS: Final = count(1)
_VERSIONS: Final = count(1)
_HALF_WRITTEN_SECONDS: Final = 2.0
"""A file that is written anew, and cannot be understood so soon after, may be in the writing."""


@dataclass(slots=True)
class KnownFacts:
    """A file of facts and what it said.

    Args:
        file: what reads it.
        stamp: when it was read; None before.
        facts: what it said; of a file that cannot be read the last it said, and a Problem.
        problem: why it cannot be read.
        restless: it seemed half written.
    """

    file: FactFile
    stamp: Stamp | None = None
    facts: Facts = field(default_factory=Facts)
    problem: Problem | None = None
    restless: bool = False

    def refresh(self) -> bool:
        """Read it if it was written since; whether anything is different."""
        stamp = self.file.stamp()
        if stamp == self.stamp and not self.restless:
            return False
        is_known = self.stamp is not None
        self.stamp, self.restless = stamp, False
        before = self.facts, self.problem
        try:
            self.facts, self.problem = self.file.read() if stamp else Facts(), None
        except FileNotFoundError:
            self.facts, self.problem = Facts(), None
        except OSError as error:
            # What was just written may be half of it: what was known before stays until it cannot be the rest's time.
            # A time in the future is another machine's, and as good as long past.
            self.restless = is_known and abs(time.time() - last_write(stamp) / 1e9) < _HALF_WRITTEN_SECONDS
            if not self.restless:
                self.problem = unreadable(self.file.path, error)
        return (self.facts, self.problem) != before


@dataclass(slots=True)
class KnownSeries:
    """A file of points and what its points add up to.

    Args:
        file: what reads it.
        prefix: before its keys.
        stamp: when the last reading began; None before.
        end: how far it was read.
        totals: by key, without the prefix.
        complete: nothing was left when it was read last.
        problem: what is wrong with it.
        generation: another number, never used before, whenever points that were given out do not hold any more.
    """

    file: SeriesFile
    prefix: str
    stamp: Stamp | None = None
    end: int = 0
    totals: dict[str, Total] = field(default_factory=dict)
    complete: bool = False
    problem: Problem | None = None
    generation: int = field(default_factory=_GENERATIONS.__next__)

    def take(self, said: Summed) -> None:
        """Add what was read from `end` on."""
        if said.restarted:
            self.renew()
            self.totals = {}
            self.problem = None
        for key, total in said.totals.items():
            before = self.totals.get(key)
            self.totals[key] = total if before is None else joined(before, total)
        self.end, self.complete = said.end, said.complete
        if said.problems:
            self.problem = said.problems[0]

    def renew(self) -> None:
        """Points that were given out do not hold any more."""
        self.generation = next(_GENERATIONS)

    def forget(self, problem: Problem | None) -> None:
        """Nothing of it can be shown."""
        if self.end:
            self.renew()
        self.totals, self.end, self.complete, self.problem = {}, 0, True, problem


class KnownRun:
    """One run: its files, and what is known of them. All but the constructor holds `lock`.

    Args:
        found: what the claims made.
        run_id: unique in the source.
        parent_id: of the run it belongs to.

    Attributes:
        version: a greater number, that no other run ever had, whenever something that is shown of it may be different.
        whole: everything was read once.
    """

    def __init__(self, found: FoundRun, run_id: str, parent_id: str | None) -> None:
        self.lock = threading.RLock()
        self.version = 0
        self.whole = False
        self.facts: list[KnownFacts] = []
        self.series: list[KnownSeries] = []
        self._owners: dict[str, tuple[KnownSeries, str]] = {}
        self.adopt(found, run_id, parent_id)

    def adopt(self, found: FoundRun, run_id: str, parent_id: str | None) -> None:
        """Take over what a later walk found; what was read of files that are still there is kept."""
        with self.lock:
            self.found, self.run_id, self.parent_id = found, run_id, parent_id
            facts = {one.file.path: one for one in self.facts}
            series = {one.file.path: one for one in self.series}
            self.facts = [
                facts[file.path] if file.path in facts and facts[file.path].file == file else KnownFacts(file)
                for claim in found.claims
                for file in claim.facts
            ]
            now = []
            for claim in found.claims:
                for file in claim.series:
                    known = series.get(file.path)
                    same = known is not None and known.file == file and known.prefix == claim.prefix
                    now.append(known if same and known is not None else KnownSeries(file, claim.prefix))
            self.series = now
            self.version = next(_VERSIONS)
            self._settle_owners()

    # --- reading ------------------------------------------------------------------------------------------------------

    def advance(self) -> bool:
        """Read what is new, of every file READ_BYTES at most; whether there is more."""
        with self.lock:
            changed = False
            for one in self.facts:
                changed = one.refresh() or changed
            more = False
            for series in self.series:
                stamp = series.file.stamp()
                if stamp == series.stamp and series.complete:
                    continue
                series.stamp = stamp
                self._read_on(series, bool(stamp))
                changed = True
                more = more or not series.complete
            self.whole = not more
            if changed:
                self.version = next(_VERSIONS)
                self._settle_owners()
            return more

    def refresh_facts(self) -> None:
        """Read the files of facts that were written since."""
        with self.lock:
            changed = [one for one in self.facts if one.refresh()]
            if changed:
                self.version = next(_VERSIONS)

    def _read_on(self, series: KnownSeries, there: bool) -> None:
        try:
            stretch = series.file.read(series.end, READ_BYTES) if there else None
        except FileNotFoundError:
            stretch = None
        except OSError as error:
            series.forget(unreadable(series.file.path, error))
            return
        if stretch is None:
            series.forget(None)
            return
        series.take(
            Summed(totals_of(stretch.frame), stretch.end, stretch.complete, stretch.restarted, stretch.problems)
        )

    def take_first(self, series: KnownSeries, stamp: Stamp, said: Summed | OSError) -> None:
        """Add what was read of a file together with others'.

        Args:
            series: of this run, never read before.
            stamp: before it was read.
            said: what was read from its start, or why it was not.
        """
        with self.lock:
            series.stamp = stamp
            if isinstance(said, FileNotFoundError):
                series.forget(None)
            elif isinstance(said, OSError):
                series.forget(unreadable(series.file.path, said))
            else:
                series.take(said)
            self.version = next(_VERSIONS)
            self._settle_owners()

    def tails(self) -> dict[str, Total]:
        """The last values in the large files that were not read yet, and those of the others that were."""
        with self.lock:
            found = {key: series.totals[raw] for key, (series, raw) in self._owners.items()}
            for series in self.series:
                if series.stamp is None and isinstance(series.file, WithTail):
                    try:
                        frame = series.file.tail(TAIL_BYTES)
                    except OSError:
                        continue
                    for raw, total in totals_of(frame).items() if frame is not None else ():
                        found.setdefault(series.prefix + raw, total)
            return found

    @property
    def is_large(self) -> bool:
        """A file that was not read yet is so long that its end is to be read first."""
        return any(series.stamp is None and _size(series.file.stamp()) > LARGE_BYTES for series in self.series)

    @property
    def has_news(self) -> bool:
        """A file of it was written since it was read, created or removed. A stat a file."""
        with self.lock:
            return (
                not self.whole
                or any(one.stamp != one.file.stamp() for one in self.facts)
                or any(one.stamp != one.file.stamp() for one in self.series)
            )

    @property
    def written(self) -> int:
        """When a file of it was written last, nanoseconds since 1970; 0 where there is none. A stat a file."""
        stamps = [*(one.file.stamp() for one in self.facts), *(one.file.stamp() for one in self.series)]
        return max(map(last_write, stamps), default=0)

    @property
    def paths(self) -> list[str]:
        """Its files; of a chain of files their directory."""
        return [*(one.file.path for one in self.facts), *(one.file.path for one in self.series)]

    @property
    def places(self) -> frozenset[str]:
        """Its directory, and those of its files."""
        paths = self.paths
        chains = (path for path in paths if os.path.isdir(path))
        return frozenset((self.found.directory, *chains, *map(os.path.dirname, paths)))

    @property
    def restless(self) -> bool:
        """A file of it seemed half written when it was read."""
        return any(one.restless for one in self.facts)

    @property
    def writes(self) -> list[int]:
        """When each of its files was written last, as they were when they were read; nanoseconds since 1970."""
        stamps = [*(one.stamp or () for one in self.facts), *(one.stamp or () for one in self.series)]
        return [file.mtime_ns for stamp in stamps for file in stamp]

    # --- what is known ------------------------------------------------------------------------------------------------

    def _settle_owners(self) -> None:
        """Of files that tell the same key the first one is believed."""
        owners: dict[str, tuple[KnownSeries, str]] = {}
        for series in self.series:
            for raw in series.totals:
                owners.setdefault(series.prefix + raw, (series, raw))
        self._owners = owners

    @property
    def totals(self) -> dict[str, Total]:
        """What the points of each metric add up to, as far as they were read."""
        with self.lock:
            return {key: series.totals[raw] for key, (series, raw) in self._owners.items()}

    def said(self) -> Iterator[Facts]:
        """The facts of its files, those believed first coming first; then what the layouts know from names."""
        for one in self.facts:
            yield one.facts
        for claim in self.found.claims:
            yield Facts(fields=claim.fields)

    @property
    def problems(self) -> list[Problem]:
        """What is wrong with its files."""
        found = [*(one.problem for one in self.facts), *(one.problem for one in self.series)]
        inside = (problem for one in self.facts for problem in one.facts.problems)
        return [*(problem for problem in found if problem is not None), *inside]

    def owner(self, key: str) -> tuple[KnownSeries, str] | None:
        """The file that tells a metric, and what the metric is called there."""
        return self._owners.get(key)

    @property
    def keys(self) -> list[str]:
        """The metrics that have points."""
        return list(self._owners)


def sum_first(runs: Sequence[KnownRun]) -> None:
    """Read the small files of several runs from their start, those of one kind together.

    A failure that no reader foresaw is left for `advance` to meet.
    """
    waiting: dict[type, list[tuple[KnownRun, KnownSeries, Stamp]]] = {}
    for run in runs:
        with run.lock:
            for series in run.series:
                if series.stamp is None:
                    stamp = series.file.stamp()
                    if 0 < _size(stamp) <= LARGE_BYTES:
                        waiting.setdefault(type(series.file), []).append((run, series, stamp))
    for group in waiting.values():
        (_, first, _), *others = group
        if others and isinstance(first.file, SummedTogether):
            said = first.file.sum_together([series.file for _, series, _ in others], READ_BYTES)
            for (run, series, stamp), one in zip(group, said, strict=True):
                run.take_first(series, stamp, one)


def last_write(stamp: Stamp) -> int:
    """When something was written last, nanoseconds since 1970; 0 where it is not there."""
    return max((file.mtime_ns for file in stamp), default=0)


def _size(stamp: Stamp) -> int:
    return sum(file.size for file in stamp)
