"""The lines of metric files: the fast parser and the fast summary, compared with plain Python for any input."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

import polars as pl
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.adapters.metric_truth import Point, same, truth_of
from tui_runs_mlflow.metric_lines import POINTS, parse_points, summarise, time_of
from tui_runs_mlflow.metric_series import Summary

LIMIT = 1 << 63
ODD_NUMBERS = [
    *("nan", "NaN", "-nan", "inf", "-inf", "Infinity", "1e+22", "1e400", "5e-324", "-0.0", "1.", ".5", "1E5", "+3"),
    *("1e", "0x10", "1,5", "1_0", "--1", "", "None", "true", "١", "1f", "1d5", "1e5e", ".", "e", "nan0", "infinit"),
]
ODD_LINES = [
    *(b"", b" ", b"\r", b"17900", b"1 2", b"1 2 ", b"1 2 3 4", b"1 2 3 a b", b"1 2 3 a b c", b" 1 2 3", b"1  2 3"),
    *(b"1\t2\t3", b"1 2 3\r", b"1 2\r", b"1 2 3 a b\r", b"\0\0\0", b"\xff 2 3", b"1 2 3 \xff", b"1 2 3.0", b"1.0 2 3"),
    *(b'"1" 2 3', b'1 2 "3"', b"1,2,3", b"# 1 2 3", b"\xef\xbb\xbf1 2 3", b"1 2 9223372036854775807", b"0 0 0"),
    *(b"1 2 9223372036854775808", b"-9223372036854775808 2 3", b"9223372036854775808 2 3", b"01 02 03", b"+1 +2 +3"),
]

numbers = st.one_of(
    st.floats().map(repr), st.sampled_from(ODD_NUMBERS), st.integers(-(10**20), 10**20).map(str)
)  # fmt: skip
wholes = st.one_of(st.integers(-(10**13), 10**13), st.integers(-(1 << 65), 1 << 65)).map(str)
good_lines = st.builds(
    lambda ms, value, step: f"{ms} {value!r} {step}".encode(),
    st.integers(0, 10**13), st.floats(), st.integers(-5, 10**9),
)  # fmt: skip
other_lines = st.one_of(
    st.sampled_from(ODD_LINES),
    st.lists(st.one_of(numbers, wholes), min_size=1, max_size=6).map(lambda fields: " ".join(fields).encode()),
    st.binary(max_size=12).filter(lambda line: b"\n" not in line),
)
files = st.builds(
    lambda lines, ended: b"\n".join(lines) + (b"\n" if ended and lines else b""),
    st.lists(st.one_of(good_lines, good_lines, other_lines), max_size=8),
    st.booleans(),
)
good_files = st.lists(good_lines, max_size=5).map(lambda lines: b"".join(line + b"\n" for line in lines))


def slow_parse(data: bytes) -> tuple[list[Point], int]:
    """The points of a file as MLflow's FileStore would take them line by line, and how many lines are none."""
    points: list[Point] = []
    bad = 0
    for raw in data.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        line = raw.strip()
        if not line:
            continue
        fields = line.split(b" ")
        try:
            ms, value, step = int(fields[0]), float(fields[1]), int(fields[2]) if len(fields) > 2 else 0
        except (ValueError, IndexError):
            bad += 1
            continue
        if not -LIMIT <= ms < LIMIT or not -LIMIT <= step < LIMIT:
            bad += 1
        else:
            points.append(Point(step, ms, value))
    return points, bad


def told(frame: pl.DataFrame) -> list[tuple[int, str]]:
    """(file, point) each; as text, in which NaN equals NaN and -0.0 is not 0.0. A NaN has no sign in Python's text."""
    return [(series, repr(Point(step, ms, value))) for series, ms, value, step in frame.iter_rows()]


