"""Event files for the tests, written with the protobuf classes and the CRC of tensorboardX; and what they say."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboardX.proto.tensor_pb2 import TensorProto
from tensorboardX.record_writer import masked_crc32c

NAME = "events.out.tfevents.1790000000.host"
TYPES = {
    1: "<f4", 2: "<f8", 3: "<i4", 4: "u1", 5: "<i2", 6: "i1", 9: "<i8", 10: "?", 17: "<u2", 19: "<f2",
}  # fmt: skip


class Point(NamedTuple):
    key: str
    step: int
    time: float
    value: float


def framed(data: bytes) -> bytes:
    """A record as TFRecord files have it."""
    size = struct.pack("<Q", len(data))
    return size + struct.pack("<I", masked_crc32c(size)) + data + struct.pack("<I", masked_crc32c(data))


def file_of(events: Iterable[Event]) -> bytes:
    """An event file, with the record that says its version."""
    return b"".join(framed(event.SerializeToString()) for event in (version(), *events))


def version() -> Event:
    return Event(wall_time=1.79e9, file_version="brain.Event:2")


def scalar(tag: str, step: int, value: float, wall: float = 1.79e9) -> Event:
    """As PyTorch and tensorboardX write it."""
    return Event(wall_time=wall, step=step, summary=Summary(value=[Summary.Value(tag=tag, simple_value=value)]))


def tensor_scalar(tag: str, step: int, value: float, wall: float = 1.79e9, *, plugin: str | None = "scalars") -> Event:
    """As TensorFlow writes it."""
    tensor = TensorProto(dtype=1, tensor_content=struct.pack("<f", value))
    tensor.tensor_shape.SetInParent()
    return Event(wall_time=wall, step=step, summary=Summary(value=[
        Summary.Value(tag=tag, tensor=tensor, metadata=None if plugin is None else metadata(plugin))
    ]))  # fmt: skip


def metadata(plugin: str, content: bytes = b"") -> SummaryMetadata:
    return SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=plugin, content=content))


def session_start(step: int) -> Event:
    return Event(wall_time=1.79e9, step=step, session_log=SessionLog(status=SessionLog.START))


def records_of(data: bytes) -> Iterator[bytes]:
    """The records of a sound file."""
    at = 0
    while at < len(data):
        (size,) = struct.unpack_from("<Q", data, at)
        yield data[at + 12 : at + 12 + size]
        at += size + 16


def points_of(events: Iterable[Event]) -> list[Point]:
    """The points, worked out with protobuf and numpy: simple values, and tensors of tags that are scalars."""
    events = list(events)
    plugins: dict[str, str] = {}
    for event in events:
        for value in event.summary.value:
            tag = value.tag or (value.node_name if value.WhichOneof("value") == "tensor" else "")
            if value.HasField("metadata"):
                plugins.setdefault(tag, value.metadata.plugin_data.plugin_name)
    found = []
    for event in events:
        for value in event.summary.value:
            number = None
            tag = value.tag
            if value.WhichOneof("value") == "simple_value":
                number = value.simple_value
            elif value.WhichOneof("value") == "tensor":
                tag = tag or value.node_name
                if plugins.get(tag) == "scalars":
                    number = number_of(value.tensor)
            if number is not None:
                found.append(Point(tag, event.step, event.wall_time, float(number)))
    return found


def number_of(tensor: Any) -> float | None:
    """The one number of a tensor, as TensorBoard's make_ndarray has it."""
    kind = TYPES.get(tensor.dtype)
    shape = [dim.size for dim in tensor.tensor_shape.dim]
    if kind is None or any(size != 1 for size in shape):
        return None
    if tensor.tensor_content:
        data = tensor.tensor_content
        return float(np.frombuffer(data, kind)[0]) if len(data) == np.dtype(kind).itemsize else None
    if tensor.dtype == 19:
        return float(np.uint16(tensor.half_val[0] & 0xFFFF).view("<f2")) if tensor.half_val else None
    name = {1: "float_val", 2: "double_val", 9: "int64_val", 10: "bool_val"}.get(tensor.dtype, "int_val")
    values = getattr(tensor, name)
    return float(values[0]) if values else None


def parsed(data: bytes) -> list[Event]:
    """The events of a sound file."""
    return [Event.FromString(record) for record in records_of(data)]


def write(directory: Path, *contents: bytes) -> Path:
    """Put files into a directory; their names follow one another."""
    directory.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(contents):
        (directory / f"{NAME}.{number}").write_bytes(content)
    return directory


def said(frame: pl.DataFrame) -> list[Point]:
    """A frame of points, times as seconds since 1970."""
    seconds = frame["time"].to_physical().cast(pl.Float64) / 1e6
    rows = zip(frame["key"], frame["step"], seconds, frame["value"], strict=True)
    return [Point(key, step, 0.0 if time is None else time, value) for key, step, time, value in rows]


def same(points: Iterable[Point]) -> list[str]:
    """Points as texts: NaN equals NaN, and times are compared to the microsecond."""
    return [f"{point.key} {point.step} {round(point.time * 1e6)} {point.value!r}" for point in points]
