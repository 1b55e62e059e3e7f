"""A program in a pseudo-terminal of its own: what it writes, when it writes it, and what that costs.

Only the bytes are looked at, unless a screen is asked for, so that nothing here takes time from the program. The
questions that programs ask of their terminal are answered as common terminals do: some wait for it.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

import pyte

from tests.benchmarks.jobs import memory_of

_SIZE: Final = (160, 42)
_TAIL: Final = 1 << 17
"""Bytes that are searched for a text: more than one screen."""
_LONGEST_PAINTING: Final = 5.0
"""Seconds after which a program that never stops writing is taken to be done with a key."""
_STYLE: Final = re.compile(rb"\x1b\[[0-9;:]*m")
_SEQUENCE: Final = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]|[\x00-\x1f]+"
)
_MODE_QUERY: Final = re.compile(rb"\x1b\[\?(\d+)\$p")
_ANSWERS: Final[Mapping[bytes, bytes]] = {
    b"\x1b[c": b"\x1b[?62;22c",
    b"\x1b[0c": b"\x1b[?62;22c",
    b"\x1b[6n": b"\x1b[1;1R",
    b"\x1b[>q": b"\x1bP>|benchmark\x1b\\",
    b"\x1b[>0q": b"\x1bP>|benchmark\x1b\\",
    b"\x1b]10;?": b"\x1b]10;rgb:e0e0/e0e0/e0e0\x1b\\",
    b"\x1b]11;?": b"\x1b]11;rgb:1010/1010/1010\x1b\\",
}
_SYNCHRONISED: Final = b"2026"
_KNOWN_MODE, _UNKNOWN_MODE = b"2", b"0"


class TerminalError(Exception):
    """The program ended, or did not show what was waited for; the message has the end of what it wrote."""


def _cpu_clock_of(process: int) -> int:
    """The id of another process's CPU clock, as clock_getcpuclockid(3) makes it: the kernel's CPUCLOCK_SCHED is 2."""
    return ~process << 3 | 2


class Reply(NamedTuple):
    """What a key did, in seconds after it was written.

    Args:
        first: the first byte of output.
        painted: the last byte before the output paused.
        settled: the last byte of all, with what is painted later.
    """

    first: float
    painted: float
    settled: float


def plain(output: bytes) -> str:
    """The text in terminal output: styles are dropped, and wherever the cursor is moved there is a blank."""
    return _SEQUENCE.sub(b" ", _STYLE.sub(b"", output)).decode(errors="replace")


class Terminal:
    """Starts a program; `with` it, so that it ends.

    Args:
        command: the program and its arguments.
        env: variables beside those of this process.
        cwd: its working directory.
        screen: keep what is on the screen, for programs that write changed cells only: a number then never comes whole.
    """

    def __init__(
        self,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        *,
        screen: bool = False,
    ) -> None:
        self._screen = pyte.Screen(*_SIZE) if screen else None
        self._stream = pyte.ByteStream(self._screen)
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(env or {})}
        self.output = bytearray()
        self._last = 0.0
        self.spawned = time.monotonic()
        self.pid, self._master = pty.fork()
        if self.pid == 0:
            try:
                os.chdir(cwd or ".")
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", _SIZE[1], _SIZE[0], 0, 0))
                os.execvpe(command[0], list(command), environment)
            except OSError as error:
                os.write(2, f"{command[0]}: {error.strerror}\n".encode())
            finally:
                os._exit(127)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up, and kill what does not end by that."""
        if self._master < 0:
            return
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.pid, number)
            except ProcessLookupError:
                break
            until = time.monotonic() + 2
            while time.monotonic() < until and not self._ended():
                self._read_once(0.05)
            if self._ended():
                break
        os.close(self._master)
        self._master = -1

    def _ended(self) -> bool:
        try:
            return os.waitpid(self.pid, os.WNOHANG)[0] != 0
        except ChildProcessError:
            return True

    def _read_once(self, timeout: float) -> bytes:
        """What the program wrote, waiting so long for it; answers its questions."""
        if not select.select([self._master], [], [], max(0.0, timeout))[0]:
            return b""
        try:
            data = os.read(self._master, 1 << 16)
        except OSError:  # EIO: the other end is closed
            time.sleep(min(timeout, 0.01))  # or whoever reads until a deadline would spin until then
            return b""
        if data:
            self._last = time.monotonic()
            self.output += data
            if self._screen is not None:
                self._stream.feed(data)
            if b"\x1b" in data:
                self._answer(data)
        return data

    def _answer(self, data: bytes) -> None:
        for mode in _MODE_QUERY.findall(data):
            known = _KNOWN_MODE if mode == _SYNCHRONISED else _UNKNOWN_MODE
            os.write(self._master, b"\x1b[?" + mode + b";" + known + b"$y")
        for question, answer in _ANSWERS.items():
            if question in data:
                os.write(self._master, answer)

    def read(self, seconds: float) -> bytes:
        """Everything that the program writes in this time."""
        until, parts = time.monotonic() + seconds, []
        while (left := until - time.monotonic()) > 0:
            parts.append(self._read_once(left))
        return b"".join(parts)

    def wait_for(self, pattern: str, timeout: float = 60) -> float:
        """Wait until a text is written; returns the seconds since the program was started.

        Raises:
            TerminalError: it did not come.
        """
        sought = re.compile(pattern)
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            if self._read_once(0.1) and sought.search(plain(bytes(self.output[-_TAIL:]))):
                return self._last - self.spawned
            if self._ended():
                break
        raise TerminalError(f"no {pattern[:40]!r} in: …{' '.join(plain(bytes(self.output[-2000:])).split())[-300:]}")

    def rest(self, quiet: float, timeout: float = 30) -> None:
        """Read on until nothing was written for so long."""
        until = time.monotonic() + timeout
        while self._read_once(quiet) and time.monotonic() < until:
            pass

    def press(self, key: bytes, pause: float = 0.03, rest: float = 0.25) -> Reply | None:
        """Press a key when the screen is still; None when nothing came of it.

        Args:
            key: as a terminal sends it.
            pause: so long without output means that the key's own painting is done.
            rest: so long without output means that everything is.
        """
        self.rest(0.1)
        pressed = time.monotonic()
        os.write(self._master, key)
        if not self._read_once(1.0):
            return None
        first = painted = self._last
        while self._read_once(pause) and self._last - pressed < _LONGEST_PAINTING:
            painted = self._last
        settled = painted
        while self._read_once(rest) and self._last - pressed < _LONGEST_PAINTING:
            settled = self._last
        return Reply(first - pressed, painted - pressed, settled - pressed)

    def type(self, key: bytes) -> None:
        """Press a key, and do not wait for what comes of it."""
        os.write(self._master, key)

    def resize(self, columns: int, rows: int) -> None:
        """Make the terminal so large."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def first_after(self, key: bytes) -> float | None:
        """Press a key while the screen moves: seconds to the next output, whatever it is; None if none comes."""
        pressed = time.monotonic()
        os.write(self._master, key)
        return self._last - pressed if self._read_once(2.0) else None

    def cpu_seconds(self) -> float:
        """CPU time so far of the program and its children, that of threads that have ended included."""
        return sum(time.clock_gettime(_cpu_clock_of(process)) for process in self.processes())

    def processes(self) -> list[int]:
        """The program, and every process under it."""
        found, todo = [], [self.pid]
        while todo:
            process = todo.pop()
            found.append(process)
            for path in Path(f"/proc/{process}/task").glob("*/children"):
                try:
                    todo += map(int, path.read_text().split())
                except OSError:
                    continue
        return found

    def memory(self) -> tuple[int, int]:
        """Resident bytes of the program and its children: now, and the sum of what each had at most."""
        each = [memory_of(process) for process in self.processes()]
        return sum(one["now"] for one in each), sum(one["peak"] for one in each)

    def settle(self, timeout: float = 60) -> float:
        """Wait until the CPU is quiet for a second; returns the seconds since the start until then, less that one."""
        until = time.monotonic() + timeout
        spent, since = self.cpu_seconds(), time.monotonic()
        while time.monotonic() - since < 1:
            if time.monotonic() > until:
                raise TerminalError(f"never at rest in {timeout:g} s")
            self.read(0.2)
            now = self.cpu_seconds()
            if now - spent > 0.02:
                since = time.monotonic()
            spent = now
        return since - self.spawned

    def idle_share(self, seconds: float) -> float:
        """CPU seconds a second while nothing is done."""
        spent, began = self.cpu_seconds(), time.monotonic()
        self.read(seconds)
        return (self.cpu_seconds() - spent) / (time.monotonic() - began)

    def shown_after(self, act: Callable[[], str], seconds: float, pending: dict[str, float]) -> dict[str, float]:
        """Do something that puts a text on the screen, and see in the time that follows which texts come.

        Args:
            act: does it, and returns the text.
            seconds: how long to look.
            pending: texts that have not come yet and when they were due, the oldest first; the new one is added, and
                those seen are taken, with those before them: they will not come any more.

        Returns:
            Seconds from the act to the last byte, by text; a text that was skipped ends with the next one.
        """
        until = time.monotonic() + seconds
        acted = time.monotonic()
        pending[act()] = acted
        seen: dict[str, float] = {}
        while (left := until - time.monotonic()) > 0:
            if not self._read_once(left):
                continue
            text = self._text()
            shown = [i for i, one in enumerate(pending) if re.search(rf"(?<!\d){one}(?!\d)", text)]
            for passed in list(pending)[: shown[-1] + 1] if shown else []:
                seen[passed] = self._last - pending.pop(passed)
        return seen

    def _text(self) -> str:
        """What is on the screen; without one, what was written lately."""
        if self._screen is not None:
            return "\n".join(self._screen.display)
        return plain(bytes(self.output[-_TAIL // 4 :]))
