"""The histories of runs, read row by row as W&B keeps them, and what they add up to.

A row holds all that one call of `log` said, so a run is read whole, whatever metrics were asked for; asking W&B for
single metrics would give only the rows that have all of them. A cursor is the step after the last one that was read:
steps only rise in W&B. A run's summary has the last values at once; how many points there are, and the best of them,
are known when its history was read.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import polars as pl

from tui_runs.adapter import Cursor, History, SeriesId
from tui_runs.schema import HISTORY, TIME, empty
from tui_runs_wandb.cloud.client import CloudClient
from tui_runs_wandb.cloud.cloud_run import CloudRun, MetricRow, cloud_run
from tui_runs_wandb.cloud.histories import Stretch, read_stretch
from tui_runs_wandb.keys import Keys
from tui_runs_wandb.points import NO_TIME, Points, Totals

_BUDGET: Final = 200_000
"""Points of one call of `Readings.read`: 2 to 3 s of what wandb's client takes for each."""
_BUDGET_SECONDS: Final = 1.5


@dataclass(slots=True)
class _Reading:
    """A run's history, as far as it was read from its start.

    Args:
        end: the step after the last one that is summed up.
        keys: of all of its metrics.
        totals: what they add up to.
        lock: held while somebody reads.
    """

    end: int = 0
    keys: Keys = field(default_factory=Keys)
    totals: Totals = field(default_factory=Totals)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def names(self) -> list[str]:
        """The metrics that have points."""
        numbers = self.totals.count.nonzero()[0].tolist()
        return [self.keys.names[number] for number in numbers if self.keys.is_metric(number)]

    def start_of(self, names: Iterable[str], places: Mapping[str, int]) -> int:
        """From which step to read on, so that nothing of these metrics is missed that lies behind their places."""
        start = self.end
        for name in names:
            number = self.keys.find(name)
            if number is not None and number < len(self.totals.count) and self.totals.count[number]:
                place = places.get(name, 0)
                if place <= self.totals.last_end[number]:
                    start = min(start, max(place, int(self.totals.first_end[number])))
        return start

    def add(self, points: Points, end: int) -> None:
        """Sum up what comes after `self.end`."""
        fresh = points.rows.end[points.row] >= self.end
        if fresh.all():
            self.totals.add(points)
        elif fresh.any():
            self.totals.add(points.where(fresh))  # type: ignore[attr-defined]
        self.end = end


class Readings:
    """Reads histories of one project and remembers what they add up to; may be used from several threads.

    Args:
        client: whom to ask.
        scratch: makes a directory for files of the moment.
        on_news: called when `news` has something to say.
    """
