"""The program in a real pseudo-terminal, on a screen that can be read."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

import pexpect
import pyte

from tests.conftest import ROOT

_NOT_OF_THIS_TERMINAL = ("NO_COLOR", "TEXTUAL", "COLUMNS", "LINES")


class Terminal:
    """A program on a screen that can be read."""

    def __init__(self, arguments: list[str], size: tuple[int, int] = (160, 45)) -> None:
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        environment = {
            **{name: value for name, value in os.environ.items() if name not in _NOT_OF_THIS_TERMINAL},
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(ROOT),
        }
        self.child = pexpect.spawn(
            sys.executable,
            ["-m", "tui_runs", *arguments],
            dimensions=(size[1], size[0]),
            env=environment,
            timeout=60,
        )

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display)

    def until(self, holds: Callable[[str], object], seconds: float = 60.0) -> str:
        """Feed what the program writes to the screen until a condition holds for its text."""
        deadline = time.monotonic() + seconds
        while not holds(self.text):
            assert time.monotonic() < deadline, f"waited {seconds} s in vain:\n{self.text}"
            try:
                self._stream.feed(self.child.read_nonblocking(1 << 16, timeout=0.2))
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                assert holds(self.text), f"the program ended:\n{self.text}"
        return self.text

    def press(self, keys: str) -> None:
        self.child.send(keys)
