"""What has been said of a server's runs, to tell later what is new."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tui_runs.adapter import SeriesId
from tui_runs_mlflow.tracking_server.client import Experiment
from tui_runs_mlflow.tracking_server.served_runs import Point, ServedRun


@dataclass(frozen=True, slots=True)
class SeenRun:
    """What was last said of a run.

    Args:
        record: see `ServedRun.fingerprint`.
        running: it was running.
        start_ms: when it started.
        metrics: its latest points; of a run that does not run a number that differs when they do, as a team's
            100,000 runs would take hundreds of MB otherwise.
    """

    record: int
    running: bool
    start_ms: int
    metrics: Mapping[str, Point] | int


class SeenRuns:
    """What was said of every run. Read and written by the threads of one source."""

    def __init__(self) -> None:
        self._runs: dict[str, SeenRun] = {}

    def __contains__(self, run_id: str) -> bool:
        return run_id in self._runs

    def ids(self) -> set[str]:
        """Of every run."""
        return set(self._runs.copy())

    def running(self, limit: int) -> list[str]:
        """Ids of the runs that were running, those that started last."""
        found = [(seen.start_ms, run_id) for run_id, seen in self._runs.copy().items() if seen.running]
        return [run_id for _, run_id in sorted(found, reverse=True)[:limit]]

    def latest_of(self, series: SeriesId) -> Point | None:
        """The latest point of a series; None where it is not kept."""
        seen = self._runs.get(series[0])
        return None if seen is None or isinstance(seen.metrics, int) else seen.metrics.get(series[1])

    def remember(self, run: ServedRun, experiment: Experiment | None) -> None:
        """Note what is being said of a run."""
        metrics = run.metrics if run.running else run.metrics_fingerprint()
        self._runs[run.run_id] = SeenRun(run.fingerprint(experiment), run.running, run.start_ms or 0, metrics)

    def forget(self, run_ids: Iterable[str]) -> None:
        """Drop runs that are gone."""
        for run_id in run_ids:
            self._runs.pop(run_id, None)

    def news_of(self, run: ServedRun, experiment: Experiment | None) -> Mapping[str, Point] | None:
        """What differs from what was said of a run.

        Returns:
            The metrics that have another latest point, where nothing else differs; None where the run is to be said
            whole.
        """
        seen = self._runs.get(run.run_id)
        if seen is None or seen.record != run.fingerprint(experiment):
            return None
        if isinstance(seen.metrics, int):
            return {} if seen.metrics == run.metrics_fingerprint() else None
        before = seen.metrics
        if before.keys() - run.metrics.keys():
            return None
        return {key: point for key, point in run.metrics.items() if repr(before.get(key)) != repr(point)}
