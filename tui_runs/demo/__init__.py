"""`tui-runs demo`: a store of realistic runs in a temporary folder, three of them still training.

A second process goes on with the training, so that neither its work nor its output can disturb the screen; it ends
when the app does, however the app ends. It starts in a tenth of a second, because this module and those that it
imports need the standard library only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

from tui_runs.demo.store import Training, write_store
from tui_runs.errors import TuiRunsError, UsageError

TICK_S: Final = 0.2
"""How often the writer looks whether a point is due; each training logs about three a second."""
_REMEDY: Final = "Free some space there, or let the variable TMPDIR name another place."
# The writer finds this package wherever the app found it, and nothing in the user's working directory (-P).
_WRITER: Final = "import sys; sys.path.append(sys.argv[1]); from tui_runs.demo import main; main(sys.argv[2:])"


def run_demo(open_app: Callable[[str], int], *, runs: int = 36, directory: str | None = None, seed: int = 7) -> int:
    """Make the demo's store, go on training in it, and show it until the app ends.

    Args:
        open_app: opens the store at this path, and returns the exit code when it is closed.
        runs: how many runs the store begins with.
        directory: where to make it, absent or empty; it is kept. None is a temporary folder, which is removed.
        seed: the same seed gives the same runs, but for their times.

    Returns:
        What `open_app` returned.

    Raises:
        UsageError: the directory is not empty or cannot be made, or the runs are too few.
        TuiRunsError: the store cannot be written.
    """
    with _signals_as_exit(), _folder(directory) as folder:
        root, now = os.path.join(folder, "mlruns"), time.time()
        try:
            write_store(root, now=now, seed=seed, runs=runs)
            writer = _start_writer(root, now=now, seed=seed, runs=runs)
        except OSError as error:
            raise TuiRunsError(f"The demo cannot be made in {folder}: {error.strerror}.", _REMEDY) from None
        try:
            return open_app(root)
        finally:
            _stop(writer)


@contextmanager
def _folder(directory: str | None) -> Iterator[str]:
    """The directory that the user named, else a temporary one that is removed at the end."""
    if directory is None:
        try:
            folder = tempfile.mkdtemp(prefix="tui-runs-demo-")
        except OSError as error:
            raise TuiRunsError(f"There is no temporary folder for the demo: {error.strerror}.", _REMEDY) from None
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    try:
        os.makedirs(directory, exist_ok=True)
        taken = bool(os.listdir(directory))
    except OSError as error:
        raise UsageError(f"{directory} cannot hold a demo: {error.strerror}.", "Name another directory.") from None
    if taken:
        raise UsageError(f"{directory} is not empty.", "Name a directory that is empty or does not exist yet.")
    yield directory


@contextmanager
def _signals_as_exit() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the program by an exception, so that it clears up; once, so that it can finish to."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    wanted = (signal.SIGTERM, signal.SIGHUP)
    # One that is ignored, as under nohup, or that somebody handles stays as it is.
    before = {number: signal.SIG_DFL for number in wanted if signal.getsignal(number) is signal.SIG_DFL}

    def end(number: int, frame: FrameType | None) -> None:
        for one in before:
            signal.signal(one, signal.SIG_IGN)
        raise SystemExit(128 + number)

    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _start_writer(root: str, *, now: float, seed: int, runs: int) -> subprocess.Popen[bytes]:
    """A process that goes on with the training until `_stop`, or until this process ends.

    It reads a pipe that nobody writes to: the pipe closes with this process, even when that is killed. It has a session
    of its own, so that Ctrl-C and a closing terminal reach only the app, which then ends it in order.
    """
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    options = ["--write", root, "--now", repr(now), "--seed", str(seed), "--runs", str(runs)]
    return subprocess.Popen(
        [sys.executable, "-P", "-c", _WRITER, package, *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _stop(writer: subprocess.Popen[bytes]) -> None:
    assert writer.stdin is not None
    writer.stdin.close()
    try:
        writer.wait(timeout=5)
    except subprocess.TimeoutExpired:
        writer.kill()
        writer.wait()


def main(arguments: Sequence[str] | None = None) -> None:
    """What the writer's process does: train until standard input closes or the store is gone.

    Args:
        arguments: the command line, `--write` the store and what it was made with; None is sys.argv's.
    """
    parser = argparse.ArgumentParser(prog="tui_runs.demo", description="Go on training in the store of a demo.")
    parser.add_argument("--write", required=True, metavar="STORE")
    parser.add_argument("--now", required=True, type=float)
    parser.add_argument("--seed", required=True, type=int)
    parser.add_argument("--runs", required=True, type=int)
    chosen = parser.parse_args(arguments)
    is_over = threading.Event()

    def wait_for_the_app() -> None:
        try:
            while os.read(0, 1024):
                pass
        finally:
            is_over.set()

    threading.Thread(target=wait_for_the_app, daemon=True).start()
    with suppress(OSError):  # the store was removed, or the disk is full: there is nothing left to do, nor to tell
        training = Training(chosen.write, now=chosen.now, seed=chosen.seed, runs=chosen.runs)
        while not is_over.wait(TICK_S):
            training.advance(time.time())
        training.stop(time.time())


if __name__ == "__main__":
    main()
