"""The filter language: what texts mean, what is wrong with others, and back to text."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT
from tui_runs.analysis.query import parse
from tui_runs.analysis.query_text import to_text
from tui_runs.conditions import All, Compare, Condition, Either, Has, Not, OneOf, Word
from tui_runs.errors import QueryError
from tui_runs.schema import STATUSES

NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
COLUMNS = [
    "metrics.loss",
    "metrics.val_loss",
    "metrics.val loss",
    "params.lr",
    "params.opt",
    "params.loss",
    "tags.team",
]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The reader sits in a zone that is two hours ahead of UTC in summer and one in winter."""
    monkeypatch.setitem(os.environ, "TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


LOSS = Compare("metrics.loss", "<", 0.3)
OPT = Compare("params.opt", "=", "adam")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", All(())),
        (" \n", All(())),
        ("()", All(())),
        ("metrics.loss < 0.3", LOSS),
        ("metric.loss<.3", LOSS),
        ("METRICS.`loss` < 3e-1", LOSS),
        ("`metrics`.\"loss\" < '0.3'", LOSS),
        ("params.opt = 'adam'", OPT),
        ("param.opt == adam", OPT),
        ('parameters.opt = "adam"', OPT),
        ("metrics.loss < 0.3 and params.opt = 'adam'", All((LOSS, OPT))),
        ("metrics.loss < 0.3 AND\nparams.opt = 'adam'", All((LOSS, OPT))),
        ("metrics.loss < 0.3 params.opt = adam", All((LOSS, OPT))),
        ("metrics.loss < 0.3 or params.opt = adam bert", Either((LOSS, All((OPT, Word("bert")))))),
        ("(metrics.loss < 0.3 or params.opt = adam) bert", All((Either((LOSS, OPT)), Word("bert")))),
        ("not metrics.loss < 0.3 and bert", All((Not(LOSS), Word("bert")))),
        ("not (not bert)", Not(Not(Word("bert")))),
        ("adam bert", All((Word("adam"), Word("bert")))),
        ("'two words' in-house 学習", All((Word("two words"), Word("in-house"), Word("学習")))),
        ("'and'", Word("and")),
        ("params.lr = 0.01", Compare("params.lr", "=", 0.01)),
        ("params.lr = '0.01'", Compare("params.lr", "=", "0.01")),
        ("params.lr != -inf", Compare("params.lr", "!=", -math.inf)),
        ("params.lr <> +1.", Compare("params.lr", "!=", 1.0)),
        ("params.lr = 1_000", Compare("params.lr", "=", "1_000")),
        ("params.lr in (1, 'a', \"b\", c,)", OneOf("params.lr", (1.0, "a", "b", "c"))),
        ("params.lr not in (1)", All((Has("params.lr"), Not(OneOf("params.lr", (1.0,)))))),
        ("params.lr between 1e-4 and 0.1", All((Compare("params.lr", ">=", 1e-4), Compare("params.lr", "<=", 0.1)))),
        ("params.lr NOT BETWEEN 1 and 2", Either((Compare("params.lr", "<", 1.0), Compare("params.lr", ">", 2.0)))),
        ("name like 'a%'", Compare("name", "like", "a%")),
        ("name ILike a%", Compare("name", "ilike", "a%")),
        ("name not  like 'a%'", All((Has("name"), Not(Compare("name", "like", "a%"))))),
        ("name ~ '^a.*(b|c)'", Compare("name", "~", "^a.*(b|c)")),
        ("name!~b", All((Has("name"), Not(Compare("name", "~", "b"))))),
        ("tags.team is null", Not(Has("tags.team"))),
        ("tags.team IS NOT NULL", Has("tags.team")),
        ("has tags.team", Has("tags.team")),
        ("metrics.loss is not nan", Compare("metrics.loss", "<=", math.inf)),
        ("status = FINISHED", Compare("status", "=", "finished")),
        ("status != 'Running'", Compare("status", "!=", "running")),
        ("status in (failed, 'KILLED')", OneOf("status", ("failed", "killed"))),
        ("status = 'no such'", Compare("status", "=", "no such")),
        ("attributes.status like 'FIN%'", Compare("status", "like", "fin%")),
        ("run_name = 'a'", Compare("name", "=", "a")),
        ("`run name` = a", Compare("name", "=", "a")),
        ('"Run name" = a', Compare("name", "=", "a")),
        ("attr.`Run Name` = a", Compare("name", "=", "a")),
        ("user_id = 7", Compare("user", "=", "7")),
        ("run_id = 0012", Compare("run_id", "=", "0012")),
        ("run.experiment = 2026-11-20", Compare("experiment", "=", "2026-11-20")),
        ("duration > 1h30m", Compare("duration_s", ">", 5400.0)),
        ("age < 1.5h", Compare("age_s", "<", 5400.0)),
        ("duration_s <= 90", Compare("duration_s", "<=", 90.0)),
        # strings are raw, as MLflow has them; E'…' is ours
        ("params.opt = 'it''s'", Compare("params.opt", "=", "it''s")),
        (r"params.opt = 'it\'s'", Compare("params.opt", "=", r"it\'s")),
        (r"params.opt = E'a\'b\\c""d'", Compare("params.opt", "=", "a'b\\cd")),
        (r"params.opt = 'a\'", Compare("params.opt", "=", "a\\")),
        (r'params.opt = "\" and bert"', Compare("params.opt", "=", r"\" and bert")),
        ("""params.opt = "'" and (params.opt = "'")""", All((Compare("params.opt", "=", "'"),) * 2)),
        ("params.opt = ''", Compare("params.opt", "=", "")),
        # times
        ("started > -2h", Compare("started", ">", NOW - timedelta(hours=2))),
        ("created > -1w", Compare("started", ">", NOW - timedelta(weeks=1))),
        ("ended <= -1d12h", Compare("ended", "<=", NOW - timedelta(hours=36))),
        ("start_time > 1700000000123", Compare("started", ">", datetime(2023, 11, 14, 22, 13, 20, 123000, UTC))),
        ("end_time < 1e300", Compare("ended", "<", datetime.max.replace(tzinfo=UTC))),
        ("end_time > -1e300", Compare("ended", ">", datetime.min.replace(tzinfo=UTC))),
        ("started < 2026-11-20", Compare("started", "<", datetime(2026, 11, 19, 23, tzinfo=UTC))),
        ("started >= '2026-07-20'", Compare("started", ">=", datetime(2026, 7, 19, 22, tzinfo=UTC))),
        ("started <= 2026-11-20", Compare("started", "<", datetime(2026, 11, 20, 23, tzinfo=UTC))),
        ("started > 2026-11-20 13:45", Compare("started", ">=", datetime(2026, 11, 20, 12, 46, tzinfo=UTC))),
        ("started > '2026-11-20T13:45:07Z'", Compare("started", ">=", datetime(2026, 11, 20, 13, 45, 8, tzinfo=UTC))),
        ("started > 2026-11-20 13:45:07.5Z", Compare("started", ">", datetime(2026, 11, 20, 13, 45, 7, 500000, UTC))),
        (
            "started = 2026-10-25",  # 25 hours long in Berlin
            All(
                (
                    Compare("started", ">=", datetime(2026, 10, 24, 22, tzinfo=UTC)),
                    Compare("started", "<", datetime(2026, 10, 25, 23, tzinfo=UTC)),
                )
            ),
        ),
        (
            "started != '2026-11-20 13:45+01:00'",
            Either(
                (
                    Compare("started", "<", datetime(2026, 11, 20, 12, 45, tzinfo=UTC)),
                    Compare("started", ">=", datetime(2026, 11, 20, 12, 46, tzinfo=UTC)),
                )
            ),
        ),
        ("started in (0, 1000)", OneOf("started", (EPOCH, EPOCH + timedelta(seconds=1)))),
    ],
)  # fmt: skip
def test_what_it_means(text: str, meant: Condition) -> None:
    assert parse(text, now=NOW) == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("val_loss < 0.3", "metrics.val_loss"),
        ("`val loss` < 0.3", "metrics.val loss"),
        ("lr < 0.3", "params.lr"),
        ("team < 0.3", "tags.team"),
        ("metrics.loss < 0.3", "metrics.loss"),
        ("param.loss < 0.3", "params.loss"),
    ],
)
def test_a_key_alone_stands_for_the_one_column_that_has_it(text: str, meant: str) -> None:
    assert parse(text, COLUMNS) == Compare(meant, "<", 0.3)


