"""Ultralytics YOLO: `runs/<task>/<name>/{args.yaml, results.csv, weights/, *.png}`.

Releases up to 8.3 pad every cell with blanks, and 8.0 counts epochs from 0. Nothing says that a training ended but its
last epoch, which an early stop does not reach.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tui_runs_dirs.files import open_regular, stamp_of
from tui_runs_dirs.layout import Claim, Facts, Stamp
from tui_runs_dirs.readers.settings import flat, load_settings
from tui_runs_dirs.readers.table_file import TableFile

if TYPE_CHECKING:
    from tui_runs_dirs.walk import Directory

_MARK: Final = re.compile(rb"^task: ?\w+\s+mode: ?(\w+)", re.MULTILINE)
_LONGEST_LINE: Final = 1 << 16


@dataclass(slots=True)
class UltralyticsArgs:
    """The arguments of a training, and whether the table beside them is at its last epoch.

    Args:
        path: of `args.yaml`.
        results: path of `results.csv`.
    """

    path: str
    results: str

    def stamp(self) -> Stamp:
        """Of both files."""
        return stamp_of(self.path, self.results)

    def read(self) -> Facts:
        """See `tui_runs_dirs.layout.FactFile`."""
        params = flat(load_settings(self.path))
        epochs = params.get("epochs", "")
        done = _epochs_done(self.results)
        finished = epochs.isdecimal() and done is not None and done >= int(epochs)
        return Facts(params=params, fields={"status": "finished"} if finished else {})


def _epochs_done(path: str) -> int | None:
    """How many epochs a table has reached; None where that cannot be seen."""
    try:
        descriptor = open_regular(path)
    except OSError:
        return None
    try:
        head = os.pread(descriptor, _LONGEST_LINE, 0).splitlines()
        size = os.fstat(descriptor).st_size
        tail = os.pread(descriptor, _LONGEST_LINE, max(0, size - _LONGEST_LINE))
    except OSError:
        return None
    finally:
        os.close(descriptor)
    whole = tail[: tail.rfind(b"\n") + 1].splitlines()
    if len(head) < 2 or not whole:
        return None
    first, last = (line.partition(b",")[0].strip() for line in (head[1], whole[-1]))
    if not (first.isdigit() and last.isdigit()):
        return None
    return int(last) + (first == b"0")


class UltralyticsLayout:
    """Finds trainings. See `tui_runs_dirs.layout.Layout`."""

    name = "ultralytics"
    title = "Ultralytics YOLO"

    def recognise(self, directory: Directory) -> Sequence[Claim]:
        """A directory with `args.yaml` that begins with a task and a mode, which trains or has `results.csv`."""
        if "args.yaml" not in directory.files:
            return ()
        found = _MARK.search(directory.head("args.yaml"))
        has_results = "results.csv" in directory.files
        if found is None or not (has_results or found[1] == b"train"):
            return ()
        results = directory.join("results.csv")
        facts = [UltralyticsArgs(directory.join("args.yaml"), results)]
        series = [TableFile(results, step="epoch")] if has_results else []
        return [Claim(self.name, directory.path, facts, series, rank=10)]


LAYOUT: Final = UltralyticsLayout()
