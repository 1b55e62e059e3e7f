"""Sums up many small tables at once: those with the same header are parsed as one.

Parsing costs polars about 1 ms a file on top of its rows; a thousand files of one tool mostly have one header.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Final

import numpy as np

from tui_runs_dirs.readers import table_parse
from tui_runs_dirs.totals import Summed, Total, totals_between, totals_of

if TYPE_CHECKING:
    from tui_runs_dirs.readers.table_file import TableFile, _Lines

_TOGETHER_BYTES: Final = 4 << 20
"""Parsed as one at most: larger frames leave the processor's caches."""


def sum_tables(files: Sequence[TableFile], limit: int) -> list[Summed | OSError]:
    """See `tui_runs_dirs.layout.SummedTogether`."""
    results: dict[int, Summed | OSError] = {}
    groups: dict[object, list[tuple[int, _Lines]]] = {}
    for number, file in enumerate(files):
        try:
            lines = file._lines(0, limit)
        except OSError as error:
            results[number] = error
            continue
        if lines.header is None or not lines.complete or lines.cut or not lines.data:
            results[number] = _alone(file, limit)
        else:
            groups.setdefault(lines.header, []).append((number, lines))
    for group in groups.values():
        for part in _parts(group):
            rows = [lines.data.count(b"\n") for _, lines in part]
            summed = _together([lines for _, lines in part], rows) if len(part) > 1 else None
            for place, (number, lines) in enumerate(part):
                if summed is None:
                    results[number] = _alone(files[number], limit)
                else:
                    assert lines.header is not None
                    files[number]._mark(lines, rows[place], lines.header)
                    results[number] = Summed(summed[place], lines.end, True)
    return [results[number] for number in range(len(files))]


def _alone(file: TableFile, limit: int) -> Summed | OSError:
    try:
        stretch = file.read(0, limit)
    except OSError as error:
        return error
    return Summed(totals_of(stretch.frame), stretch.end, stretch.complete, stretch.restarted, stretch.problems)


def _parts(group: list[tuple[int, _Lines]]) -> list[list[tuple[int, _Lines]]]:
    parts: list[list[tuple[int, _Lines]]] = [[]]
    size = 0
    for one in group:
        if size > _TOGETHER_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(one)
        size += len(one[1].data)
    return parts


def _together(group: Sequence[_Lines], rows: Sequence[int]) -> list[dict[str, Total]] | None:
    """The totals of tables of one header; None where they have to be looked at one by one."""
    header = group[0].header
    assert header is not None
    frame = table_parse.regular(b"".join(lines.data for lines in group), header, sum(rows))
    if frame is None:
        return None
    # Times are read with the other columns: whether a column holds moments is told by all of them together.
    if header.time is not None:
        return None
    starts = np.array([0, *accumulate(rows)])
    if header.step is None:
        step = np.concatenate([np.arange(count) for count in rows])
    else:
        step = table_parse.steps(frame, header, 0)
    sums: list[dict[str, Total]] = [{} for _ in group]
    for number in header.metrics:
        column = frame[str(number)]
        at = np.flatnonzero(column.is_not_null().to_numpy())
        totals = totals_between(column.drop_nulls().to_numpy(), step[at], None, np.searchsorted(at, starts))
        for said, total in zip(sums, totals, strict=True):
            if total is not None:
                said[header.names[number]] = total
    return sums
