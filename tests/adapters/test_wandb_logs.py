"""What W&B runs printed: by their output.log, and by their transaction log where there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.adapters.wandb_runs import HEADER, Encoder, WandbWriter, framed, pb, sdk_environment
from tui_runs.capabilities import LogFile, LogPart, WithLogs
from tui_runs.errors import ArtifactError
from tui_runs.local_files import LocalFiles
from tui_runs_wandb import WandbAdapter, recorded_output

# What the runs below print, piece by piece: True is stderr.
PRINTED = [
    (False, "hello λ\n"), (False, "no newline"), (True, "an error\n"), (False, "\x1b[31mred\x1b[0m\n"),
    (True, "\r0%"), (True, "\r100%\n"), (False, "one\rtwo\n\x1b[1Aup\n"), (False, "x" * 40_000 + "\n"), (False, "end"),
]  # fmt: skip
RAW = "".join(text for _, text in PRINTED).encode()
SCRIPT = """
import json, sys
import wandb
for name, settings in {
    "auto1": {}, "emu1": {"console": "wrap_emu"}, "off1": {"console": "off"},
    "multi1": {"console_multipart": True, "console_chunk_max_bytes": 20_000},
}.items():
    run = wandb.init(project="lab", id=name, settings=wandb.Settings(silent=True, x_disable_stats=True, **settings))
    for to_stderr, text in json.loads(sys.argv[1]):
        (sys.stderr if to_stderr else sys.stdout).write(text)
        run.log({"loss": len(text)})
    run.finish()
"""


@pytest.fixture(scope="session")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs by the SDK that printed PRINTED, with several ways to capture it."""
    import json

    root = tmp_path_factory.mktemp("printed")
    environment = sdk_environment(root)
    del environment["WANDB_CONSOLE"]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(PRINTED)], env=environment, cwd=root, capture_output=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return root / "wandb"


def opened(place: Path) -> tuple[WithLogs, dict[str, str]]:
    """A source, and the ids of its runs by those of W&B."""
    source = WandbAdapter().open(str(place), {})
    assert isinstance(source, WithLogs)
    rows = [row for batch in source.scan() for row in batch.tags.filter(key="wandb.id").iter_rows()]
    return source, {value: run_id for run_id, _, value in rows}


def copied(printed: Path, to: Path) -> Path:
    """The runs without what is in `files`, as one may copy them."""
    for log in printed.glob("*/*.wandb"):
        directory = to / log.parent.name
        if not log.parent.is_symlink():
            directory.mkdir(parents=True)
            shutil.copy(log, directory)
    return to


def test_output_log_of_the_sdk(printed: Path) -> None:
    source, runs = opened(printed)
    path = next(printed.glob("offline-run-*-auto1/files/output.log"))
    data = path.read_bytes()
    assert {b"hello \xce\xbb", b"no newline\x1b[31mred\x1b[0m", b"100%"} <= set(data.split(b"\n"))
    assert source.logs(runs["auto1"]) == [LogFile("output.log", len(data))]
    assert source.read_log(runs["auto1"], "output.log", 0, 1 << 20) == LogPart(data, 0, len(data))
    assert source.read_log(runs["auto1"], "output.log", 6, 10) == LogPart(data[6:16], 6, len(data))
    assert source.read_log(runs["auto1"], "output.log", -7, 3) == LogPart(data[-7:-4], len(data) - 7, len(data))
    assert source.read_log(runs["auto1"], "output.log", -(1 << 40), 5).start == 0
    assert source.read_log(runs["auto1"], "output.log", 1 << 40, 5) == LogPart(b"", len(data), len(data))


def test_parts_of_a_log_newest_first(printed: Path, tmp_path: Path) -> None:
    shutil.copytree(printed, tmp_path / "wandb", symlinks=True)
    source, runs = opened(tmp_path / "wandb")
    (part,) = (tmp_path / "wandb").glob("offline-run-*-multi1/files/logs/output_*.log")
    before = part.with_name("output_20200101_000000_000000000.log")
    before.write_bytes(b"before\n")
    os.utime(before, (1_577_836_800, 1_577_836_800))
    expected = [LogFile(f"logs/{part.name}", part.stat().st_size), LogFile(f"logs/{before.name}", 7)]
    assert source.logs(runs["multi1"]) == expected
    whole = source.read_log(runs["multi1"], f"logs/{part.name}", 0, 1 << 20).data
    assert {b"hello \xce\xbb", b"an error", b"100%"} <= set(whole.split(b"\n"))
    assert source.read_log(runs["multi1"], f"logs/{before.name}", 0, 1 << 20).data == b"before\n"


def test_nothing_was_captured(printed: Path, tmp_path: Path) -> None:
    for place in (printed, copied(printed, tmp_path)):
        source, runs = opened(place)
        assert source.logs(runs["off1"]) == []
        assert source.logs("nobody") == []
        for run_id, name in ((runs["off1"], "output.log"), ("nobody", "output.log")):
            with pytest.raises(ArtifactError):
                source.read_log(run_id, name, 0, 10)


