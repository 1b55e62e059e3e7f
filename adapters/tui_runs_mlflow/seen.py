"""What is remembered of a file store once it has been read, to tell later what is new."""

from __future__ import annotations

from dataclasses import dataclass, field

from tui_runs.adapter import Problem
from tui_runs_mlflow.run_batches import RunRead
from tui_runs_mlflow.stamps import MetaStamp
from tui_runs_mlflow.store_layout import ExperimentDir


@dataclass(slots=True)
class KnownRun:
    """What was last said of a run's directory.

    Args:
        run_id: None where the directory shows no run (deleted, a twin, never whole).
        running: its status was running.
        fingerprint: see `RunRead.fingerprint`.
        metrics_size: bytes of its metric files that were read.
        stamp: see `meta_stamp`.
        problem_uris: of the problems that were reported for it.
    """

    run_id: str | None
    running: bool
    fingerprint: int
    metrics_size: int
    stamp: MetaStamp
    problem_uris: frozenset[str]

    def shows_as(self, other: KnownRun) -> bool:
        """Whether nothing that is shown of the two differs."""
        mine = (self.run_id, self.fingerprint, self.metrics_size)
        return mine == (other.run_id, other.fingerprint, other.metrics_size)


def known_run(run: RunRead) -> KnownRun:
    """What is to be remembered of a run just read."""
    return KnownRun(
        run_id=run.meta.run_id if run.meta else None,
        running=run.meta is not None and run.meta.status == 1 and not run.deleted,
        fingerprint=run.fingerprint,
        metrics_size=run.metrics_size,
        stamp=run.stamp,
        problem_uris=frozenset(problem.uri for problem in run.problems),
    )


@dataclass(slots=True)
class Seen:
    """What has been said of a store: by its scan, and by each of its followers in turn.

    Args:
        directories: where each run lies, by run id.
        known: each run, by directory.
        experiments: by directory, the deleted ones too where these are shown.
        troubles: problems with experiments, by uri.
    """

    directories: dict[str, str] = field(default_factory=dict)
    known: dict[str, KnownRun] = field(default_factory=dict)
    experiments: dict[str, ExperimentDir] = field(default_factory=dict)
    troubles: dict[str, Problem] = field(default_factory=dict)
