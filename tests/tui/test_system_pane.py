"""The machine's pane: over readings that were written down, and over the machine that the tests run on."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import ContentSwitcher

from tests.machines import TRAINING, Machine, minutes, snapshot
from tests.tui.conftest import NOW, Opened, settle, text_of, until
from tests.tui.test_app import main_of
from tests.tui.test_snapshots import Compare, pressing
from tui_runs.demo import write_store
from tui_runs.frames.workspace import Workspace
from tui_runs.machine.owners import RunClaim
from tui_runs.machine.watch import Snapshot
from tui_runs.sources.discover import find
from tui_runs.tui.app import TuiRunsApp
from tui_runs.tui.machine import sampler
from tui_runs.tui.screens.failure import FailureScreen
from tui_runs.tui.widgets import system_pane
from tui_runs.tui.widgets.system_pane import SystemPane


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(snapshot(1299.0))
    monkeypatch.setattr(sampler, "MachineWatch", machine)
    monkeypatch.setattr(sampler, "_FIRST_SECONDS", 0.0)
    monkeypatch.setattr(system_pane, "_SECONDS", 0.1)
    return machine


@pytest.fixture
def logged(tmp_path: Path) -> Path:
    """A store of MLflow with system metrics of every run that has metrics, named as MLflow names them."""
    root = tmp_path / "mlruns"
    write_store(str(root), now=NOW.timestamp(), seed=7, runs=6)
    for metrics in root.glob("*/*/metrics"):
        (metrics / "system").mkdir()
        for key in ("cpu_utilization_percentage", "gpu_0_utilization_percentage", "gpu_0_power_usage_watts"):
            begin = round(NOW.timestamp() * 1000) - 3_600_000
            lines = [f"{begin + 10_000 * step} {50 + step % 7 * 6} {step}\n" for step in range(300)]
            (metrics / "system" / key).write_text("".join(lines))
    return tmp_path


def pane_of(pilot: Pilot[int]) -> SystemPane:
    return main_of(pilot).below.system


async def shows(pilot: Pilot[int], text: str) -> None:
    await until(pilot, lambda: text in text_of(pilot))


async def reads_on(pilot: Pilot[int], machine: Machine) -> None:
    before = machine.reads
    await until(pilot, lambda: machine.reads > before + 1)


async def rests(pilot: Pilot[int], machine: Machine) -> None:
    """What was asked for is answered, and nothing more is asked for."""
    pane = pane_of(pilot)
    await until(pilot, lambda: pane._asked_at is None)
    before = machine.reads
    for _ in range(3):
        pane._poll()
        await pilot.pause()
    assert pane._asked_at is None
    assert machine.reads == before


class TestReadings:
    @pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="compares with Linux's own file")
    async def test_this_machine(self, opened: Opened) -> None:
        async with opened() as pilot:
            await pilot.press("6")
            await shows(pilot, socket.gethostname())
            await shows(pilot, " free")
            total = int(Path("/proc/meminfo").read_text().split()[1]) / 2**20
            assert f"/{total:.{0 if total >= 100 else 1}f} GiB" in text_of(pilot)

    async def test_the_stores_own_file_systems_are_asked_for(
        self, opened: Opened, machine: Machine, demo_root: Path
    ) -> None:
        async with opened() as pilot:
            await pilot.press("6")
            await shows(pilot, "gpu-box")
            paths, runs = machine.told
            assert paths == (str(demo_root / "mlruns"),)
            catalog = main_of(pilot).app.workspace.catalog
            assert len(runs) == catalog.count("running") > 0
            for run in runs:
                assert Path(run.place).is_dir()
                assert run.place.endswith(run.run[1])

    async def test_no_gpu(self, opened: Opened, machine: Machine) -> None:
        machine.shown = snapshot(gpus=0)
        async with opened() as pilot:
            await pilot.press("6")
            await shows(pilot, "No NVIDIA driver is installed here (libnvidia-ml is missing): no GPU can be shown.")

    async def test_a_process_and_its_run(self, opened: Opened, machine: Machine) -> None:
        async with opened() as pilot:
            main = main_of(pilot)
            run = main.cursor_run
            assert run is not None
            machine.shown = snapshot(runs={TRAINING.pid: run, 51007: ("./mlruns", "gone")})
            name = main.app.workspace.catalog.names([run])[run]
            await pilot.press("space", "6")
            await until(pilot, lambda: any("train.py" in line and name in line for line in text_of(pilot).split("\n")))
            colour = main.marks.looks()[run].colour
            assert any(piece.look == colour for line in pane_of(pilot).view._lines for piece in line)

    async def test_it_scrolls(self, opened: Opened, machine: Machine) -> None:
        machine.shown = snapshot(gpus=8)
        async with opened(size=(80, 24)) as pilot:
            await pilot.press("6")
            await shows(pilot, "GPU 7")
            assert "gpu-box" in text_of(pilot)
            assert "\n 7    48213" not in text_of(pilot)
            await pilot.press("end")
            await shows(pilot, "\n 7    48213")
            assert "gpu-box" not in text_of(pilot)

    async def test_a_short_pane(self, opened: Opened, machine: Machine) -> None:
        machine.shown = snapshot(gpus=4)
        async with opened(size=(120, 30)) as pilot:
            await pilot.press("6")
            await shows(pilot, "GPU 3")
            assert pane_of(pilot).view.size.height <= 16
            assert all(label in text_of(pilot) for label in ("cpu", "memory", "disk", "network"))

    async def test_a_terminal_without_braille(
        self, opened: Opened, machine: Machine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TERM", "vt100")
        async with opened() as pilot:
            await pilot.press("6")
            await shows(pilot, "cpu      ###")
            assert not set("━╸▁▂▃▄▅▆▇█") & set("".join(text_of(pilot).split("System")[1:]))


class TestWhenItReads:
    async def test_only_while_it_is_on_the_screen(self, opened: Opened, machine: Machine) -> None:
        async with opened() as pilot:
            await settle(pilot)
            assert machine.reads == 0
            assert main_of(pilot).app._sampler is None
            await pilot.press("6")
            await reads_on(pilot, machine)
            await pilot.press("3")
            await settle(pilot)
            await rests(pilot, machine)
            await pilot.press("6")
            await reads_on(pilot, machine)
            await pilot.press("question_mark")
            await until(pilot, lambda: pilot.app.screen is not main_of(pilot))
            await rests(pilot, machine)
            await pilot.press("escape")
            await reads_on(pilot, machine)

    async def test_only_while_the_app_follows(self, opened: Opened, machine: Machine) -> None:
        async with opened() as pilot:
            await pilot.press("6")
            await reads_on(pilot, machine)
            await pilot.press("f")
            await rests(pilot, machine)
            await pilot.press("f")
            await reads_on(pilot, machine)

    async def test_a_machine_that_does_not_answer(
        self, opened: Opened, machine: Machine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(system_pane, "_LATE_SECONDS", 0.0)
        async with opened() as pilot:
            pilot.app.read_machine = lambda paths, runs: None  # type: ignore[attr-defined]
            await pilot.press("6")
            await shows(pilot, "this machine does not answer")
            assert "Reading the machine …" in text_of(pilot)

    async def test_a_driver_that_nobody_foresaw(
        self, opened: Opened, machine: Machine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(runs: Sequence[RunClaim]) -> Snapshot:
            raise RuntimeError("odd driver")

        monkeypatch.setattr(system_pane, "_LATE_SECONDS", 0.2)
        async with opened() as pilot:
            with monkeypatch.context() as odd:
                odd.setattr(machine, "read", fail)
                await pilot.press("6")
                await until(pilot, lambda: isinstance(pilot.app.screen, FailureScreen))
                await shows(pilot, "odd driver")
                await pilot.press("escape")
                await shows(pilot, "this machine does not answer")
            await shows(pilot, "gpu-box")  # it is tried again
            await until(pilot, lambda: "this machine does not answer" not in text_of(pilot))

    def test_nothing_of_it_is_imported_for_the_first_screen(self) -> None:
        code = "import sys, tui_runs.tui.app; print(sorted({'psutil', 'pynvml'} & set(sys.modules)))"
        assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"[]\n"


class TestWhatRunsLogged:
    async def test_beside_the_machine_where_there_is_room(self, opened: Opened, machine: Machine, logged: Path) -> None:
        async with opened(str(logged / "mlruns")) as pilot:
            await pilot.press("6")
            await shows(pilot, "gpu-box")
            await shows(pilot, "system/gpu_0_power_usage_watts  time since start")
            assert set(pane_of(pilot).charts.metrics) == {
                "system/cpu_utilization_percentage",
                "system/gpu_0_utilization_percentage",
                "system/gpu_0_power_usage_watts",
            }
            await pilot.press("6")
            await until(pilot, lambda: "gpu-box" not in text_of(pilot))
            await shows(pilot, "system/cpu_utilization_percentage")
            await pilot.press("6")
            await shows(pilot, "gpu-box")

    async def test_by_the_key_where_there_is_not(self, opened: Opened, machine: Machine, logged: Path) -> None:
        async with opened(str(logged / "mlruns"), size=(80, 24)) as pilot:
            await pilot.press("6")
            await shows(pilot, "gpu-box")
            assert "system/" not in text_of(pilot)
            await shows(pilot, "6: what the run logged")
            await pilot.press("6")
            await shows(pilot, "system/gpu_0_power_usage_watts")
            await shows(pilot, "6: this machine")
            assert "gpu-box" not in text_of(pilot)

    async def test_the_keys_of_charts_are_for_these(self, opened: Opened, machine: Machine, logged: Path) -> None:
        async with opened(str(logged / "mlruns")) as pilot:
            await pilot.press("6")
            await shows(pilot, "system/gpu_0_power_usage_watts")
            await pilot.press("w", "n")
            await settle(pilot)
            below = main_of(pilot).below
            assert below.system.charts.state.single
            assert not below.charts.state.single
            assert below.system.charts.metrics_shown == ("system/gpu_0_utilization_percentage",)
            await pilot.press("2")
            await settle(pilot)
            assert below.query_one("#panes", ContentSwitcher).current == "charts"
            assert len(below.charts.metrics_shown) > 1

    async def test_a_run_that_logged_nothing(self, opened: Opened, machine: Machine) -> None:
        async with opened() as pilot:
            await pilot.press("6", "6")
            await shows(pilot, "gpu-box")
            await shows(pilot, "the run logged no readings")


class TestLooks:
    @pytest.mark.parametrize("size", [(160, 45), (80, 24)], ids=lambda size: f"{size[0]}x{size[1]}")
    @pytest.mark.parametrize("theme", ["dark", "light"])
    def test_gpus(
        self,
        snap_compare: Compare,
        machine: Machine,
        logged: Path,
        monkeypatch: pytest.MonkeyPatch,
        size: tuple[int, int],
        theme: str,
    ) -> None:
        monkeypatch.chdir(logged)
        workspace = Workspace(now=lambda: NOW)
        workspace.open(find(["./mlruns"]))

        async def show(pilot: Pilot[int]) -> None:
            await settle(pilot)
            run = main_of(pilot).cursor_run
            assert run is not None
            *before, machine.shown = minutes(2, runs={TRAINING.pid: run})
            await pressing("space", "6")(pilot)
            await shows(pilot, "gpu-box")
            if theme == "light":
                await pilot.press("ctrl+t")
            pane_of(pilot).view._trends = None
            for one in (*before, machine.shown):
                pane_of(pilot).take(one)
            await settle(pilot)

        assert snap_compare(TuiRunsApp(workspace), terminal_size=size, run_before=show)

    @pytest.mark.parametrize("size", [(160, 45), (80, 24)], ids=lambda size: f"{size[0]}x{size[1]}")
    def test_no_gpu(
        self,
        snap_compare: Compare,
        machine: Machine,
        demo_root: Path,
        monkeypatch: pytest.MonkeyPatch,
        size: tuple[int, int],
    ) -> None:
        monkeypatch.chdir(demo_root)
        workspace = Workspace(now=lambda: NOW)
        workspace.open(find(["./mlruns"]))
        machine.shown = snapshot(gpus=0)

        async def show(pilot: Pilot[int]) -> None:
            await pressing("6")(pilot)
            await shows(pilot, "gpu-box")
            await settle(pilot)

        assert snap_compare(TuiRunsApp(workspace), terminal_size=size, run_before=show)
