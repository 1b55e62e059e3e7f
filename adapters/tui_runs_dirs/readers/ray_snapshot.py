"""What Ray Train's second version leaves: `checkpoint_manager_snapshot.json`, with the checkpoints that were kept.

Source: ray 2.60, `ray/train/v2/_internal/execution/checkpoint/checkpoint_manager.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tui_runs_dirs.files import NotReadError, stamp_of
from tui_runs_dirs.layout import Facts, Stamp, Stretch
from tui_runs_dirs.readers.json_file import load_json
from tui_runs_dirs.readers.json_lines import frame_of, points_of
from tui_runs_dirs.readers.settings import mapping_at, text_of

_REPORT: Final = "\0report"
"""The key of the step among the metrics."""
_TOLD: Final = ("ray_version", "current_report_index")


@dataclass(frozen=True, slots=True)
class SnapshotFacts:
    """Which checkpoints were kept."""

    path: str

    def stamp(self) -> Stamp:
        """Of the file."""
        return stamp_of(self.path)

    def read(self) -> Facts:
        """See `FactFile.read`."""
        snapshot = _load_snapshot(self.path)
        details = [("ray", "train", key, text_of(snapshot[key])) for key in _TOLD if key in snapshot]
        names = (text_of(one["checkpoint_dir_name"]) for one in _results(snapshot) if "checkpoint_dir_name" in one)
        return Facts(details=[*details, *(("checkpoint", name, "kept", "true") for name in names)])


@dataclass(frozen=True, slots=True)
class SnapshotSeries:
    """The metrics of the checkpoints that were kept; the step is the number of the report."""

    path: str

    def stamp(self) -> Stamp:
        """Of the file."""
        return stamp_of(self.path)

    def read(self, start: int, limit: int) -> Stretch:
        """Read all of it; see `SeriesFile.read`."""
        del limit
        snapshot = _load_snapshot(self.path)
        reports = snapshot.get("checkpoint_report_indices")
        rows = []
        for number, one in enumerate(_results(snapshot)):
            report = reports[number] if isinstance(reports, list) and number < len(reports) else number
            rows.append({**mapping_at(one, "metrics"), _REPORT: report})
        points = frame_of(points_of(rows, 0, _REPORT, None, frozenset()))
        # Older checkpoints are dropped as new ones come: what was given out before does not stay.
        return Stretch(points, 1, True, start > 0)


def _load_snapshot(path: str) -> Mapping[str, Any]:
    snapshot = load_json(path)
    if not isinstance(snapshot, dict):
        raise NotReadError("It is no snapshot of Ray Train.", "Delete it if it is of no use.")
    return snapshot


def _results(snapshot: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    results = snapshot.get("checkpoint_results")
    return [one for one in results if isinstance(one, dict)] if isinstance(results, list) else []
