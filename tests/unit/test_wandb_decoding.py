"""The fast decoder says what the general one says, of whatever is in a log."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.adapters.wandb_runs import Encoder, pb
from tui_runs_wandb import fast_keys
from tui_runs_wandb.decoding import Decoded, Progress, decode
from tui_runs_wandb.points import NO_TIME, Totals
from tui_runs_wandb.transaction_log import PAD, Records
from tui_runs_wandb.values import Tree, text_of


def in_a_buffer(records: Sequence[bytes]) -> Records:
    data = np.frombuffer(bytes(PAD) + b"".join(records) + bytes(PAD), np.uint8)
    ends = np.cumsum([PAD, *map(len, records)])
    return Records(data, ends[:-1], ends[1:], ends[1:] + 1000)


def said(decoded: Decoded, progress: Progress) -> dict[str, Any]:
    """All that was decoded, by names."""
    points, names = decoded.points, progress.keys.names
    tree = Tree()
    tree.apply(decoded.summary)
    return {
        "points": {
            names[key]: list(map(repr, zip(points.row[part].tolist(), points.value[part].tolist(), strict=True)))
            for key in points.keys.tolist()
            for part in [points.of_key(key)]
        },
        "shown": {names[key] for key in points.keys.tolist() if progress.keys.is_metric(key)},
        "rows": [column.tolist() for column in (points.rows.step, points.rows.time, points.rows.end)],
        "summary": {path: text_of(leaf) for path, leaf in tree.leaves()},
        "others": decoded.others,
        "malformed": decoded.malformed,
        "counted": (progress.rows, progress.samples),
    }


def both(records: Sequence[bytes]) -> dict[str, Any]:
    """What is said of records, by both decoders alike."""
    answers = []
    for fast in (True, False):
        progress = Progress()
        answers.append(said(decode(in_a_buffer(records), progress, fast=fast), progress))
    quick, slow = answers
    assert quick == slow
    return quick


# --- whatever comes ---------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(
    ["loss", "acc", "x", "λ metric", "a" * 31, "b" * 40, "c" * 126, "d" * 127, "e" * 200, "", "_type"]
) | st.text(max_size=9)
NUMBER_TEXTS = st.floats().map(json.dumps) | st.integers().map(json.dumps) | st.sampled_from(
    ["0", "-0", "1e5", "5e-324", "1.7976931348623157e+308", "-1.7976931348623157e+308", "1" * 24, "1" * 25, "2" * 400,
     "1_0", "+1", "-", "--1", "1 ", "1,5", "1\\n2", "-Infinity", "-inf", "Inf", "NaN", "N", "0x10", "12\x0134", "1é"]
)  # fmt: skip
OTHER_TEXTS = st.sampled_from(
    ["true", "false", "trux", "null", "", '"text"', '"' + "long " * 30 + '"', "[1, 2]", '{"a": {"b": 1.5}, "c": true}',
     '{"_type": "histogram", "values": [1], "n": 3}', "{broken", '"\\ud800"', '{"\\ud800": 1}'],
)  # fmt: skip
STEPS = st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(0, 300)


@st.composite
def items(draw: st.DrawFn) -> Any:
    item = pb().HistoryItem()
    if draw(st.booleans()):
        item.nested_key.extend(draw(st.lists(NAMES, min_size=1, max_size=4)))
    else:
        item.key = draw(NAMES)
    match draw(st.integers(0, 9)):
        case 0:
            item.number = draw(st.floats())
        case 1:
            item.integer = draw(st.integers(-(2**63), 2**63 - 1))
        case 2:
            item.boolean = draw(st.booleans())
        case 3:
            item.text = draw(st.text(max_size=5))
        case 4:
            item.json = draw(OTHER_TEXTS)
        case 5:
            item.value_json = draw(OTHER_TEXTS)
        case _:
            item.value_json = draw(NUMBER_TEXTS)
    return item


@st.composite
def record_bytes(draw: st.DrawFn, encode: Encoder) -> bytes:
    streamed = draw(st.booleans())
    kind = draw(st.integers(0, 9))
    if kind < 6:
        history = pb().HistoryRecord(item=draw(st.lists(items(), max_size=6)))
        if (step := draw(STEPS)) is not None:
            history.step.num = step
        return encode(history=history, streamed=streamed)
    if kind < 8:
        summary = pb().SummaryRecord()
        for name in draw(st.lists(NAMES, max_size=4)):
            summary.update.add(nested_key=[name], value_json=draw(NUMBER_TEXTS | OTHER_TEXTS))
        for name in draw(st.lists(NAMES, max_size=1)):
            summary.remove.add(key=name)
        return encode(summary=summary, streamed=streamed)
    if kind == 8:
        stats = pb().StatsRecord()
        stats.timestamp.FromMicroseconds(draw(st.integers(0, 2**50)))
        stats.item.add(key=draw(NAMES), value_json=draw(NUMBER_TEXTS))
        return encode(stats=stats, streamed=streamed)
    return encode(output_raw=pb().OutputRawRecord(line=draw(st.text(max_size=5))), streamed=streamed)


@st.composite
def logs(draw: st.DrawFn) -> list[bytes]:
    encode = Encoder()
    some = draw(st.lists(record_bytes(encode), min_size=1, max_size=8))
    first = [encode.run("id")] if draw(st.booleans()) else []
    if draw(st.integers(0, 3)) == 0:
        first.append(encode(metric=pb().MetricRecord(name="loss", summary={"min": True})))
    return [*first, *(some * 8)[: max(30, len(some))]]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(logs())
def test_both_decoders_agree(records: list[bytes]) -> None:
    both(records)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(records=logs(), at=st.integers(0, 10_000), bit=st.integers(0, 7), cut=st.booleans())
def test_both_decoders_agree_on_broken_records(records: list[bytes], at: int, bit: int, cut: bool) -> None:
    """Bits that are wrong in the records themselves, though their crc is right."""
    victim = at % len(records)
    record = bytearray(records[victim])
    if cut:
        del record[at % len(record) :]
    else:
        record[at % len(record)] ^= 1 << bit
    if not record:
        return
    both([*records[:victim], bytes(record), *records[victim + 1 :]])


# --- what it says -----------------------------------------------------------------------------------------------------


def rows(count: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(7)
    return [
        {"loss": rng.normal(), "acc/top1": step, "_step": step, "_timestamp": 1.7e9 + step, "_runtime": step / 2}
        for step in range(count)
    ]


@pytest.mark.parametrize("old", [False, True], ids=["nested_key", "key"])
@pytest.mark.parametrize("count", [3, 200])
def test_points_are_what_was_logged(count: int, old: bool) -> None:
    encode = Encoder()
    answer = both([encode.run("id"), *(encode.history(row, row["_step"], old=old) for row in rows(count))])
    assert answer["points"] == {
        "loss": [repr((row["_step"], row["loss"])) for row in rows(count)],
        "acc/top1": [repr((row["_step"], float(row["_step"]))) for row in rows(count)],
    }
    assert answer["rows"][0] == list(range(count))
    assert answer["rows"][1] == [1_700_000_000_000_000 + step * 1_000_000 for step in range(count)]


@pytest.mark.parametrize("count", [3, 200])
def test_typed_values(count: int) -> None:
    encode, records = Encoder(), []
    for step in range(count):
        record = pb().HistoryRecord()
        record.item.add(nested_key=["float"], number=step / 3)
        record.item.add(nested_key=["int"], integer=-step)
        record.item.add(nested_key=["_step"], integer=10 * step)
        record.item.add(nested_key=["_timestamp"], number=1.5e9)
        record.item.add(nested_key=["done"], boolean=True)
        record.item.add(nested_key=["text"], text="5")
        records.append(encode(history=record))
    answer = both(records)
    assert answer["points"] == {
        "float": [repr((step, step / 3)) for step in range(count)],
        "int": [repr((step, float(-step))) for step in range(count)],
        "done": [repr((step, 1.0)) for step in range(count)],
    }
    assert answer["rows"][0] == [10 * step for step in range(count)]


def test_rows_without_a_step_are_counted() -> None:
    """As in shared mode: the number of the row is the step, also in what is read later."""
    encode, progress = Encoder(), Progress()
    for begin in (0, 40):
        records = [encode.history({"loss": 1.0}) for _ in range(40)]
        decoded = decode(in_a_buffer(records), progress)
        assert decoded.points.rows.step.tolist() == list(range(begin, begin + 40))
        assert set(decoded.points.rows.time.tolist()) == {NO_TIME}


def test_step_of_the_record_counts_where_no_item_says_it() -> None:
    encode = Encoder()
    steps = [0, 5, 127, 128, 70_000, 2**40, -1, 3] * 5
    assert both([encode.history({"x": 1}, step) for step in steps])["rows"][0] == steps


def test_summary_of_what_is_logged() -> None:
    encode = Encoder()
    records = [encode.run("id")]
    for row in rows(50):
        values = {key: value for key, value in row.items() if key[0] != "_"}
        records += [encode.summary(values, streamed=False), encode.history({**values, "note": f"s{row['_step']}"})]
    records.insert(40, encode.summary({"best": 0.5, "note": "mine"}))
    records.append(encode.summary({"loss": 42}))
    answer = both(records)
    assert answer["summary"][("loss",)] == "42"
    assert answer["summary"][("note",)] == "s49"
    assert answer["summary"][("best",)] == "0.5"
    assert answer["summary"][("acc/top1",)] == "49"


@pytest.mark.parametrize("why", ["old writer", "define_metric"])
def test_summary_by_its_own_records(why: str) -> None:
    """Where what is logged is not the summary, or nothing tells who wrote it, every record of it counts."""
    encode = Encoder()
    first = [encode.run("id"), encode(metric=pb().MetricRecord(name="loss", summary={"min": True}))]
    if why == "old writer":
        first = [encode(run=pb().RunRecord(run_id="id"), streamed=False)]
    records = [*first]
    for step in range(60):
        records.append(encode.summary({"loss": {"min": -step}, "acc": step}, streamed=False))
        records.append(encode.history({"loss": -step, "acc": step, "note": "x"}, step))
    assert both(records)["summary"] == {("loss", "min"): "-59", ("acc",): "59"}


def test_media_are_no_metrics() -> None:
    encode = Encoder()
    media = {"_type": "image-file", "width": 3, "size": 7}
    records = [
        encode.history({"loss": 1, "old image": media, "plain": {"a": 2, "b": {"c": 3}}}, step) for step in range(40)
    ]
    record = pb().HistoryRecord()
    for key, value in media.items():
        record.item.add(nested_key=["images", "new"], value_json="0").nested_key.append(key)
        record.item[-1].value_json = json.dumps(value)
    records += [encode(history=record)] * 30
    assert both(records)["shown"] == {"loss", "plain.a", "plain.b.c"}


def test_thousands_of_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than there is room for in the table of spellings, and one long record among short ones."""
    encode = Encoder()
    monkeypatch.setattr(fast_keys, "_MOST", 2000)
    records = [encode.history({f"key {step * 100 + i}": i for i in range(100)}, step) for step in range(40)]
    records.append(encode.history({f"wide {i}": i for i in range(1000)}, 40))
    answer = both(records)
    assert len(answer["points"]) == 5000
    assert answer["points"]["key 1234"] == ["(12, 34.0)"]


