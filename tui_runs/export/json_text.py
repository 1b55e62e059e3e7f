"""JSON, as one array or as one object a line. Always UTF-8; characters that could harm a terminal are escaped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

import polars as pl

from tui_runs.display import HOSTILE
from tui_runs.export.values import as_text


def json_text(value: object) -> str:
    r"""A value as JSON on one line; control and direction characters are written as \u escapes."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return text if text.isascii() and text.isprintable() else HOSTILE.sub(lambda one: json.dumps(one[0])[1:-1], text)


def json_lines(objects: Iterable[Mapping[str, object] | str]) -> Iterator[str]:
    """One object a line, each with its newline; text is taken for an object that is JSON already."""
    for one in objects:
        yield (one if isinstance(one, str) else json_text(one)) + "\n"


def json_array(objects: Iterable[Mapping[str, object] | str]) -> Iterator[str]:
    """An array, one object a line, written as it comes."""
    before = "[\n"
    for line in json_lines(objects):
        yield before + line[:-1]
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def rows_as_json(frame: pl.DataFrame) -> list[str]:
    """Every row as a JSON object, without a Python object for each value: 5 million points take seconds, not minutes.

    Args:
        frame: columns of text (few different ones), numbers and times.
    """
    parts: list[pl.Expr] = []
    for number, (name, dtype) in enumerate(frame.schema.items()):
        parts.append(pl.lit(("{" if number == 0 else ", ") + json_text(name) + ": "))
        text = as_text(name, dtype)
        if dtype == pl.String:
            different = frame[name].drop_nulls().unique().to_list()
            text = text.replace_strict(different, [json_text(value) for value in different], default=None)
        elif not dtype.is_integer():
            bare = pl.col(name).is_finite() if dtype.is_float() else pl.lit(value=False)
            text = pl.when(bare).then(text).otherwise(pl.concat_str(pl.lit('"'), text, pl.lit('"')))
        parts.append(text.fill_null("null"))
    return frame.select(pl.concat_str(*parts, pl.lit("}"))).to_series().to_list()
