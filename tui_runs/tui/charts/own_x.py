"""Metrics that were logged over another one, such as the epoch, which then stands in for the step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from tui_runs.frames.catalog import RunKey

_TRIES: Final = 3
"""Runs of a source that are asked for metrics with an x of their own, before it is taken that there are none."""


class OwnX:
    """What runs have said of their metrics so far, and which run is to be asked next."""

    def __init__(self) -> None:
        self._found: dict[RunKey, dict[str, str]] = {}
        """By run and metric, the metric that it was logged over."""
        self._asked: dict[str, list[RunKey]] = {}

    def of(self, metric: str, runs: Sequence[RunKey]) -> str:
        """The metric that another one was logged over, as the first of the runs that says so has it; "" for none."""
        return next((own for run in runs if (own := self._found.get(run, {}).get(metric))), "")

    def next_to_ask(self, runs: Sequence[RunKey]) -> RunKey | None:
        """One run more that is to be asked, as long as the first ones of its source had something to say."""
        for run in runs:
            asked = self._asked.setdefault(run.source, [])
            if run not in asked and (len(asked) < _TRIES or any(self._found.get(one) for one in asked)):
                asked.append(run)
                return run
        return None

    def take(self, run: RunKey, details: pl.DataFrame) -> None:
        """Take in what a run says: rows of the group "metric", key "step_metric"."""
        rows = details.filter((pl.col("group") == "metric") & (pl.col("key") == "step_metric"))
        self._found[run] = dict(rows.select("item", "value").iter_rows())
