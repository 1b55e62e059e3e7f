"""Writes MLflow file stores of any size, fast, in the bytes that MLflow's own FileStore writes (3.x).

The runs are a learning-rate sweep as people have them: curves that fall with noise, a few runs that failed, a few
whose loss became NaN. The same shape gives the same bytes, but for the store's own path in the `artifact_uri`s.
`tests/unit/test_benchmark_store.py` holds it against the real FileStore, byte for byte.

    python -m tests.benchmarks.make_store DIRECTORY --runs 5000
"""

from __future__ import annotations

import argparse
import math
import os
import random
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple

EXPERIMENT: Final = "0"
LIVE_RUN: Final = "f" * 32
"""Id of the run that a benchmark adds to a store while it runs."""

_FIRST_START: Final = 1_780_000_000_000
_MINUTE: Final = 60_000
_STEP_MS: Final = 400
_SWEEP: Final = 10
"""Runs of one sweep: the first is the parent of the others."""

RUNNING, FINISHED, FAILED, KILLED = 1, 3, 4, 5
_STATUSES: Final = (FINISHED,) * 17 + (FAILED, FAILED, KILLED)

_MOODS: Final = ("amber", "brisk", "dusty", "eager", "frosty", "gentle", "hollow", "ivory", "jolly", "mellow")
_BIRDS: Final = ("avocet", "bittern", "curlew", "dunlin", "egret", "fulmar", "godwit", "heron", "jacana", "plover")
NAME_PATTERN: Final = rf"(?:{'|'.join(_MOODS)})-(?:{'|'.join(_BIRDS)})-\d+"
"""Fits the name of every run, and nothing else that a screen may show."""

_METRICS: Final = (
    "val_loss", "train/loss", "val_acc", "train/acc", "val_f1",
    "lr", "grad_norm", "epoch_time", "throughput", "train/top5_acc",
)  # fmt: skip
_CHOICES: Final = {
    "batch_size": ("32", "64", "128", "256"),
    "optimizer": ("adam", "adamw", "sgd"),
    "schedule": ("cosine", "linear", "constant"),
    "model": ("resnet18", "resnet34", "vit_tiny"),
    "data.path": ("/data/imagenet-100/train",),
    "augment": ("True", "False"),
    "warmup_steps": ("0", "500", "2000"),
    "depth": ("6", "12"),
    "width": ("192", "384"),
    "amp": ("bf16",),
}
_RANGES: Final = {"learning_rate": (-5, -2), "weight_decay": (-6, -1), "dropout": (-2, -0.3)}


class Point(NamedTuple):
    """One line of a metric file."""

    ms: int
    value: float
    step: int