class TestParsing:
    @given(st.lists(st.one_of(files, good_files, st.just(b"")), max_size=8))
    @example([b"1 0.5 1\n", b"", b"\n", b"1 0.5 1\n1 x 1\n", b"2 0.5 2"])
    @example([b"", b"", b"1 0.5 1\n", b"", b"", b"2 0.5 2\n", b""])
    @example([b"\xef\xbb\xbf1 0.5 1\n1 x 1\n"])
    @example([b"1 0.5  7\n", b"1 0.5\n"])
    @example([b"1 0.5 1\n", b"\xef\xbb\xbf1 0.5 1\n"])
    @example([b"-9223372036854775808 0.5 -9223372036854775808\n1 0.5 1\n"])
    @example([b"-9223372036854775808 0.5 -9223372036854775808\n1 x 1\n"])
    def test_as_plain_python(self, contents: Sequence[bytes]) -> None:
        frame, bad = parse_points(contents)
        assert dict(frame.schema) == POINTS
        slowly = [slow_parse(data) for data in contents]
        assert told(frame) == [(index, repr(point)) for index, (points, _) in enumerate(slowly) for point in points]
        assert {lines.series: lines.count for lines in bad} == {
            index: count for index, (_, count) in enumerate(slowly) if count
        }

    @given(st.lists(good_lines, max_size=4), st.sampled_from([b"17900", b"x 1 2", b"1 x 2", b"1 2 x"]))
    def test_first_bad_line_is_named(self, before: list[bytes], bad_line: bytes) -> None:
        data = b"\n".join([*before, bad_line, b"1 0.5 1", b"oops", b""])
        (bad,) = parse_points([b"1 0.5 1\n", data])[1]
        assert (bad.series, bad.count, bad.line, bad.text) == (1, 2, len(before) + 1, bad_line.decode())

    def test_text_of_a_bad_line_is_short(self) -> None:
        (bad,) = parse_points([b"\xff" * 1000 + b"\n"])[1]
        assert bad.text == "�" * 40

    def test_nothing(self) -> None:
        for contents in ([], [b""], [b"", b"\n", b" \n"]):
            frame, bad = parse_points(contents)
            assert frame.is_empty()
            assert bad == []
            assert dict(frame.schema) == POINTS
            assert summarise(frame).is_empty()

    def test_one_bad_file_among_many_costs_few_tries(self, monkeypatch) -> None:
        from tui_runs_mlflow import metric_lines

        tries, parse = [], metric_lines._parse_joined
        monkeypatch.setattr(metric_lines, "_parse_joined", lambda *args: (tries.append(args), parse(*args))[1])
        contents = [b"1 0.5 1\n"] * 1024
        contents[700] = b"oops\n"
        frame, bad = parse_points(contents)
        assert frame.height == 1023
        assert len(bad) == 1
        assert len(tries) <= 21


steps = st.one_of(st.integers(-3, 3), st.integers(-LIMIT, LIMIT - 1))
moments = st.one_of(st.integers(0, 3), st.integers(-LIMIT, LIMIT - 1))
values = st.one_of(st.sampled_from([float("nan"), 0.0, -0.0, 1.0, float("inf"), float("-inf")]), st.floats())
points_of_one = st.lists(st.builds(Point, steps, moments, values), min_size=1, max_size=12)
rising = st.lists(values, min_size=1, max_size=12).map(
    lambda found: [Point(step, 1000 + step, value) for step, value in enumerate(found)]
)


def frame_of(series: Sequence[Sequence[Point]]) -> pl.DataFrame:
    rows = [(index, point.ms, point.value, point.step) for index, points in enumerate(series) for point in points]
    return pl.DataFrame(rows, schema=POINTS, orient="row")


def summaries(series: Sequence[Sequence[Point]]) -> list[Summary]:
    frame = summarise(frame_of(series))
    assert frame["series"].to_list() == [index for index, points in enumerate(series) if points]
    return [Summary(*row[1:]) for row in frame.iter_rows()]


