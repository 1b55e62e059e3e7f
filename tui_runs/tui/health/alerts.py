"""Tells the user of what turned while nobody looked: the bell, a desktop notification, a command of the user's."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from queue import Full, Queue
from typing import IO, Final

from tui_runs.adapter import Problem
from tui_runs.analysis.health import Event
from tui_runs.config import AlertSettings
from tui_runs.display import clip, iso, printable

TIMEOUT_SECONDS: Final = 30.0
_KILLED_SECONDS: Final = 5.0
"""In which a call that was killed has ended, or is left to itself."""
_MOST_WAITING: Final = 100
"""Events that wait for the user's command; of a flood that is longer the command hears no more."""
_LONGEST: Final = 240
"""Terminal cells of a notification."""
_ERROR_BYTES: Final = 2_000
_BELL: Final = "\x07"
_END: Final = "\x1b\\"


class Alerts:
    """Tells of events in the ways that the user chose.

    Args:
        settings: those ways.
        write: sends text to the terminal as it is; called in the UI thread, one whole sequence at a time.
        failed: told why the user's command failed; called in a thread.
        timeout: seconds that the user's command may take.
    """

    def __init__(
        self,
        settings: AlertSettings,
        write: Callable[[str], object],
        failed: Callable[[Problem], object],
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        self._settings, self._write = settings, write
        self._command = _Command(settings.on_alert, failed, timeout) if settings.on_alert else None

    def tell(self, event: Event, run_name: str) -> None:
        """Tell of an event.

        Args:
            event: safe to print in all its texts.
            run_name: what people call the run; empty where the event is a source's.
        """
        if self._settings.notify != "off":
            title = f"tui-runs: {printable(run_name or event.source)}"
            self._write(notification(self._settings.notify, title, event.sentence, os.environ))
        if self._settings.bell:
            self._write(_BELL)
        if self._command is not None:
            self._command.ask(event, run_name)

    def close(self) -> None:
        """Begin no command any more; one that is running is left to end by itself."""
        if self._command is not None:
            self._command.close()


def notification(how: str, title: str, text: str, environment: Mapping[str, str]) -> str:
    """The sequence that has a terminal show a desktop notification: OSC 9 (iTerm2's), or OSC 777 (rxvt-unicode's).

    Args:
        how: "osc9", "osc777" or "both"; "auto" is the second where it is known that the terminal knows no other, else
            the first.
        title: who tells; of any content.
        text: what; of any content.
        environment: tells which terminal this is, and whether tmux stands before it: tmux passes a sequence on that is
            wrapped, where its option allow-passthrough is on.
    """
    # A semicolon parts the fields of a sequence.
    title, text = (clip(printable(part).replace(";", ","), _LONGEST) for part in (title, text))
    if how == "auto":
        only_777 = "VTE_VERSION" in environment or environment.get("TERM", "").startswith("rxvt")
        how = "osc777" if only_777 else "osc9"
    sequences = []
    if how in ("osc9", "both"):
        sequences.append(f"\x1b]9;{title}: {text}{_END}")
    if how in ("osc777", "both"):
        sequences.append(f"\x1b]777;notify;{title};{text}{_END}")
    if environment.get("TMUX"):
        sequences = ["\x1bPtmux;" + one.replace("\x1b", "\x1b\x1b") + _END for one in sequences]
    return "".join(sequences)


class _Command:
    """The user's command, run for one event after the other in a thread of its own.

    Args:
        words: the command and its arguments; no shell sees them.
        failed: told why a call failed.
        timeout: seconds until a call is killed, with all that it started.
    """

    def __init__(self, words: tuple[str, ...], failed: Callable[[Problem], object], timeout: float) -> None:
        self._words, self._failed, self._timeout = words, failed, timeout
        self._waiting: Queue[tuple[Event, str] | None] = Queue(_MOST_WAITING)
        self._thread: threading.Thread | None = None
        self._closed = False

    def ask(self, event: Event, run_name: str) -> None:
        """Call the command for an event, when it is its turn."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="tui-runs-alerts", daemon=True)
            self._thread.start()
        try:
            self._waiting.put_nowait((event, run_name))
        except Full:
            self._problem(f"is behind by {_MOST_WAITING} events, so it was not told of {event.kind}", "Make it faster.")

    def close(self) -> None:
        """End the thread after the call it is in."""
        self._closed = True
        with suppress(Full):
            self._waiting.put_nowait(None)

    def _run(self) -> None:
        while (asked := self._waiting.get()) is not None and not self._closed:
            try:
                self._call(*asked)
            except OSError as error:  # no room for what it says, of all times when a disk is full
                self._problem(f"cannot be run: {(error.strerror or str(error)).lower()}", "See that it can run.")

    def _problem(self, what: str, remedy: str) -> None:
        self._failed(Problem("on_alert", f"on_alert ({clip(printable(self._words[0]), 60)}) {what}.", remedy))

    def _call(self, event: Event, run_name: str) -> None:
        with tempfile.TemporaryFile() as errors:
            try:
                process = subprocess.Popen(
                    self._words,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                    env={**os.environ, **_variables(event)},
                    start_new_session=True,
                )
            except OSError as error:
                missing = shutil.which(self._words[0]) is None
                remedy = "Give the whole path of a program in [alerts] on_alert." if missing else "See that it can run."
                self._problem(f"cannot be started: {(error.strerror or str(error)).lower()}", remedy)
                return
            try:
                process.communicate(_document(event, run_name), timeout=self._timeout)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError, PermissionError):  # it has ended, or is not this user's any more
                    os.killpg(process.pid, signal.SIGKILL)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_KILLED_SECONDS)
                self._problem(f"took more than {self._timeout:g} s, and was killed", "Let it do slow work behind it.")
                return
            if process.returncode:
                said = _last_line(errors)
                self._problem(f"ended with {_code(process.returncode)}{said}", "Run it by hand to see what it lacks.")


def _variables(event: Event) -> dict[str, str]:
    return {
        "TUI_RUNS_EVENT": event.kind,
        "TUI_RUNS_RUN": printable(event.run_id),
        "TUI_RUNS_SOURCE": printable(event.source),
        "TUI_RUNS_MESSAGE": printable(event.sentence),
    }


def _document(event: Event, run_name: str) -> bytes:
    said = {
        "event": event.kind,
        "source": event.source,
        "run_id": event.run_id,
        "name": run_name,
        "message": event.sentence,
        "since": iso(event.since),
        "log": list(event.lines),
    }
    return json.dumps(said).encode() + b"\n"


def _code(returncode: int) -> str:
    if returncode > 0:
        return f"exit code {returncode}"
    try:
        return signal.Signals(-returncode).name
    except ValueError:
        return f"signal {-returncode}"


def _last_line(errors: IO[bytes]) -> str:
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(size - _ERROR_BYTES, 0))
    lines = errors.read(_ERROR_BYTES).decode(errors="replace").strip().splitlines()
    return f": {clip(printable(lines[-1]), 160)}" if lines else ""
