"""CSV and TSV as programs write them, and as they leave them when they are interrupted, resumed or opened in Excel."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui_runs_dirs.files import NotReadError
from tui_runs_dirs.layout import Stretch
from tui_runs_dirs.readers.table_file import TableFile
from tui_runs_dirs.totals import totals_of

MORE = 1 << 20
Points = dict[str, list[tuple[int, str]]]

NANS = ["nan", "NaN", "NAN", "-nan", "+nan", "Nan"]
ABSENT = ["", "NA", "N/A", "None", "null"]


def points_of(*stretches: Stretch) -> Points:
    """Step and value by key; values as reprs so that NaN equals NaN."""
    found: Points = {}
    for stretch in stretches:
        for key, step, _, value in stretch.frame.iter_rows():
            found.setdefault(key, []).append((step, repr(value)))
    return found


def read(tmp_path: Path, text: str | bytes) -> tuple[Points, Stretch]:
    path = tmp_path / "metrics.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    stretch = TableFile(str(path)).read(0, MORE)
    return points_of(stretch), stretch


def oracle(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Points:
    found: Points = {}
    for row in rows:
        for name, cell in zip(names[1:], row[1:], strict=True):
            if cell not in ABSENT:
                found.setdefault(name, []).append((int(row[0]), repr(abs(v) if math.isnan(v := float(cell)) else v)))
    return found


cells = st.one_of(
    st.floats(allow_nan=False).map(repr), st.integers(-(10**6), 10**6).map(str), st.sampled_from(NANS),
    st.sampled_from(["inf", "-inf", "Infinity", "1e-5", "5.", ".5", "1E5"]), st.sampled_from(ABSENT),
)  # fmt: skip
names = st.lists(st.sampled_from(["loss", "val/acc", "lr", "grad norm", "λ", "a.b", "x (1)"]), min_size=1, unique=True)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    head = ["step", *draw(names)]
    count = draw(st.integers(0, 12))
    rows = [[str(n * 3), *(draw(cells) for _ in head[1:])] for n in range(count)]
    return head, rows


@given(tables(), st.sampled_from([",", "\t", ";", "|"]), st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans())
@settings(max_examples=80, deadline=None)
def test_reads_what_was_written(
    table: tuple[list[str], list[list[str]]], separator: str, end: str, bom: bool, padded: bool
) -> None:
    head, rows = table
    pad = "  " if padded else ""
    lines = [separator.join(pad + cell + pad for cell in row) for row in (head, *rows)]
    text = ("\ufeff" if bom else "") + "".join(line + end for line in lines)
    with tempfile.TemporaryDirectory() as place:
        points, stretch = read(Path(place), text)
    assert points == oracle(head, rows)
    assert list(stretch.problems) == []
    assert stretch.complete
    assert stretch.end == len(text.encode())


@given(tables(), st.data())
@settings(max_examples=60, deadline=None)
def test_growing_file_gives_each_point_once(table: tuple[list[str], list[list[str]]], data: st.DataObject) -> None:
    """Whatever bytes are there when it is looked at, a line that is not whole is never read as a number."""
    head, rows = table
    text = "".join(",".join(row) + "\n" for row in (head, *rows)).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "metrics.csv"
        file = TableFile(str(path))
        stretches = []
        place_in_file = 0
        for cut in [*cuts, len(text)]:
            path.write_bytes(text[:cut])
            stretches.append(file.read(place_in_file, MORE))
            assert not stretches[-1].restarted
            place_in_file = stretches[-1].end
    assert points_of(*stretches) == oracle(head, rows)


def test_torn_last_line_at_every_byte(tmp_path: Path) -> None:
    whole = b"epoch,loss\n0,0.5\n1,0.25\n2,0.125\n"
    path = tmp_path / "metrics.csv"
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        lines = whole[:cut].split(b"\n")[1:-1]
        truth = [(int(line.split(b",")[0]), repr(float(line.split(b",")[1]))) for line in lines]
        assert points_of(TableFile(str(path)).read(0, MORE)).get("loss", []) == truth


@given(st.lists(tables(), min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_sums_of_many_are_those_of_each(several: list[tuple[list[str], list[list[str]]]]) -> None:
    with tempfile.TemporaryDirectory() as place:
        paths = []
        for number, (head, rows) in enumerate([*several, several[0], several[-1]]):
            paths.append(Path(place) / f"{number}.csv")
            paths[-1].write_text("".join(",".join(row) + "\n" for row in (head, *rows)))
        first, *others = [TableFile(str(path)) for path in paths]
        together = first.sum_together(others, MORE)
        for path, summed in zip(paths, together, strict=True):
            alone = TableFile(str(path)).read(0, MORE)
            assert not isinstance(summed, OSError)
            assert repr(sorted(summed.totals.items())) == repr(sorted(totals_of(alone.frame).items()))
            assert (summed.end, summed.complete) == (alone.end, alone.complete)


def test_decimal_commas(tmp_path: Path) -> None:
    points, _ = read(tmp_path, "epoch;loss;acc\n0;0,5;1\n1;-1,25e-3;0,75\n")
    assert points == {"loss": [(0, "0.5"), (1, "-0.00125")], "acc": [(0, "1.0"), (1, "0.75")]}


def test_ragged_rows_are_a_problem_and_lose_no_other(tmp_path: Path) -> None:
    points, stretch = read(tmp_path, "epoch,loss,acc\n0,1,2\n1,5\n2,3,4\n3,1,2,9\n")
    assert points == {"loss": [(0, "1.0"), (2, "3.0")], "acc": [(0, "2.0"), (2, "4.0")]}
    (problem,) = stretch.problems
    assert problem.uri.endswith("metrics.csv")
    assert "Line 3" in problem.what
    assert "1 more" in problem.what
    assert problem.remedy


def test_header_that_is_repeated_after_a_resume(tmp_path: Path) -> None:
    points, stretch = read(tmp_path, "epoch,loss\n0,1\n1,2\nepoch,loss\n2,3\n")
    assert points == {"loss": [(0, "1.0"), (1, "2.0"), (2, "3.0")]}
    assert list(stretch.problems) == []


def test_another_header_in_the_middle(tmp_path: Path) -> None:
    points, _ = read(tmp_path, "epoch,loss\n0,1\nepoch,acc,loss\n1,7,2\n")
    assert points == {"loss": [(0, "1.0"), (1, "2.0")], "acc": [(1, "7.0")]}


def test_reading_goes_on_below_another_header(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("epoch,loss\n0,1\nepoch,acc,loss\n1,7,2\n")
    file = TableFile(str(path))
    first = file.read(0, MORE)
    with path.open("a") as out:
        out.write("2,8,3\n")
    assert points_of(file.read(first.end, MORE)) == {"loss": [(2, "3.0")], "acc": [(2, "8.0")]}


def test_header_rewritten_in_place_restarts(tmp_path: Path) -> None:
    """As Lightning does when a new metric comes."""
    path = tmp_path / "metrics.csv"
    path.write_text("epoch,step,loss\n0,1,0.5\n")
    file = TableFile(str(path))
    first = file.read(0, MORE)
    path.write_text("acc,epoch,step,loss\n,0,1,0.5\n0.9,0,1,\n")
    second = file.read(first.end, MORE)
    assert second.restarted
    assert points_of(second)["acc"] == [(1, "0.9")]


def test_same_header_but_other_rows_restarts(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("epoch,loss\n0,0.5\n1,0.4\n")
    file = TableFile(str(path))
    first = file.read(0, MORE)
    path.write_text("epoch,loss\n0,0.7\n1,0.6\n2,0.5\n")
    second = file.read(first.end, MORE)
    assert second.restarted
    assert points_of(second) == {"loss": [(0, "0.7"), (1, "0.6"), (2, "0.5")]}


def test_rows_are_counted_where_nothing_counts(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("loss\n5\n6\n")
    file = TableFile(str(path))
    first = file.read(0, MORE)
    with path.open("a") as out:
        out.write("7\n")
    assert points_of(first, file.read(first.end, MORE)) == {"loss": [(0, "5.0"), (1, "6.0"), (2, "7.0")]}


def test_small_pieces_are_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("step,loss\n" + "".join(f"{n},{n / 7}\n" for n in range(500)))
    file, stretches, place = TableFile(str(path)), [], 0
    while not stretches or not stretches[-1].complete:
        stretches.append(file.read(place, 300))
        place = stretches[-1].end
    assert len(stretches) > 10
    assert points_of(*stretches)["loss"] == [(n, repr(n / 7)) for n in range(500)]


@pytest.mark.parametrize(
    ("head", "cells", "moment"),
    [
        ("timestamp", ["1700000000.5", "1700000001"], 1_700_000_000_500_000),
        ("wall_time", ["1700000000500", "1700000001000"], 1_700_000_000_500_000),
        ("time", ["2023-11-14T22:13:20.5", "2023-11-14 22:13:21"], 1_700_000_000_500_000),
    ],
)
def test_times(tmp_path: Path, head: str, cells: list[str], moment: int) -> None:
    _, stretch = read(tmp_path, f"epoch,{head},loss\n0,{cells[0]},1\n1,{cells[1]},2\n")
    assert stretch.frame["time"].to_physical()[0] == moment
    assert stretch.frame["key"].unique().to_list() == ["loss"]


@pytest.mark.parametrize("cell", ["9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+05:00", "9e10"])
def test_a_time_that_no_calendar_has(tmp_path: Path, cell: str) -> None:
    _, stretch = read(tmp_path, f"epoch,time,loss\n0,{cell},1\n1,{cell},2\n")
    assert {2} == {len(stretch.frame["time"].to_list())}


def test_seconds_from_the_start_are_a_metric(tmp_path: Path) -> None:
    points, stretch = read(tmp_path, "epoch,time,loss\n0,1.5,1\n1,3.5,2\n")
    assert points["time"] == [(0, "1.5"), (1, "3.5")]
    assert stretch.frame["time"].null_count() == stretch.frame.height


def test_number_that_does_not_fit(tmp_path: Path) -> None:
    points, _ = read(tmp_path, "step,loss\n99999999999999999999,1\n1,1e999\n2,-1e999\n")
    assert points == {"loss": [(0, "1.0"), (1, "inf"), (2, "-inf")]}


@pytest.mark.parametrize(
    "data",
    [
        b"epoch," + b",".join(b"c%d" % n for n in range(1_000_000)) + b"\n",
        b"PAR1\x15\x04\0\x15\n\0",
        "epoch,loss\n0,1\n".encode("utf-16"),
        b"x" * (2 << 20),
    ],
    ids=["a million columns", "a binary file", "UTF-16", "no line end"],
)
def test_what_is_no_table_is_said(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(NotReadError) as caught:
        read(tmp_path, data)
    assert caught.value.what
    assert caught.value.remedy


def test_line_without_end_in_an_old_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("epoch,loss\n0,1\n1,0.")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    stretch = TableFile(str(path)).read(0, MORE)
    assert points_of(stretch) == {"loss": [(0, "1.0")]}
    assert "last line" in stretch.problems[0].what


def test_tail_has_the_last_values(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("step,loss,acc\n" + "".join(f"{n},{n / 7},\n" for n in range(500)) + "499,,0.5\n")
    frame = TableFile(str(path)).tail(200)
    assert frame is not None
    totals = totals_of(frame)
    assert (totals["loss"].last, totals["loss"].last_step) == (499 / 7, 499)
    assert totals["acc"].last == 0.5
