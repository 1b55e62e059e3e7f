"""Comma-separated values, quoted as RFC 4180 says; a line ends with a newline alone, as Unix tools expect it.

Missing is an empty field and the empty string is `""`. Control characters are data, and are kept, in quotes.
"""

from __future__ import annotations

import polars as pl

from tui_runs.export.values import as_text


def csv_text(frame: pl.DataFrame, *, header: bool = True) -> str:
    """A frame as CSV.

    Args:
        frame: any columns of text, numbers, truth values and times.
        header: begin with the names of the columns.
    """
    texts = frame.select(as_text(name, dtype) for name, dtype in frame.schema.items())
    return texts.write_csv(include_header=header)