def test_transaction_log_has_every_byte_printed(printed: Path, tmp_path: Path) -> None:
    source, runs = opened(copied(printed, tmp_path))
    assert source.logs(runs["auto1"]) == [LogFile("run-auto1.wandb")]
    assert source.read_log(runs["auto1"], "run-auto1.wandb", 0, 1 << 20) == LogPart(RAW, 0, len(RAW))
    assert source.read_log(runs["multi1"], "run-multi1.wandb", 0, 1 << 20).data == RAW
    emulated = source.read_log(runs["emu1"], "run-emu1.wandb", 0, 1 << 20).data.split(b"\n")
    assert {"hello λ".encode(), b"an error", b"100%", b"x" * 40_000} <= set(emulated)


def output_record(encode: Encoder, text: str, *, to_stderr: bool = False) -> bytes:
    kind = pb().OutputRecord.OutputType
    return encode(output_raw=pb().OutputRawRecord(output_type=kind.STDERR if to_stderr else kind.STDOUT, line=text))


@pytest.fixture(scope="module")
def long_log(tmp_path_factory: pytest.TempPathFactory) -> tuple[WithLogs, str, bytes]:
    """A log of half a megabyte with texts here and there, a source for it, and all of its text."""
    writer = WandbWriter(tmp_path_factory.mktemp("long") / "wandb")
    run_id = writer.add_run("long")
    encode = writer._encoders[run_id]
    records, texts = [], []
    for step in range(800):
        records.append(encode.history({f"metric {i}": step / 7 for i in range(20)}, step))
        if step % 3 and not 200 < step < 500:
            texts.append(f"step {step} λ\n" * (1 + 40 * (step == 600)))
            records.append(output_record(encode, texts[-1], to_stderr=step % 2 > 0))
    for line in range(2000):  # several portions that begin with a text
        texts.append(f"line {line}\n")
        records.append(output_record(encode, texts[-1]))
    writer.append_records(run_id, records)
    source, _ = opened(writer.root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorded_output, "_PORTION", 40_000)
        patch.setattr(recorded_output, "_MARK_TEXT", 1)
        patch.setattr(recorded_output, "_MARK_LOG", 64_000)
        whole = source.read_log(run_id, "run-id1.wandb", 0, 1 << 30)
    assert whole.data == "".join(texts).encode()
    return source, run_id, whole.data


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.integers(-40_000, 40_000), limit=st.integers(0, 4000))
def test_any_stretch_of_a_transaction_log(long_log: tuple[WithLogs, str, bytes], start: int, limit: int) -> None:
    source, run_id, whole = long_log
    begin = max(0, len(whole) + start) if start < 0 else min(start, len(whole))
    said = source.read_log(run_id, "run-id1.wandb", start, limit)
    assert said == LogPart(whole[begin : begin + limit], begin, len(whole))


def test_places_are_noted_now_and_then(long_log: tuple[WithLogs, str, bytes]) -> None:
    source, run_id, whole = long_log
    store: Any = source
    run = store._console_of(run_id)._run
    _, offsets = zip(*store._console_of(run_id)._recorded._marks, strict=True)
    assert len(offsets) > 1000
    assert list(offsets) == sorted(offsets)
    recorded = recorded_output.RecordedOutput(run.log, threading.Event())
    assert recorded.read(0, 1 << 30).data == whole
    assert len(recorded._marks) == 1


def test_a_transaction_log_grows_and_is_replaced(tmp_path: Path) -> None:
    writer = WandbWriter(tmp_path / "wandb")
    run_id = writer.add_run("live")
    source, _ = opened(writer.root)
    name, encode = "run-id1.wandb", writer._encoders[run_id]
    assert source.logs(run_id) == []
    writer.append_records(run_id, [output_record(encode, "one\n")])
    assert source.logs(run_id) == [LogFile(name)]
    assert source.read_log(run_id, name, 0, 100) == LogPart(b"one\n", 0, 4)
    path = writer.log_path(run_id)
    half = framed([output_record(encode, "two\n")], path.stat().st_size)
    for part in (half[:20], half[20:]):
        with open(path, "ab") as file:
            file.write(part)
        size = 8 if part == half[20:] else 4
        assert source.read_log(run_id, name, 4, 100) == LogPart(b"two\n"[: size - 4], 4, size)
    fresh = Encoder()
    other = path.with_suffix(".new")
    other.write_bytes(HEADER + framed([fresh.run("id1"), output_record(fresh, "new\n")]))
    os.replace(other, path)
    assert source.read_log(run_id, name, 8, 100) == LogPart(b"", 4, 4)
    assert source.read_log(run_id, name, 0, 100) == LogPart(b"new\n", 0, 4)
    path.write_bytes(b"not a log at all")
    assert source.read_log(run_id, name, 0, 100).data in (b"", b"new\n")
    path.unlink()
    with pytest.raises(ArtifactError, match="cannot be read"):
        source.read_log(run_id, name, 0, 100)


