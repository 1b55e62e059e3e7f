"""Which runs a condition holds for, against a plain Python that takes them one by one."""

from __future__ import annotations

import math
import operator as ops
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_runs.analysis.evaluation import columns_of, holds
from tui_runs.analysis.query import parse
from tui_runs.conditions import All, Compare, Condition, Either, Has, Not, OneOf, Word
from tui_runs.schema import STATUS, STATUSES, TIME

Run = Mapping[str, Any]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SCHEMA = {
    "source": pl.String,
    "run_id": pl.String,
    "name": pl.String,
    "status": STATUS,
    "started": TIME,
    "params.p": pl.String,
    "metrics.m": pl.Float64,
    "duration_s": pl.Float64,
}
COLUMNS = [name for name in SCHEMA if name not in ("source", "run_id")]
OPERATIONS = {"=": ops.eq, "!=": ops.ne, "<": ops.lt, "<=": ops.le, ">": ops.gt, ">=": ops.ge}


def frame_of(runs: list[Run]) -> pl.DataFrame:
    rows = [{"source": f"s{number % 2}", "run_id": f"r{number // 2}", **run} for number, run in enumerate(runs)]
    return pl.DataFrame(rows, schema=SCHEMA)


def finder(runs: list[Run]) -> Any:
    """The runs whose name contains a text."""
    frame = frame_of(runs)
    return lambda text: frame.filter(
        pl.Series([text.lower() in (run["name"] or "").lower() for run in runs], dtype=pl.Boolean)
    )


def as_number(text: str) -> float | None:
    text = text.strip()
    if not text.isascii() or "_" in text:
        return None
    try:
        return float(text)
    except ValueError:
        return None


def fits(pattern: str, text: str) -> bool:
    """`like`, letter by letter."""
    if not pattern:
        return not text
    if pattern[0] == "%":
        return any(fits(pattern[1:], text[at:]) for at in range(len(text) + 1))
    return bool(text) and pattern[0] in ("_", text[0]) and fits(pattern[1:], text[1:])


def compares(stored: Any, operator: str, value: Any) -> bool:
    if isinstance(stored, str) and isinstance(value, float):
        stored = as_number(stored)
    if stored is None or type(stored) is not type(value):
        return False
    if operator == "like":
        return fits(value, stored)
    if operator == "ilike":
        return fits(value.lower(), stored.lower())
    if operator == "~":
        return re.search(value, stored) is not None
    return bool(OPERATIONS[operator](stored, value))


def plainly(condition: Condition, run: Run) -> bool:
    match condition:
        case Compare(column, operator, value):
            return compares(run.get(column), operator, value)
        case OneOf(column, values):
            return any(compares(run.get(column), "=", value) for value in values)
        case Has(column):
            return run.get(column) is not None
        case Word(text):
            return text.lower() in (run["name"] or "").lower()
        case All(parts):
            return all(plainly(part, run) for part in parts)
        case Either(parts):
            return any(plainly(part, run) for part in parts)
        case Not(part):
            return not plainly(part, run)