@pytest.mark.parametrize(
    ("text", "position", "says"),
    [
        ("metrics.loss <", 14, "expected a value, but the filter ends here"),
        ("metrics.loss < and lr = 3", 15, "expected a value, not 'and'"),
        ("metrics.loss < 3 and", 20, "expected a condition, but"),
        ("and metrics.loss < 3", 0, "expected a condition, not 'and'"),
        ("(metrics.loss < 3", 17, "or ')', but the filter ends here"),
        ("metrics.loss < 3)", 16, "not ')'"),
        ("lr = 'adam", 5, "quote that opens here is not closed"),
        ("lr in 3", 6, "expected '(', not '3'"),
        ("lr in 'a b'", 6, """expected '(', not "'a b'"."""),
        ("lr is 3", 6, "expected 'null' or 'nan', not '3'"),
        ("lr = null", 5, "expected a value, not 'null'"),
        ("lr between 1 or 2", 13, "expected 'and', not 'or'"),
        ("bert, gpt", 4, "not ','"),
        ("has", 3, "expected a column"),
        ("bert params.lr", 14, "expected an operator such as = or < after params.lr"),
        ("a && b", 2, "Write 'and'"),
        ("metrics.val_los < 3", 0, "Did you mean 'metrics.val_loss'?"),
        ("x or val_los < 3", 5, "Did you mean 'metrics.val_loss'?"),
        ("statsu = running", 0, "Did you mean 'status'?"),
        ("has params.lrr", 4, "Did you mean 'params.lr'?"),
        ("loss < 3", 0, "'loss' is both metrics.loss and params.loss"),
        ("status = runing", 9, "Did you mean running?"),
        ("status < running", 9, "no order"),
        ("metrics.loss < low", 15, "metrics.loss is a number, and 'low' is none"),
        ("metrics.loss like 'a'", 18, "like is for text"),
        ("duration > long", 11, "such as 90, 2h or 1h30m"),
        ("started > yesterday", 10, "a time such as 2026-11-20"),
        ("started > 2026-02-30", 10, "a time such as"),
        ("started > nan", 10, "a time such as"),
        ("started ~ '2026'", 10, "~ is for text, and started is a time"),
        ("name ~ 'a('", 7, "unclosed group"),
        ("name ~ '(?=a)b'", 7, "look-ahead and look-behind"),
        (r"name ~ '(a)\1'", 7, "refer back"),
        ("name ~ '(a{999}){999}'", 7, "too large"),
        ("lr = params.opt", 5, "columns cannot be compared with each other"),
        ("datasets.name = 'x'", 0, "datasets"),
        ("artifact_uri like '%x'", 0, "artifact_uri"),
        ("name = '\udc80'", 8, "not a character"),
        ("not " * 1000 + "x", 0, "inside each other"),
    ],
)
def test_an_error_points_at_its_place_and_says_what_to_do(text: str, position: int, says: str) -> None:
    with pytest.raises(QueryError) as error:
        parse(text, COLUMNS, NOW)
    assert error.value.position == position
    assert says in f"{error.value.reason} {error.value.remedy}"
    assert str(error.value).startswith(f"Column {position + 1} ")


