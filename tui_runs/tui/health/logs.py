"""How a run ended: its exit code, and the last lines of its error or of its log, where its store has them."""

from __future__ import annotations

import re
from typing import Final

from tui_runs.adapter import Source
from tui_runs.analysis.log_text import LogText
from tui_runs.capabilities import Detailed, WithLogs
from tui_runs.display import clip

_READ_BYTES: Final = 16 << 10
_MOST_LINES: Final = 12
_LONGEST: Final = 400
"""Terminal cells of a line."""
_EXIT_CODES: Final = frozenset({"exit code", "exit status", "return code", "returncode"})
_ERRORS: Final = frozenset({"error", "failure"})
"""Groups of details in which a tool kept the exception that ended a run: Ray Tune, Sacred."""


def read_last_words(source: Source, run_id: str) -> tuple[str, tuple[str, ...]]:
    """Read how a run ended; call it from a worker.

    Returns:
        The exit code as text, empty where the store does not have it; and the last lines, safe to print and without
        empty ones, of the error that the store noted, or else of the log that matters most.
    """
    code, error = _of_details(source, run_id)
    return code, _last_lines(error.encode(errors="replace"), 0) if error else _end_of_log(source, run_id)


def _of_details(source: Source, run_id: str) -> tuple[str, str]:
    """Exit code and error."""
    code = error = ""
    if not isinstance(source, Detailed):
        return code, error
    try:
        details = source.details([run_id]).frame
    except Exception:  # that it failed is worth more than the code; the run's pane says what cannot be read
        return code, error
    for group, key, value in details.select("group", "key", "value").iter_rows():
        if value and re.sub(r"[_-]", " ", key).lower() in _EXIT_CODES:
            code = str(value)
        elif value and group in _ERRORS:
            error = value[-_READ_BYTES:]
    return code, error


def _end_of_log(source: Source, run_id: str) -> tuple[str, ...]:
    if not isinstance(source, WithLogs):
        return ()
    try:
        logs = source.logs(run_id)
        if not logs:
            return ()
        part = source.read_log(run_id, logs[0].name, -_READ_BYTES, _READ_BYTES)
    except Exception:  # as above; of the log, its pane does
        return ()
    return _last_lines(part.data, part.start)


def _last_lines(data: bytes, start: int) -> tuple[str, ...]:
    """The last lines of a text of which the part from `start` on is known: the first may be cut, and is left out."""
    skipped = data.find(b"\n") + 1 if start else 0
    text = LogText(start + skipped)
    lines = text.feed(data[skipped:])
    if text.unfinished is not None:
        lines = [*lines, text.unfinished]
    said = [clip(line.text.rstrip(), _LONGEST) for line in lines if line.text.strip()]
    return tuple(said[-_MOST_LINES:])
