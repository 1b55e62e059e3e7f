"""W&B runs for tests: written by the real SDK, and, where hundreds are needed or it would not write such a thing, by
the encoder below. It serialises with the SDK's own protobuf classes; only the framing is ours, and that is compared
with the SDK's files.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from zlib import crc32

from tests.adapters.contract import NewRun, Points, StoreWriter
from tests.adapters.metric_truth import Point

HEADER = b":W&B\xe1\xbe\x00"
BLOCK = 32768
START = 1_700_000_000


def pb() -> Any:
    """The SDK's protobuf classes; importing them takes a second."""
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    from wandb.proto import wandb_internal_pb2

    return wandb_internal_pb2


def framed(records: Iterable[bytes], offset: int = len(HEADER)) -> bytes:
    """Records as they follow each other in a file, from this offset on; LevelDB's log_format.md, word by word."""
    out = bytearray()
    for record in records:
        left, first = record, True
        while True:
            room = BLOCK - (offset + len(out)) % BLOCK
            if room < 7:
                out += bytes(room)
                room = BLOCK
            part, left = left[: room - 7], left[room - 7 :]
            kind = {(True, True): 1, (True, False): 2, (False, False): 3, (False, True): 4}[first, not left]
            out += struct.pack("<IHB", crc32(bytes([kind]) + part), len(part), kind) + part
            first = False
            if not left:
                break
    return bytes(out)


class Encoder:
    """Makes the records of one run, numbered one after the other."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self, *, streamed: bool = True, **content: Any) -> bytes:
        self.number += 1
        record = pb().Record(num=self.number, **content)
        if streamed:
            record._info.stream_id = "abc"
        return bytes(record.SerializeToString())

    def run(self, run_id: str, name: str = "", config: Mapping[str, Any] | None = None, **facts: Any) -> bytes:
        run = pb().RunRecord(run_id=run_id, display_name=name, project="trials", **facts)
        run.start_time.FromSeconds(START)
        for key, value in (config or {}).items():
            run.config.update.add(key=key, value_json=json.dumps(value))
        return self(run=run)

    def config(self, **values: Any) -> bytes:
        record = pb().ConfigRecord()
        for key, value in values.items():
            record.update.add(key=key, value_json=json.dumps(value))
        return self(config=record)

    def history(self, values: Mapping[str, Any], step: int | None = None, *, old: bool = False) -> bytes:
        """As wandb-core writes one: keys in parts; `old` is how the SDK did before, keys as they are."""
        record = pb().HistoryRecord()
        for key, value in values.items():
            text = value if isinstance(value, bytes) else json.dumps(value).encode()
            if old:
                record.item.add(key=key, value_json=text.decode())
            else:
                record.item.add(nested_key=[key], value_json=text.decode())
        if step is not None:
            record.step.num = step
        return self(history=record, streamed=False)

    def summary(self, values: Mapping[str, Any], *, streamed: bool = True) -> bytes:
        record = pb().SummaryRecord()
        for key, value in values.items():
            record.update.add(key=key, value_json=json.dumps(value))
        return self(summary=record, streamed=streamed)

    def exit(self, code: int = 0, runtime: int = 60) -> bytes:
        return self(exit=pb().RunExitRecord(exit_code=int(code), runtime=runtime))


class WandbWriter(StoreWriter):
    """Writes records as W&B would. Params are config, tags are texts in the summary, and points are calls of log."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        (root / "debug.log").write_text("")
        self.root = root
        self.location = str(root)
        self._count = 0
        self._encoders: dict[str, Encoder] = {}

    def write_run(self, run: NewRun) -> str:
        self._count += 1
        stamp, wandb_id = f"20231114_{221320 + self._count:06d}", f"id{self._count}"
        directory = self.root / f"offline-run-{stamp}-{wandb_id}"
        run_id = f"{wandb_id}-{stamp}"
        encode = self._encoders[run_id] = Encoder()
        records = [encode(header=pb().HeaderRecord()), encode.run(wandb_id, run.name, run.params)]
        records += self._history(run_id, run.metrics)
        if run.tags:
            records.append(encode.summary(run.tags))
        if run.status != "running":
            records.append(encode.exit(run.status != "finished"))
        directory.mkdir()
        (directory / f"run-{wandb_id}.wandb").write_bytes(HEADER + framed(records))
        return run_id

    def _history(self, run_id: str, metrics: Mapping[str, Points]) -> list[bytes]:
        encode = self._encoders[run_id]
        return [
            encode.history(
                {key: point.value, "_step": point.step, "_timestamp": point.ms / 1000, "_runtime": 1}, point.step
            )
            for key, points in metrics.items()
            for point in points
        ]

    def log_path(self, run_id: str) -> Path:
        wandb_id, _, stamp = run_id.partition("-")
        return self.root / f"offline-run-{stamp}-{wandb_id}" / f"run-{wandb_id}.wandb"

    def append_records(self, run_id: str, records: Iterable[bytes]) -> None:
        path = self.log_path(run_id)
        data = framed(records, path.stat().st_size)
        with open(path, "ab", buffering=0) as file:
            file.write(data)

    def append(self, run_id: str, key: str, points: Points) -> None:
        self.append_records(run_id, self._history(run_id, {key: points}))

    def append_half(self, run_id: str, key: str, point: Point) -> Callable[[], None]:
        path = self.log_path(run_id)
        data = framed(self._history(run_id, {key: [point]}), path.stat().st_size)
        cut = len(data) // 2

        def write(part: bytes) -> None:
            with open(path, "ab", buffering=0) as file:
                file.write(part)

        write(data[:cut])
        return lambda: write(data[cut:])

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        self.append_records(run_id, [self._encoders[run_id].summary({key: value})])

    def set_status(self, run_id: str, status: str) -> None:
        self.append_records(run_id, [self._encoders[run_id].exit(status != "finished")])

    def remove_run(self, run_id: str) -> None:
        shutil.rmtree(self.log_path(run_id).parent)

    def break_run(self, run_id: str) -> Callable[[], None]:
        path = self.log_path(run_id)

        def put(head: bytes) -> None:
            with open(path, "r+b", buffering=0) as file:
                file.write(head)

        put(b"NOPE")
        return lambda: put(HEADER[:4])

    def hide_part(self, run_id: str) -> Path:
        path = self.log_path(run_id)
        path.chmod(0)
        return path