def test_keys_that_fall_on_the_same_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_keys, "_BITS", (4, 5))
    encode = Encoder()
    answer = both([encode.history({f"key {i}": i for i in range(60)}, step) for step in range(40)])
    assert {key: set(points) for key, points in answer["points"].items()} == {
        f"key {i}": {repr((step, float(i))) for step in range(40)} for i in range(60)
    }


def test_items_that_go_on_after_their_value() -> None:
    """With a field that is not known yet, or with a second value, which then counts."""
    records = []
    for step in range(40):
        item = pb().HistoryItem(nested_key=["loss"], value_json=str(step)).SerializeToString()
        item += pb().HistoryItem(value_json="7").SerializeToString() if step % 2 else b"\x98\x06\x01"
        history = b"\x0a" + bytes([len(item)]) + item
        records.append(b"\x08\x01\x12" + bytes([len(history)]) + history)
    expected = [repr((step, 7.0 if step % 2 else float(step))) for step in range(40)]
    assert both(records)["points"] == {"loss": expected}


def test_keys_that_are_spelled_alike() -> None:
    """A key in parts and one with dots are the same metric."""
    encode, records = Encoder(), []
    for step in range(60):
        record = pb().HistoryRecord()
        if step % 2:
            record.item.add(nested_key=["a", "b"], value_json=str(step))
        else:
            record.item.add(key="a.b", value_json=str(step))
        records.append(encode(history=record))
    assert both(records)["points"] == {"a.b": [repr((step, float(step))) for step in range(60)]}


