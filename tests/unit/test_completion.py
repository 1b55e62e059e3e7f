"""What is offered while a filter is being typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_runs.analysis.completion import complete
from tui_runs.analysis.query import parse
from tui_runs.errors import QueryError

COLUMNS = ["metrics.loss", "metrics.val_loss", "metrics.odd key", "params.lr", "params.opt", "tags.team"]
VALUES = {
    "params.opt": ["adam", "sgd", "it's"],
    "params.lr": ["0.01", "auto"],
    "name": ["brave fox"],
    "tags.team": ["a'b\"c"],
}


def offered(text: str, cursor: int | None = None, **more: dict[str, int]) -> list[str]:
    """What a filter looks like after each of the suggestions."""
    at = len(text) if cursor is None else cursor
    found = complete(text, at, COLUMNS, lambda column: VALUES.get(column, []), uses=more.get("uses"))
    return [text[: one.start] + one.text + text[one.end :] for one in found]


@pytest.mark.parametrize(
    ("typed", "begins"),
    [
        ("metrics.v", ["metrics.val_loss"]),
        ("val", ["metrics.val_loss"]),
        ("VAL", ["metrics.val_loss"]),
        ("metric.l", ["metrics.loss"]),
        ("metrics.`odd", ["metrics.`odd key`"]),
        ("odd", ["metrics.`odd key`"]),
        ("loss", ["metrics.loss", "metrics.val_loss"]),
        ("attr.sta", ["status", "started"]),
        ("(not lr", ["(not params.lr"]),
        ("has l", ["has metrics.loss", "has params.lr"]),
        ("params.opt ", ["params.opt =", "params.opt !="]),
        ("params.opt not", ["params.opt not in", "params.opt not like"]),
        ("metrics.loss ", ["metrics.loss <", "metrics.loss <="]),
        ("metrics.loss is", ["metrics.loss is nan", "metrics.loss is null", "metrics.loss is not null"]),
        ("metrics.loss is ", ["metrics.loss is not", "metrics.loss is null", "metrics.loss is nan"]),
        ("started ", ["started >", "started >="]),
        ("params.opt = ", ["params.opt = 'adam'", "params.opt = 'sgd'", 'params.opt = "it\'s"']),
        ("opt=", ["opt= 'adam'"]),
        ("params.opt = 'a", ["params.opt = 'adam'"]),
        ("params.opt = sg", ["params.opt = 'sgd'"]),
        ("params.opt in ('adam', s", ["params.opt in ('adam', 'sgd'"]),
        ("params.opt in ('adam'", ["params.opt in ('adam' ,", "params.opt in ('adam' )"]),
        ("params.lr = ", ["params.lr = 0.01", "params.lr = 'auto'"]),
        ("params.lr between 0 and ", ["params.lr between 0 and 0.01"]),
        ("tags.team = ", [r"""tags.team = E'a\'b"c'"""]),
        ("status = f", ["status = finished", "status = failed"]),
        ("started > ", ["started > -1h", "started > -1d"]),
        ("duration > ", ["duration > 10m"]),
        ("params.lr = 1 ", ["params.lr = 1 and", "params.lr = 1 or"]),
        ("params.lr = 1 o", ["params.lr = 1 or", "params.lr = 1 metrics.`odd key`", "params.lr = 1 params.opt"]),
        ("(params.lr = 1 ", ["(params.lr = 1 and", "(params.lr = 1 or", "(params.lr = 1 )"]),
        ("params.opt in ", ["params.opt in ("]),
    ],
)
def test_what_could_come_next(typed: str, begins: list[str]) -> None:
    assert offered(typed)[: len(begins)] == begins


@pytest.mark.parametrize("typed", ["zzz", "params.lr = 1 ) ", "lr ! ", "params.opt = 'no such", "a,"])
def test_nothing_where_nothing_fits(typed: str) -> None:
    assert offered(typed) == []


def test_a_column_with_its_entity_needs_an_operator() -> None:
    assert "metrics.loss and" not in offered("metrics.loss ")
    assert "status and" in offered("status ")


def test_a_word_that_is_no_column_goes_on_as_a_word() -> None:
    assert offered("adam ") == ["adam and", "adam or"]


def test_in_the_middle_the_whole_word_is_replaced() -> None:
    assert offered("metrics.vXXX < 3 and lr = 1", 9) == ["metrics.val_loss < 3 and lr = 1"]


def test_columns_that_are_used_come_first() -> None:
    assert offered("", uses={"params.opt": 2, "tags.team": 5})[:3] == ["tags.team", "params.opt", "metrics.loss"]
    assert offered("")[:2] == ["metrics.loss", "metrics.val_loss"]


def test_no_more_than_asked_for_and_none_twice() -> None:
    many = [f"metrics.layer {number}" for number in range(3000)]
    found = complete("layer", 5, [*many, *many], lambda _: [], limit=7)
    assert [one.text for one in found] == [f"metrics.`layer {number}`" for number in range(7)]


pieces = [
    "metrics.loss",
    "params.opt",
    "started",
    " < ",
    " = ",
    "'",
    "'a'",
    " and ",
    "not ",
    "(",
    ")",
    "3",
    "ad",
    " in ",
]


def place_of_trouble(text: str) -> int:
    try:
        parse(text, COLUMNS)
    except QueryError as error:
        return error.position
    return len(text)


@given(st.lists(st.sampled_from(pieces), max_size=7).map("".join), st.integers(0, 40))
def test_what_is_offered_goes_on_from_a_filter_that_can_be_read(text: str, cursor: int) -> None:
    cursor = min(cursor, len(text))
    for one in complete(text, cursor, COLUMNS, lambda column: VALUES.get(column, [])):
        assert 0 <= one.start <= cursor <= one.end <= len(text)
        so_far = text[: one.start] + one.text
        place = place_of_trouble(so_far)
        assert place == len(so_far) or place <= one.start  # more is needed, or it was wrong before
