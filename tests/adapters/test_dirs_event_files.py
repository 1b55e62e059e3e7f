"""TensorBoard's event files: every point, however the file is cut, damaged or still growing."""

from __future__ import annotations

import math
import os
import random
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import Summary
from tensorboardX.proto.tensor_pb2 import TensorProto
from tensorboardX.record_writer import masked_crc32c

from tests.adapters.event_files import (
    NAME,
    TYPES,
    Point,
    file_of,
    framed,
    metadata,
    parsed,
    points_of,
    said,
    same,
    scalar,
    session_start,
    tensor_scalar,
    version,
    write,
)
from tests.conftest import DATA
from tui_runs_dirs.files import open_regular
from tui_runs_dirs.layout import Stretch
from tui_runs_dirs.readers import event_block, event_chain, event_points
from tui_runs_dirs.readers.crc32c import masked_crc, masked_crcs, masked_crcs_of_sizes
from tui_runs_dirs.readers.event_file import EventSeries
from tui_runs_dirs.readers.event_record import sound_event

SAMPLES = sorted((DATA / "dirs_tensorboard").rglob("*tfevents*"))
BIG = 1 << 24


class Reading:
    """What a reader of a directory has been told so far."""

    def __init__(self, directory: Path, series: EventSeries | None = None) -> None:
        self.series = series or EventSeries(str(directory))
        self.points: list[Point] = []
        self.end = 0
        self.restarts = 0
        self.problems: Any = ()

    def on(self, limit: int = BIG) -> Stretch:
        """Read all that there is."""
        for _ in range(100_000):
            stretch = self.series.read(self.end, limit)
            if stretch.restarted:
                self.points.clear()
                self.restarts += 1
            self.points += said(stretch.frame)
            self.end, self.problems = stretch.end, stretch.problems
            if stretch.complete:
                return stretch
        raise AssertionError("it never ends")


def read(directory: Path, limit: int = BIG) -> Reading:
    reading = Reading(directory)
    reading.on(limit)
    return reading


def age(path: Path, seconds: float = 3600) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


# --- checksums and single records -------------------------------------------------------------------------------------


def test_checksums() -> None:
    rng = np.random.default_rng(1)
    for size in [*range(70), 511, 512, 513, 514, 515, 516, 1024, 1500, 5000]:
        data = rng.integers(0, 256, size, np.uint8)
        assert masked_crc(data) == masked_crc32c(data.tobytes()), size
        if 4 <= size <= 512:
            assert masked_crcs(np.stack([data, data ^ 1]))[0] == masked_crc32c(data.tobytes()), size
    sizes = np.array([0, 1, 28, 65535, 65536, (1 << 32) - 1], np.uint32)
    assert masked_crcs_of_sizes(sizes).tolist() == [masked_crc32c(struct.pack("<Q", size)) for size in sizes.tolist()]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: str(path.relative_to(DATA)))
@pytest.mark.parametrize("few", [1, 1000], ids=["side by side", "one by one"])
def test_samples_as_protobuf_reads_them(path: Path, few: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_points, "_FEW", few)
    data = path.read_bytes()
    assert same(read(write(tmp_path / "run", data)).points) == same(points_of(parsed(data)))


TAGS = st.sampled_from(["a", "loss", "train/loss", "ö/ß", "x" * 120, "x" * 200, ""])
STEPS = st.sampled_from([0, 1, 127, 128, 16383, 1 << 21, 1 << 35, (1 << 63) - 1, -1, -(1 << 63)])
FLOATS = st.floats(width=32)
WALLS = st.floats(1.6e9, 1.9e9)


@st.composite
def tensors(draw: Any) -> TensorProto:
    """Tensors of all types, of one number and of others, in all the fields where numbers may be."""
    dtype = draw(st.sampled_from([*TYPES, 7]))
    tensor = TensorProto(dtype=dtype)
    for size in draw(st.sampled_from([None, (), (1,), (1, 1), (2,), (0,)])) or ():
        tensor.tensor_shape.dim.add(size=size)
    if dtype == 7:
        tensor.string_val.append(b"text")
        return tensor
    count = draw(st.integers(0, 2))
    where = draw(st.sampled_from(["content", "field"]))
    values = np.array(draw(st.lists(st.integers(0, 1), min_size=count, max_size=count)), TYPES[dtype])
    if where == "content":
        tensor.tensor_content = values.tobytes()
    elif dtype == 19:
        tensor.half_val.extend(values.view("<u2").tolist())
    else:
        name = {1: "float_val", 2: "double_val", 9: "int64_val", 10: "bool_val"}.get(dtype, "int_val")
        getattr(tensor, name).extend(values.tolist())
    return tensor