def test_without_columns_a_bare_key_needs_its_entity() -> None:
    assert parse("metrics.any < 1") == Compare("metrics.any", "<", 1.0)
    with pytest.raises(QueryError, match=r"no column 'any'") as error:
        parse("any < 1")
    assert "metrics.any" in error.value.remedy


def test_the_parser_is_imported_when_it_is_needed() -> None:
    """It takes 0.1 s, and most commands have no filter."""
    modules = "tui_runs.analysis.query, tui_runs.analysis.query_text, tui_runs.analysis.completion"
    program = f"import sys, {modules}; tui_runs.analysis.query.parse(''); print('lark' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "False"


def test_many_parts_are_no_trouble() -> None:
    assert parse(" or ".join(["a"] * 2000)) == Either((Word("a"),) * 2000)
    assert parse("(" * 2000 + "a" + ")" * 2000) == Word("a")


numbers = st.floats(allow_nan=False)
texts = st.text(st.characters(exclude_categories=("Cs",)) | st.sampled_from("'\"`\\ E%"), max_size=8)
moments = st.datetimes(timezones=st.just(UTC))
keys = texts.filter(bool) | st.sampled_from(["lr", "a.b", "a/b c", "and", "not", "`a`", "学習"])
opened = st.tuples(st.sampled_from(["params", "tags"]), keys).map(".".join)
metrics = keys.map("metrics.{}".format)
orders = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
equal = st.sampled_from(["=", "!="])
stamps = st.sampled_from(["started", "ended", "updated"])
plain = st.sampled_from(["name", "run_id", "experiment", "notes"])
leaves = st.one_of(
    st.builds(Compare, opened, orders, numbers | texts),
    st.builds(Compare, metrics | st.just("duration_s"), orders, numbers),
    st.builds(Compare, stamps, orders, moments),
    st.builds(Compare, plain, orders, texts),
    st.builds(Compare, st.just("status"), equal, st.sampled_from(STATUSES)),
    st.builds(Compare, opened | plain, st.sampled_from(["like", "ilike"]), texts),
    st.builds(Compare, opened | plain, st.just("~"), st.sampled_from([r"a\d+", "(x|y)'\"", "^a.*b$", ""])),
    st.builds(OneOf, opened, st.lists(numbers | texts, min_size=1, max_size=3).map(tuple)),
    st.builds(OneOf, st.just("status"), st.lists(st.sampled_from(STATUSES), min_size=1, max_size=3).map(tuple)),
    st.builds(OneOf, stamps, st.lists(moments, min_size=1, max_size=3).map(tuple)),
    st.builds(Has, opened | metrics | plain | stamps),
    st.builds(Word, texts),
    st.just(All(())),
)
conditions: st.SearchStrategy[Condition] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(All, st.lists(inner, min_size=2, max_size=4).map(tuple)),
        st.builds(Either, st.lists(inner, min_size=2, max_size=4).map(tuple)),
    ),
    max_leaves=8,
)


