"""Runs that the SDK logs online, to a stand-in for the cloud: only then it writes down itself what a run adds up to, in
`files/config.yaml` and `files/wandb-summary.json`. What is read from the transaction log equals that.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.adapters.wandb_runs import sdk_environment
from tests.adapters.wandb_server import CloudServer, login
from tests.conftest import ROOT
from tui_runs_wandb.cloud.run_details import definitions_in

SCRIPT = """
import numpy as np
import wandb

config = {"lr": 1e-05, "layers": [64, 32], "model": {"depth": 3, "act": {"name": "gelu λ", "bias": None}},
          "big": 2**60, "flag": True, "off": False, "text": "a\\nb: c", "a.b": 1, "empty": {}, "none": None,
          "numeral": "7", "whole": 2.0, "nothing": ""}
run = wandb.init(project="lab λ", entity="team", id="online1", name="on line", config=config, tags=["t"],
                 settings=wandb.Settings(silent=True, x_disable_stats=True, init_timeout=30))
run.define_metric("loss", summary="min")
run.define_metric("val/*", step_metric="epoch")
run.define_metric("epoch", hidden=True)
for step in range(20):
    run.log({"loss": (step - 7) ** 2, "acc": step / 7, "a": {"b": {"c": step * 2.5}, "d": f"s{step}"},
             "epoch": step / 2, "val/x": -step, "nan": float("nan"), "inf": float("-inf"), "tiny": 5e-324,
             "big": 2**60 + step, "done": step == 19, "list": [1, step], "none": None,
             "hist": wandb.Histogram([step, 2])})
run.log({"image": wandb.Image(np.zeros((4, 5, 3), dtype=np.uint8)), "late": 0.1 + 0.2})
run.summary["acc"] = 42.0
run.summary["best"] = {"epoch": 3, "note": "ok"}
run.summary["gone"] = 1
del run.summary["gone"]
run.config.update({"late": {"value": 7}, "lr": 0.5}, allow_val_change=True)
print("printed")
run.finish()
"""


class Written:
    """What the SDK wrote of one run.

    Args:
        directory: of the run.
    """

    def __init__(self, directory: Path) -> None:
        self.store, files = directory.parent, directory / "files"
        self.summary: dict[str, Any] = json.loads((files / "wandb-summary.json").read_text())
        config = yaml.safe_load((files / "config.yaml").read_text())
        self.config = {key: said["value"] for key, said in config.items()}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    root = tmp_path_factory.mktemp("online")
    server = CloudServer()
    environment = {**sdk_environment(root), **login(server.url, root), "WANDB_MODE": "online"}
    del environment["WANDB_CONSOLE"]
    try:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, cwd=root, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip
    finally:
        server.stop()
    assert done.returncode == 0, done.stderr
    assert {"UpsertBucket", "file_stream", "PUT /upload/config.yaml"} <= set(server.operations())
    return Written(next((root / "wandb").glob("run-*-online1")))


def flat(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """What is in nested mappings, by dotted key; images and the like, and what is W&B's own, are left out."""
    if isinstance(value, dict) and "_type" in value:
        return
    if isinstance(value, dict) and (value or not path):
        for key, inner in value.items():
            if path or not key.startswith("_"):
                yield from flat(inner, (*path, key))
    else:
        yield ".".join(path), value


def told(*command: str) -> Any:
    words = [sys.executable, "-m", "tui_runs", *command, "--format", "json"]
    return json.loads(subprocess.run(words, cwd=ROOT, capture_output=True, check=True, timeout=120).stdout)


def number(value: Any) -> float:
    return float(value.replace("Infinity", "inf")) if isinstance(value, str) else float(value)


def same(ours: Any, theirs: Any) -> bool:
    mine, their = number(ours), number(theirs)
    return mine == their or (math.isnan(mine) and math.isnan(their))


@pytest.mark.parametrize("command", ["ls", "show"])
def test_what_is_told_equals_what_the_sdk_wrote(written: Written, command: str) -> None:
    if command == "ls":
        (run,) = told("ls", str(written.store))
    else:
        run = told("show", "online1", "-s", str(written.store))
    assert (run["name"], run["status"], run["experiment"]) == ("on line", "finished", "lab λ")

    config = dict(flat(written.config))
    assert {"lr", "model.act.name", "late.value", "numeral", "a.b"} <= config.keys()
    assert run["params"].pop("empty") == "{}", "the SDK's own file leaves out what is empty"
    assert run["params"].keys() == config.keys()
    for key, value in config.items():
        said = run["params"][key]
        assert (said if isinstance(value, str) else yaml.safe_load(said)) == value, key

    summary = {key: value for key, value in flat(written.summary) if value is not None}
    numbers = {key: value for key, value in summary.items() if isinstance(value, int | float)}
    assert {"acc", "best.epoch", "loss.min", "nan", "inf", "done", "late"} <= summary.keys()
    metrics = {key: said["last"] if isinstance(said, dict) else said for key, said in run["metrics"].items()}
    assert metrics.pop("loss") == 144.0, "its last value, which the summary does not have"
    assert metrics.keys() == numbers.keys()
    assert [key for key in metrics if not same(metrics[key], summary[key])] == []

    texts = {key: value for key, value in summary.items() if key not in metrics}
    assert {"a.d", "best.note", "list"} <= texts.keys()
    own = {"wandb.id": "online1", "wandb.entity": "team", "t": "t"}
    said = {
        key: value if isinstance(texts.get(key, ""), str) else json.loads(value) for key, value in run["tags"].items()
    }
    assert said == {**texts, **own}


def test_definitions_of_metrics_as_the_cloud_gets_them(written: Written) -> None:
    definitions = definitions_in(written.config)
    assert {name: said.step_metric for name, said in definitions.items()} == {"loss": "", "val/*": "epoch", "epoch": ""}
    hidden = {name for name, said in definitions.items() if said.hidden}
    assert hidden == {"epoch"}
