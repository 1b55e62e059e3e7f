"""What the directories adapter tells of a tree, through its Source, in plain Python."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.adapters.ledger import Ledger
from tui_runs.capabilities import Detailed
from tui_runs_dirs import DirsAdapter


class Told:
    """By name of the run (as the tree has them); everything that the contract gives.

    Args:
        tree: a directory.
    """

    def __init__(self, tree: Path) -> None:
        self.source: Any = DirsAdapter().open(str(tree), {})
        self.ledger = Ledger(self.source.scan())
        self.problems = self.ledger.problems
        self.runs: dict[str, Mapping[str, Any]] = {
            str(Path(row["uri"]).relative_to(tree.resolve())): row for row in self.ledger.runs.values()
        }

    def params(self, run: str) -> dict[str, str]:
        run_id = self.runs[run]["run_id"]
        return {key: value for (owner, key), value in self.ledger.params.items() if owner == run_id}

    def metrics(self, run: str) -> dict[str, dict[str, Any]]:
        run_id = self.runs[run]["run_id"]
        return {key: row for (owner, key), row in self.ledger.metrics.items() if owner == run_id}

    def series(self, run: str) -> dict[str, list[tuple[int, float]]]:
        """The points of each metric: step and value."""
        found: dict[str, list[tuple[int, float]]] = {}
        for key, step, _, value in self._points(run):
            found.setdefault(key, []).append((step, value))
        return found

    def times(self, run: str, key: str) -> list[datetime | None]:
        return [time for name, _, time, _ in self._points(run) if name == key]

    def details(self, run: str) -> dict[tuple[str, str, str], str]:
        assert isinstance(self.source, Detailed)
        rows = self.source.details([self.runs[run]["run_id"]]).frame.iter_rows()
        return {(group, item, key): value for _, group, item, key, value in rows}

    def _points(self, run: str) -> list[tuple[str, int, datetime | None, float]]:
        points: list[tuple[str, int, datetime | None, float]] = []
        cursor, complete = None, False
        while not complete:
            history = self.source.history([self.runs[run]["run_id"]], None, cursor)
            cursor, complete = history.cursor, history.complete
            points += [row[1:] for row in history.frame.iter_rows()]
        return points
