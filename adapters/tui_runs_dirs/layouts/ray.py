"""Ray Tune and Ray Train: an experiment's directory with a directory a trial, and Ray Train's newer form.

Source: ray 2.60, `ray/tune/logger/{json,csv}.py`, `ray/tune/execution/experiment_state.py`, `ray/train/v2`. Points are
in result.json, a line a result. progress.csv has less (its header is that of the first result) and, after a restore,
columns under wrong names; the event files lack NaN: both are left alone. How a trial went is in the experiment's
newest experiment_state-<date>.json. Ray Train's version 2 leaves no more than a snapshot of the checkpoints kept.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tui_runs_dirs.files import open_regular, stamp_of
from tui_runs_dirs.layout import Claim, FactFile, Facts, Stamp
from tui_runs_dirs.readers.event_file import is_event_file
from tui_runs_dirs.readers.json_lines import JsonLines
from tui_runs_dirs.readers.json_text import parse_text, texts
from tui_runs_dirs.readers.ray_snapshot import SnapshotFacts, SnapshotSeries
from tui_runs_dirs.readers.ray_state import TrialState
from tui_runs_dirs.readers.settings import SettingsFile, text_of

if TYPE_CHECKING:
    from tui_runs.adapter import Problem
    from tui_runs_dirs.walk import Directory

_RESULTS: Final = "result.json"
_PARAMS: Final = "params.json"
_PROGRESS: Final = "progress.csv"
_SNAPSHOT: Final = "checkpoint_manager_snapshot.json"
_RANK: Final = 30
_HOUSEKEEPING: Final = frozenset({
    "done", "trial_id", "date", "pid", "time_this_iter_s", "time_since_restore", "iterations_since_restore",
    "checkpoint_dir_name", "should_checkpoint", "timesteps_since_restore", "warmup_time", "experiment_tag",
    "config",
})  # fmt: skip


class RayLayout:
    """See the module."""

    name = "ray"
    title = "Ray Tune"

    def recognise(self, directory: Directory) -> Sequence[Claim]:
        """See `tui_runs_dirs.layout.Layout`."""
        if _SNAPSHOT in directory.files:
            path = directory.join(_SNAPSHOT)
            return [
                Claim(self.name, directory.path, [SnapshotFacts(path)], [SnapshotSeries(path)], _RANK, tool="Ray Train")
            ]
        if _RESULTS not in directory.files or not _is_trial(directory):
            return ()
        facts: list[FactFile] = []
        if _PARAMS in directory.files:
            facts.append(SettingsFile(directory.join(_PARAMS)))
        experiment = directory.parent
        facts.append(TrialState(directory.path, experiment.path if experiment is not None else None))
        facts.append(_FirstResult(directory.join(_RESULTS)))
        covers = [directory.join(_PROGRESS)]
        if any(map(is_event_file, directory.files)):
            covers.append(directory.path)
        fields = {"experiment": experiment.name} if experiment is not None else {}
        series = [_Results(directory.join(_RESULTS), step="training_iteration", time="timestamp")]
        return [Claim(self.name, directory.path, facts, series, _RANK, fields, covers=covers)]


def _is_trial(directory: Directory) -> bool:
    """A result.json may be anybody's: Ray's lies beside params.json or progress.csv, or says which trial it is of."""
    if _PARAMS in directory.files and _PROGRESS in directory.files:
        return True
    return b'"trial_id"' in directory.head(_RESULTS, 8192)


# --- trials -----------------------------------------------------------------------------------------------------------


class _Results(JsonLines):
    """result.json, without what is no metric: the config in each line, and what Ray notes for itself."""

    def _objects(self, data: bytes, line: int) -> tuple[list[Mapping[str, Any]], list[Problem]]:
        objects, problems = super()._objects(data, line)
        return [{key: row[key] for key in row if key not in _HOUSEKEEPING} for row in objects], problems


@dataclass(frozen=True, slots=True)
class _FirstResult:
    """What the first result says of the trial: where it ran; and its config, where there is no params.json."""

    path: str

    def stamp(self) -> Stamp:
        return stamp_of(self.path)

    def read(self) -> Facts:
        descriptor = open_regular(self.path)
        try:
            line, end, _ = os.read(descriptor, 1 << 20).partition(b"\n")
        finally:
            os.close(descriptor)
        row = parse_text(line.decode(errors="replace")) if end else None
        if not isinstance(row, dict):
            return Facts()
        fields = {"host": text_of(row["hostname"])} if isinstance(row.get("hostname"), str) else {}
        tags = {"trial_id": text_of(row["trial_id"])} if "trial_id" in row else {}
        return Facts(texts(row.get("config")), tags, fields)


LAYOUT: Final = RayLayout()