@st.composite
def values(draw: Any) -> Any:
    value = Summary.Value(tag=draw(TAGS))
    kind = draw(st.sampled_from(["simple", "simple", "tensor", "tensor", "image", "histo", "none"]))
    if kind == "simple":
        value.simple_value = draw(FLOATS)
    elif kind == "tensor":
        value.tensor.CopyFrom(draw(tensors()))
        if not value.tag:
            value.node_name = "node"
    elif kind == "image":
        value.image.height = 3
    elif kind == "histo":
        value.histo.bucket.extend([1.0, 2.0])
    plugin = draw(st.sampled_from([None, "scalars", "images", ""]))
    if plugin is not None:
        value.metadata.CopyFrom(metadata(plugin))
    return value


@st.composite
def events(draw: Any) -> list[Event]:
    """One event, many times with other times, steps and numbers; now and then one alone."""
    event = Event(wall_time=draw(WALLS), step=draw(STEPS))
    event.summary.value.extend(draw(st.lists(values(), min_size=1, max_size=draw(st.sampled_from([1, 1, 1, 3])))))
    made = []
    for number in range(draw(st.sampled_from([1, 5, 40]))):
        one = Event.FromString(event.SerializeToString())
        one.wall_time += number
        one.step = max(min(one.step + number, (1 << 63) - 1), -(1 << 63))
        for value in one.summary.value:
            if value.WhichOneof("value") == "simple_value":
                value.simple_value = number / 7
            elif value.tensor.dtype == 1 and len(value.tensor.tensor_content) == 4:
                value.tensor.tensor_content = struct.pack("<f", number / 7)
        made.append(one)
    return made


