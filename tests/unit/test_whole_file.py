"""Files that are there whole, or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tui_runs.tui.whole_file import write_whole


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "view.toml"
    for data in (b"old", b"new"):
        write_whole(path, data)
        assert path.read_bytes() == data
    assert os.listdir(tmp_path) == ["view.toml"]


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077])
def test_the_mask_is_obeyed_and_never_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mask: int) -> None:
    """Other threads make files meanwhile, which would be everybody's to write."""
    path, set_mask = tmp_path / "view.toml", os.umask
    before = set_mask(mask)
    monkeypatch.setattr(os, "umask", None)
    try:
        write_whole(path, b"text")
    finally:
        set_mask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        write_whole(tmp_path / "taken", b"text")
    with pytest.raises(OSError, match="nowhere"):
        write_whole(tmp_path / "nowhere" / "x", b"text")
    assert os.listdir(tmp_path) == ["taken"]
