"""The program in a real pseudo-terminal, on a screen that can be read."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

import pexpect
import pyte

from tests.conftest import ROOT

_NOT_OF_THIS_TERMINAL = ("NO_COLOR", "TEXTUAL", "COLUMNS", "LINES", "TMUX")


class Terminal:
    """The program on a screen that can be read; ended with the block, whatever happens in it.

    Args:
        arguments: of the program.
        size: columns and lines.
        cwd: where it runs; here unless told.
        env: variables that it has besides.
        shell: start it from a shell that can stop it and have it go on.
    """

    def __init__(
        self,
        arguments: list[str],
        size: tuple[int, int] = (160, 45),
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        *,
        shell: bool = False,
    ) -> None:
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        environment = {
            **{name: value for name, value in os.environ.items() if name not in _NOT_OF_THIS_TERMINAL},
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(ROOT),
            **(env or {}),
        }
        command = [sys.executable, "-m", "tui_runs", *arguments]
        program = ["bash", "--norc", "--noprofile", "-i"] if shell else command
        self.child = pexpect.spawn(
            program[0],
            program[1:],
            dimensions=(size[1], size[0]),
            cwd=cwd,
            env=environment,
            timeout=60,
        )
        if shell:
            self.press(f"{shlex.join(command)}\r")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.child.close(force=True)

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

    def quit(self) -> None:
        """Leave the program by its key; it ends well."""
        self.press("q")
        self.child.expect(pexpect.EOF)
        self.child.close()
        assert self.child.exitstatus == 0