@settings(max_examples=40)
@given(groups=st.lists(events(), max_size=6), seed=st.integers(0, 9), limit=st.sampled_from([1, 300, 5000, BIG]))
def test_events_of_any_kind(
    groups: list[list[Event]], seed: int, limit: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    every = [event for group in groups for event in group]
    random.Random(seed).shuffle(every)
    directory = write(tmp_path_factory.mktemp("any") / "run", file_of(every))
    # Of a tag whose metadata come late, what was given out before stays as it was: only TensorFlow's own order counts.
    if limit < BIG:
        every = [event for event in every if not any(value.HasField("tensor") for value in event.summary.value)]
        directory = write(tmp_path_factory.mktemp("any") / "run", file_of(every))
    assert sorted(same(read(directory, limit).points)) == sorted(same(points_of(every)))


@given(data=st.binary(max_size=200))
def test_bytes_that_are_no_event(data: bytes) -> None:
    """Where protobuf reads a message, so does this; where it does not, nothing is raised."""
    ours = sound_event(data)
    try:
        theirs = Event.FromString(data)
    except Exception:  # DecodeError, or UnicodeDecodeError: which, hangs on protobuf's backend
        return
    assert ours is not None
    assert repr(ours.step) == repr(theirs.step)
    assert repr(ours.wall_time) == repr(theirs.wall_time)


@given(data=st.data())
def test_broken_messages(data: Any) -> None:
    record = bytearray(tensor_scalar("a/b", 300, 0.5).SerializeToString())
    for _ in range(data.draw(st.integers(1, 3))):
        record[data.draw(st.integers(0, len(record) - 1))] = data.draw(st.integers(0, 255))
    ours = sound_event(bytes(record))
    try:
        theirs = Event.FromString(bytes(record))
    except Exception:  # DecodeError, or UnicodeDecodeError: which, hangs on protobuf's backend
        return
    assert ours is not None
    simple = [value.number for value in ours.values if value.simple]
    assert list(map(repr, simple)) == [
        repr(value.simple_value) for value in theirs.summary.value if value.WhichOneof("value") == "simple_value"
    ]


def test_metadata_in_the_first_event_of_a_tag_only(tmp_path: Path) -> None:
    """As TensorBoard takes it; PyTorch's and TensorFlow's present writers repeat them."""
    made = [tensor_scalar("a", 0, 0.5), *(tensor_scalar("a", step, 1.0, plugin=None) for step in range(1, 60))]
    made += [tensor_scalar("none", step, 1.0, plugin=None) for step in range(60)]
    made += [tensor_scalar("image", step, 1.0, plugin="images" if step == 0 else "scalars") for step in range(60)]
    reading = read(write(tmp_path / "run", file_of(made)))
    assert [point.step for point in reading.points] == list(range(60))
    assert {point.key for point in reading.points} == {"a"}


@pytest.mark.parametrize("bits", [1, 12], ids=["buckets of many", "buckets of one"])
def test_many_tags_of_all_lengths(bits: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_points, "_BUCKET_BITS", bits)
    rng = random.Random(3)
    tags = [f"{'t' * (i % 40)}{i}" for i in range(300)]
    made = []
    for step in range(6_000):
        make = scalar if rng.random() < 0.6 else tensor_scalar
        made.append(make(rng.choice(tags), step, rng.random(), 1.79e9 + rng.random() * 1e6))
    data = file_of(made)
    points = points_of(parsed(data))
    assert same(read(write(tmp_path / "run", data)).points) == same(points)
    assert same(read(tmp_path / "run", 100_000).points) == same(points)


@pytest.mark.parametrize(
    "wall", [math.nan, math.inf, -math.inf, 1e300, -1e300, 0.0, -62_135_596_801.0, 253_402_300_800.0]
)
def test_times_that_are_none(tmp_path: Path, wall: float) -> None:
    stretch = read(write(tmp_path / "run", file_of([scalar("a", 1, 2.0, wall), scalar("a", 2, 3.0)]))).series.read(
        0, BIG
    )
    assert stretch.frame["time"].is_null().to_list() == [True, False]
    assert stretch.frame["value"].to_list() == [2.0, 3.0]


def test_values_that_are_not_finite(tmp_path: Path) -> None:
    made = [scalar("a", step, value) for step, value in enumerate([math.nan, math.inf, -math.inf, 0.0])]
    assert [repr(point.value) for point in read(write(tmp_path / "run", file_of(made))).points] == [
        "nan", "inf", "-inf", "0.0",
    ]  # fmt: skip


# --- growing, cut and damaged files -----------------------------------------------------------------------------------

MADE = [scalar("loss", step, step / 4, 1.79e9 + step) for step in range(5)] + [tensor_scalar("t", 9, 0.5)]
SMALL = file_of(MADE)
POINTS = same(points_of(MADE))
ENDS = [len(file_of(MADE[:count])) for count in range(len(MADE) + 1)]


def test_cut_anywhere_and_gone_on(tmp_path: Path) -> None:
    path = write(tmp_path / "run", b"") / f"{NAME}.0"
    for cut in range(len(SMALL) + 1):
        path.write_bytes(SMALL[:cut])
        reading = read(path.parent)
        whole = sum(end <= cut for end in ENDS[1:])
        assert same(reading.points) == POINTS[:whole], cut
        assert not reading.problems, cut
        with path.open("ab") as file:
            file.write(SMALL[cut:])
        reading.on()
        assert same(reading.points) == POINTS, cut
        assert not reading.problems
        assert not reading.restarts


def test_cut_long_ago_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "run", b"") / f"{NAME}.0"
    edges = {0, len(file_of([])), *ENDS}
    for cut in range(len(SMALL) + 1):
        path.write_bytes(SMALL[:cut])
        age(path)
        problems = read(path.parent).problems
        if cut in edges:
            assert not problems, cut
            continue
        (problem,) = problems
        assert problem.uri == str(path)
        assert f"byte {max(edge for edge in edges if edge < cut):,}" in problem.what, cut
        assert problem.remedy


def test_byte_by_byte(tmp_path: Path) -> None:
    path = write(tmp_path / "run", b"") / f"{NAME}.0"
    reading = Reading(path.parent)
    for at in range(len(SMALL)):
        with path.open("ab") as file:
            file.write(SMALL[at : at + 1])
        reading.on()
        assert same(reading.points) == POINTS[: sum(end <= at + 1 for end in ENDS[1:])], at


