"""What a run of the demo is: its params, its tags, and the curves that follow from them. All of it is invented.

The outcome depends on the params as it would in life, so that a comparison finds something: the learning rate has an
optimum, some dropout helps, batches far from 64 and a constant schedule cost a little. Nothing but the standard
library is imported here, because the demo's writer must be up at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, cycle, islice, repeat
from random import Random
from typing import Final, Literal, NamedTuple

Fate = Literal["finished", "failed", "killed"]

_NAN_POINTS: Final = 21
_COMMIT_MS: Final = 31 * 3_600_000
_BEST_LR: Final = {"adam": 1e-3, "adamw": 1e-3, "sgd": 1e-1}
_SCHEDULE_COST: Final = {"cosine": 0.0, "step": 0.006, "constant": 0.02}
_NORMAL: Final = tuple(map(Random("noise").gauss, repeat(0.0, 5_000), repeat(1.0)))
_COMMITS: Final = tuple(f"{Random(f'commit/{n}').getrandbits(160):040x}" for n in range(7))


@dataclass(frozen=True, slots=True)
class Task:
    """What is trained for: an experiment of the store.

    Args:
        first_loss: the loss of guessing, the logarithm of the number of classes.
        best_loss: the validation loss of the best params.
        loss_scale: what a bad param costs here, cifar10 being 1.
        chance: the accuracy of guessing.
        bend: shape of the accuracy over the loss.
        noise: relative deviation of the training loss at batch 64.
        samples: size of the training set.
        log_every: training steps between two logged points.
    """

    name: str
    experiment_id: str
    note: str
    team: str
    dataset: str
    script: str
    data_path: str
    first_loss: float
    best_loss: float
    loss_scale: float
    chance: float
    bend: float
    noise: float
    samples: int
    log_every: int
    depths: tuple[int, ...]
    widths: tuple[int, ...]
    batches: tuple[int, ...]


CIFAR: Final = Task(
    "cifar10-resnet", "418273650912847305", "How small can a ResNet be and still pass 94 %?", "vision", "cifar10",
    "train.py", "/data/cifar10", math.log(10), 0.212, 1.0, 0.1, 0.70, 0.06, 50_000, 50,
    (18, 34, 50), (32, 64, 96), (32, 64, 128, 256),
)  # fmt: skip
GPT: Final = Task(
    "tiny-gpt", "735190264483016952", "Characters of Shakespeare on one GPU, in an hour.", "language",
    "tinyshakespeare", "train_gpt.py", "s3://datasets/tiny shakespeare/v2", math.log(65), 1.43, 2.0, 1 / 65, 1.35,
    0.025, 17_428, 10, (4, 6, 8), (128, 256, 384), (16, 32, 64, 128),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Setup:
    """The params of one training; `mixup` and `notes` are text as logged, or None where the run has no such param."""

    task: Task
    lr: float = 1e-3
    optimizer: str = "adam"
    batch_size: int = 64
    scheduler: str = "cosine"
    dropout: float = 0.1
    weight_decay: float = 1e-4
    seed: int = 1
    depth: int = 6
    width: int = 256
    warmup_points: int = 10
    mixup: str | None = None
    notes: str | None = None

    def expected_loss(self) -> float:
        """The validation loss at the end of a training with these params, but for luck."""
        octaves = math.log2(self.batch_size / 64)
        decades = math.log10(self.lr / _BEST_LR[self.optimizer])
        excess = (0.10 if decades < 0 else 0.16) * decades**2 + 0.006 * octaves**2
        excess += 0.9 * (self.dropout - 0.13) ** 2 + _SCHEDULE_COST[self.scheduler]
        excess -= 0.004 * math.log2(self.depth / self.task.depths[0])
        return self.task.best_loss + self.task.loss_scale * excess


class Point(NamedTuple):
    """What one logging step says: time in milliseconds since 1970, training step, value by metric."""

    time_ms: int
    step: int
    values: dict[str, float]


@dataclass(frozen=True, slots=True)
class DemoRun:
    """One run, whole: what MLflow stores of it, and what its curves are made from.

    Args:
        interval_ms: time between two logged points.
        planned: how many points it has when it trains to the end.
        last: the number of its last point, counted from 1; smaller where it failed or was killed.
        fate: its status at the end.
        running: the end is yet to come.
        spike_at: the point where the loss jumps, or 0.
        luck: added to the expected loss.
        recorded: the points of a run that trains nothing itself: the parent of a sweep.
    """

    run_id: str
    name: str
    setup: Setup
    started_ms: int
    interval_ms: int
    planned: int
    last: int
    user: str
    fate: Fate = "finished"
    running: bool = False
    spike_at: int = 0
    luck: float = 0.0
    parent_id: str | None = None
    note: str = ""
    sweep: bool = False
    recorded: tuple[Point, ...] = field(default=(), repr=False)

    @property
    def ended_ms(self) -> int:
        """When it ends, milliseconds since 1970."""
        return self.started_ms + (self.last + 1) * self.interval_ms

    def params(self) -> dict[str, str]:
        """Its params as stored."""
        setup, task = self.setup, self.setup.task
        if self.sweep:
            return {"optimizer": setup.optimizer, "data/path": task.data_path, "sweep.over": "lr"}
        params = {
            "lr": str(setup.lr),
            "batch_size": str(setup.batch_size),
            "optimizer": setup.optimizer,
            "scheduler": setup.scheduler,
            "dropout": str(setup.dropout),
            "weight_decay": str(setup.weight_decay),
            "seed": str(setup.seed),
            "model.depth": str(setup.depth),
            "model.width": str(setup.width),
            "warmup_steps": str(setup.warmup_points * task.log_every),
            "max_steps": str(self.planned * task.log_every),
            "data/path": task.data_path,
        }
        extra = {"augment.mixup": setup.mixup, "notes": setup.notes}
        return params | {key: value for key, value in extra.items() if value is not None}

    def tags(self) -> dict[str, str]:
        """Its tags as stored, MLflow's own ones included."""
        task = self.setup.task
        tags = {
            "mlflow.runName": self.name,
            "mlflow.user": self.user,
            "mlflow.source.name": "sweep.py" if self.sweep else task.script,
            "mlflow.source.type": "LOCAL",
            "mlflow.source.git.commit": _COMMITS[self.started_ms // _COMMIT_MS % len(_COMMITS)],
            "team": task.team,
            "dataset": task.dataset,
        }
        extra = {"mlflow.parentRunId": self.parent_id, "mlflow.note.content": self.note}
        return tags | {key: value for key, value in extra.items() if value}


def points(run: DemoRun) -> Iterator[Point]:
    """The points of a run from first to last, those that are yet to come as well."""
    if run.sweep:
        yield from run.recorded
        return
    setup, task, luck = run.setup, run.setup.task, Random(run.run_id)
    chance, bumps, jolts, slips = luck.random, _noise(luck), _noise(luck), _noise(luck)
    final = setup.expected_loss() + run.luck
    floor = final * 0.74  # the training loss at the end
    anneal = 0.35 * floor  # what a falling learning rate gains
    pace = min(max(0.04 * (_BEST_LR[setup.optimizer] / setup.lr) ** 0.4, 0.015), 0.15)
    rest = (1 + 1 / pace) ** -1.2
    rough = task.noise * math.sqrt(64 / setup.batch_size)
    overfit = 0.12 * task.loss_scale if setup.dropout == 0 else 0.0
    rate = task.log_every * setup.batch_size * 1000 / run.interval_ms
    val_every = 20 if run.planned > 600 else 10
    sound = run.last - _NAN_POINTS if run.fate == "failed" else run.planned  # the last point that is no NaN
    drift = 0.0
    for k in range(1, run.last + 1):
        done, step = k / run.planned, k * task.log_every
        share = _share_of_lr(setup.scheduler, done)
        fall = ((1 + done / pace) ** -1.2 - rest) / (1 - rest)
        level = floor + (task.first_loss - floor - anneal) * fall + anneal * share
        grad = (0.4 + 2.5 * fall + 0.4 * share) * math.exp(0.2 * next(jolts))
        if chance() < 0.006:
            grad *= 4 + 16 * chance()
        if run.spike_at and 0 <= k - run.spike_at < 25:
            jump = math.exp((run.spike_at - k) / 4)
            level, grad = level + 4 * task.first_loss * jump, grad * (1 + 400 * jump)
        if run.fate == "failed" and k > sound - 30:
            blow = k - sound + 30
            level, grad = (level * 1.09**blow, grad * 1.25**blow) if blow <= 30 else (math.nan, math.nan)
        drift = 0.8 * drift + rough * next(bumps)
        warm_up = k / setup.warmup_points if k < setup.warmup_points else 1.0
        values = {
            "train/loss": round(level * (1 + drift), 5),
            "lr": round(setup.lr * share * warm_up, 9),
            "grad_norm": round(grad, 4),
            "epoch": round(step * setup.batch_size / task.samples, 3),
        }
        if k % 5 == 0:
            values["throughput"] = round(rate * (1 + 0.02 * next(slips)) * (0.6 if chance() < 0.02 else 1.0), 1)
        if k % val_every == 0 or k == run.last:
            gap = (final - floor) * done**0.7 + overfit * max(0.0, done - 0.5)
            seen = (level + gap) * (1 + 0.2 * rough * next(slips))
            known = max(0.0, 1 - seen / task.first_loss) if not math.isnan(seen) else 0.0
            accuracy = task.chance + (1 - task.chance) * known**task.bend + 0.0008 * next(slips)
            values["val/loss"] = round(seen, 5)
            values["val/acc"] = round(min(max(accuracy, 0.0), 1.0), 4)
        yield Point(run.started_ms + int((k + 0.2 * chance()) * run.interval_ms), step, values)


def _noise(luck: Random) -> Iterator[float]:
    """Normal deviates without end, from the one table: a tenth of the time of drawing each."""
    start = luck.randrange(len(_NORMAL))
    return chain(islice(_NORMAL, start, None), cycle(_NORMAL))


def _share_of_lr(scheduler: str, done: float) -> float:
    """The learning rate at a part of the way, as a share of its peak; warm-up aside."""
    if scheduler == "cosine":
        return 0.5 * (1 + math.cos(math.pi * done))
    if scheduler == "step":
        return 1.0 if done < 0.5 else 0.1 if done < 0.8 else 0.01
    return 1.0