def test_what_is_damaged_loses_no_other_text(tmp_path: Path) -> None:
    writer = WandbWriter(tmp_path / "wandb")
    run_id = writer.add_run("damaged")
    encode = writer._encoders[run_id]
    writer.append_records(run_id, [output_record(encode, f"line {i}\n") for i in range(100)])
    data = bytearray(writer.log_path(run_id).read_bytes())
    data[data.index(b"line 50\n")] ^= 1
    writer.log_path(run_id).write_bytes(data)
    source, _ = opened(writer.root)
    expected = "".join(f"line {i}\n" for i in range(100) if i != 50).encode()
    assert source.read_log(run_id, "run-id1.wandb", 0, 1 << 20).data == expected


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def one_run(tmp_path: Path) -> tuple[WithLogs, str, Path]:
    """A source with one run, and the run's `files`."""
    writer = WandbWriter(tmp_path / "wandb")
    run_id = writer.add_run("one")
    files = writer.log_path(run_id).parent / "files"
    files.mkdir()
    return opened(writer.root)[0], run_id, files


class Reader:
    """Reads a log on and on, as a screen does: by what the contract says, and nothing else."""

    def __init__(self, source: WithLogs, run_id: str) -> None:
        self.source, self.run_id = source, run_id
        self.text, self.size = b"", 0

    def read_on(self) -> bytes:
        for _ in range(100):
            part = self.source.read_log(self.run_id, "output.log", len(self.text), 7)
            self.text = b"" if part.size < self.size else self.text + part.data
            self.size = part.size
            if len(self.text) == self.size and part.data == b"":
                part = self.source.read_log(self.run_id, "output.log", len(self.text), 7)
                if part.size == self.size:
                    break
        return self.text


def test_a_progress_bar_is_exchanged_in_place(one_run: tuple[WithLogs, str, Path]) -> None:
    """The SDK writes `49% ####`, a newline, and 5 s later `99% #########` over it."""
    source, run_id, files = one_run
    reader = Reader(source, run_id)
    for state in (b"first\n49% ####\n", b"first\n99% #########\n", b"first\n100% ##########\nnext\n"):
        (files / "output.log").write_bytes(state)
        assert reader.read_on() == state


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.booleans(), st.text("ab\n", max_size=9)), max_size=12))
def test_whoever_reads_on_has_the_file(one_run: tuple[WithLogs, str, Path], changes: list[tuple[bool, str]]) -> None:
    source, run_id, files = one_run
    path = files / "output.log"
    path.write_bytes(b"")
    reader, text = Reader(source, run_id), b""
    for instead, new in changes:
        if instead:
            text = text[: text[:-1].rfind(b"\n") + 1]
        text += new.encode() + b"\n"
        path.write_bytes(text)
        assert reader.read_on() == text


def test_nothing_outside_of_the_run_is_read(one_run: tuple[WithLogs, str, Path], tmp_path: Path) -> None:
    source, run_id, files = one_run
    (tmp_path / "secret.log").write_text("not for you")
    os.symlink(tmp_path / "secret.log", files / "output.log")
    os.symlink(tmp_path, files / "logs")
    os.mkfifo(files / "pipe.log")
    (files / "directory.log").mkdir()
    (files / "train.log").write_text("mine")
    assert source.logs(run_id) == [LogFile("train.log", 4)]
    names = (
        "output.log",
        "logs/secret.log",
        "pipe.log",
        "directory.log",
        "../run-id1.wandb",
        "",
        "/etc/passwd",
        "a\0b",
    )
    for name in names:
        with pytest.raises(ArtifactError):
            source.read_log(run_id, name, 0, 100)
    assert source.read_log(run_id, "train.log", 1, 2) == LogPart(b"in", 1, 4)
    assert source.read_log(run_id, "train.log", 3, -1) == LogPart(b"", 3, 4)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_log(one_run: tuple[WithLogs, str, Path]) -> None:
    source, run_id, files = one_run
    (files / "output.log").write_text("x")
    (files / "output.log").chmod(0)
    with pytest.raises(ArtifactError, match="permission denied"):
        source.read_log(run_id, "output.log", 0, 100)


def test_ranges_of_a_confined_file(tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    (tmp_path / "big").write_bytes(data)
    files = LocalFiles(str(tmp_path))
    for start, limit in ((0, 10), (2_999_990, 100), (-5, 3), (5, 2_500_000), (3_000_000, 5), (9_000_000, 5), (7, -1)):
        begin = max(0, len(data) + start) if start < 0 else min(start, len(data))
        assert files.read_range("big", start, limit) == LogPart(data[begin : begin + max(0, limit)], begin, len(data))
    with pytest.raises(ArtifactError):
        files.read_range("../big", 0, 10)