# --- totals -----------------------------------------------------------------------------------------------------------

VALUES = st.floats() | st.sampled_from([math.nan, math.inf, 0.0])


@settings(deadline=None)
@example([("a", 0, 0, math.nan), ("a", 0, 0, -math.inf)], 1)
@example([("a", 0, 0, math.nan), ("a", 0, 0, -math.inf), ("a", 0, 0, math.nan)], 0)
@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5), st.integers(0, 3), VALUES), max_size=40),
    st.integers(0, 40),
)
def test_totals_over_any_two_parts(points: list[tuple[str, int, int, float]], cut: int) -> None:
    """Compared with Python's own max and min; last is by step, time and value, NaN being less than all."""
    encode, progress, totals = Encoder(), Progress(), Totals()
    for part in (points[:cut], points[cut:]):
        records = [
            encode.history({key: value, "_step": step, "_timestamp": 1000 + at}) for key, step, at, value in part
        ]
        if records:
            totals.add(decode(in_a_buffer(records), progress).points)
    for key in "ab":
        own = [(step, at, value) for name, step, at, value in points if name == key]
        number = progress.keys.find(key)
        if not own:
            assert number is None
            continue
        last = max(own, key=lambda one: (one[0], one[1], not math.isnan(one[2]), one[2] if one[2] == one[2] else 0))
        numbers = [one for one in own if not math.isnan(one[2])] or own
        low, high = min(numbers, key=lambda one: one[2]), max(numbers, key=lambda one: one[2])
        assert totals.count[number] == len(own)
        assert (totals.last_step[number], repr(float(totals.last[number]) + 0)) == (last[0], repr(last[2] + 0))
        assert (repr(float(totals.low[number]) + 0), totals.low_step[number]) == (repr(low[2] + 0), low[0])
        assert (repr(float(totals.high[number]) + 0), totals.high_step[number]) == (repr(high[2] + 0), high[0])
