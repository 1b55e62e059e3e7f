"""A training: softmax regression on made-up data, logged through every kind of tracker at once.

    python -m tests.tui.training DIRECTORY STEPS

mlflow writes DIRECTORY/mlruns, wandb (offline) DIRECTORY/wandb; DIRECTORY/runs gets a run as CSV, one as JSON lines
and one as event files. Loss and accuracy of every step go to all of them. It says "begun" after the first step, and
waits for a line on stdin then, and again at half way. At its end it prints what it logged as JSON: values by metric,
in the order of steps.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

Log = Callable[[int, dict[str, float]], None]

_PARAMS = {"lr": 0.5, "batch_size": 64}


def losses(steps: int) -> Iterator[dict[str, float]]:
    """Train, a step at a time."""
    random = np.random.default_rng(0)
    centres = random.normal(size=(4, 16))
    weights = np.zeros((16, 4))
    for _ in range(steps):
        labels = random.integers(4, size=_PARAMS["batch_size"])
        inputs = centres[labels] + random.normal(scale=1.5, size=(len(labels), 16))
        scores = inputs @ weights
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        odds /= odds.sum(axis=1, keepdims=True)
        picked = odds[np.arange(len(labels)), labels]
        yield {"loss": float(-np.log(picked).mean()), "acc": float((scores.argmax(axis=1) == labels).mean())}
        odds[np.arange(len(labels)), labels] -= 1
        weights -= _PARAMS["lr"] * inputs.T @ odds / len(labels)


@contextmanager
def _mlflow(root: Path) -> Iterator[Log]:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param

    client = MlflowClient(f"file://{root / 'mlruns'}")
    run = client.create_run(client.create_experiment("training"), run_name="by-mlflow")
    run_id = run.info.run_id
    client.log_batch(run_id, params=[Param(key, str(value)) for key, value in _PARAMS.items()])

    def log(step: int, values: dict[str, float]) -> None:
        now = time.time_ns() // 1_000_000
        client.log_batch(run_id, metrics=[Metric(key, value, now, step) for key, value in values.items()])

    yield log
    client.set_terminated(run_id)


@contextmanager
def _wandb(root: Path) -> Iterator[Log]:
    import wandb

    with wandb.init(mode="offline", dir=root, project="training", name="by-wandb", config=_PARAMS) as run:
        yield lambda step, values: run.log(values, step=step)


@contextmanager
def _csv(root: Path) -> Iterator[Log]:
    directory = root / "runs" / "by-csv"
    directory.mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps(_PARAMS))
    with open(directory / "metrics.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, ["step", "loss", "acc"])
        writer.writeheader()

        def log(step: int, values: dict[str, float]) -> None:
            writer.writerow({"step": step, **values})
            file.flush()

        yield log


@contextmanager
def _json_lines(root: Path) -> Iterator[Log]:
    directory = root / "runs" / "by-jsonl"
    directory.mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps(_PARAMS))
    with open(directory / "metrics.jsonl", "w", buffering=1) as file:
        yield lambda step, values: print(json.dumps({"step": step, **values}), file=file)


@contextmanager
def _tensorboard(root: Path) -> Iterator[Log]:
    sys.modules["matplotlib"] = None  # type: ignore[assignment]  # see tests/conftest.py
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(root / "runs" / "by-tensorboard"), flush_secs=1) as writer:

        def log(step: int, values: dict[str, float]) -> None:
            for key, value in values.items():
                writer.add_scalar(key, value, step)

        yield log


def main(root: Path, steps: int) -> None:
    """Train when told to."""
    logged: dict[str, list[float]] = {"loss": [], "acc": []}
    with ExitStack() as trackers:
        logs = [trackers.enter_context(tracker(root)) for tracker in (_mlflow, _wandb, _csv, _json_lines, _tensorboard)]
        for step, values in enumerate(losses(steps)):
            for log in logs:
                log(step, values)
            for key, value in values.items():
                logged[key].append(value)
            if step == 0:
                print("begun", flush=True)
            if step in (0, steps // 2 - 1):
                sys.stdin.readline()
    print(json.dumps(logged), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
