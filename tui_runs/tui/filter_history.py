"""The filters that were used lately: kept in the user's state directory, one a line, the last one last."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from tui_runs.tui.whole_file import write_whole

_MOST: Final = 200
_LARGEST: Final = 1_000_000
"""Bytes of the file that are read, from its end."""


class FilterHistory:
    """Goes back through filters, and forth again; what is being typed is the newest of them.

    Args:
        path: of the file; the user's own unless told otherwise.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._entries: tuple[str, ...] = ()
        self._place = 0
        """How many steps back."""
        self._typed = ""

    def _file(self) -> Path:
        if self._path is None:
            from platformdirs import user_state_path  # noqa: PLC0415  not needed for the first screen

            self._path = user_state_path("tui-runs") / "filters"
        return self._path

    def load(self) -> None:
        """Read the file; call it from a thread. One that cannot be read is as good as none."""
        with suppress(OSError), open(self._file(), "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(file.tell() - _LARGEST, 0))
            lines = file.read().decode("utf-8", "replace").splitlines()
            self._entries = _latest([*lines, *self._entries])

    def back(self, now: str) -> str | None:
        """The filter before the one that is shown; None where there is none.

        Args:
            now: what is typed.
        """
        if self._place == 0:
            self._typed = now
        place = self._place + 1
        while place <= len(self._entries) and self._entries[-place] == now:
            place += 1
        if place > len(self._entries):
            return None
        self._place = place
        return self._entries[-place]

    def forth(self) -> str | None:
        """The filter after the one that is shown, at last what was being typed; None where that is shown."""
        if self._place == 0:
            return None
        self._place -= 1
        return self._entries[-self._place] if self._place else self._typed

    def use(self, text: str) -> bool:
        """Note a filter that was used; True where there is something new to be kept."""
        self._place = 0
        if not text.strip() or (self._entries and self._entries[-1] == text):
            return False
        self._entries = _latest([*self._entries, text])
        return True

    def save(self) -> None:
        """Write the file, whole or not at all; call it from a thread. Without a place to write nothing is kept."""
        path = self._file()
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, "".join(f"{entry}\n" for entry in self._entries).encode())


def _latest(entries: list[str]) -> tuple[str, ...]:
    """The last of these, each once, where it came last; a filter is one line."""
    single = [entry for entry in entries if entry.strip() and len(entry.splitlines()) == 1]
    return tuple(reversed(list(dict.fromkeys(reversed(single)))[:_MOST]))
