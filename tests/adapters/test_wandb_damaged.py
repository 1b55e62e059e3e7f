"""Damaged, unfinished and strange W&B stores: what can be read is shown, and the rest is said in a sentence."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.contract import LOSS
from tests.adapters.ledger import Ledger, read_all, read_history
from tests.adapters.wandb_runs import BLOCK, HEADER, Encoder, WandbWriter, framed, pb
from tui_runs.adapter import Problem
from tui_runs.errors import LocationError
from tui_runs_wandb import WandbAdapter
from tui_runs_wandb.run_dir import run_at
from tui_runs_wandb.run_frames import RunView, view_of
from tui_runs_wandb.run_log import RunLog

LONG_AGO = (1_600_000_000, 1_600_000_000)


@pytest.fixture
def writer(tmp_path: Path) -> WandbWriter:
    made = WandbWriter(tmp_path / "wandb")
    made.add_run("good", params={"lr": "1"}, metrics={"loss": LOSS}, status="finished")
    return made


def scan(writer: WandbWriter) -> tuple[Ledger, Any]:
    source = WandbAdapter().open(writer.location, {})
    return read_all(source), source


def the_problem(ledger: Ledger) -> Problem:
    (problem,) = ledger.problems.values()
    return problem


def put(writer: WandbWriter, data: bytes, name: str = "offline-run-20230102_030405-victim") -> Path:
    directory = writer.root / name
    directory.mkdir(exist_ok=True)
    path = directory / "run-victim.wandb"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("size", [0, 4, 7])
def test_log_that_has_only_begun(writer: WandbWriter, size: int) -> None:
    """The directory's name tells what it is, and when it started."""
    put(writer, HEADER[:size])
    ledger, source = scan(writer)
    run = ledger.runs["victim-20230102_030405"]
    assert (run["name"], run["status"]) == ("victim", "running")
    assert run["started"].astimezone().replace(tzinfo=None).isoformat() == "2023-01-02T03:04:05"
    assert ledger.problems == {}
    assert read_history(source, ["victim-20230102_030405"])[0] == {}


@pytest.mark.parametrize(
    ("head", "what"),
    [(b"\x89PNG\r\n\x1a", "does not begin with"), (b"x", "does not begin with"), (HEADER[:6] + b"\x01", "version 1")],
)
def test_strange_log_is_a_problem(writer: WandbWriter, head: bytes, what: str) -> None:
    path = put(writer, head + bytes(100))
    ledger, _ = scan(writer)
    assert [run["name"] for run in ledger.runs.values()] == ["good"]
    assert what in the_problem(ledger).what
    assert the_problem(ledger).uri == str(path)
    with pytest.raises(LocationError, match=what):
        WandbAdapter().open(str(path), {})


def test_no_log_at_all(writer: WandbWriter) -> None:
    directory = writer.root / "run-20230102_030405-empty"
    directory.mkdir()
    ledger, _ = scan(writer)
    assert ledger.problems == {}, "its log may come in a moment"
    os.utime(directory, LONG_AGO)
    ledger, _ = scan(writer)
    assert "holds no run-*.wandb" in the_problem(ledger).what
    assert [run["name"] for run in ledger.runs.values()] == ["good"]


@pytest.mark.parametrize("kind", ["link", "pipe", "directory"])
def test_log_that_is_no_file(writer: WandbWriter, kind: str, tmp_path: Path) -> None:
    directory = writer.root / "run-20230102_030405-odd"
    directory.mkdir()
    path = directory / "run-odd.wandb"
    if kind == "link":
        secret = tmp_path / "secret"
        secret.write_bytes(HEADER + framed([Encoder().run("secret")]))
        path.symlink_to(secret)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    ledger, _ = scan(writer)
    assert the_problem(ledger).uri == str(path)
    assert {"link": "link", "pipe": "regular", "directory": "regular"}[kind] in the_problem(ledger).what
    assert "secret" not in str(ledger.state())


def test_linked_runs_do_not_count_twice(writer: WandbWriter) -> None:
    target = next(writer.root.glob("offline-run-*"))
    (writer.root / "latest-run").symlink_to(target.name)
    (writer.root / "offline-run-20230102_030405-again").symlink_to(target.name)
    assert len(scan(writer)[0].runs) == 1


def test_names_that_are_no_text(writer: WandbWriter) -> None:
    name = os.fsdecode(b"offline-run-20230102_030405-\xff\x1b[31m\n")
    put(writer, HEADER + framed([Encoder().run("victim", "λ\ud800".encode(errors="replace").decode())]), name)
    ledger, source = scan(writer)
    (run_id,) = [run for run in ledger.runs if "31m" in run]
    assert source.details([run_id]).problems == ()


def small_log() -> tuple[bytes, list[int]]:
    """A log of every kind of record, and where the rows of its history end."""
    encode = Encoder()
    records, ends = [encode.run("victim", "name", {"lr": 0.1})], []
    for step in range(4):
        records.append(encode.history({"loss": step / 3, "_step": step, "_timestamp": 1.7e9 + step}, step))
        ends.append(len(HEADER) + len(framed(records)))
    records += [encode.summary({"best": 1.0}), encode.exit()]
    return HEADER + framed(records), ends


def view(path: Path) -> RunView:
    """What is shown of one run: what a scan does, without frames."""
    run = run_at(str(path.parent))
    assert run is not None
    log = RunLog(run)
    while log.advance():
        pass
    return view_of(log, 600)


