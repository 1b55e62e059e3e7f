"""A store in which much is wrong, written by hand: what the watch over the health of runs is tested on."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path

from tests.adapters.mlflow_stores import HandMadeStore

RUNNING, FINISHED, FAILED = 1, 3, 4
"""What MLflow's meta.yaml calls these statuses."""
Values = list[float]

FALLING: Values = [2 + 8 * math.exp(-at / 40) + 0.02 * math.sin(7 * at) for at in range(120)]
DIVERGING: Values = [*FALLING, *(2 + 0.3 * at for at in range(60))]
STAYING: Values = [2 + 8 * math.exp(-at / 5) + 0.02 * math.sin(7 * at) for at in range(240)]


def lines(values: Values, end_ms: int) -> bytes:
    """A metric's file whose points are a second apart."""
    start = end_ms - 1000 * (len(values) - 1)
    said = (f"{start + 1000 * at} {value!r} {at}\n" for at, value in enumerate(values))
    return "".join(said).encode()


def append(store: HandMadeStore, run_id: str, key: str, values: Values, first_step: int, end_ms: int) -> None:
    """Log further points."""
    with open(store.run_dir(run_id) / "metrics" / key, "ab") as file:
        for at, value in enumerate(values):
            file.write(f"{end_ms - 1000 * (len(values) - 1 - at)} {value!r} {first_step + at}\n".encode())


def write_ailing_store(root: Path, now: datetime) -> HandMadeStore:
    """Five runs that say that they are running, and two that ended: one of them failed an hour ago."""
    store = HandMadeStore(root)
    present = int(now.timestamp() * 1000)
    of_runs = {
        "calm-otter": (FALLING, 5),
        "wild-crane": (DIVERGING, 8),
        "lost-heron": ([*FALLING[:80], math.nan, math.nan], 3),
        "flat-mole": (STAYING, 12),
        "mute-swan": (FALLING, 47 * 60),
    }
    for number, (name, (values, seconds)) in enumerate(of_runs.items(), 1):
        end = present - 1000 * seconds
        metrics = {"val_loss": lines(values, end), "lr": lines([0.1] * 3, end)}
        store.put_run(f"{number:x}" * 32, name=name, status=RUNNING, start=end - 400_000, end="null", metrics=metrics)
    for number, (name, status) in enumerate({"fine-lark": FINISHED, "sad-bison": FAILED}.items(), 10):
        end = present - 3_600_000
        metrics = {"val_loss": lines(FALLING, end)}
        store.put_run(f"{number:x}" * 32, name=name, status=status, start=end - 400_000, end=end, metrics=metrics)
    return store
