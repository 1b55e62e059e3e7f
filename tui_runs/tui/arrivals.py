"""The runs that came while the store was followed, for as long as they are new to the user."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from tui_runs.frames.catalog import RunKey

NEW_FOR: Final = timedelta(minutes=1)


class Arrivals:
    """New until the cursor has been on them, or for a minute."""

    def __init__(self) -> None:
        self._came: dict[RunKey, datetime] = {}

    def __len__(self) -> int:
        return len(self._came)

    @property
    def runs(self) -> frozenset[RunKey]:
        """Those that are still new."""
        return frozenset(self._came)

    def add(self, runs: Iterable[RunKey], now: datetime) -> None:
        """Note runs that have just come."""
        self._came.update(dict.fromkeys(runs, now))

    def seen(self, runs: Iterable[RunKey]) -> None:
        """The cursor is on these."""
        for run in runs:
            self._came.pop(run, None)

    def expire(self, now: datetime) -> None:
        """Those that came more than a minute ago are not new any more."""
        self._came = {run: came for run, came in self._came.items() if now - came < NEW_FOR}
