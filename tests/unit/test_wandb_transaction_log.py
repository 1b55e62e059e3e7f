"""The framing of W&B's transaction logs, whole and damaged."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.wandb_runs import BLOCK, HEADER, framed
from tui_runs_wandb.transaction_log import LogReader, NotALogError, check_header

SIZES = (0, 1, 6, 40, 300, 9000, BLOCK - 7, BLOCK, 3 * BLOCK + 11)


def numbered(sizes: Sequence[int]) -> list[bytes]:
    """Records of these sizes that begin with their number, as W&B's do."""
    return [b"\x08" + varint(number) + os.urandom(size) for number, size in enumerate(sizes, 1)]


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    made = Log(tmp_path / "run-x.wandb")
    yield made
    made.close()


class Log:
    """A file, and a reader of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reader = LogReader()
        path.touch()
        self._descriptor = os.open(path, os.O_RDONLY)

    def write(self, data: bytes) -> None:
        self.path.write_bytes(data)
        self.reader = LogReader()

    def append(self, data: bytes) -> None:
        with open(self.path, "ab") as file:
            file.write(data)

    def read(self, limit: int = 1 << 24) -> list[bytes]:
        """All that there is now."""
        found: list[bytes] = []
        more = True
        while more:
            records = self.reader.read(self._descriptor, limit)
            more = records.more
            parts = zip(records.start.tolist(), records.end.tolist(), strict=True)
            found += [records.data[start:end].tobytes() for start, end in parts]
        return found

    def close(self) -> None:
        os.close(self._descriptor)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.sampled_from(SIZES) | st.integers(0, 200), max_size=40),
    limit=st.sampled_from([1, BLOCK, 1 << 24]),
)
def test_every_record_is_read(tmp_path_factory: pytest.TempPathFactory, sizes: list[int], limit: int) -> None:
    log = Log(tmp_path_factory.mktemp("log") / "run-x.wandb")
    records = numbered(sizes)
    log.write(HEADER + framed(records))
    assert log.read(limit) == records
    assert log.reader.offset == log.path.stat().st_size
    assert log.reader.lost_so_far == 0
    log.close()


@pytest.mark.parametrize("size", [30, 700, 9000])
def test_many_blocks_side_by_side(log: Log, size: int) -> None:
    records = numbered([size] * (40 * BLOCK // size))
    log.write(HEADER + framed(records))
    assert log.read() == records


def test_byte_by_byte(log: Log) -> None:
    """A file that grows by a few bytes at a time gives every record once, as soon as it is whole."""
    records = numbered([10, BLOCK, 5, 2 * BLOCK + 3, 100])
    data = HEADER + framed(records)
    log.write(b"")
    found: list[bytes] = []
    ends = [len(HEADER) + len(framed(records[: count + 1])) for count in range(len(records))]
    log.append(data[:7])
    for at in range(7, len(data), 97):
        log.append(data[at : at + 97])
        found += log.read()
        assert found == records[: sum(end <= at + 97 for end in ends)]
    assert found == records
    assert log.reader.lost_so_far == 0


@pytest.mark.parametrize("sizes", [[20, 30, 25, 40], [20, BLOCK + 100, 30]], ids=["one block", "two blocks"])
def test_cut_anywhere(log: Log, sizes: list[int]) -> None:
    records = numbered(sizes)
    data = HEADER + framed(records)
    ends = [len(HEADER) + len(framed(records[: count + 1])) for count in range(len(records))]
    near = {at for end in [*ends, BLOCK] for at in range(end - 60, end + 60)}
    for cut in sorted(at for at in near if 7 <= at <= len(data)):
        log.write(data[:cut])
        assert log.read() == records[: sum(end <= cut for end in ends)], cut
        assert log.reader.lost_so_far == 0, cut
        log.append(data[cut:])
        rest = log.read()
        assert rest == records[len(records) - len(rest) :], cut


def test_flipped_bit_anywhere_costs_one_record(log: Log) -> None:
    records = numbered([20, 30, 25, 40])
    data = HEADER + framed(records)
    for at in range(len(HEADER), len(data)):
        broken = bytearray(data)
        broken[at] ^= 1 << at % 8
        log.write(bytes(broken))
        found = log.read()
        assert len(found) >= len(records) - 1, at
        assert [one for one in records if one in found] == found, at
        if found == records[:-1]:
            assert log.reader.lost_so_far == 0, at  # it may be in the writing
            log.append(framed(numbered([5] * 5)[4:], len(data)))
            log.read()
        assert log.reader.lost_so_far == 1, at
        assert log.reader.damaged_at is not None
        assert log.reader.damaged_at <= at


def test_flipped_bits_in_many_blocks(log: Log) -> None:
    records = numbered([500] * (40 * BLOCK // 500))
    data = bytearray(HEADER + framed(records))
    for block in range(3, 40, 5):
        data[block * BLOCK + 1000 + 97 * block] ^= 1 << block % 8
    log.write(bytes(data))
    found = log.read()
    assert [one for one in records if one in found] == found
    assert len(records) - len(found) == log.reader.lost_so_far == len(range(3, 40, 5))


@pytest.mark.parametrize("blocks", [3, 40], ids=["few blocks", "many blocks"])
def test_damage_is_counted_by_the_records_numbers(log: Log, blocks: int) -> None:
    records = numbered([500] * (blocks * BLOCK // 500))
    data = bytearray(HEADER + framed(records))
    hole = slice(BLOCK + 100, 2 * BLOCK + 5000)
    data[hole] = bytes(hole.stop - hole.start)
    log.write(bytes(data))
    for limit in (BLOCK, 1 << 24):
        log.reader = LogReader()
        found = log.read(limit)
        assert [one for one in records if one in found] == found
        assert log.reader.lost_so_far == len(records) - len(found)
        assert len(records) - len(found) < (hole.stop - hole.start) / 500 + 3


def test_hole_up_to_the_end(log: Log) -> None:
    """Zeros that a crash left behind are waited for; of a whole block of them at least one record was lost."""
    records = numbered([100] * 20)
    data = HEADER + framed(records)
    log.write(data + bytes(300))
    assert log.read() == records
    assert (log.reader.lost_so_far, log.reader.offset) == (0, len(data))
    log.append(bytes(BLOCK))
    assert log.read() == []
    assert log.reader.lost_so_far == 1


def test_garbage_is_no_record(log: Log) -> None:
    log.write(HEADER + os.urandom(5 * BLOCK))
    assert log.read() == []
    assert log.reader.lost_so_far >= 1


def test_bad_end_waits_until_it_is_mended(log: Log) -> None:
    records = numbered([50, 60])
    data = HEADER + framed(records)
    log.write(data[:-1] + bytes([data[-1] ^ 1]))
    assert log.read() == records[:1]
    log.path.write_bytes(data)
    assert log.read() == records[1:]
    assert log.reader.lost_so_far == 0


def test_reading_from_a_block_on(log: Log) -> None:
    records = numbered([700] * 500)
    log.write(HEADER + framed(records))
    log.reader = LogReader(5 * BLOCK, midway=True)
    found = log.read()
    assert found == records[-len(found) :]
    assert len(found) > 250
    assert log.reader.lost_so_far == 0


def test_parts_without_their_record(log: Log) -> None:
    """A chunk in the middle whose beginning is missing, and one whose end is."""
    one, two, three = numbered([10, 3 * BLOCK, 10])
    data = HEADER + framed([one, two, three])
    without_first = bytearray(data)
    begin = len(HEADER) + len(framed([one]))
    without_first[begin + 6] ^= 0xFF
    log.write(bytes(without_first))
    assert log.read() == [one, three]
    assert log.reader.lost_so_far == 1
    again = framed([three], 2 * BLOCK)
    log.write(data[: 2 * BLOCK] + again)
    assert log.read() == [one, three]
    assert log.reader.lost_so_far == 1


@pytest.mark.parametrize("size", range(8))
def test_header_that_is_not_all_there(size: int) -> None:
    assert check_header((HEADER + b"x")[:size]) == (size >= len(HEADER))


@pytest.mark.parametrize("head", [b"x", b"\x89PNG\r\n", b":W&A\xe1\xbe\x00", b":W&B\xe1\xbf\x00"])
def test_strangers_are_refused(head: bytes) -> None:
    with pytest.raises(NotALogError, match="W&B"):
        check_header(head)


def test_other_versions_are_refused() -> None:
    with pytest.raises(NotALogError, match="version 1 "):
        check_header(HEADER[:6] + b"\x01")


def test_sizes_that_lie(log: Log) -> None:
    """A chunk that claims to be longer than its block is damage, not a reason to read on for ever."""
    record = numbered([10])[0]
    lie = struct.pack("<IHB", 0, 65535, 1)
    log.write(HEADER + lie + framed([record], len(HEADER) + 7))
    assert log.read() == [record]
    assert log.reader.lost_so_far == 1
