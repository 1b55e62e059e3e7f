"""File watches, and a directory to watch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tui_runs.follow import FileWatch

MakeWatch = Callable[..., FileWatch]


@pytest.fixture
def make_watch() -> Iterator[MakeWatch]:
    """Makes watches, and closes them."""
    made: list[FileWatch] = []

    def make(poll_seconds: float | None = None) -> FileWatch:
        made.append(FileWatch(poll_seconds))
        return made[-1]

    yield make
    for watch in made:
        watch.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "metrics").mkdir()
    return tmp_path / "metrics"