def test_flipped_bit_anywhere_costs_one_record(tmp_path: Path) -> None:
    path = write(tmp_path / "run", b"") / f"{NAME}.0"
    more = scalar("later", 1, 1.0)
    for at in range(len(SMALL)):
        broken = bytearray(SMALL)
        broken[at] ^= 1 << at % 8
        path.write_bytes(broken)
        reading = read(path.parent)
        hit = sum(end <= at for end in ENDS) - 1  # -1: the record that says the version
        left = POINTS[:hit] + POINTS[hit + 1 :] if hit >= 0 else POINTS
        assert same(reading.points) == left, at
        if hit == len(MADE) - 1:
            assert not reading.problems, at  # it may be in the writing
        with path.open("ab") as file:
            file.write(framed(more.SerializeToString()))
        reading.on()
        assert same(reading.points) == [*left, *same(points_of([more]))], at
        (problem,) = reading.problems
        assert "1 record is damaged" in problem.what, at
        assert f"byte {[0, *ENDS][hit + 1]:,}" in problem.what, at


def test_bad_end_waits_until_it_is_mended(tmp_path: Path) -> None:
    path = write(tmp_path / "run", SMALL[:-1] + bytes([SMALL[-1] ^ 1])) / f"{NAME}.0"
    reading = read(path.parent)
    assert same(reading.points) == POINTS[:-1]
    path.write_bytes(SMALL)
    reading.on()
    assert same(reading.points) == POINTS
    assert not reading.problems


