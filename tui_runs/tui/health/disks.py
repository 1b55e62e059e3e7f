"""Watches over the file systems that the stores lie on: one that is nearly full is told of once, by one store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from tui_runs.analysis.health import Event, disk_sentence
from tui_runs.analysis.health_rules import HealthRules
from tui_runs.machine.readings import Mount, Mounts

_WAIT_SECONDS: Final = 1.0
"""For an answer; a file system whose server is gone gives none, and the thread has others to look after."""


class DiskWatch:
    """Belongs to one thread.

    Args:
        stores: where each source that is to be looked at lies, by its name, with its rules.
    """

    def __init__(self, stores: Mapping[str, tuple[str, HealthRules]]) -> None:
        self._stores = stores
        self._mounts = Mounts([path for path, _ in stores.values()])
        self._full: dict[str, Warned | None] = {}

    def look(self, monotonic: float, now: datetime) -> Iterator[tuple[str, Event | None, bool]]:
        """What has changed: the source that tells of it, the event or that it is over, and whether it turned just now.

        Args:
            monotonic: seconds that only ever rise.
            now: the time.
        """
        for mount in self._mounts.read(monotonic, _WAIT_SECONDS) if self._stores else ():
            if mount.space is None:
                continue
            before = self._full.get(mount.place)
            warned = self._judge(mount, before)
            if warned != before:
                if before is not None and (warned is None or warned.source != before.source):
                    yield before.source, None, True
                if warned is not None:
                    event = Event("disk", warned.source, "", warned.sentence, now)
                    yield warned.source, event, mount.place in self._full
            self._full[mount.place] = warned

    def _judge(self, mount: Mount, before: Warned | None) -> Warned | None:
        """The first source there that has something to say by its own rules, or the one that said it before."""
        assert mount.space is not None
        free, size = mount.space.total - mount.space.used, mount.space.total
        names = [name for name, (path, _) in self._stores.items() if path in mount.paths]
        for name in sorted(names, key=lambda name: before is None or name != before.source):
            is_full = before is not None and name == before.source
            if sentence := disk_sentence(free, size, self._stores[name][1], before=is_full):
                return Warned(name, sentence)
        return None


class Warned(NamedTuple):
    """What is said of a file system.

    Args:
        source: by whose rules.
        sentence: safe to print.
    """

    source: str
    sentence: str
