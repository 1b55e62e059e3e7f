"""Parquet: the frame as it is, with its types."""

from __future__ import annotations

import io

import polars as pl


def parquet_bytes(frame: pl.DataFrame) -> bytes:
    """A frame as a Parquet file; words of a fixed choice, such as a run's status, become plain text."""
    words = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Enum)]
    file = io.BytesIO()
    frame.with_columns(pl.col(words).cast(pl.String)).write_parquet(file)
    return file.getvalue()
