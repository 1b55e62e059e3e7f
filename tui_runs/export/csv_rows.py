"""Comma-separated values, quoted as RFC 4180 says; a line ends with a newline alone, as Unix tools expect it.

Missing is an empty field and the empty string is `""`. Control characters are data, and are kept, in quotes.

A spreadsheet runs a text that begins with one of `= + - @`, a tab or a line's end as a formula, whoever wrote it. Such
a text gets an apostrophe in front, which spreadsheets take for "this is text", unless it is a number. That is the one
thing in which a CSV differs from the store; JSON and Parquet are exact.

Source: OWASP, "CSV Injection"; the full-width signs are what Japanese spreadsheets take for the same.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from tui_runs.export.values import as_text

_FORMULA: Final = r"^[=+\-@\t\r\n＝＋－＠]"
_NUMBER: Final = r"(?i)^[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|nan|inf|infinity)$"


def csv_text(frame: pl.DataFrame, *, header: bool = True) -> str:
    """A frame as CSV.

    Args:
        frame: any columns of text, numbers, truth values and times.
        header: begin with the names of the columns.
    """
    texts = frame.select(
        _harmless(as_text(name, dtype)) if dtype == pl.String else as_text(name, dtype)
        for name, dtype in frame.schema.items()
    )
    names = pl.Series("name", frame.columns, dtype=pl.String)
    texts.columns = names.to_frame().select(_harmless(pl.col("name"))).to_series().to_list()
    return texts.write_csv(include_header=header)


def _harmless(text: pl.Expr) -> pl.Expr:
    formula = text.str.contains(_FORMULA) & ~text.str.contains(_NUMBER)
    return pl.when(formula).then(pl.lit("'") + text).otherwise(text).name.keep()