@given(conditions)
def test_text_and_back(condition: Condition) -> None:
    assert parse(to_text(condition)) == condition


def test_text_of_what_nobody_types() -> None:
    assert to_text(All((Word("a"),))) == "a"
    assert to_text(Not(Either((Word("a"),)))) == "not a"
    assert to_text(Either(())) == "not ()"
    assert to_text(Not(Has("params.a b"))) == "params.`a b` is null"
    assert to_text(Compare("metrics.loss", "=", math.nan)) == "metrics.loss = nan"


FRAGMENTS = ["metrics.loss", "params.`a", "name", "status", "started", "lr", "1e-3", "nan", "-2h", "2026-11-20", "a("]
FRAGMENTS += ["and", "or", "not", "in", "between", "is", "null", "has", "like", "<", "=", "!", "~", "!~", "(", ")", ","]
FRAGMENTS += ["'", '"', "`", "\\", "E'", "[", "?"]
pieces = st.sampled_from([*FRAGMENTS, *(f" {one} " for one in FRAGMENTS)])


@given(st.text(max_size=20) | st.lists(pieces, max_size=9).map("".join), st.booleans())
def test_nothing_but_a_query_error_inside_of_the_text(text: str, known: bool) -> None:
    columns = COLUMNS if known else ()
    mistake = None
    try:
        condition = parse(text, columns, NOW)
    except QueryError as error:
        mistake = error
    if mistake is None:
        assert repr(parse(to_text(condition), columns, NOW)) == repr(condition)
    else:
        assert 0 <= mistake.position <= len(text)
        assert mistake.reason.endswith((".", "?"))
        assert str(mistake).isprintable()