some_numbers = st.sampled_from([0.0, -0.0, 0.01, 1.0, -1.5, 1e22, math.inf, -math.inf, math.nan]) | st.floats()
some_texts = st.sampled_from(
    ["", "a", "ab", "A%", "a_b", "a.b\nc", " 1 ", "1e-2", "0.01", "nan", "-inf", "1_0", "学習"]
)
some_texts = some_texts | st.text("ab%_.*\n1", max_size=5) | some_numbers.map(repr)
some_times = st.integers(0, 5).map(lambda hours: EPOCH + timedelta(hours=hours))
runs = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.none() | some_texts,
            "status": st.none() | st.sampled_from(STATUSES),
            "started": st.none() | some_times,
            "params.p": st.none() | some_texts,
            "metrics.m": st.none() | some_numbers,
            "duration_s": st.none() | some_numbers,
        }
    ),
    max_size=6,
)
names = st.sampled_from([*SCHEMA, "params.absent", "metrics.absent"])
operands = some_numbers | some_texts | some_times | st.sampled_from(STATUSES)
leaves = st.one_of(
    st.builds(Compare, names, st.sampled_from(list(OPERATIONS)), operands),
    st.builds(Compare, names, st.sampled_from(["like", "ilike"]), some_texts),
    st.builds(Compare, names, st.just("~"), st.sampled_from(["a", "^a.*b$", "(?i)A|1", r"\d+", ""])),
    st.builds(OneOf, names, st.lists(operands, max_size=3).map(tuple)),
    st.builds(Has, names),
    st.builds(Word, some_texts),
)
conditions: st.SearchStrategy[Condition] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(All, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Either, st.lists(inner, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)


@given(conditions, runs)
def test_as_plain_python_has_it(condition: Condition, some: list[Run]) -> None:
    frame = frame_of(some)
    found = holds(condition, frame, finder(some))
    assert found.dtype == pl.Boolean
    assert found.to_list() == [plainly(condition, run) for run in frame.iter_rows(named=True)]
    needed = frame.select("source", "run_id", *(columns_of(condition) & set(frame.columns) - {"source", "run_id"}))
    assert holds(condition, needed, finder(some)).to_list() == found.to_list()


RUNS: list[Run] = [
    {"name": "calm", "params.p": "0.01", "metrics.m": 0.5, "started": EPOCH},
    {"name": "Brave", "params.p": "1e-2", "metrics.m": math.nan, "status": "failed"},
    {"name": "keen\nfox", "params.p": "auto", "metrics.m": math.inf},
    {"name": None, "params.p": "", "metrics.m": None, "started": EPOCH + timedelta(days=1)},
    {"name": "", "params.p": None, "metrics.m": -1.0, "status": "running"},
    {"name": "late", "params.p": " 3 ", "metrics.m": 0.5},
]


@pytest.mark.parametrize(
    ("text", "those"),
    [
        ("", [0, 1, 2, 3, 4, 5]),
        ("not ()", []),
        ("params.p = 0.01", [0, 1]),
        ("params.p = '0.01'", [0]),
        ("params.p != 0.01", [5]),
        ("params.p > 2", [5]),
        ("params.p != '0.01'", [1, 2, 3, 5]),
        ("not params.p = '0.01'", [1, 2, 3, 4, 5]),
        ("params.p not in ('0.01')", [1, 2, 3, 5]),
        ("params.p is null", [4]),
        ("params.p = ''", [3]),
        ("has name", [0, 1, 2, 4, 5]),
        ("metrics.m != 0.5", [1, 2, 4]),
        ("metrics.m > 0", [0, 2, 5]),
        ("metrics.m <= inf", [0, 2, 4, 5]),
        ("metrics.m = nan", []),
        ("metrics.m is nan", [1]),
        ("params.p is nan", []),
        ("metrics.m is not nan", [0, 2, 4, 5]),
        ("metrics.m is null", [3]),
        ("metrics.m between -1 and 0.5", [0, 4, 5]),
        ("metrics.m not between -1 and 0.5", [2]),
        ("metrics.absent < 1 or not metrics.absent < 1", [0, 1, 2, 3, 4, 5]),
        ("metrics.absent < 1", []),
        ("name like 'k%fox'", [2]),
        ("name like 'b%'", []),
        ("name ilike 'b%'", [1]),
        ("name not like '%a%'", [2, 4]),
        ("name ~ 'n.f'", []),
        ("status = FAILED", [1]),
        ("status != failed", [4]),
        ("status like 'F%'", [1]),
        ("started > 1000", [3]),
        ("fox", [2]),
        ("not fox", [0, 1, 3, 4, 5]),
    ],
)
def test_what_is_found(text: str, those: list[int]) -> None:
    some = [{**dict.fromkeys(COLUMNS), **run} for run in RUNS]
    found = holds(parse(text), frame_of(some), finder(some))
    assert [at for at, holding in enumerate(found) if holding] == those


def test_a_word_is_looked_for_in_its_own_source() -> None:
    frame = frame_of([{"name": None}, {"name": None}, {"name": None}])
    asked = []

    def containing(text: str) -> pl.DataFrame:
        asked.append(text)
        return frame[1:2]

    assert holds(Word("x"), frame, containing).to_list() == [False, True, False]
    assert asked == ["x"]


def test_the_columns_that_are_needed() -> None:
    condition = parse("metrics.m < 1 and not (params.p in (1) or has tags.t) or started > 0 bert")
    assert columns_of(condition) == {"metrics.m", "params.p", "tags.t", "started"}
