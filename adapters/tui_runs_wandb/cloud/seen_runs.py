"""What has been said of a project's runs, to tell later what is new."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tui_runs.adapter import Problem
from tui_runs.display import printable
from tui_runs_wandb.cloud.cloud_run import CloudRun, cloud_run


@dataclass(frozen=True, slots=True)
class _Seen:
    fingerprint: int
    outline: int
    running: bool
    started: int


class SeenRuns:
    """What was said of every run. Read and written by the threads of one source."""

    def __init__(self) -> None:
        self._runs: dict[str, _Seen] = {}
        self._strange: set[str] = set()
        """Those of which nothing can be said but that they are there."""

    def __contains__(self, run_id: str) -> bool:
        return run_id in self._runs or run_id in self._strange

    def __len__(self) -> int:
        return len(self._runs) + len(self._strange)

    def read(self, said: Sequence[Any], server: str) -> tuple[list[CloudRun], list[Problem]]:
        """Read the runs of a page; a problem stands for each that cannot be read, once.

        Args:
            said: `wandb.apis.public.Run`s.
            server: who said them.
        """
        runs: dict[str, CloudRun] = {}
        problems: list[Problem] = []
        for one in said:
            try:
                run = cloud_run(one)
            except ValueError:
                if one.id not in self._strange:
                    name = printable(str(one.id))
                    what = f"The run {name} is not as W&B describes runs; it is left out."
                    problems.append(Problem(f"{server}/{name}", what, "Open its page in a browser."))
                self._strange.add(one.id)
                continue
            runs.setdefault(run.run_id, run)
        return list(runs.values()), problems

    def ids(self) -> set[str]:
        """Of every run."""
        return {*self._runs.copy(), *self._strange.copy()}

    def running(self, limit: int) -> list[str]:
        """Ids of the runs that were running, those that started last."""
        found = [(seen.started, run_id) for run_id, seen in self._runs.copy().items() if seen.running]
        return [run_id for _, run_id in sorted(found, reverse=True)[:limit]]

    def remember(self, run: CloudRun) -> bool:
        """Note what is being said of a run; whether it is anything new."""
        started = run.facts["started"]
        seen = _Seen(run.fingerprint(), run.outline, run.running, started if isinstance(started, int) else 0)
        known = self._runs.get(run.run_id)
        self._runs[run.run_id] = seen
        return known is None or known.fingerprint != seen.fingerprint

    def differs(self, run_id: str, outline: int) -> bool:
        """Whether a run is not known, or had another outline."""
        known = self._runs.get(run_id)
        return run_id not in self._strange and (known is None or known.outline != outline)

    def forget(self, run_ids: Iterable[str]) -> None:
        """Drop runs that are gone."""
        for run_id in run_ids:
            self._runs.pop(run_id, None)
            self._strange.discard(run_id)
