"""The program in a real pseudo-terminal, beside a real mlflow client that logs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest

from tests.tui.terminal import Terminal

_WRITER = """
import sys
import time
from mlflow.entities import Metric
from mlflow.tracking import MlflowClient

client = MlflowClient("file://" + sys.argv[1])
experiment = client.create_experiment("terminal")
began = time.time_ns() // 1_000_000 - 300_000  # longer ago, and the run that goes on would be stale
runs = []
for number, name in enumerate(["alpha-run", "beta-run", "gamma-run"]):
    run = client.create_run(experiment, run_name=name, start_time=began + number * 60_000)
    client.log_batch(
        run.info.run_id,
        metrics=[Metric("loss", 3.0 - number + 1 / (1 + step), began + step, step) for step in range(200)],
    )
    client.log_param(run.info.run_id, "lr", 10.0 ** -number)
    runs.append(run.info.run_id)
for run_id in runs[:2]:
    client.set_terminated(run_id)
print("ready", flush=True)
for line in sys.stdin:
    step, value = line.split()
    client.log_metric(runs[2], "loss", float(value), step=int(step))
    print("logged", flush=True)
"""


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[tuple[Path, Callable[[int, float], None]]]:
    """A store by the real client, and a function by which the same client logs a point to the running run."""
    store = tmp_path / "mlruns"
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(store)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    stdin, stdout = process.stdin, process.stdout
    assert stdout.readline() == "ready\n"

    def log(step: int, value: float) -> None:
        stdin.write(f"{step} {value}\n")
        stdin.flush()
        assert stdout.readline() == "logged\n"

    yield store, log
    stdin.close()
    process.wait(30)
    stdout.close()


def rows(text: str) -> list[str]:
    """The names of the runs in the order in which they stand."""
    table = [line.split() for line in text.splitlines()[3:] if "✔ finished" in line or "▶ running" in line]
    return [word for words in table for word in words[:2] if word.endswith("-run")]


def test_rows_sort_marks_curves_and_a_live_point(writer: tuple[Path, Callable[[int, float], None]]) -> None:
    store, log = writer
    with Terminal(["open", str(store)]) as terminal:
        terminal.until(lambda text: rows(text) == ["gamma-run", "beta-run", "alpha-run"] and "▶ 1 running" in text)

        # Sort by the loss: a click on its title, where the cursor is then, and s to turn it round.
        column = terminal.screen.display[2].index("loss") + 1
        terminal.press(f"\x1b[<0;{column + 1};3M\x1b[<0;{column + 1};3m")
        terminal.until(lambda text: "loss ▲" in text and rows(text) == ["gamma-run", "beta-run", "alpha-run"])
        terminal.press("s")
        terminal.until(lambda text: "loss ▼" in text and rows(text) == ["alpha-run", "beta-run", "gamma-run"])

        # Mark two runs: both are in the legend and on the chart, in two colours.
        terminal.press("\x1b[H")
        terminal.press("  ")
        text = terminal.until(lambda text: "2 marked runs" in text and "━━ alpha-run" in text and "━━ beta-run" in text)
        below = next(number for number, line in enumerate(text.splitlines()) if "2 marked runs" in line)

        def colours() -> set[str]:
            return {
                cell.fg
                for y in range(below + 2, 44)
                for cell in terminal.screen.buffer[y].values()
                if "\u2801" <= cell.data[:1] <= "\u28ff"
            }

        terminal.until(lambda text: len(colours()) >= 2)

        # A point that the real client logs while we watch.
        log(200, 0.03125)
        terminal.until(lambda text: "0.03125" in text)

        terminal.quit()


def test_what_cannot_be_opened_ends_before_the_screen_is_taken(tmp_path: Path) -> None:
    with Terminal(["open", str(tmp_path / "missing")]) as terminal:
        terminal.child.expect(pexpect.EOF)
    said = terminal.child.before.decode()
    assert terminal.child.exitstatus == 2
    assert "does not exist" in said
    assert "\x1b[?1049h" not in said


@pytest.mark.skipif(shutil.which("bash") is None, reason="only a shell stops a program and has it go on")
def test_back_from_the_shell_all_is_painted_anew(writer: tuple[Path, Callable[[int, float], None]]) -> None:
    parts = ("tui-runs", "filter", "alpha-run", "gamma-run", "Charts", "quit")
    with Terminal(["open", str(writer[0])], shell=True) as terminal:
        terminal.until(lambda text: all(part in text for part in parts))
        terminal.press("\x1a")
        terminal.until(lambda text: "Stopped" in text)
        terminal.screen.reset()
        terminal.press("fg\r")
        terminal.until(lambda text: all(part in text for part in parts))
        terminal.press("q")
        terminal.child.expect_exact("\x1b[?1049l")  # it gives the screen back
        terminal.press("exit $?\r")
        terminal.child.expect(pexpect.EOF)
        terminal.child.close()
        assert terminal.child.exitstatus == 0
