"""Long frames of one kind, kept by key: what nobody looks at costs little, however many keys there are.

A chunk holds its rows sorted by key, and where each key's rows lie; the keys themselves are not repeated row by row,
and a column in which a chunk has nothing but nulls is not held at all. 75,000 runs x 1,500 metrics of which a tracking
server tells only the last values are 28 bytes a metric in this way, in place of 81.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from tui_runs.schema import Schema, empty

ROW: Final = "row"
"""The column with the number of a run's row in the catalog."""
_MANY: Final = 24
"""Chunks that may be merged at most; more are merged into one, and what was replaced is dropped."""
_LARGE: Final = 4_000_000
"""Rows from which on a chunk is not merged any more: that would take its memory several times."""
_NUMBER: Final = "number"
Spans = dict[str, tuple[int, int]]
"""Where each key's rows lie in a chunk: the first, and how many."""


class Chunks:
    """Frames of PARAMS, TAGS or METRICS, with row numbers for run ids; what was said last of a run's key counts."""

    def __init__(self, schema: Schema) -> None:
        self._schema = {ROW: pl.UInt32(), **{name: dtype for name, dtype in schema.items() if name != "run_id"}}
        self._chunks: list[tuple[pl.DataFrame, Spans]] = []

    def __len__(self) -> int:
        """How many chunks there are."""
        return len(self._chunks)

    @property
    def crowded(self) -> bool:
        """Whether it is time to merge."""
        loose = [frame.height for frame, _ in self._chunks[self._settled :]]
        return len(loose) > _MANY or (len(loose) > 1 and sum(loose) > _LARGE)

    @property
    def _settled(self) -> int:
        """How many chunks come up to the last large one: merging those after it keeps what was said last at the end."""
        return max((at for at, (frame, _) in enumerate(self._chunks, 1) if frame.height >= _LARGE), default=0)

    def add(self, frame: pl.DataFrame, known: pl.DataFrame) -> None:
        """Add rows of the schema; those of runs that are not known are dropped.

        Args:
            frame: with `run_id` in place of the row numbers.
            known: columns run_id and ROW.
        """
        if not frame.is_empty():
            chunk = frame.join(known, on="run_id").select(self._schema.keys()).sort("key", maintain_order=True)
            self._append(chunk, chunk["key"].rle().struct.unnest())

    def _append(self, chunk: pl.DataFrame, lengths: pl.DataFrame) -> None:
        """Add rows that are sorted by key.

        Args:
            chunk: the rows; of a key column there is no need.
            lengths: columns `len` and `value`: how many rows each key has, in the order in which they come.
        """
        spans: Spans = {}
        start = 0
        for length, key in lengths.select("len", "value").iter_rows():
            spans[key] = (start, length)
            start += length
        kept = [one.name for one in chunk if one.name != "key" and one.null_count() < chunk.height]
        self._chunks.append((chunk.select(ROW, *(name for name in kept if name != ROW)), spans))

    def merge(self, live: pl.Series) -> None:
        """Make one chunk of those that may be merged, without rows that were replaced or whose run is gone.

        Args:
            live: the row numbers (UInt32) of the runs that there are.
        """
        small = self._chunks[self._settled :]
        keys = sorted({key for _, spans in small for key in spans})
        numbers = pl.DataFrame({"value": keys}, schema={"value": pl.String}).with_row_index(_NUMBER)
        parts = []
        for frame, spans in small:
            lengths = pl.DataFrame({"value": list(spans), "len": [length for _, length in spans.values()]})
            lengths = lengths.join(numbers, on="value", maintain_order="left")
            column = lengths.select(pl.col(_NUMBER).repeat_by("len").explode())[_NUMBER]
            parts.append(frame.with_columns(column))
        merged = pl.concat(parts, how="diagonal").join(live.to_frame(), on=ROW, how="semi", maintain_order="left")
        merged = merged.unique([ROW, _NUMBER], keep="last", maintain_order=True).sort(_NUMBER, maintain_order=True)
        lengths = merged[_NUMBER].rle().struct.unnest().rename({"value": _NUMBER})
        lengths = lengths.join(numbers, on=_NUMBER, maintain_order="left")
        del self._chunks[self._settled :]
        self._append(merged.drop(_NUMBER), lengths)

    def keys(self) -> set[str]:
        """Every key that a row has."""
        return {key for _, spans in self._chunks for key in spans}

    def column(self, key: str) -> pl.DataFrame:
        """Every row of a key, the latest of each run: the columns of the schema but the key."""
        parts = [frame.slice(*spans[key]) for frame, spans in self._chunks if key in spans]
        return self._whole(parts).unique(ROW, keep="last", maintain_order=True).drop("key")

    def of_rows(self, rows: pl.Series) -> pl.DataFrame:
        """Every key of some runs, the latest of each: the columns of the schema.

        Args:
            rows: their row numbers (UInt32).
        """
        parts = []
        for frame, spans in self._chunks:
            places = frame[ROW].is_in(rows.implode()).arg_true()
            if len(places):
                starts = pl.Series([start for start, _ in spans.values()], dtype=pl.UInt32)
                keys = pl.Series(list(spans), dtype=pl.String)
                found = keys.gather(starts.search_sorted(places, "right") - 1)
                parts.append(frame[places].with_columns(found.alias("key")))
        return self._whole(parts).unique([ROW, "key"], keep="last")

    def _whole(self, parts: list[pl.DataFrame]) -> pl.DataFrame:
        """Parts of chunks as one frame of the schema: columns that they do not hold are null."""
        frame = pl.concat([empty(self._schema), *parts], how="diagonal")
        return frame.select(self._schema.keys())

    def containing(self, needle: str) -> pl.Series:
        """Row numbers (UInt32) of values that contain a lower-case text."""
        found = [
            frame.filter(frame["value"].str.to_lowercase().str.contains(needle, literal=True))[ROW]
            for frame, _ in self._chunks
            if "value" in frame.columns
        ]
        return pl.concat(found) if found else pl.Series(ROW, [], dtype=pl.UInt32)
