"""Makes the pictures of the README: drives the real app over a demo store and writes SVG and PNG beside this file.

    uv run python screenshots/make.py [NAME ...]

The store, its times and the clock are the same every time, so that a picture changes only when the screen does.
"""

from __future__ import annotations

import asyncio
import html
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cairosvg
from textual.pilot import Pilot

sys.path.append(str(Path(__file__).parents[1]))  # the tests know a machine that is the same every time

from tests import machines
from tui_runs.demo import write_store
from tui_runs.frames.workspace import Workspace
from tui_runs.sources.discover import find
from tui_runs.tui.app import TuiRunsApp
from tui_runs.tui.machine import sampler

sampler.MachineWatch = lambda paths: machines.Machine(machines.snapshot(1000.0))  # type: ignore[assignment, misc]
# Textual reads the first when an app is made.
os.environ.update(TEXTUAL_ANIMATIONS="none", TZ="UTC", COLORTERM="truecolor", TERM="xterm-256color")
time.tzset()

HERE = Path(__file__).parent
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
STORE = Path(tempfile.gettempdir()) / "train"
"""The same place every time: the run pane shows it."""
WIDE, SMALL = (160, 45), (80, 24)
FONT = "DejaVu Sans Mono"
"""The web font that Textual names is not there when a PNG is made."""
FONT_SIZE = 20.17
"""So that a character is as wide as Rich's SVG wants it, 12.2: the PNG maker does not stretch text."""
CHARACTER_HEIGHT, LINE_HEIGHT = 20, 24.4
"""Of Rich's SVG, in its units."""
BRAILLE_DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
"""Column and row of each bit of a braille pattern (Unicode 15, section 21.1)."""


@dataclass(frozen=True)
class Picture:
    """One picture.

    Args:
        name: of the files.
        size: columns and rows of the terminal.
        keys: pressed one after the other, each when the screen has come to rest.
        machine: five minutes of a machine that was written down have passed.
    """

    name: str
    size: tuple[int, int]
    keys: Sequence[str] = ()
    machine: bool = False


BEST_OF_CIFAR = ("slash", *"cifar", "enter", "right", "right", "right", "right", "s")
"""Narrow down to one experiment, and sort by its loss."""

GROUPED = ("M", *["down"] * 9, "space", "escape")
"""Runs that share the optimizer as one row."""

PICTURES = (
    Picture("main", WIDE, (*BEST_OF_CIFAR, "space", "space", "down", "space", "d")),
    Picture("charts", WIDE, (*BEST_OF_CIFAR, "space", "space", "down", "space", "e", *["less_than_sign"] * 3)),
    Picture("groups", WIDE, (*GROUPED, "end", "enter")),
    Picture("columns", WIDE, ("C", *["down"] * 5, "a")),
    Picture("matters", WIDE, ("A",)),
    Picture("light", WIDE, ("ctrl+t", *BEST_OF_CIFAR, "space", "space", "down", "space", "d")),
    Picture("run", WIDE, ("down", "down", "down", "enter")),
    Picture("filter", WIDE, ("slash", *"val/loss < 0.22 and params.lr >= 1e-3", "enter", "space", "space", "x")),
    Picture("files", WIDE, ("down", "down", "4", "tab", "down")),
    Picture("figures", WIDE, ("7", "7")),
    Picture("system", WIDE, ("space", "6"), machine=True),
    Picture("help", WIDE, ("question_mark",)),
    Picture("small", SMALL),
    Picture("small-charts", SMALL, ("space", "space", "space", "tab")),
    Picture("small-diff", SMALL, ("space", "space", "space", "d")),
    Picture("small-run", SMALL, ("down", "enter")),
)


async def until(holds: Callable[[], bool], pilot: Pilot[int]) -> None:
    """Wait until a condition holds, a minute at most."""
    deadline = time.monotonic() + 60
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("the screen did not come to rest")
        await pilot.pause(0.02)


async def take(picture: Picture) -> str:
    """Open the store in the working directory, press the keys, and return the screen as SVG."""
    workspace = Workspace(now=lambda: NOW)
    workspace.open(find(["./mlruns"]))
    app = TuiRunsApp(workspace)
    async with app.run_test(size=picture.size) as pilot:
        for key in ("", *picture.keys):
            if key:
                await pilot.press(key)
            await until(lambda: app.settled, pilot)
            await pilot.pause()
            await until(lambda: app.settled, pilot)
        if picture.machine:
            pass_minutes(app)
            await until(lambda: app.settled, pilot)
            await pilot.pause()
        svg = app.export_screenshot(title="tui-runs open ./mlruns")
    workspace.close()
    return portable(svg)


def pass_minutes(app: TuiRunsApp) -> None:
    """Let the System pane have seen five minutes of a machine on which the run under the cursor trains."""
    assert app.main is not None
    run = app.main.cursor_run
    assert run is not None
    for one in machines.minutes(2, runs={machines.TRAINING.pid: run}):
        app.main.below.system.take(one)


def portable(svg: str) -> str:
    """The same picture with an installed font, and with braille drawn as dots: few monospace fonts have braille."""
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font-family: ?[^;]*;", f"font-family: '{FONT}', monospace;", svg)
    svg = svg.replace("font-size: 20px", f"font-size: {FONT_SIZE}px")
    return re.sub(
        r'<text class="([^"]*)" x="([^"]*)" y="([^"]*)" textLength="([^"]*)"[^>]*>([^<]*)</text>', _dotted, svg
    )


def _dotted(element: re.Match[str]) -> str:
    text = html.unescape(element[5])
    if not any("\u2801" <= sign <= "\u28ff" for sign in text):
        return element[0]
    x, y, width = float(element[2]), float(element[3]) - CHARACTER_HEIGHT, float(element[4]) / len(text)
    dots, rest = [], []
    for number, sign in enumerate(text):
        code = ord(sign) - 0x2800
        braille = 0 < code < 256
        rest.append("\u00a0" if braille else sign)
        for bit, (column, row) in enumerate(BRAILLE_DOTS if braille else ()):
            if code >> bit & 1:
                centre = x + (number + 0.25 + column / 2) * width, y + (row + 0.5) / 4 * LINE_HEIGHT
                dots.append(f'<circle class="{element[1]}" cx="{centre[0]:.1f}" cy="{centre[1]:.1f}" r="2"/>')
    words = "".join(rest)
    return "".join(dots) + (element[0].replace(element[5], words) if words.strip("\u00a0") else "")


def main(names: Sequence[str]) -> None:
    """Make the pictures with these names, or all."""
    shutil.rmtree(STORE, ignore_errors=True)
    try:
        write_store(str(STORE / "mlruns"), now=NOW.timestamp(), seed=7, runs=36)
        os.chdir(STORE)
        for picture in PICTURES:
            if names and picture.name not in names:
                continue
            svg = asyncio.run(take(picture))
            (HERE / f"{picture.name}.svg").write_text(svg)
            cairosvg.svg2png(svg.encode(), write_to=str(HERE / f"{picture.name}.png"), output_width=1600)
            print(picture.name, file=sys.stderr)
    finally:
        os.chdir(HERE)
        shutil.rmtree(STORE, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1:])
