"""The commit that was checked out when a run began, out of the files of the enclosing git repository.

`.git/logs/HEAD` has a line for each time that HEAD moved: the commits before and after, who, and when. So an old run
gets the commit of its time, and not today's. No git is started, and whether there were changes besides is not known: to
tell that git would have to compare every file. Source: git 2, Documentation/git-reflog and refs/files-backend.c.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from typing import Final

from tui_runs_dirs.files import read_whole

_LEVELS: Final = 12
_MOVE: Final = re.compile(
    rb"^([0-9a-f]{40}|[0-9a-f]{64}) ([0-9a-f]{40}|[0-9a-f]{64}) [^\n\t]*> (\d{1,12}) [+-]\d{4}", re.M
)


class Repositories:
    """The repositories around runs; each is read once."""

    def __init__(self) -> None:
        self._tops: dict[str, str | None] = {}
        self._moves: dict[str, tuple[list[int], list[str | None]]] = {}

    def commit_at(self, directory: str, moment: int | None) -> str | None:
        """The commit that was checked out around a directory at some moment.

        Args:
            directory: of a run.
            moment: microseconds since 1970; None is never.

        Returns:
            None where there is no repository, or none that remembers that time.
        """
        top = self._top(directory, _LEVELS)
        if top is None or moment is None:
            return None
        if top not in self._moves:
            self._moves[top] = _moves(os.path.join(top, ".git", "logs", "HEAD"))
        times, commits = self._moves[top]
        place = bisect_right(times, moment // 1_000_000)
        return commits[place] if commits else None

    def _top(self, directory: str, levels: int) -> str | None:
        """The directory with `.git`, here or above."""
        if directory in self._tops:
            return self._tops[directory]
        top: str | None = None
        if os.path.isdir(os.path.join(directory, ".git")):
            top = directory
        elif levels > 0 and (above := os.path.dirname(directory)) != directory:
            top = self._top(above, levels - 1)
        self._tops[directory] = top
        return top


def _moves(path: str) -> tuple[list[int], list[str | None]]:
    """When HEAD moved, in seconds since 1970, and the commit before the first move and after each."""
    try:
        log = read_whole(path)
    except OSError:
        return [], []
    times: list[int] = []
    commits: list[str | None] = []
    for before, after, moment in _MOVE.findall(log):
        if not commits:
            commits.append(_commit(before))
        times.append(int(moment))
        commits.append(_commit(after))
    return times, commits


def _commit(text: bytes) -> str | None:
    return text.decode() if text.strip(b"0") else None
