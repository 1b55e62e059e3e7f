"""Guild AI's runs, without ever opening the environment that Guild keeps beside them."""

from __future__ import annotations

import builtins
import math
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.adapters.dirs_seen import Seen, found, see, texts_of
from tui_runs_dirs.layouts import guild
from tui_runs_dirs.layouts.guild import LAYOUT, GuildAttributes

SAMPLE = Path(__file__).parents[1] / "data" / "dirs_guild"
RUNS = {
    "28ff469f4f5f4517a5de8cf8ecb5efde": ({"lr": "0.1", "layers": "2", "opt": "sgd"}, "finished"),
    "71190b8f5d574b888acb7c239576803c": ({"lr": "0.5", "layers": "2", "opt": "sgd"}, "finished"),
    "0274a2d757d54b419427f91b5bcb9aed": ({"lr": "0.1", "layers": "9", "opt": "sgd"}, "failed"),
}
LABELLED = "71190b8f5d574b888acb7c239576803c"


@pytest.mark.parametrize("place", ["", ".guild", ".guild/runs"])
def test_shows_what_was_logged(place: str) -> None:
    seen = see(LAYOUT, SAMPLE / place)
    by_id = {Path(run_id).name: run_id for run_id in seen.runs}
    assert by_id.keys() == RUNS.keys()
    for short, (params, status) in RUNS.items():
        run_id = by_id[short]
        row = seen.runs[run_id]
        assert (row["status"], row["experiment"], row["host"]) == (status, "train", "vm")
        assert row["started"] < row["ended"]
        assert seen.params[run_id] == params
        loss = [(step, math.exp(-float(params["lr"]) * step)) for step in range(5)]
        assert seen.series[run_id]["loss"] == [(step, pytest.approx(value, abs=1e-6)) for step, value in loss]
        assert seen.series[run_id]["acc"] == [(step, pytest.approx(1 - value, abs=1e-6)) for step, value in loss]
    assert seen.runs[by_id[LABELLED]]["name"] == "lab"
    assert seen.tags[by_id[LABELLED]] == {"base": "base"}
    assert seen.runs[by_id[LABELLED]]["started"] == datetime(2026, 11, 20, 22, 17, 58, 246699, UTC)
    assert seen.problems == []


class TestOneRun:
    @pytest.fixture
    def run(self, tmp_path: Path) -> Path:
        return Path(shutil.copytree(SAMPLE / ".guild" / "runs" / LABELLED, tmp_path / LABELLED))

    def see(self, run: Path) -> Seen:
        return see(LAYOUT, run.parent)

    def test_environment_is_never_opened(self, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        secret = run / ".guild" / "attrs" / "env"
        secret.write_text("WANDB_API_KEY: secret\n")
        opened: list[str] = []
        for module, name in ((os, "open"), (builtins, "open")):
            real = getattr(module, name)

            def watched(path: object, *arguments: object, _real: object = real, **more: object) -> object:
                opened.append(str(path))
                return _real(path, *arguments, **more)  # type: ignore[operator]

            monkeypatch.setattr(module, name, watched)
        seen = self.see(run)
        assert any("flags" in path for path in opened)
        assert str(secret) not in opened
        assert "secret" not in repr(seen)

    @pytest.mark.parametrize(
        ("code", "files", "status"),
        [
            ("0", [], "finished"), ("3", ["LOCK"], "failed"), ("-15", [], "killed"), (None, ["LOCK"], "running"),
            (None, [], "failed"), (None, ["PENDING"], "scheduled"), (None, ["STAGED"], "scheduled"),
            ("[]", [], "failed"),
        ],
    )  # fmt: skip
    def test_statuses(self, run: Path, code: str | None, files: list[str], status: str) -> None:
        (run / ".guild" / "attrs" / "exit_status").unlink()
        if code is not None:
            (run / ".guild" / "attrs" / "exit_status").write_text(code)
        for name in files:
            (run / ".guild" / name).write_text("1234")
        assert self.see(run).runs[LABELLED]["status"] == status

    def test_end_changes_the_stamp(self, run: Path) -> None:
        attributes = GuildAttributes(str(run / ".guild"))
        (run / ".guild" / "attrs" / "exit_status").unlink()
        before = attributes.stamp()
        (run / ".guild" / "attrs" / "exit_status").write_text("0\n")
        assert attributes.stamp() != before

    @pytest.mark.parametrize(
        ("text", "name"),
        [("pkg:x 1.0 resnet train", "resnet:train"), ("script:a.py '' '' a.py", "a.py"), ("", None), ("one", "one")],
    )
    def test_operations(self, run: Path, text: str, name: str | None) -> None:
        (run / ".guild" / "opref").write_text(text)
        assert self.see(run).runs[LABELLED].get("experiment") == name

    def test_broken_attributes_are_problems_and_lose_no_other(self, run: Path) -> None:
        attributes = run / ".guild" / "attrs"
        (attributes / "flags").write_text("lr: [1\n")
        (attributes / "label").unlink()
        (attributes / "label").symlink_to("/etc/passwd")
        (attributes / "started").write_text("9" * 400)
        (attributes / "tags").write_text("a: 1\n")
        (attributes / "cmd").unlink()
        os.mkfifo(attributes / "cmd")
        seen = self.see(run)
        assert seen.params[LABELLED] == {}
        assert seen.runs[LABELLED]["status"] == "finished"
        assert seen.runs[LABELLED]["name"] == "train 71190b8f"
        assert {Path(problem.uri).name for problem in seen.problems} == {"flags", "label", "cmd"}
        assert "root:" not in texts_of(seen.problems) + repr(seen.runs)

    def test_what_the_script_logged_itself_belongs_to_it(self, run: Path) -> None:
        (events,) = (run / ".guild").glob("events*")
        shutil.move(events, run)
        assert [step for step, _ in self.see(run).series[LABELLED]["loss"]] == [0, 1, 2, 3, 4]


def test_other_directories_are_not_claimed(tmp_path: Path) -> None:
    (tmp_path / ".guild" / "runs" / "abc" / "files").mkdir(parents=True)
    (tmp_path / ".guild" / "opref").write_text("x")
    assert found(LAYOUT, tmp_path) == []


def test_only_these_attributes_are_read() -> None:
    assert not {"env", "pip_freeze", "run_params", "op"} & set(guild._ATTRIBUTES)
