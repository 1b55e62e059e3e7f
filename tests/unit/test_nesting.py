"""Runs below the runs that made them: beside a slow reference, and what does not nest."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tui_runs.analysis.nesting import nest


def frame_of(parents: dict[str, str | None], source: str = "here") -> pl.DataFrame:
    rows = [(source, run, parent) for run, parent in parents.items()]
    return pl.DataFrame(rows, schema={"source": pl.String, "run_id": pl.String, "parent_id": pl.String}, orient="row")


def drawn(frame: pl.DataFrame) -> list[str]:
    return [branch + run for branch, run in nest(frame).select("branch", "run_id").iter_rows()]


def test_children_stand_below_their_parent_in_their_own_order() -> None:
    frame = frame_of({"b1": "b", "a": None, "b": None, "b2": "b", "b1x": "b1", "lost": "gone"})
    assert drawn(frame) == ["a", "b", "├ b1", "│ └ b1x", "└ b2", "lost"]


def test_a_parent_of_another_source_is_none() -> None:
    frame = pl.concat([frame_of({"a": None}, "here"), frame_of({"b": "a"}, "there")])
    assert drawn(frame) == ["a", "b"]


def test_runs_that_are_each_others_parents_are_all_there() -> None:
    frame = frame_of({"a": "b", "b": "a", "own": "own", "c": "a", "d": None})
    assert sorted(text[-3:].strip("├└ ") for text in drawn(frame)) == ["a", "b", "c", "d", "own"]


def test_nothing_nested_is_left_as_it_is() -> None:
    frame = frame_of({"b": None, "a": None})
    assert drawn(frame) == ["b", "a"]
    assert nest(frame).drop("branch").equals(frame)
    assert drawn(frame.clear()) == []


def test_a_long_chain_does_not_run_out_of_the_column() -> None:
    chain = {f"r{level}": f"r{level - 1}" if level else None for level in range(3000)}
    lines = drawn(frame_of(chain))
    assert [line.strip("│├└ ") for line in lines] == list(chain)
    assert max(map(len, lines)) < 30


@given(st.lists(st.one_of(st.none(), st.integers(0, 30)), max_size=30), st.randoms(use_true_random=False))
def test_as_a_slow_reference_does_it(above: list[int | None], random: object) -> None:
    # Parents come earlier in this numbering, so that there are no circles; then the rows are shuffled.
    parents = {
        str(run): str(parent) if parent is not None and parent < run else None for run, parent in enumerate(above)
    }
    order = list(parents)
    random.shuffle(order)  # type: ignore[attr-defined]
    frame = frame_of({run: parents[run] for run in order})

    def below(parent: str | None) -> list[str]:
        return [line for run in order if parents[run] == parent for line in [run, *below(run)]]

    def depth(run: str) -> int:
        parent = parents[run]
        return 0 if parent is None else 1 + depth(parent)

    nested = nest(frame)
    assert nested["run_id"].to_list() == below(None)
    assert [min(len(branch) // 2, 9) for branch in nested["branch"]] == [min(depth(run), 9) for run in below(None)]
