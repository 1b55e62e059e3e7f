"""What the beginning and the end of a long log say of a run: 2 ms instead of a second."""

from __future__ import annotations

import os
from typing import Final

from tui_runs_wandb.decoding import Progress, decode
from tui_runs_wandb.log_chunks import BLOCK
from tui_runs_wandb.run_dir import RunDir, open_log
from tui_runs_wandb.run_frames import RunView, quick_metrics, view_of_state
from tui_runs_wandb.run_state import RunState
from tui_runs_wandb.transaction_log import HEADER, LogReader, NotALogError, check_header

_HEAD: Final = BLOCK - len(HEADER)


def quick_view(run: RunDir, stale_after: float) -> RunView | None:
    """Look at the first and the last blocks of a run's log.

    Returns:
        The run with metrics as its newest summary says, which need not be all; None where that cannot be read.
    """
    if run.log is None:
        return None
    try:
        descriptor = open_log(run.log)
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        if not check_header(os.pread(descriptor, len(HEADER), 0)):
            return None
        state, progress = RunState(), Progress()
        tail = (status.st_size - BLOCK) // BLOCK * BLOCK  # one block, and what there is of another
        for reader, size in ((LogReader(), _HEAD), (LogReader(tail, midway=True), status.st_size - tail)):
            state.apply(decode(reader.read(descriptor, size), progress, with_points=False))
    except (OSError, NotALogError):
        return None
    finally:
        os.close(descriptor)
    view = view_of_state(run, state, status.st_mtime, stale_after)
    view.metrics, view.whole = quick_metrics(state), False
    return view
