"""Where the data of a command goes: stdout, or the file of `-o`."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Final

from tui_runs.errors import TuiRunsError, UsageError
from tui_runs.headless.narration import is_terminal, wants_colour

RUNS_FORMATS: Final = ("table", "json", "jsonl", "csv", "markdown", "latex", "html", "parquet")
DOCUMENT_FORMATS: Final = ("markdown", "latex", "html")
"""Those of RUNS_FORMATS that people read, and no terminal shows."""
HISTORY_FORMATS: Final = ("table", "csv", "jsonl", "json")
OBJECT_FORMATS: Final = ("table", "json")

_ENDINGS: Final = {"md": "markdown", "tex": "latex", "htm": "html"}
"""What files of a format are called, where that is not its name."""
_CHUNK: Final = 1 << 16


class ReaderGoneError(Exception):
    """Nobody reads stdout any more, as after `| head`."""


@dataclass(slots=True)
class Output:
    """A place for text.

    Args:
        file: gets the bytes.
        encoding: of text for people; what is for programs is always UTF-8.
        width: cells of a line on a terminal; None where nothing may be cut.
        colour: styles are welcome.
    """

    file: BinaryIO
    encoding: str = "utf-8"
    width: int | None = None
    colour: bool = False

    def write(self, texts: Iterable[str]) -> None:
        """Write text for programs, in pieces of about 64 KiB; `write_lines` raises the same.

        Raises:
            ReaderGoneError: the pipe was closed at its other end.
            TuiRunsError: the disk is full.
        """
        self._write(texts, "utf-8")

    def write_bytes(self, data: bytes) -> None:
        """Write what is no text; raises what `write` raises.

        Raises:
            UsageError: it would go to a terminal.
        """
        if self.width is not None:
            raise UsageError("This format is not for a terminal.", "Give a file to -o, or another --format.")
        self._put(data)

    def write_lines(self, lines: Iterable[str]) -> None:
        """Write lines for people; a character that the terminal's encoding lacks shows as a question mark."""
        self._write((line + "\n" for line in lines), self.encoding)

    def _write(self, texts: Iterable[str], encoding: str) -> None:
        waiting: list[str] = []
        size = 0
        for text in texts:
            waiting.append(text)
            size += len(text)
            if size >= _CHUNK:
                self._put("".join(waiting).encode(encoding, "replace"))
                waiting, size = [], 0
        self._put("".join(waiting).encode(encoding, "replace"))

    def _put(self, data: bytes) -> None:
        try:
            self.file.write(data)
            self.file.flush()
        except BrokenPipeError:
            raise ReaderGoneError from None
        except OSError as error:
            raise TuiRunsError(f"The output cannot be written: {error.strerror or error}.") from None


@contextmanager
def open_output(path: str | None = None) -> Iterator[Output]:
    """Open the place where data goes.

    Args:
        path: a file that is made or overwritten; None or "-" is stdout.

    Raises:
        UsageError: the file cannot be written, or stdout is closed.
    """
    if path is None or path == "-":
        yield _stdout()
        return
    try:
        file = open(path, "wb")  # noqa: SIM115  closed below: an error of the body is none of opening
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UsageError(f"{path} cannot be written: {reason}.", "Give another file to -o.") from None
    with file:
        yield Output(file)


def _stdout() -> Output:
    stream = sys.stdout
    if stream is None:
        raise UsageError("There is no stdout to write to.", "Give a file to -o.")
    stream.flush()
    terminal = is_terminal(stream)
    return Output(
        stream.buffer,
        stream.encoding or "utf-8",
        shutil.get_terminal_size().columns if terminal else None,
        wants_colour(stream),
    )


def format_of(asked: str | None, path: str | None, formats: Sequence[str]) -> str:
    """The format asked for, else the one that the file's ending names, else the first of all."""
    ending = os.path.splitext(path or "")[1].lstrip(".").lower()
    ending = _ENDINGS.get(ending, ending)
    return asked or (ending if ending in formats else formats[0])
