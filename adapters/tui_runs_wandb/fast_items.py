"""Decodes history and summary records as W&B usually writes them, many at a time, with numpy.

Usual is: a number, the content, perhaps a stream id; in the content, items; in an item, its key or the parts of it,
then one value. First all records are stepped through side by side, an item of each at a time, which gives where the
items are; then all items are looked at together. Every length is checked against the one around it, so that nothing
is taken for what it is not; an item that is not usual is decoded by `records`, and so is a whole record.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tui_runs_wandb.fast_keys import Lookup, Numbers, gather
from tui_runs_wandb.fast_numbers import convert
from tui_runs_wandb.found import Found, numbers_in
from tui_runs_wandb.keys import Keys
from tui_runs_wandb.log_chunks import Bytes
from tui_runs_wandb.points import Floats, Whole
from tui_runs_wandb.records import Item, Kind, decode_item
from tui_runs_wandb.transaction_log import Records
from tui_runs_wandb.wire import MalformedError

Flags = NDArray[np.bool_]

_ITEM, _SECOND = 0x0A, 0x12
"""Tags of fields 1 and 2: an item, and a history's step or what is removed from a summary; in an item key and part."""
_HISTORY_TAG, _SUMMARY_TAG = 0x12, 0x1A
_UNREAD_TAGS: Final = (0x22, 0x32, 0x42, 0x5A, 0x6A)
"""Output, files, artifact, telemetry, raw output: records that say nothing here."""
NUMBER_TAG: Final = 0x08
_STREAM_TAG: Final = (0xC2, 0x0C)
_JSON_TAG: Final = (0x82, 0x01)
_INTEGER_TAG, _DOUBLE_TAG = 0x28, 0x31
_FEW, _MANY_STEPS = 4, 64
"""So few records with so many items are decoded one by one: side by side they would be no faster."""


@dataclass(slots=True)
class Heads:
    """What records are.

    Args:
        kind: a `Kind`, 0 for one that says nothing here, or -1 where that is to be found out.
        begin: of the content, where it is usual.
        end: of the content, where it is usual.
        usual: a history or summary record that `decode_usual` can begin with.
        streamed: it says which stream it came in; of usual ones.
    """

    kind: Whole
    begin: Whole
    end: Whole
    usual: Flags
    streamed: Flags


def classify(records: Records) -> Heads:
    """Say what records are, from their first bytes."""
    data = records.data
    kind = np.full(len(records.start), -1)
    at = records.start.copy()
    numbered = np.flatnonzero(data[at] == NUMBER_TAG)
    at[numbered] = behind_number(data, at[numbered] + 1)
    tag = data[at]
    begin, size, sound = _length(data, at + 1)
    end = begin + size
    sound &= end <= records.end
    end = np.minimum(end, records.end)
    stream = (data[end] == _STREAM_TAG[0]) & (data[end + 1] == _STREAM_TAG[1]) & (data[end + 2] < 0x80)
    sound &= (end == records.end) | (stream & (end + 3 + data[end + 2] == records.end))
    kind[sound & np.isin(tag, _UNREAD_TAGS)] = 0
    usual = sound & ((tag == _HISTORY_TAG) | (tag == _SUMMARY_TAG))
    kind[usual] = np.where(tag[usual] == _HISTORY_TAG, Kind.HISTORY, Kind.SUMMARY)
    return Heads(kind, begin, end, usual, end < records.end)


def decode_usual(
    records: Records, heads: Heads, row_of: Whole, steps: Whole, keys: Keys, lookup: Lookup, found: Found, summed: int
) -> list[int]:
    """Decode all usual records.

    Args:
        records: with their bytes.
        heads: of them.
        row_of: the row of each record.
        steps: by row; where a history says its step beside the items, it is set.
        keys: of the run.
        lookup: of the same keys.
        found: where points and changes of the summary go.
        summed: HISTORY where what is logged is taken for the summary, with the records of the summary that are left.

    Returns:
        The records that are to be decoded one by one after all; nothing of them is in `found`.
    """
    data, usual = records.data, np.flatnonzero(heads.usual)
    items, odd = _step_through(data, heads, usual)
    raw, shapes = _shapes(data, items, lookup)
    in_history = heads.kind[items.record] == Kind.HISTORY
    unclear = shapes.kind == _ODD

    at = np.flatnonzero(in_history & ~unclear) if found.with_points else np.empty(0, np.int64)
    value, is_number, look = _numbers(data, shapes, at)
    unclear[at[look]] = True
    odd_items, broken = _decode_odd(data, items, np.flatnonzero(unclear))
    unclear |= np.isin(items.record, broken)
    sound = ~np.isin(items.stepped, broken)
    steps[row_of[items.stepped[sound]]] = items.step[sound]

    kept = is_number & ~unclear[at]
    at = at[kept]
    found.key.append(lookup.number[raw[at]])
    found.row.append(row_of[items.record[at]].astype(np.int32))
    found.value.append(value[kept])
    found.at.append(items.begin[at])
    found.add([
        (key, int(row_of[items.record[i]]), number, int(items.begin[i]))
        for i, item in odd_items
        if in_history[i] and found.with_points
        for key, number in numbers_in(item, keys)
    ])  # fmt: skip
    # Of what was set again and again only the last word is taken: nothing else can be seen of it afterwards.
    told = ~in_history | (summed == Kind.HISTORY)
    some = np.flatnonzero(told & ~unclear)
    latest = np.full(len(lookup.paths), -1)
    latest[raw[some]] = some
    said = [(i, Item(lookup.paths[raw[i]], _json_at(data, shapes, items, i))) for i in latest[latest >= 0].tolist()]
    said += [(i, item) for i, item in odd_items if told[i]]
    found.summary += [(int(items.begin[i]), int(items.record[i]), item) for i, item in said]
    return sorted({*odd, *broken})