class Shape(NamedTuple):
    """How large a store is: runs, and params, metrics a run, and points a metric."""

    runs: int = 5000
    params: int = 20
    metrics: int = 10
    points: int = 100

    @property
    def label(self) -> str:
        """Names a directory: 5000x20x10x100."""
        return "x".join(str(number) for number in self)

    @property
    def disk_bytes(self) -> int:
        """About what it takes in files and directories of whole 4 KiB pages."""
        metric_pages = -(-self.points * 38 // 4096)
        return self.runs * 4096 * (self.params + self.metrics * metric_pages + 12)


@dataclass(frozen=True)
class Run:
    """Everything that is logged for one run; its points are made when they are asked for."""

    index: int
    shape: Shape
    run_id: str
    name: str
    status: int
    start: int
    params: dict[str, str]
    tags: dict[str, str]

    @property
    def end(self) -> int | None:
        """Milliseconds since 1970; None while it is running."""
        return None if self.status == RUNNING else self.start + self.shape.points * _STEP_MS + 2_500

    @cached_property
    def metrics(self) -> dict[str, list[Point]]:
        """The points of every metric, in the order in which they were logged."""
        chance = random.Random(f"points of {self.index}")
        rate = float(self.params.get("learning_rate", "1e-3"))
        floor = 0.2 + 0.1 * abs(math.log10(rate) + 3)
        return {key: list(self._curve(key, floor, chance)) for key in metric_keys(self.shape.metrics)}

    def _curve(self, key: str, floor: float, chance: random.Random) -> Iterator[Point]:
        height, pace = 1 + chance.random(), 2 + 10 * chance.random()
        diverges = self.status == FAILED and key == "train/loss"
        rises = "acc" in key or "f1" in key
        noise = chance.random
        for step in range(self.shape.points):
            value = floor + height / (1 + step / pace) + 0.04 * noise()
            if rises:
                value = 1 / (1 + value)
            elif diverges and step > self.shape.points // 2:
                value = math.nan
            yield Point(self.start + (step + 1) * _STEP_MS + step % 7, value, step)


def metric_keys(count: int) -> list[str]:
    """The names of the metrics; those beyond the first ten lie in directories of their own, as layers do."""
    return [*_METRICS[:count], *(f"layer{i // 8}/weight_norm_{i}" for i in range(count - len(_METRICS)))]


def make_run(index: int, shape: Shape) -> Run:
    """The run of this number, always the same one."""
    chance = random.Random(f"run {index}")
    run_id = f"{chance.getrandbits(128):032x}"
    name = f"{chance.choice(_MOODS)}-{chance.choice(_BIRDS)}-{index}"
    params = {key: f"{10 ** chance.uniform(*span):.6g}" for key, span in _RANGES.items()}
    params |= {key: chance.choice(values) for key, values in _CHOICES.items()}
    params |= {"seed": str(index), "note": f"sweep {index // _SWEEP}: what does the schedule change?"}
    params |= {f"head.{i}.scale": str(chance.randrange(1, 9)) for i in range(shape.params - len(params))}
    tags = {
        "mlflow.user": "alice",
        "mlflow.source.name": "train.py",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": f"{random.Random(f'commit {index // 25}').getrandbits(160):040x}",
        "mlflow.runName": name,
    }
    if index % _SWEEP:
        tags["mlflow.parentRunId"] = make_run(index - index % _SWEEP, shape).run_id
    return Run(
        index=index,
        shape=shape,
        run_id=run_id,
        name=name,
        status=chance.choice(_STATUSES),
        start=_FIRST_START + index * _MINUTE,
        params=dict(list(params.items())[: shape.params]),
        tags=tags,
    )


def write_store(root: Path, shape: Shape) -> None:
    """Write a whole store of one experiment into a directory that does not exist yet.

    Raises:
        FileExistsError: the directory exists.
    """
    experiment = root / EXPERIMENT
    experiment.mkdir(parents=True)
    (root / ".trash").mkdir()
    (experiment / "meta.yaml").write_text(
        f"artifact_location: {root.absolute().as_uri()}/{EXPERIMENT}\n"
        f"creation_time: {_FIRST_START}\n"
        "effective_trace_archival_retention: null\n"
        f"experiment_id: '{EXPERIMENT}'\n"
        f"last_update_time: {_FIRST_START}\n"
        "lifecycle_stage: active\n"
        "name: Default\n"
        "trace_location: null\n"
        "workspace: default\n"
    )
    for index in range(shape.runs):
        write_run(root, make_run(index, shape))


def write_run(root: Path, run: Run) -> Path:
    """Write one run into a store; returns its directory."""
    directory = os.path.join(root, EXPERIMENT, run.run_id)
    for part in ("", "metrics", "params", "artifacts", "tags"):
        os.mkdir(os.path.join(directory, part))
    _write(os.path.join(directory, "meta.yaml"), _run_meta(root, run))
    for key, value in run.params.items():
        _write(os.path.join(directory, "params", key), value)
    for key, value in run.tags.items():
        _write(os.path.join(directory, "tags", key), value)
    for key, points in run.metrics.items():
        path = os.path.join(directory, "metrics", key)
        if "/" in key:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        _write(path, "".join([f"{ms} {value} {step}\n" for ms, value, step in points]))
    return Path(directory)


def _run_meta(root: Path, run: Run) -> str:
    return (
        f"artifact_uri: {root.absolute().as_uri()}/{EXPERIMENT}/{run.run_id}/artifacts\n"
        f"end_time: {'null' if run.end is None else run.end}\n"
        "entry_point_name: ''\n"
        f"experiment_id: '{EXPERIMENT}'\n"
        "lifecycle_stage: active\n"
        f"run_id: {run.run_id}\n"
        f"run_name: {run.name}\n"
        "source_name: ''\n"
        "source_type: 4\n"
        "source_version: ''\n"
        f"start_time: {run.start}\n"
        f"status: {run.status}\n"
        "tags: []\n"
        "user_id: alice\n"
    )


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def stored(directory: Path, shape: Shape) -> Path:
    """The store of this shape below a directory: the one that is there, else a new one."""
    place = directory / shape.label
    root, whole = place / "mlruns", place / "complete"
    if not whole.exists():
        shutil.rmtree(place, ignore_errors=True)
        write_store(root, shape)
        whole.touch()
    shutil.rmtree(root / EXPERIMENT / LIVE_RUN, ignore_errors=True)  # a benchmark that was killed may have left it
    return root


def add_shape_options(parser: argparse.ArgumentParser, runs: int = 5000) -> None:
    """The options that give a store's size."""
    parser.add_argument("--runs", type=int, default=runs)
    parser.add_argument("--params", type=int, default=20, help="a run")
    parser.add_argument("--metrics", type=int, default=10, help="a run")
    parser.add_argument("--points", type=int, default=100, help="a metric")


def main() -> None:
    """Write a store; prints where it is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("directory", type=Path, help="the store is made in DIRECTORY/<shape>/mlruns")
    add_shape_options(parser)
    given = parser.parse_args()
    shape = Shape(given.runs, given.params, given.metrics, given.points)
    sys.stdout.write(f"{stored(given.directory, shape)}\n")


if __name__ == "__main__":
    main()