@given(begin=st.integers(0, len(SMALL)), size=st.integers(1, 200), byte=st.sampled_from([0, 0xFF]))
def test_hole_anywhere(begin: int, size: int, byte: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    hole = bytes([byte]) * len(SMALL[begin : begin + size])
    broken = SMALL[:begin] + hole + SMALL[begin + size :]
    path = write(tmp_path_factory.mktemp("hole") / "run", broken) / f"{NAME}.0"
    age(path)
    reading = read(path.parent)
    edges = [len(file_of([])), *ENDS[1:]]
    left = [
        point
        for point, first, last in zip(POINTS, edges, edges[1:], strict=False)
        if broken[first:last] == SMALL[first:last]
    ]
    assert same(reading.points) == left
    assert bool(reading.problems) == (broken != SMALL)


def test_zeros_at_the_end_are_waited_for(tmp_path: Path) -> None:
    path = write(tmp_path / "run", SMALL + bytes(5000)) / f"{NAME}.0"
    reading = read(path.parent)
    assert same(reading.points) == POINTS
    assert not reading.problems
    path.write_bytes(SMALL + framed(scalar("later", 1, 1.0).SerializeToString()))
    reading = read(path.parent)
    assert reading.points[-1].key == "later"
    path.write_bytes(SMALL + bytes(5000) + framed(scalar("later", 1, 1.0).SerializeToString()))
    reading = read(path.parent, 700)
    assert reading.points[-1].key == "later"
    assert len(reading.points) == len(POINTS) + 1
    assert reading.problems


@pytest.mark.parametrize("limit", [100, 1000, 1 << 20])
def test_damage_longer_than_what_is_read_at_once(tmp_path: Path, limit: int) -> None:
    noise = random.Random(5).randbytes(10_000)
    path = write(tmp_path / "run", SMALL + noise + SMALL) / f"{NAME}.0"
    reading = read(path.parent, limit)
    assert same(reading.points) == POINTS + POINTS
    (problem,) = reading.problems
    assert f"byte {len(SMALL):,}" in problem.what
    again = Reading(path.parent, reading.series)
    again.on(limit)
    assert same(again.points) == POINTS + POINTS


@pytest.mark.parametrize(
    "content",
    [b"no event file at all, but text", bytes(1000), random.Random(6).randbytes(50_000)],
    ids=["text", "zeros", "noise"],
)
def test_strangers(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path / "run", content) / f"{NAME}.0"
    assert not read(path.parent, 1000).points
    age(path)
    reading = read(path.parent, 1000)
    assert not reading.points
    (problem,) = reading.problems
    assert problem.uri == str(path)


def test_sizes_that_lie(tmp_path: Path) -> None:
    size = struct.pack("<Q", (1 << 32) - 1)
    lie = size + struct.pack("<I", masked_crc32c(size))
    reading = read(write(tmp_path / "run", SMALL + lie + b"x" * 500))
    assert same(reading.points) == POINTS


def test_record_longer_than_what_is_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = Event(wall_time=1.79e9, summary=Summary(value=[Summary.Value(tag="i", image={"height": 1})]))
    image.summary.value[0].image.encoded_image_string = random.Random(7).randbytes(300_000)
    data = file_of([MADE[0], image, *MADE[1:]])
    directory = write(tmp_path / "run", data)
    assert same(read(directory, 1000).points) == POINTS
    monkeypatch.setattr(event_block, "LONGEST", 10_000)
    assert same(read(directory, 1000).points) == POINTS


@pytest.mark.parametrize("limit", [1, 30, 100, 333, 5000])
def test_any_limit_gives_the_same(tmp_path: Path, limit: int) -> None:
    made = [scalar(tag, step, step / 3) for step in range(200) for tag in ("a", "bb")]
    directory = write(tmp_path / "run", file_of(made))
    reading = read(directory, limit)
    assert same(reading.points) == same(points_of(made))
    again = Reading(directory, reading.series)
    again.on(2 * limit)
    assert same(again.points) == same(points_of(made))


# --- several files ----------------------------------------------------------------------------------------------------


def resumed(purge: int | None) -> tuple[bytes, bytes, list[Point]]:
    """A training of 20 steps and its continuation from step 15 on; and what counts."""
    first = [scalar(tag, step, 1.0, 1.79e9 + step) for step in range(20) for tag in ("loss", "old")]
    second = [scalar("loss", step, 2.0, 1.79e9 + 100 + step) for step in range(15, 30)]
    void = [point for point in points_of(first) if point.step < 15 or (purge is None and point.key == "old")]
    start = [] if purge is None else [session_start(purge)]
    return file_of(first), file_of([*start, *second]), void + points_of(second)


@pytest.mark.parametrize("purge", [None, 15])
@pytest.mark.parametrize("limit", [1, 100, 400, BIG])
def test_what_is_written_again_counts_once(tmp_path: Path, purge: int | None, limit: int) -> None:
    first, second, expected = resumed(purge)
    directory = write(tmp_path / "run", first, second)
    reading = read(directory, limit)
    assert same(reading.points) == same(expected)
    assert reading.restarts == (limit < BIG)
    again = Reading(directory, reading.series)
    again.on(limit)
    assert same(again.points) == same(expected)
    assert not again.restarts


@pytest.mark.parametrize("purge", [None, 15])
def test_restart_while_it_is_followed(tmp_path: Path, purge: int | None) -> None:
    first, second, expected = resumed(purge)
    directory = write(tmp_path / "run", first)
    reading = read(directory)
    other = Reading(directory, reading.series)
    other.on()
    assert len(reading.points) == 40
    write(directory, first, second)
    reading.on()
    assert same(reading.points) == same(expected)
    assert reading.restarts == 1
    other.on()
    assert same(other.points) == same(expected)


def test_start_within_a_file(tmp_path: Path) -> None:
    made = [*(scalar("a", step, 1.0) for step in range(10)), session_start(4), scalar("a", 4, 2.0)]
    reading = read(write(tmp_path / "run", file_of(made)))
    assert [(point.step, point.value) for point in reading.points] == [(0, 1), (1, 1), (2, 1), (3, 1), (4, 2)]


def test_steps_that_go_back_in_one_file_stay(tmp_path: Path) -> None:
    made = [scalar("a", step, 1.0) for step in (0, 5, 3, 3, 1)]
    assert [point.step for point in read(write(tmp_path / "run", file_of(made))).points] == [0, 5, 3, 3, 1]


def test_several_files_grow_at_once(tmp_path: Path) -> None:
    """Two writers in one directory, of different tags; a third comes later."""
    directory = tmp_path / "run"
    directory.mkdir()
    paths = [directory / f"{NAME}.{i}" for i in range(3)]
    for i, path in enumerate(paths[:2]):
        path.write_bytes(file_of([scalar(f"tag{i}", 0, 0.0)]))
    reading = read(directory)
    expected = {f"tag{i}": [0] for i in range(2)}
    for step in range(1, 6):
        for i in (1, 0) if step % 2 else (0, 1):
            with paths[i].open("ab") as file:
                file.write(framed(scalar(f"tag{i}", step, 0.0).SerializeToString()))
            expected[f"tag{i}"].append(step)
            reading.on()
    paths[2].write_bytes(file_of([scalar("tag2", 7, 0.0)]))
    reading.on()
    expected["tag2"] = [7]
    for points in (reading.points, self_read(reading)):
        assert {key: [point.step for point in points if point.key == key] for key in expected} == expected
    assert not reading.restarts


def self_read(reading: Reading) -> list[Point]:
    again = Reading(Path(reading.series.path), reading.series)
    again.on(50)
    return again.points


@pytest.mark.parametrize("how", ["shorter", "replaced", "gone"])
def test_files_that_are_written_anew(tmp_path: Path, how: str) -> None:
    directory = write(tmp_path / "run", SMALL, file_of([scalar("b", 1, 1.0)]))
    reading = read(directory)
    new = file_of([scalar("new", 1, 1.0)])
    if how == "shorter":
        (directory / f"{NAME}.0").write_bytes(new)
    elif how == "replaced":
        other = tmp_path / "other"
        other.write_bytes(new + SMALL)
        other.rename(directory / f"{NAME}.0")
    else:
        (directory / f"{NAME}.0").unlink()
    reading.on()
    assert reading.restarts == 1
    assert same(reading.points) == same(read(directory).points)


def test_a_reader_that_is_new_begins_again(tmp_path: Path) -> None:
    """What was given out by another reader, before the program was restarted, cannot be gone on from."""
    directory = write(tmp_path / "run", SMALL)
    end = read(directory).end
    stretch = EventSeries(str(directory)).read(end, BIG)
    assert stretch.restarted
    assert same(said(stretch.frame)) == POINTS


def test_sample_of_a_resumed_training(tmp_path: Path) -> None:
    points = read(DATA / "dirs_tensorboard" / "runs" / "resumed").points
    assert [point.step for point in points] == list(range(30))
    for point in points:
        assert point.value == pytest.approx(1 / (point.step + 1) - (0.001 if point.step >= 15 else 0), abs=1e-7)


def test_no_other_files_are_read(tmp_path: Path) -> None:
    directory = write(tmp_path / "run", SMALL)
    (directory / f"{NAME}.profile-empty").write_bytes(SMALL)
    (directory / "notes.txt").write_bytes(SMALL)
    (directory / f"{NAME}.link").symlink_to(directory / f"{NAME}.0")
    os.mkfifo(directory / f"{NAME}.pipe")
    assert same(read(directory).points) == POINTS


def test_unreadable_file_loses_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = write(tmp_path / "run", SMALL, file_of([scalar("b", 1, 1.0)]))
    locked = str(directory / f"{NAME}.0")

    def refuse(path: str) -> int:
        if path == locked:
            raise PermissionError(13, "Permission denied")
        return open_regular(path)

    monkeypatch.setattr(event_chain, "open_regular", refuse)  # root may read everything
    reading = read(directory)
    assert [point.key for point in reading.points] == ["b"]
    (problem,) = reading.problems
    assert problem.uri == locked
    assert "permission denied" in problem.what
    monkeypatch.undo()
    reading.on()
    assert len(reading.points) == len(POINTS) + 1
    assert not reading.problems


def test_tail(tmp_path: Path) -> None:
    made = [scalar(tag, step, step / 2) for step in range(3000) for tag in ("a", "b")]
    directory = write(tmp_path / "run", file_of([scalar("early", 1, 1.0)]), file_of(made))
    series = EventSeries(str(directory))
    tail = series.tail(10_000)
    assert tail is not None
    points = same(said(tail))
    assert 100 < len(points) < 1000
    assert points == same(points_of(made))[-len(points) :]
    assert series.tail(10) is None
    write(directory, b"", file_of([*made, session_start(5)]))
    assert series.tail(10_000) is None


def test_very_many_tags(tmp_path: Path) -> None:
    made = [scalar(f"tag{number}", 1, 1.0) for number in range(5_000)]
    assert len(read(write(tmp_path / "run", file_of(made)), 50_000).points) == 5_000


def test_directory_that_is_gone(tmp_path: Path) -> None:
    series = EventSeries(str(tmp_path / "gone"))
    assert series.stamp() == ()
    with pytest.raises(OSError, match="gone"):
        series.read(0, BIG)


def test_equal_readers() -> None:
    assert EventSeries("a") == EventSeries("a")
    assert EventSeries("a") != EventSeries("a", key="b")


def test_stamp_changes_with_every_write(tmp_path: Path) -> None:
    directory = write(tmp_path / "run", SMALL)
    series = EventSeries(str(directory))
    before = series.stamp()
    assert before == series.stamp()
    with (directory / f"{NAME}.0").open("ab") as file:
        file.write(framed(version().SerializeToString()))
    assert series.stamp() != before
