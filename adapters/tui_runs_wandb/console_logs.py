"""The console logs of a run: the files that W&B keeps of what was printed, or its transaction log in their place.

`files/output.log` is what a terminal would show, written every 5 s; with `console_multipart` there are parts of it,
`files/logs/output_<time>.log`. Where neither is (only the `.wandb` file was copied, say), the text is put together
from the records. W&B's own `logs/debug.log` is about W&B, not about the run, and not listed.

A line that is still being overwritten, a progress bar, stands in output.log with its newline, and is exchanged for the
next state of it in place. Whoever reads on from the end would see two halves. So what was last read before that place
is remembered and compared: if it changed, the answer is that the log ends where the change begins, which is how
`LogPart` says that a log was written anew.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from typing import Final

import polars as pl

from tui_runs.capabilities import LogFile, LogPart
from tui_runs.display import encodable, printable
from tui_runs.errors import ArtifactError
from tui_runs.local_files import LocalFiles
from tui_runs_wandb.recorded_output import RecordedOutput
from tui_runs_wandb.run_dir import RunDir, unreadable

_OUTPUT: Final = "output.log"
_PARTS: Final = "logs"
_REMEMBERED_BYTES, _REMEMBERED_PLACES = 4096, 8
"""Of how many bytes before a place it is known what they were when they were read; and of how many places."""


class ConsoleLogs:
    """The console logs of one run. Any thread may use them.

    Args:
        run: whose.
        closed: set when nobody wants them any more; ends a long read.
    """

    def __init__(self, run: RunDir, closed: threading.Event) -> None:
        self._run = run
        self._files = LocalFiles(run.directory, ("files",))
        self._recorded = RecordedOutput(run.log, closed) if run.log is not None else None
        self._recorded_name = encodable(os.path.basename(run.log or ""))
        self._before: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def listed(self) -> list[LogFile]:
        """The logs there are: output.log, then other ones of the run's files, those written last first."""
        listing = pl.concat([self._files.list_directory(directory).frame for directory in ("", _PARTS)])
        logs = listing.filter(~pl.col("directory"), pl.col("path").str.ends_with(".log"))
        logs = logs.sort(pl.col("path") == _OUTPUT, "modified", "path", descending=True)
        found = [LogFile(path, size) for path, size in logs.select("path", "size").iter_rows()]
        if not any(os.path.basename(log.name).startswith("output") for log in found) and self._has_recorded():
            return [LogFile(self._recorded_name), *found]
        return found

    def _has_recorded(self) -> bool:
        try:
            return self._recorded is not None and self._recorded.begins()
        except OSError:  # which the scan has reported
            return False

    def read(self, name: str, start: int, limit: int) -> LogPart:
        """Read a stretch of a log. See `tui_runs.capabilities.WithLogs`."""
        if self._recorded is None or name != self._recorded_name:
            with self._lock:
                return self._read_file(name, start, limit)
        try:
            return self._recorded.read(start, limit)
        except OSError as error:
            why = unreadable(str(self._run.log), error)
            raise ArtifactError(printable(f"{why.uri}: {why.what}"), why.remedy) from None

    def _read_file(self, name: str, start: int, limit: int) -> LogPart:
        before = self._before.get((name, start), b"")
        part = self._files.read_range(name, start - len(before), len(before) + max(0, limit))
        now, data = part.data[: len(before)], part.data[len(before) :]
        if now != before:
            same = next((i for i, (old, new) in enumerate(zip(before, now, strict=False)) if old != new), len(now))
            changed = part.start + before.rfind(b"\n", 0, same) + 1
            return LogPart(b"", changed, changed)
        begin = part.start + len(before)
        if remembered := part.data[-_REMEMBERED_BYTES:]:
            self._before[name, begin + len(data)] = remembered
            self._before.move_to_end((name, begin + len(data)))
            if len(self._before) > _REMEMBERED_PLACES:
                self._before.popitem(last=False)
        return LogPart(data, begin, part.size)