def behind_number(data: Bytes, at: Whole) -> Whole:
    """Where the varints that begin at these positions end."""
    at = at.copy()
    going = np.arange(len(at))
    for _ in range(10):
        byte = data[at[going]]
        at[going] += 1
        going = going[byte >= 0x80]
        if not len(going):
            break
    return at


def _length(data: Bytes, at: Whole) -> tuple[Whole, Whole, Flags]:
    """Lengths of at most three bytes: where what they measure begins, how long it is, and whether they are so short."""
    size = data[at].astype(np.int64)
    begin, short = at + 1, np.ones(len(at), bool)
    long = np.flatnonzero(size >= 0x80)
    for shift in (7, 14):
        if not len(long):
            break
        byte = data[begin[long]].astype(np.int64)
        size[long] += (byte - 1) << shift  # less the bit that said that it goes on
        begin[long] += 1
        long = long[byte >= 0x80]
    short[long] = False
    return begin, size, short


# --- where the items are ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Items:
    """Items of all records, in the order written.

    Args:
        record: in which each is.
        begin: of its content.
        end: of its content.
        stepped: records of histories that say their step beside the items.
        step: of each of these.
    """

    record: Whole
    begin: Whole
    end: Whole
    stepped: Whole
    step: Whole


def _step_through(data: Bytes, heads: Heads, usual: Whole) -> tuple[_Items, list[int]]:
    """Find the items of all usual records; and say which records are not usual after all.

    This loop is run once for each item of the longest record. Only lengths are looked at; whether what was stepped
    over were items is seen afterwards, of all of them together.
    """
    active = np.arange(len(usual))
    at, end = heads.begin[usual], heads.end[usual]
    odd = at > end
    found: list[tuple[Whole, Whole]] = []
    while True:
        going = at < end
        if not going.all():
            odd[active] |= at > end
            active, at, end = active[going], at[going], end[going]
        if not len(active):
            break
        if len(found) >= _MANY_STEPS and len(active) < _FEW:
            odd[active] = True
            break
        found.append((active, at))
        length = data.take(at + 1)
        if length.max() < 0x80:
            at = at + length + 2
        else:
            begin, long_size, _ = _length(data, at + 1)
            at = begin + long_size
    counts = np.zeros(len(usual), np.int64)
    for active, _ in found:
        counts[active] += 1
    base = np.cumsum(counts) - counts
    tags = np.empty(int(counts.sum()), np.int64)
    for number, (active, at) in enumerate(found):
        tags[base[active] + number] = at
    record = np.repeat(np.arange(len(usual)), counts)
    begin, size, short = _length(data, tags + 1)
    items = (data.take(tags) == _ITEM) & short
    stepped, step = np.empty(0, np.int64), np.empty(0, np.int64)
    if not items.all():
        others = np.flatnonzero(~items)
        who = record[others]
        step, says = _steps(data, begin[others], size[others])
        says &= (heads.kind[usual[who]] == Kind.HISTORY) & (data[tags[others]] == _SECOND) & short[others]
        odd[who[~says]] = True
        stepped, step = who[says], step[says]
    if odd.any():
        items &= ~odd[record]
        stepped, step = stepped[~odd[stepped]], step[~odd[stepped]]
    if not items.all():
        record, begin, size = record[items], begin[items], size[items]
    return _Items(usual[record], begin, begin + size, usual[stepped], step), usual[odd].tolist()


def _steps(data: Bytes, begin: Whole, size: Whole) -> tuple[Whole, Flags]:
    """The steps that these messages hold, of at most 56 bits; and whether each is only that."""
    word = gather(data, begin, 8)[:, 0] >> np.uint64(8)
    says = (size == 0) | ((data[begin] == NUMBER_TAG) & (behind_number(data, begin + 1) == begin + size) & (size < 9))
    value = np.zeros(len(begin), np.uint64)
    for i in range(7):
        inside = size > i + 1
        value |= np.where(inside, ((word >> np.uint64(8 * i)) & np.uint64(0x7F)) << np.uint64(7 * i), np.uint64(0))
    return value.astype(np.int64), says


# --- what is in them --------------------------------------------------------------------------------------------------

_ODD, _JSON, _DOUBLE, _INTEGER = 0, 1, 2, 3


