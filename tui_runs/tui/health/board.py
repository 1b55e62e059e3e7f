"""What is wrong, as the UI thread knows it: every event, which of them were dismissed, and which are to be told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from tui_runs.analysis.health import Event
from tui_runs.analysis.health_rules import KINDS, Kind
from tui_runs.frames.catalog import RunKey
from tui_runs.tui.health.watch import Findings
from tui_runs.tui.widgets.columns import Cell

_SIGNS: Final[Mapping[Kind, Cell]] = {
    "nan": Cell("▲ NaN", "bad"),
    "diverging": Cell("▲ diverging", "bad"),
    "stale": Cell("▲ stale", "warn"),
    "plateau": Cell("▲ plateau", "warn"),
}
"""What stands in place of "running"."""
_RECENT: Final = timedelta(days=1)
_MOST: Final = 2_000
"""Events that are kept; of more a tenth goes, the oldest that are over first."""
_AGAIN: Final[tuple[Kind, ...]] = ("stale", "crashed", "disk")
"""Kinds that begin and end: each time is an event of its own. Of the others a run's first is told, and no other."""


class EventKey(NamedTuple):
    """An event among all: of a kind, a run or a source has one at a time."""

    source: str
    run_id: str
    kind: Kind

    @property
    def run(self) -> RunKey | None:
        """The run; None where it is the source itself."""
        return RunKey(self.source, self.run_id) if self.run_id else None


@dataclass(slots=True)
class Entry:
    """An event on the board.

    Args:
        event: as it was found last.
        began: when it began, or else when it was found.
        news: it turned while the app was open.
        dismissed: the user has seen enough of it.
    """

    event: Event
    began: datetime
    news: bool
    dismissed: bool = False


class HealthBoard:
    """Belongs to the UI thread."""

    def __init__(self) -> None:
        self._entries: dict[EventKey, Entry] = {}
        self._told: set[EventKey] = set()
        self.version = 0
        """Rises with every change."""
        self.signs: dict[RunKey, Cell] = {}
        """What the status column says of runs that are running; changed in place."""

    def take(self, findings: Findings, now: datetime) -> list[Event]:
        """Take in what was found; returns what is to be told to the user.

        Args:
            findings: of one run, or of one source.
            now: the time.
        """
        self.version += 1
        to_tell = []
        found = {event.kind: event for event in findings.events}
        for kind in findings.kinds:
            key = EventKey(*findings.run, kind)
            event, held = found.get(kind), self._entries.get(key)
            if event is None:
                if held is not None and not held.event.over:
                    held.event = replace(held.event, over=True)
                continue
            if held is not None and held.event.over == event.over:
                held.event = replace(event, since=held.event.since)
                continue
            # It is new, or it is so once more.
            if findings.news and not (event.over and held is not None) and (kind in _AGAIN or key not in self._told):
                self._told.add(key)
                to_tell.append(event)
            dismissed = held is not None and held.dismissed and kind not in _AGAIN
            self._entries[key] = Entry(event, event.since or now, findings.news, dismissed)
        self._shorten()
        self._sign(findings.run)
        return to_tell

    def _shorten(self) -> None:
        if len(self._entries) > _MOST:
            oldest = sorted(self._entries.items(), key=lambda item: (not item[1].event.over, item[1].began))
            # More than has to: else each event from here on would sort them all.
            for key, _ in oldest[: len(self._entries) - _MOST * 9 // 10]:
                del self._entries[key]

    def _sign(self, run: RunKey) -> None:
        present = (kind for kind in KINDS if kind in _SIGNS and self._is_so(EventKey(*run, kind)))
        if (kind := next(present, None)) is not None:
            self.signs[run] = _SIGNS[kind]
        else:
            self.signs.pop(run, None)

    def _is_so(self, key: EventKey) -> bool:
        entry = self._entries.get(key)
        return entry is not None and not entry.event.over

    def forget(self, source: str, run_ids: Iterable[str]) -> None:
        """Runs are gone, and what was wrong with them."""
        for run_id in run_ids:
            self.version += 1
            self.signs.pop(RunKey(source, run_id), None)
            for kind in KINDS:
                self._entries.pop(EventKey(source, run_id, kind), None)

    def dismiss(self, key: EventKey) -> None:
        """Leave an event out of the list and of the count."""
        self.version += 1
        if (entry := self._entries.get(key)) is not None:
            entry.dismissed = True

    @property
    def entries(self) -> list[tuple[EventKey, Entry]]:
        """The events that were not dismissed, the newest first."""
        shown = [(key, entry) for key, entry in self._entries.items() if not entry.dismissed]
        return sorted(shown, key=lambda item: item[1].began, reverse=True)

    def of(self, run: RunKey) -> list[Event]:
        """What is wrong with a run, dismissed or not, the worst first; then what was."""
        held = [self._entries[key].event for kind in KINDS if (key := EventKey(*run, kind)) in self._entries]
        return sorted(held, key=lambda event: event.over)

    def count(self, now: datetime) -> tuple[int, bool]:
        """How many events there are to look at, and whether one of them is bad.

        What has been so for longer than a day is listed but not counted: a store may hold hundreds of runs that ended
        years ago without saying so.
        """
        fresh = [
            entry.event
            for entry in self._entries.values()
            if not entry.dismissed and not entry.event.over and (entry.news or now - entry.began < _RECENT)
        ]
        return len(fresh), any(event.kind in ("nan", "diverging", "crashed", "disk") for event in fresh)
