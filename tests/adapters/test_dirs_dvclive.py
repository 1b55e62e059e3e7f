"""DVCLive's directories: every metric by its whole name, params, and values that have no table."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest

from tests.adapters.dirs_seen import Seen, fingerprint, found, run_program, see
from tui_runs_dirs.layout import Claim
from tui_runs_dirs.layouts.dvclive import LAYOUT

SAMPLE = Path(__file__).parents[1] / "data" / "dirs_dvclive"

PROGRAM = """
    import math, subprocess
    subprocess.run("git init -q && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x", shell=True, check=True)
    from dvclive import Live
    def go(directory, lr, steps, resume=False):
        with Live(directory, save_dvc_exp=False, resume=resume, dvcyaml=None, report=None) as live:
            live.log_params({"lr": lr, "model": {"hidden": 16, "act": "relu"}, "layers": [1, 2]})
            for _ in range(steps):
                live.log_metric("train/loss", math.exp(-lr * live.step))
                live.log_metric("loss", math.exp(-lr * live.step), timestamp=True)
                if live.step % 3 == 0:
                    live.log_metric("val/acc", 1 - math.exp(-lr * live.step))
                live.next_step()
            live.summary["best_acc"] = 1 - math.exp(-lr * steps)
            live.log_metric("final_only", 1.25, plot=False)
    go("dvclive", .1, 8)
    go("exp2/dvclive", .5, 8)
    go("exp2/dvclive", .5, 3, resume=True)
"""  # noqa: E501


def check(seen: Seen, tree: Path) -> None:
    """What the program logged, which wrote the sample too."""
    names = {"dvclive": (tree.name, None), "exp2/dvclive": ("exp2", tree.name)}
    assert seen.runs.keys() == names.keys()
    for run_id, lr, steps, last in (("dvclive", 0.1, 8, 8), ("exp2/dvclive", 0.5, 11, 3)):
        assert (seen.runs[run_id]["name"], seen.runs[run_id].get("experiment")) == names[run_id]
        assert seen.params[run_id] == {"lr": str(lr), "model.hidden": "16", "model.act": "relu", "layers": "[1, 2]"}
        loss = [(step, math.exp(-lr * step)) for step in range(steps)]
        assert seen.series[run_id] == {
            "loss": loss, "train/loss": loss,
            "val/acc": [(step, 1 - math.exp(-lr * step)) for step in range(0, steps, 3)],
        }  # fmt: skip
        assert seen.times[run_id, "loss"] == sorted(seen.times[run_id, "loss"])
        assert None not in seen.times[run_id, "loss"]
        assert set(seen.times[run_id, "train/loss"]) == {None}
        assert seen.summary[run_id] == {
            "loss": loss[-1][1], "train/loss": loss[-1][1], "val/acc": seen.series[run_id]["val/acc"][-1][1],
            "best_acc": 1 - math.exp(-lr * last), "final_only": 1.25,
        }  # fmt: skip
    assert seen.problems == []


def test_shows_what_was_logged(tmp_path: Path) -> None:
    pytest.importorskip("dvclive")
    run_program(PROGRAM, tmp_path, DVC_NO_ANALYTICS="1")
    before = fingerprint(tmp_path)
    check(see(LAYOUT, tmp_path), tmp_path)
    assert fingerprint(tmp_path) == before


def test_sample() -> None:
    check(see(LAYOUT, SAMPLE), SAMPLE)


def test_directory_of_another_name_keeps_it(tmp_path: Path) -> None:
    shutil.copytree(SAMPLE / "dvclive", tmp_path / "baseline")
    claims = found(LAYOUT, tmp_path)
    assert {claim.directory for claim in claims if isinstance(claim, Claim)} == {str(tmp_path / "baseline")}
    assert "name" not in see(LAYOUT, tmp_path).runs["baseline"]


def test_half_written_table_and_broken_values(tmp_path: Path) -> None:
    shutil.copytree(SAMPLE / "dvclive", tmp_path / "dvclive")
    table = tmp_path / "dvclive" / "plots" / "metrics" / "val" / "acc.tsv"
    table.write_text("step\tacc\n0\t0.5\n3\tnan\n6\t0.")
    (tmp_path / "dvclive" / "params.yaml").write_text("lr: !!python/object:os.system {a: 1}\nold: &a [1]\nnew: *a\n")
    seen = see(LAYOUT, tmp_path)
    assert repr(seen.series["dvclive"]["val/acc"]) == "[(0, 0.5), (3, nan)]"
    assert seen.params["dvclive"] == {"lr.a": "1", "old": "[1]", "new": "[1]"}


@pytest.mark.parametrize("files", [["metrics.json"], ["plots/loss.png"], ["plots/metrics/readme.txt"]])
def test_other_directories_are_not_claimed(tmp_path: Path, files: list[str]) -> None:
    for name in files:
        path = tmp_path / "results" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    assert found(LAYOUT, tmp_path) == []


def test_run_that_has_logged_nothing_but_values(tmp_path: Path) -> None:
    (tmp_path / "dvclive").mkdir()
    (tmp_path / "dvclive" / "metrics.json").write_text('{"step": 3, "acc": 0.5, "note": "x"}')
    seen = see(LAYOUT, tmp_path)
    assert seen.summary["dvclive"] == {"acc": 0.5}
    assert seen.tags["dvclive"] == {"note": "x"}