@dataclass(slots=True)
class _Shapes:
    """What the values of items look like.

    Args:
        kind: JSON, a double, an integer, or odd.
        begin: of the value; it ends where its item does.
        end: the same as that of the items.
    """

    kind: NDArray[np.uint8]
    begin: Whole
    end: Whole


def _shapes(data: Bytes, items: _Items, lookup: Lookup) -> tuple[Numbers, _Shapes]:
    """Look up the keys of items, and find their values."""
    begin, end = items.begin, items.end
    tag, size = data.take(begin), data.take(begin + 1)
    behind = begin + size + 2
    named = ((tag == _SECOND) | (tag == _ITEM)) & (size < 0x80) & (behind < end)
    after = data.take(behind)
    is_json = (after == _JSON_TAG[0]) & (data.take(behind + 1) == _JSON_TAG[1])
    value = behind + 3
    usual = is_json & named & (value + data.take(behind + 2) == end) & (end - value < 0x80)
    kind = usual.view(np.uint8) * np.uint8(_JSON)
    if not usual.all():
        rest = np.flatnonzero(~usual & named)
        kind[rest], value[rest], behind[rest] = _odd_shapes(data, behind[rest], end[rest], nested=tag[rest] == _SECOND)
        behind = np.where(kind == _ODD, begin, behind)
    raw = lookup.find(data, begin, behind)
    kind[raw < 0] = _ODD
    return raw, _Shapes(kind, value, end)


def _odd_shapes(data: Bytes, behind: Whole, end: Whole, *, nested: Flags) -> tuple[NDArray[np.uint8], Whole, Whole]:
    """Find the values of items whose keys have several parts, or whose values are long or typed.

    Returns:
        What the values are; where they begin; where the keys end.
    """
    going = np.flatnonzero(nested)
    while len(going):
        going = going[(behind[going] < end[going]) & (data[behind[going]] == _SECOND)]
        size = data[behind[going] + 1]
        going, size = going[size < 0x80], size[size < 0x80]
        behind[going] += size.astype(np.int64) + 2
    behind = np.minimum(behind, end)
    kind = np.zeros(len(behind), np.uint8)
    tag = data[behind]
    value, size, short = _length(data, behind + 2)
    is_json = (tag == _JSON_TAG[0]) & (data[behind + 1] == _JSON_TAG[1]) & short & (value + size == end)
    kind[is_json] = _JSON
    kind[(tag == _DOUBLE_TAG) & (behind + 9 == end)] = _DOUBLE
    some = np.flatnonzero((tag == _INTEGER_TAG) & (behind < end) & (end - behind <= 9))
    kind[some[behind_number(data, behind[some] + 1) == end[some]]] = _INTEGER
    return kind, np.where(is_json, value, behind + 1), behind


def _numbers(data: Bytes, shapes: _Shapes, at: Whole) -> tuple[Floats, Flags, Flags]:
    """The values of these items; which are numbers; which have to be looked at one by one."""
    kind, begin, end = shapes.kind[at], shapes.begin[at], shapes.end[at]
    if (kind == _JSON).all():
        return convert(data, begin, end)
    value, is_number, look = np.zeros(len(at)), np.ones(len(at), bool), np.zeros(len(at), bool)
    some = np.flatnonzero(kind == _JSON)
    value[some], is_number[some], look[some] = convert(data, begin[some], end[some])
    some = np.flatnonzero(kind == _DOUBLE)
    value[some] = gather(data, begin[some], 8)[:, 0].view(np.float64)
    some = np.flatnonzero(kind == _INTEGER)
    value[some] = _zigzag(data, begin[some], end[some])
    return value, is_number, look


def _zigzag(data: Bytes, begin: Whole, end: Whole) -> Whole:
    word, size = gather(data, begin, 8)[:, 0], end - begin
    value = np.zeros(len(begin), np.uint64)
    for i in range(8):
        part = ((word >> np.uint64(8 * i)) & np.uint64(0x7F)) << np.uint64(7 * i)
        value |= np.where(size > i, part, np.uint64(0))
    signed = value.astype(np.int64)
    return (signed >> 1) ^ -(signed & 1)


def _json_at(data: Bytes, shapes: _Shapes, items: _Items, one: int) -> bytes:
    if shapes.kind[one] == _JSON:
        return data[shapes.begin[one] : shapes.end[one]].tobytes()
    return decode_item(data[items.begin[one] : items.end[one]].tobytes()).json or b""


def _decode_odd(data: Bytes, items: _Items, odd: Whole) -> tuple[list[tuple[int, Item]], list[int]]:
    """Decode some items one by one; those of records that are no message are left out, and these records named."""
    decoded: list[tuple[int, Item]] = []
    broken: set[int] = set()
    for i in odd.tolist():
        try:
            decoded.append((i, decode_item(data[items.begin[i] : items.end[i]].tobytes())))
        except MalformedError:
            broken.add(int(items.record[i]))
    if broken:
        decoded = [(i, item) for i, item in decoded if int(items.record[i]) not in broken]
    return decoded, sorted(broken)