# --- the real SDK -----------------------------------------------------------------------------------------------------

_SETTINGS = {
    "WANDB_MODE": "offline",
    "WANDB_SILENT": "true",
    "WANDB_ERROR_REPORTING": "false",
    "WANDB_CONSOLE": "off",
    "WANDB_DISABLE_GIT": "true",
}
# Each script writes runs into $WANDB_DIR, and what it logged as JSON to stdout.
FINISHED = """
import json, sys
import numpy as np
import wandb

def rows_of(run, rows, **settings):
    for row in rows:
        run.log(row, **settings)
    return [{key: value for key, value in row.items() if isinstance(value, (int, float))} for row in rows]

quiet = wandb.Settings(x_disable_stats=True)
nan, inf = float("nan"), float("inf")
truth = {}

config = {"lr": 1e-05, "layers": [64, 32], "model": {"depth": 3, "act": {"name": "gelu λ", "bias": None}},
          "big": 2**60, "flag": True, "text": "a\\nb", "a.b": 1, "empty": {}}
run = wandb.init(project="lab λ", entity="team", id="plain1", name="plain ✓", group="g", job_type="train",
                 config=config, tags=["baseline", "two words"], notes="first\\nsecond", settings=quiet)
rows = [{"loss": 1 / (step + 1), "train/acc": step / 7, "epoch": step // 4, "big": 2**60 + step, "tiny": 5e-324,
         "huge": -1.7976931348623157e308, "done": step == 29, "λ metric": step, "x" * 200: step} for step in range(30)]
logged = rows_of(run, rows)
run.log({"late": 1.5}, step=100)
run.summary["best"] = 0.25
run.summary["loss"] = 42.0
run.summary["word"] = "hello"
run.config.update({"late": {"value": 7}})
run.finish()
truth["plain1"] = {"rows": logged, "summary": {"best": 0.25, "loss": 42.0, "late": 1.5}}

run = wandb.init(project="lab λ", id="nested1", settings=quiet)
rows = [{"a": {"b": {"c": step * 2.5}, "d": step}, "hist": wandb.Histogram([step, 2, 3]), "note": f"s{step}",
         "none": None, "list": [1, 2], "np": np.float32(0.5), "array": np.array(step)} for step in range(40)]
rows_of(run, rows)
run.log({"image": wandb.Image(np.zeros((4, 5, 3), dtype=np.uint8)), "table": wandb.Table(columns=["a"], data=[[1]]),
         "html": wandb.Html("<b>x</b>")})
run.finish(exit_code=3)
truth["nested1"] = {"rows": [{"a.b.c": step * 2.5, "a.d": step, "np": 0.5, "array": step} for step in range(40)]}

run = wandb.init(project="lab λ", id="metric1", settings=quiet)
run.define_metric("epoch", hidden=True)
run.define_metric("val/*", step_metric="epoch")
run.define_metric("loss", summary="min")
run.define_metric("acc", summary="max,last")
rows = [{"loss": (step - 20) ** 2, "acc": -step, "epoch": step / 10, "val/x": step} for step in range(40)]
logged = rows_of(run, rows)
run.finish()
truth["metric1"] = {"rows": logged, "summary": {"loss.min": 0, "acc.max": 0, "acc.last": -39}}

run = wandb.init(project="lab λ", id="odd1", settings=quiet)
values = [nan, inf, -inf, 0.0, -0.0, 1e22, 0.1 + 0.2, nan]
logged = rows_of(run, [{"odd": value, "all nan": nan} for value in values])
run.finish()
truth["odd1"] = {"rows": logged}

for part in (0, 1):
    run = wandb.init(project="lab λ", id="twice1", resume="allow" if part else None, name="twice", settings=quiet)
    logged = rows_of(run, [{"loss": part * 100 + step} for step in range(5 + part)])
    run.finish()
    truth[f"twice1 {part}"] = {"rows": logged}

json.dump(truth, sys.stdout)
"""
GOES_ON = """
import json, sys
import wandb
run = wandb.init(project="lab", id=sys.argv[1], name=sys.argv[1], settings=wandb.Settings(x_disable_stats=True))
step = 0
print("ready", flush=True)
for line in sys.stdin:
    for _ in range(int(line)):
        run.log({f"m{i}": step + i / 64 for i in range(30)})
        step += 1
    print(step, flush=True)
"""