def assert_same(said: Summary, points: Sequence[Point]) -> None:
    truth = truth_of(points)
    zeros = {point.step for point in points if point.value == 0}
    for name, value, expected in zip(said._fields, said, truth, strict=True):
        if name in ("min_step", "max_step") and expected in zeros and value in zeros:
            continue  # 0.0 and -0.0 are equal here and not to Polars
        assert same(value, expected), (name, said, truth)


class TestSummary:
    @given(st.lists(st.one_of(points_of_one, rising, st.just([])), max_size=6))
    @example([[Point(1, 5, 0.5), Point(1, 5, float("nan")), Point(1, 5, 0.75)]])
    @example([[Point(LIMIT - 1, 1, 1.0), Point(1 - LIMIT, 2, 2.0)]])
    @example([[Point(0, LIMIT - 1, 1.0), Point(0, 1 - LIMIT, 2.0)]])
    @example([[Point(4, 1, float("nan")), Point(7, 2, float("nan"))], [Point(9, 1, 3.0), Point(2, 1, 3.0)]])
    def test_as_plain_python(self, series: list[list[Point]]) -> None:
        for said, points in zip(summaries(series), [points for points in series if points], strict=True):
            assert_same(said, points)

    @given(st.one_of(points_of_one, rising), st.data())
    def test_of_parts_is_that_of_the_whole(self, points: list[Point], data: st.DataObject) -> None:
        assume(not nan_decides(points))
        cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(points) - 1)), max_size=3)))
        parts = [points[a:b] for a, b in zip([0, *cuts], [*cuts, len(points)], strict=True) if points[a:b]]
        first, *rest = summaries(parts)
        for part in rest:
            first = first.merge(part)
        assert_same(first, points)

    @given(points_of_one, points_of_one)
    def test_of_parts_is_of_the_latest_moment_even_where_nan_decides(self, a: list[Point], b: list[Point]) -> None:
        first, second = summaries([a, b])
        merged, truth = first.merge(second), truth_of([*a, *b])
        assert (merged.last_step, merged.last_ms) == (truth.last_step, truth.last_ms)
        assert any(same(merged.last, point.value) for point in [*a, *b])
        assert merged.points == truth.count

    def test_rule_for_the_latest_in_a_picture(self) -> None:
        """Step before time before value; not the last line."""
        by_step = [Point(5, 1, 5.0), Point(2, 9, 2.0)]
        by_time = [Point(1, 9, 0.9), Point(1, 5, 5.0), Point(1, 7, 7.0)]
        by_value = [Point(1, 1, 0.1), Point(1, 1, 0.9), Point(1, 1, 0.5)]
        nan_stays = [Point(1, 1, float("nan")), Point(1, 1, 0.9)]
        nan_comes_late = [Point(1, 1, 0.9), Point(1, 1, float("nan"))]
        found = [said.last for said in summaries([by_step, by_time, by_value, nan_stays, nan_comes_late])]
        assert found[:3] == [5.0, 0.9, 0.9]
        assert isnan(found[3])
        assert found[4] == 0.9


def nan_decides(points: Sequence[Point]) -> bool:
    """Several points at the latest step and moment, NaN among them: which is last then depends on their order.

    A summary does not hold enough to say it of parts; three such points in one millisecond, written apart, are needed.
    """
    step, ms = max((point.step, point.ms) for point in points)
    ties = [point.value for point in points if (point.step, point.ms) == (step, ms)]
    return len(ties) > 2 and any(isnan(value) for value in ties)


class TestTimes:
    @given(st.integers(-LIMIT, LIMIT - 1))
    @example(253_402_300_799_999)
    @example(253_402_300_800_000)
    @example(-62_135_596_800_000)
    @example(-62_135_596_800_001)
    def test_every_time_has_a_date_or_none(self, ms: int) -> None:
        (when,) = pl.DataFrame({"ms": [ms]}).select(time_of(pl.col("ms"))).to_series().to_list()
        if -62_135_596_800_000 <= ms <= 253_402_300_799_999:
            assert when is not None
            assert round((when - when.replace(year=1, month=1, day=1, hour=0)).total_seconds()) >= 0
        else:
            assert when is None