def count(view: RunView, key: str) -> object:
    return next((row[-1] for row in view.metrics if row[0] == key), 0)


def test_cut_anywhere(writer: WandbWriter) -> None:
    data, ends = small_log()
    for cut in range(len(data)):
        shown = view(put(writer, data[:cut]))
        assert (shown.problem, shown.status, shown.shown) == (None, "running", True), cut
        assert count(shown, "loss") == sum(end <= cut for end in ends), cut
        if cut % 50 == 0:
            ledger, _ = scan(writer)
            assert (len(ledger.runs), ledger.problems) == (2, {}), cut


def test_flipped_bit_anywhere(writer: WandbWriter) -> None:
    data, ends = small_log()
    last = len(data) - len(framed([Encoder().exit()]))
    for at in range(len(data)):
        broken = bytearray(data)
        broken[at] ^= 1 << at % 8
        path = put(writer, bytes(broken))
        os.utime(path, LONG_AGO)
        shown = view(path)
        if at % 50 == 0:
            ledger, _ = scan(writer)
            assert the_problem(ledger) == shown.problem
            assert len(ledger.runs) == 1 + shown.shown
        assert shown.shown == (at >= len(HEADER)), at
        if at < len(HEADER):
            continue
        found = count(shown, "loss")
        assert found in (len(ends), len(ends) - 1), at
        assert found == len(ends) or count(shown, "best") == 0, "what comes after it was lost too"
        assert shown.status == ("finished" if at < last else "stale"), at
        if last + 4 <= at < last + 6 and shown.problem is None:
            continue  # a length that is too great looks like a record that was cut off
        assert shown.problem is not None, at
        assert shown.problem.what.startswith(("1 of its records is lost", "Its end, from byte")), at


def test_zero_hole_says_how_many_records_are_lost(writer: WandbWriter) -> None:
    encode = Encoder()
    records = [encode.run("victim")]
    records += [
        encode.history({f"m{i}": step for i in range(50)} | {"_step": step, "_timestamp": 1.7e9}, step)
        for step in range(200)
    ]
    data = bytearray(HEADER + framed(records))
    data[2 * BLOCK + 77 : 3 * BLOCK + 99] = bytes(BLOCK + 22)
    put(writer, bytes(data))
    ledger, source = scan(writer)
    count = ledger.count("victim-20230102_030405", "m7")
    assert 150 < count < 199
    assert the_problem(ledger).what.startswith(
        f"{200 - count} of its records are lost: it is damaged at byte {2 * BLOCK:,}"[:40]
    )
    points, _, _ = read_history(source, ["victim-20230102_030405"], ["m7"])
    (series,) = points.values()
    assert len(series) == count
    assert all(step == value for step, _, value in series)


def test_record_that_is_no_message_is_said(writer: WandbWriter) -> None:
    encode = Encoder()
    good = [encode.run("victim"), *(encode.history({"loss": step, "_step": step}, step) for step in range(40))]
    put(writer, HEADER + framed([*good[:20], b"\x08\x63\x12\xff\xff", b"", *good[20:]]))
    ledger, _ = scan(writer)
    assert ledger.count("victim-20230102_030405", "loss") == 40
    assert "1 of its records cannot be understood" in the_problem(ledger).what


def test_hostile_values_are_only_text(writer: WandbWriter) -> None:
    encode = Encoder()
    deep = "[" * 100_000
    run = encode.run("victim", "[bold]\x1b[2J\u202e", {"deep": 1, "[red]x[/]": "\x00"}, notes="\x07", tags=["\n", ""])
    config = encode(config={"update": [{"key": "deep", "value_json": deep}, {"key": "", "value_json": "{"}]})
    strange = encode.history(
        {"\x1b": 1, "": 2, "huge": b'{"a": ' + b"9" * 5000 + b"}", "_step": 1e300, "_timestamp": -1e18}
    )
    far = [
        encode.history({f"far {at}": 1, "_step": -5, "_timestamp": moment}, at)
        for at, moment in enumerate((9e11, 1e12, 253_402_300_800.0, -1.0, math.nan))
    ]
    sample = pb().StatsRecord(timestamp={"seconds": 2**62})
    sample.item.add(key="cpu", value_json="1")
    put(writer, HEADER + framed([run, config, strange, *far, encode(stats=sample), encode.exit(runtime=2**31 - 1)]))
    ledger, source = scan(writer)
    run_id = "victim-20230102_030405"
    assert ledger.runs[run_id]["name"] == "[bold]\x1b[2J\u202e"
    assert ledger.params_of(run_id)["[red]x[/]"] == "\x00"
    assert ledger.metrics[run_id, "huge.a"]["last"] == float("inf")
    frame = source.history([run_id]).frame
    assert frame.filter(key="\x1b").height == 1
    assert frame["time"].to_list() == [None] * len(frame)
    assert {"far 4", "system/cpu"} <= set(frame["key"])
    source.details([run_id])


@pytest.mark.parametrize("what", ["empty", "stranger", "file"])
def test_places_without_runs(tmp_path: Path, what: str) -> None:
    place = tmp_path / what
    if what == "file":
        place.write_text("x")
    else:
        place.mkdir()
    if what == "stranger":
        (place / "run-notes").mkdir()
        (place / "train.py").write_text("")
    assert WandbAdapter().match(str(place)) is None
    with pytest.raises(LocationError) as caught:
        WandbAdapter().open(str(place), {})
    assert caught.value.remedy
