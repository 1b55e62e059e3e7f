"""A real training, logged by five trackers at once, followed from its first step to its last."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.adapters.wandb_runs import sdk_environment
from tests.conftest import ROOT
from tests.tui.conftest import settle, until
from tests.tui.terminal import Terminal
from tui_runs.frames.histories import SeriesKey
from tui_runs.frames.workspace import Workspace
from tui_runs.sources.discover import find
from tui_runs.tui.app import TuiRunsApp

_STEPS = 60
_RUNS = {"by-mlflow", "by-wandb", "by-csv", "by-jsonl", "by-tensorboard"}
_STORES = ("mlruns", "wandb", "runs")


class Training:
    """The process of `tests.tui.training`, which has logged its first step and waits."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.tui.training", str(root), str(_STEPS)],
            cwd=ROOT,
            env={**os.environ, **sdk_environment(root)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        if (said := self._process.stdout.readline()) != "begun\n":
            self.end()
            pytest.fail(f"the training did not begin: {said}")

    def go_on(self) -> None:
        """To half way, and from there to the end."""
        assert self._process.stdin is not None
        self._process.stdin.write("go on\n")
        self._process.stdin.flush()

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def logged(self) -> dict[str, list[float]]:
        """What it logged, once it has ended."""
        assert self._process.stdout is not None
        assert self._process.wait(60) == 0
        logged: dict[str, list[float]] = json.loads(self._process.stdout.readlines()[-1])
        return logged

    def end(self) -> None:
        if not self.has_ended:
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with suppress(BrokenPipeError):
                stream.close()


@pytest.fixture
def training(tmp_path: Path) -> Iterator[Training]:
    process = Training(tmp_path)
    yield process
    process.end()


def counts(screen: str) -> dict[str, tuple[int, str]]:
    """Of every run in the table how many points its loss has, and the last of them."""
    rows = re.findall(r"^[ ●]*(by-\S+) .* (\d[\d,]*|—) +(\S+)", screen, re.MULTILINE)
    return {name: (int(count.replace(",", "").replace("—", "0")), last) for name, count, last in rows}


def have(points: int) -> Callable[[str], bool]:
    """Whether every run has so many points, and W&B's one less: wandb writes a step when the next one begins."""
    wanted = {**dict.fromkeys(_RUNS, points), "by-wandb": points - 1}
    return lambda screen: {name: count for name, (count, _) in counts(screen).items()} == wanted


def test_table_in_a_terminal_has_every_step_of_every_tracker(training: Training) -> None:
    columns = "name,status,count(metrics.loss),metrics.loss"
    stores = [str(training.root / store) for store in _STORES]
    with Terminal(["open", *stores, "--columns", columns], size=(100, 45)) as terminal:
        terminal.until(have(1))
        assert terminal.text.count("▶ running") >= len(_RUNS)
        training.go_on()
        terminal.until(have(_STEPS // 2))  # it is seen while it goes on, and not only at its end
        training.go_on()
        terminal.until(lambda text: {count for count, _ in counts(text).values()} == {_STEPS})
        terminal.until(lambda text: text.count("✔ finished") == 2, 90)  # plain directories do not say how they ended
        last = f"{training.logged()['loss'][-1]:.4g}"
        assert {name: value.rstrip("0") for name, (_, value) in counts(terminal.text).items()} == dict.fromkeys(
            _RUNS, last.rstrip("0")
        )
        terminal.quit()


async def test_curves_have_every_point_of_every_tracker(training: Training) -> None:
    workspace = Workspace()
    workspace.open(find([str(training.root / store) for store in _STORES]))
    app = TuiRunsApp(workspace)
    try:
        async with app.run_test(size=(160, 45)) as pilot:
            await settle(pilot)
            await pilot.press(*["space"] * len(_RUNS))  # marking goes down a row
            training.go_on()
            training.go_on()
            await until(pilot, lambda: training.has_ended)
            truth = training.logged()
            assert app.main is not None
            keys = [SeriesKey(*run, metric) for run in app.main.marks.runs for metric in truth]
            assert len(keys) == 2 * len(_RUNS)
            histories = workspace.histories
            await until(pilot, lambda: all(histories.points(key).height >= _STEPS for key in keys))
            for key in keys:
                points = histories.points(key)
                assert points["step"].to_list() == list(range(_STEPS)), key
                # TensorBoard keeps 32 bits of a number.
                accuracy = 1e-6 if "tensorboard" in key.run_id else 0
                assert points["value"].to_list() == pytest.approx(truth[key.metric], rel=accuracy), key
    finally:
        workspace.close()
