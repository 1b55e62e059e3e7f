"""Marked runs: in their order, and each with a look that stays its own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_runs import drawing
from tui_runs.frames.catalog import RunKey
from tui_runs.tui.marks import Marks

RUNS = [RunKey("s", f"r{number}") for number in range(8)]


@given(st.lists(st.lists(st.sampled_from(RUNS), max_size=5, unique=True), max_size=8))
def test_some_are_marked_and_all_are_unmarked(presses: list[list[RunKey]]) -> None:
    marks, expected = Marks(), []
    for runs in presses:
        fresh = [run for run in runs if run not in expected]
        expected = expected + fresh if fresh else [run for run in expected if run not in runs]
        marks.toggle(runs)
        assert marks.runs == expected
        assert list(marks.looks()) == expected


def test_runs_that_are_gone_are_unmarked() -> None:
    marks = Marks()
    marks.toggle(RUNS)
    marks.keep(RUNS[2:4])
    assert marks.runs == RUNS[2:4]
    marks.clear()
    assert marks.runs == []


def test_looks_are_worked_out_once_and_again_for_other_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, run_looks = [], drawing.run_looks

    def counted(runs: list[str], **others: object) -> object:
        asked.append(runs)
        return run_looks(runs, **others)

    monkeypatch.setattr(drawing, "run_looks", counted)
    marks = Marks()
    marks.toggle(RUNS[:3])
    before = dict(marks.looks())
    marks.keep(RUNS)
    assert marks.looks() == before
    assert len(asked) == 1
    marks.toggle(RUNS[3:4])
    assert {run: marks.looks()[run] for run in before} == before
    assert len(asked) == 2