class LiveRun:
    """A process that logs as it is told; the rows of it are m0 to m29, each being the step and its own 64ths."""

    def __init__(self, root: Path, run_id: str) -> None:
        self.run_id = run_id
        self.root = root
        command = [sys.executable, "-c", GOES_ON, run_id]
        self._process = subprocess.Popen(
            command, env=sdk_environment(root), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip
        self._stdin, self._stdout = _pipe(self._process.stdin), _pipe(self._process.stdout)

    def ready(self) -> None:
        assert self._stdout.readline() == "ready\n"

    def log(self, rows: int) -> int:
        """Log so many more; how many were logged in all."""
        self._stdin.write(f"{rows}\n")
        self._stdin.flush()
        return int(self._stdout.readline())

    @property
    def path(self) -> Path:
        return next(self.root.glob(f"wandb/*-{self.run_id}/*.wandb"))

    def kill(self) -> None:
        """SIGKILL, to the process and to wandb-core."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._stdin.close()
        self._stdout.close()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def sdk_environment(root: Path) -> dict[str, str]:
    """Settings that keep the SDK off the user's files and the network, and what it forgets to remove out of /tmp."""
    temporary = root / ".tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    own = {name: str(root / f".{name}") for name in ("WANDB_CONFIG_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR")}
    places = {"HOME": root, "WANDB_DIR": root, "TMPDIR": temporary}
    return {"PATH": os.environ["PATH"], **{name: str(path) for name, path in places.items()}, **own, **_SETTINGS}


def write_finished(root: Path) -> dict[str, Any]:
    """Runs that have ended, in root/wandb; what was logged."""
    root.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", FINISHED], env=sdk_environment(root), capture_output=True, text=True, timeout=120,
        cwd=root, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    truth: dict[str, Any] = json.loads(done.stdout)
    return truth


@contextmanager
def live_run(root: Path, run_id: str) -> Iterator[LiveRun]:
    """A run that goes on until the end of this context."""
    root.mkdir(parents=True, exist_ok=True)
    run = LiveRun(root, run_id)
    try:
        run.ready()
        yield run
    finally:
        run.kill()


def wait_until(holds: Callable[[], object], seconds: float = 30) -> None:
    """Wait for something outside of this process."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)  # what another process writes cannot be awaited
