"""From the records of a log to rows, points, and what else they say.

What is usual is decoded with numpy, many records at a time (`fast_items`), the rest one by one (`records`); both say
the same.

With each call of `log` W&B writes the values twice: as history, and as a record that brings the summary up to date.
The second is half of most files, and says what the first has said: it is left out, and the histories are taken for
it. It is known by having no stream id, unlike what the user's own process sent. Where that is of no help, because the
writer is too old or the run has asked for a summary of another kind (`define_metric(summary="min")`), all is decoded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from tui_runs_wandb.fast_items import Heads, classify, decode_usual
from tui_runs_wandb.fast_keys import Lookup
from tui_runs_wandb.found import Found, numbers_in
from tui_runs_wandb.keys import STEP, SYSTEM, TIMESTAMP, Keys
from tui_runs_wandb.points import NO_TIME, YEAR_10000, Points, Rows, sort_points
from tui_runs_wandb.records import (
    Item,
    Kind,
    decode_changes,
    decode_history,
    decode_metric,
    decode_stats,
    split_record,
)
from tui_runs_wandb.transaction_log import Records
from tui_runs_wandb.values import number_of
from tui_runs_wandb.wire import MalformedError

_WORTH_IT: Final = 24
"""Records from which numpy is faster than a loop."""
_OTHERS: Final = (Kind.CONFIG, Kind.METRIC, Kind.RUN, Kind.EXIT, Kind.ENVIRONMENT)


@dataclass(slots=True)
class Progress:
    """What has to be known of the records before, to decode those that follow.

    Args:
        keys: of the run; new ones are added.
        rows: calls of `log` so far.
        samples: samples of the system so far.
        streamed: the user's process marks what it sends with a stream id.
        summarised: the run has asked for a summary of its own.
    """

    keys: Keys = field(default_factory=Keys)
    rows: int = 0
    samples: int = 0
    streamed: bool = False
    summarised: bool = False
    _lookup: Lookup | None = None

    @property
    def lookup(self) -> Lookup:
        """The spellings of the keys, for the fast decoder."""
        if self._lookup is None:
            self._lookup = Lookup(self.keys)
        return self._lookup

    def rest(self) -> None:
        """Give back memory that is needed only while much is decoded: 50 KB, and there are runs by the thousand."""
        self._lookup = None


@dataclass(frozen=True, slots=True)
class Decoded:
    """What some records say.

    Args:
        points: histories and system metrics.
        summary: what was set in or removed from the summary, in order.
        summary_ends: the offset in the file behind the record of each.
        others: kind and content of all other records that matter, in order.
        malformed: how many records hold no message.
    """

    points: Points
    summary: list[Item]
    summary_ends: list[int]
    others: list[tuple[int, bytes]]
    malformed: int


def decode(records: Records, progress: Progress, *, fast: bool = True, with_points: bool = True) -> Decoded:
    """Decode records that follow those before.

    Args:
        records: as they were read.
        progress: is brought up to date.
        fast: False decodes everything one by one; the result is the same, but for values of the summary that were
            overwritten among these records.
        with_points: False leaves the points out, which is faster.
    """
    contents: dict[int, bytes] = {}
    own: set[int] = set()  # records of the summary that W&B made itself
    malformed = 0
    heads = classify(records) if fast and len(records.start) >= _WORTH_IT else None
    kind = heads.kind if heads else np.full(len(records.start), -1)
    for i in np.flatnonzero(kind < 0).tolist():
        try:
            parts = split_record(records.data[records.start[i] : records.end[i]].tobytes())
            kind[i], contents[i] = parts.kind, parts.content
            if parts.kind == Kind.RUN:
                progress.streamed |= parts.streamed
            elif parts.kind == Kind.METRIC:
                progress.summarised |= decode_metric(parts.content).summarised
            elif parts.kind == Kind.SUMMARY and not parts.streamed:
                own.add(i)
        except MalformedError:
            kind[i] = 0
            malformed += 1
    summed = Kind.HISTORY if progress.streamed and not progress.summarised else Kind.SUMMARY
    if summed == Kind.HISTORY:
        for i in own:
            del contents[i]
        if heads:
            heads.usual &= heads.streamed | (kind != Kind.SUMMARY)

    is_row = (kind == Kind.HISTORY) | (kind == Kind.STATS)
    row_of = np.cumsum(is_row) - 1
    is_sample = kind[is_row] == Kind.STATS
    steps = np.where(is_sample, progress.samples + np.cumsum(is_sample), progress.rows + np.cumsum(~is_sample)) - 1
    rows = Rows(steps, np.full(len(steps), NO_TIME), records.after[is_row])
    progress.samples += int(is_sample.sum())
    progress.rows += int((~is_sample).sum())

    found = Found(with_points=with_points)
    if heads:
        contents |= _usual(records, heads, rows, row_of, progress, found, summed)
    others: list[tuple[int, bytes]] = []
    for i in sorted(contents):
        try:
            if kind[i] == Kind.HISTORY:
                _history(contents[i], i, int(row_of[i]), int(records.start[i]), progress.keys, rows, found, summed)
            elif kind[i] == Kind.STATS:
                _sample(contents[i], int(row_of[i]), int(records.start[i]), progress.keys, rows, found)
            elif kind[i] == Kind.SUMMARY:
                found.summary += [(int(records.start[i]), i, item) for item in decode_changes(contents[i])]
            elif kind[i] in _OTHERS:
                others.append((int(kind[i]), contents[i]))
        except MalformedError:
            malformed += 1
    found.summary.sort(key=lambda change: change[0])
    return Decoded(
        _points(found, rows),
        [item for _, _, item in found.summary],
        [int(records.after[i]) for _, i, _ in found.summary],
        others,
        malformed,
    )


def _usual(
    records: Records, heads: Heads, rows: Rows, row_of: np.ndarray, progress: Progress, found: Found, summed: int
) -> dict[int, bytes]:
    """Decode usual records; the contents of those that turned out not to be."""
    odd = decode_usual(records, heads, row_of, rows.step, progress.keys, progress.lookup, found, summed)
    return {i: records.data[heads.begin[i] : heads.end[i]].tobytes() for i in odd}


def _history(content: bytes, record: int, row: int, at: int, keys: Keys, rows: Rows, found: Found, summed: int) -> None:
    history = decode_history(content)
    if history.step is not None:
        rows.step[row] = history.step
    if found.with_points:
        found.add([(key, row, value, at) for item in history.items for key, value in numbers_in(item, keys)])
    if summed == Kind.HISTORY:
        found.summary += [(at, record, item) for item in history.items]


def _sample(content: bytes, row: int, at: int, keys: Keys, rows: Rows, found: Found) -> None:
    taken, items = decode_stats(content)
    if taken is not None and 0 <= taken < YEAR_10000 * 1e6:
        rows.time[row] = taken
    values = [(SYSTEM + item.path[0], number_of(item.json or b"")) for item in items]
    found.add([(keys.number((key,)), row, value, at) for key, value in values if value is not None])


def _points(found: Found, rows: Rows) -> Points:
    if not found.key:
        nothing = np.empty(0, np.int32)
        return sort_points(rows, nothing, nothing, np.empty(0))
    key, row = np.concatenate(found.key), np.concatenate(found.row)
    value, at = np.concatenate(found.value), np.concatenate(found.at)
    if len(found.key) > 1:
        order = np.argsort(at, kind="stable")
        key, row, value = key[order], row[order], value[order]
    steps = np.flatnonzero((key == STEP) & (np.abs(value) < 2.0**62))
    rows.step[row[steps]] = value[steps].astype(np.int64)
    times = np.flatnonzero((key == TIMESTAMP) & (value >= 0) & (value < YEAR_10000))
    rows.time[row[times]] = np.rint(value[times] * 1e6).astype(np.int64)
    metrics = key > TIMESTAMP
    return sort_points(rows, key[metrics], row[metrics], value[metrics])
