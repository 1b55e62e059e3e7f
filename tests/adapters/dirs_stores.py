"""Experiment directories for tests, as programs write them: settings as JSON, points as CSV, a row at a time."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from urllib.parse import quote

from tests.adapters.contract import NewRun, Points, StoreWriter
from tests.adapters.metric_truth import Point

LAYOUT = """
[[layouts]]
name = "ours"
run = "runs/*/*"
params = ["params.json"]
tags = ["tags.json"]
metrics = ["metrics/*.csv"]
step = "step"
time = "time"
finished = ["DONE"]
failed = ["FAILED"]
"""


def csv_text(rows: Iterable[Sequence[object]], separator: str = ",") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=separator, lineterminator="\n").writerows(rows)
    return out.getvalue()


class LayoutWriter(StoreWriter):
    """Writes runs as a `tui-runs.toml` says: a directory each, with a table a metric."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True)
        (root / "tui-runs.toml").write_text(LAYOUT)
        self.root = root
        self.location = str(root)
        self._count = 0

    def directory(self, run_id: str) -> Path:
        return self.root / run_id

    def _table(self, run_id: str, key: str) -> Path:
        return self.directory(run_id) / "metrics" / f"{quote(key, safe='')}.csv"

    def write_run(self, run: NewRun) -> str:
        self._count += 1
        run_id = f"runs/{self._count:04}/{run.name}"
        made = self.root / "runs" / f"new-{self._count}"
        (made / "metrics").mkdir(parents=True)
        (made / "params.json").write_text(json.dumps(run.params))
        (made / "tags.json").write_text(json.dumps(run.tags))
        for key, points in run.metrics.items():
            text = csv_text([("step", "time", key), *points])
            (made / "metrics" / f"{quote(key, safe='')}.csv").write_text(text)
        if run.status != "running":
            (made / ("DONE" if run.status == "finished" else "FAILED")).touch()
        self.directory(run_id).parent.mkdir()
        made.rename(self.directory(run_id))
        # Made one after the other, and faster than the clock of the file system ticks.
        for path in self.directory(run_id).rglob("*"):
            stamp = path.stat()
            os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns + self._count * 1000))
        return run_id

    def append(self, run_id: str, key: str, points: Points) -> None:
        table = self._table(run_id, key)
        rows = [("step", "time", key), *points] if not table.exists() else list(points)
        with table.open("a") as file:
            file.write(csv_text(rows))

    def append_half(self, run_id: str, key: str, point: Point) -> Callable[[], None]:
        text = csv_text([point])
        with self._table(run_id, key).open("a") as file:
            file.write(text[:-2])

        def finish() -> None:
            with self._table(run_id, key).open("a") as file:
                file.write(text[-2:])

        return finish

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        path = self.directory(run_id) / "tags.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))

    def set_status(self, run_id: str, status: str) -> None:
        (self.directory(run_id) / ("DONE" if status == "finished" else "FAILED")).touch()

    def remove_run(self, run_id: str) -> None:
        shutil.rmtree(self.directory(run_id).parent)

    def rewrite(self, run_id: str, key: str, points: Points) -> None:
        self._table(run_id, key).write_text(csv_text([("step", "time", key), *points]))

    def hide_part(self, run_id: str) -> Path:
        path = self.directory(run_id) / "params.json"
        path.chmod(0)
        return path
