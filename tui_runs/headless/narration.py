"""What is said to the person at the terminal, on stderr: errors, what was found, how far it is."""

from __future__ import annotations

import os
import sys
import time
import traceback

from tui_runs.errors import TuiRunsError

_QUIET_SECONDS = 0.5
"""Reading that takes no longer is not spoken of."""


def wants_colour(stream: object) -> bool:
    """Whether to colour what goes to a stream: a terminal that can, and nobody who has set NO_COLOR."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return os.environ.get("TERM") != "dumb" and is_terminal(stream)


def is_terminal(stream: object) -> bool:
    """Whether a person reads a stream; False for one that is closed."""
    try:
        return bool(stream is not None and stream.isatty())  # type: ignore[attr-defined]
    except (AttributeError, ValueError):
        return False


def say(text: str) -> None:
    """Write lines to stderr; control characters of what was read show as symbols."""
    from tui_runs.display import printable  # noqa: PLC0415  `--version` says nothing

    _write("".join(printable(line) + "\n" for line in text.split("\n")))


def _write(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):  # closed: nobody listens
        pass
    except UnicodeEncodeError:
        sys.stderr.write(text.encode("ascii", "replace").decode())


def tell_error(error: BaseException) -> int:
    """Say what went wrong, and what to do about it.

    Returns:
        The exit code.
    """
    red, plain = ("\x1b[1;31m", "\x1b[0m") if wants_colour(sys.stderr) else ("", "")
    if isinstance(error, TuiRunsError):
        _write(f"{red}{error.title}:{plain} ")
        say("\n".join(part for part in (error.message, error.remedy) if part))
        return error.exit_code
    if os.environ.get("TUI_RUNS_DEBUG"):
        _write("".join(traceback.format_exception(error)))
        return 1
    reason = str(error).strip().split("\n")[0]
    _write(f"{red}Unexpected error:{plain} ")
    say(f"{type(error).__name__}{': ' if reason else ''}{reason}\nPlease report it; TUI_RUNS_DEBUG=1 shows where.")
    return 1


class Progress:
    """One line on a terminal that says how far reading is, and is gone when it is done."""

    def __init__(self) -> None:
        self._shown = False
        self._active = is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb"
        self._next = time.monotonic() + _QUIET_SECONDS

    def show(self, done: int, total: int | None) -> None:
        """Say that `done` runs of `total` have been read."""
        if self._active and time.monotonic() >= self._next:
            self._next = time.monotonic() + 0.1
            self._shown = True
            of = f" of {total:,}" if total else ""
            _write(f"\r\x1b[Kreading {done:,}{of} runs …")

    def clear(self) -> None:
        """Remove the line."""
        if self._shown:
            self._shown = False
            _write("\r\x1b[K")
