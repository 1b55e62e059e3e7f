from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui_runs.export.text_table import TextColumn, lay_out, table_lines

words = st.text(alphabet="ab学 é", max_size=30)


@st.composite
def tables(draw):
    rows = draw(st.integers(1, 4))
    return [
        TextColumn(
            draw(words.filter(bool)),
            draw(st.lists(words, min_size=rows, max_size=rows)),
            draw(st.booleans()),
            rank=draw(st.integers(0, 3)),
            cap=draw(st.integers(4, 30)),
            least=draw(st.none() | st.integers(1, 6)),
        )
        for _ in range(draw(st.integers(1, 8)))
    ]


@given(tables(), st.integers(10, 120))
def test_fits_and_leaves_nothing_out_in_silence(columns, room):
    layout = lay_out(columns, room)
    lines = list(table_lines(layout, cut=True, colour=False))
    assert max(map(cell_len, lines)) <= room
    assert len(layout.columns) + len(layout.left_out) == len(columns)
    assert layout.columns
    assert lines[0].endswith(" …") or not layout.left_out


@given(tables())
def test_cuts_nothing_where_it_may_not(columns):
    lines = list(table_lines(lay_out(columns, None), cut=False, colour=False))
    for column in columns:
        assert all(cell.strip() in line for cell, line in zip([column.title, *column.cells], lines, strict=True))


@given(tables())
def test_colours_change_nothing_else(columns):
    plain, coloured = (list(table_lines(lay_out(columns, 80), cut=True, colour=colour)) for colour in (False, True))
    assert [re.sub(r"\x1b\[\d*m", "", line) for line in coloured] == plain


def test_what_is_wanted_most_stays():
    columns = [
        TextColumn("name", ["x" * 20], least=8),
        TextColumn("second", ["y" * 10], rank=2),
        TextColumn("first", ["z" * 10], rank=1),
        TextColumn("thin", ["1"], rank=3),
        TextColumn("age", ["3d"]),
    ]
    layout = lay_out(columns, 46)
    assert [column.title for column in layout.columns] == ["name", "first", "thin", "age"]
    assert layout.left_out == ["second"]
    assert list(table_lines(layout, cut=True, colour=False)) == [
        "name                  first       thin  age …",
        f"{'x' * 20}  {'z' * 10}  1     3d",
    ]


def test_columns_asked_for_shrink_before_they_go():
    columns = [TextColumn(title, [title * 20], least=6) for title in "abc"]
    assert lay_out(columns, 30).widths == [8, 9, 9]
    assert [column.title for column in lay_out(columns, 20).columns] == ["a", "b"]


def test_one_very_long_cell_does_not_widen_the_others():
    column = TextColumn("name", ["x" * 10_000, "y"])
    lines = list(table_lines(lay_out([column, TextColumn("age", ["1d", "2d"])], None), cut=False, colour=False))
    assert [len(line) for line in lines] == [9, 10_004, 8]
