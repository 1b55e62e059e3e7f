"""The line that runs a training again: one line, whatever the store says."""

from __future__ import annotations

import shlex
import subprocess
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_runs.analysis.reproduction import reproducing_line


@pytest.mark.parametrize(
    ("run", "line"),
    [
        ({"command": "train.py --lr 0.1", "git_commit": "abcdef1"}, "git checkout abcdef1 && train.py --lr 0.1"),
        ({"command": " python -m x ", "git_commit": None}, "python -m x"),
        ({"command": "x", "git_commit": "main; rm -rf /"}, "x"),
        ({"command": "x", "git_commit": "-f"}, "x"),
        ({"command": " ", "git_commit": "abcdef1"}, None),
        ({"command": None}, None),
    ],
)
def test_what_is_known_is_said(run: dict[str, object], line: str | None) -> None:
    assert reproducing_line(run) == line


@given(st.text())
def test_nothing_runs_by_being_pasted(command: str) -> None:
    line = reproducing_line({"command": command, "git_commit": "abcdef1"})
    assert line is None or {unicodedata.category(letter) for letter in line}.isdisjoint({"Cc", "Zl", "Zp"})


def test_a_shell_takes_it_as_it_was_given() -> None:
    words = ["echo", "a b", "$HOME", "it's"]
    line = reproducing_line({"command": shlex.join(words)})
    assert line is not None
    assert subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True).stdout == "a b $HOME it's\n"
