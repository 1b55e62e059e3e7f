"""What the pane of the machine says, without a screen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.machines import TRAINING, h100, minutes, readings, snapshot
from tui_runs.machine.gpus import Gpu, GpuProcess, Gpus
from tui_runs.machine.readings import Disk, Space
from tui_runs.machine.watch import Snapshot
from tui_runs.strokes import ASCII, BLOCKS, LINES, Strokes, bar, level
from tui_runs.tui.machine.lines import RunName, _tail, machine_lines
from tui_runs.tui.machine.trends import Trends

RUN = RunName("brave-fox-12", "#56b4e9")
NAMES = {TRAINING.pid: RUN}


def texts(shown: Snapshot, width: int = 160, height: int = 100, strokes: Strokes = LINES) -> list[str]:
    trends = Trends()
    trends.add(shown)
    lines = machine_lines(shown, trends, NAMES, width, height, strokes)
    return ["".join(piece.text for piece in line).rstrip() for line in lines]


def look_of(shown: Snapshot, text: str) -> str:
    trends = Trends()
    lines = machine_lines(shown, trends, NAMES, 160, 100, LINES)
    return next(piece.look for line in lines for piece in line if text in piece.text)


class TestLines:
    @pytest.mark.parametrize("strokes", [LINES, BLOCKS, ASCII])
    @pytest.mark.parametrize("gpus", [0, 1, 8])
    @pytest.mark.parametrize("height", [8, 100])
    @pytest.mark.parametrize("width", [40, 57, 77, 109, 110, 157, 300])
    def test_no_line_is_too_long(self, width: int, height: int, gpus: int, strokes: Strokes) -> None:
        shown = snapshot(gpus=gpus, cores=192)
        lost = Gpu("9", "", trouble="It fell off the bus. " * 9)
        part = Gpu("0:1", "NVIDIA H100 MIG 1g.10gb", memory=Space(1, 10))
        if gpus:
            shown = replace(shown, gpus=Gpus((*shown.gpus.found, lost, part, Gpu("10", "Orin"))))
        for line in texts(shown, width, height, strokes):
            assert cell_len(line) <= width

    def test_every_gpu_is_there_however_little_room(self) -> None:
        loose, tight = texts(snapshot(gpus=8), 77, 100), texts(snapshot(gpus=8), 77, 20)
        assert len(tight) < len(loose)
        for number in range(8):
            assert sum(line.startswith(f"GPU {number}") for line in tight) == 1
            assert sum(line.startswith(f"GPU {number}  NVIDIA H100") for line in loose) == 1
        assert any("58 °C" in line and "/700 W" in line and "61.7/79.6 GiB" in line for line in tight if "GPU" in line)

    def test_readings(self) -> None:
        said = "\n".join(texts(snapshot()))
        for text in (
            "gpu-box  16 processors · load 11.3 9.8 7.4 · up 12d 00h",
            " 36 %  183/503 GiB",
            " 12 %  1.0/8.0 GiB",
            " 72 %  31.0 GB free",
            "96 %  1.6 TB free",
            "/mnt/archive does not answer",
            "in 1.2 MB/s",
        ):
            assert text in said

    def test_processes_and_their_runs(self) -> None:
        table = [line.split() for line in texts(snapshot())][-5:]
        assert table[0] == ["gpu", "pid", "user", "memory", "run", "command"]
        assert table[1][:7] == ["0", "48213", "ada", "60.0", "GiB", "brave-fox-12", "python"]
        assert table[2][:6] == ["0", "51007", "bob", "1.0", "GiB", "—"]
        assert table[3] == ["0", "9", "—", "—", "—", "Xorg"]
        assert table[4][:2] == ["1", "48213"]
        assert look_of(snapshot(), "brave-fox-12") == "#56b4e9"

    def test_a_number_that_means_another_process_here(self) -> None:
        shown = snapshot()
        other = replace(TRAINING, on_gpu=False, user="carol")
        said = "\n".join(texts(replace(shown, processes={TRAINING.pid: other})))
        assert "carol" not in said
        assert "train.py" not in said

    def test_nobody_uses_a_gpu(self) -> None:
        shown = replace(snapshot(), gpus=Gpus((h100(0),)))
        assert texts(shown)[-1] == "No process that this user may see uses a GPU."

    def test_no_gpu(self) -> None:
        assert texts(snapshot(gpus=0))[-1].startswith("No NVIDIA driver is installed here")

    def test_what_a_gpu_does_not_tell(self) -> None:
        said = texts(replace(snapshot(), gpus=Gpus((Gpu("0", "Orin"),))), 77)
        assert "GPU 0  Orin" in said
        assert "  load   not told by this GPU" in said
        assert not any("None" in line for line in said)
        tight = texts(replace(snapshot(), gpus=Gpus((Gpu("0", "Orin"),))), 77, 1)
        assert next(line for line in tight if line.startswith("GPU 0")).split() == ["GPU", "0", "—", "—"]

    @pytest.mark.parametrize("place", ["name", "host", "place", "command"])
    def test_hostile_text_is_shown_as_symbols(self, place: str) -> None:
        evil, shown = "a\x1b]0;b\x07\u202ec", snapshot()
        match place:
            case "name":
                shown = replace(shown, gpus=Gpus((replace(h100(0), name=evil),)))
            case "host":
                shown = replace(shown, host=evil)
            case "place":
                shown = replace(shown, readings=replace(readings(), disks=(Disk(evil, Space(1, 2)),)))
            case "command":
                own = replace(TRAINING, command=(evil,))
                shown = replace(shown, processes={TRAINING.pid: own})
        said = "\n".join(texts(shown))
        assert "a␛]0;b␇⟨202e⟩c" in said
        assert not {"\x1b", "\x07", "\u202e"} & set(said)


@given(st.text(st.sampled_from("/ab数据é")), st.integers(0, 30))
def test_of_a_path_the_end_is_kept(path: str, width: int) -> None:
    said = _tail(path, width)
    assert cell_len(said) <= width
    if said != path and width > 0:
        kept = said.removeprefix("…")
        assert path.endswith(kept)
        assert cell_len(path[len(path) - len(kept) - 1 :]) > width - 1  # not one character more had room


class TestWarnings:
    @pytest.mark.parametrize(("used", "look"), [(89, ""), (90, "warn"), (94, "warn"), (95, "bad"), (100, "bad")])
    def test_a_disk_that_is_nearly_full(self, used: int, look: str) -> None:
        shown = replace(snapshot(), readings=replace(readings(), disks=(Disk("/", Space(used, 100)),)))
        assert look_of(shown, "free") == look

    @pytest.mark.parametrize(("degrees", "look"), [(81, ""), (82, "warn"), (86, "warn"), (87, "bad"), (95, "bad")])
    def test_a_gpu_that_is_hot(self, degrees: int, look: str) -> None:
        shown = replace(snapshot(), gpus=Gpus((replace(h100(0), temperature=degrees),)))
        assert look_of(shown, f"{degrees} °C") == look

    def test_a_full_gpu_is_no_reason_to_worry(self) -> None:
        full = replace(h100(0), memory=Space(80, 80), processes=(GpuProcess(1, 80),))
        assert look_of(replace(snapshot(), gpus=Gpus((full,))), "100 %") == ""


class TestTrends:
    def test_the_cells_move_as_a_whole(self) -> None:
        trends, before = Trends(), ""
        for one in minutes():
            trends.add(one)
            line = trends.line("processor", 30, LINES)
            assert len(line) == 30
            assert line[:-1] in (before[1:], before[:-1]) or not before  # the last may change while it fills
            before = line
        assert " " not in before  # two minutes are there
        assert len(set(before)) > 1

    def test_what_was_not_read_is_blank(self) -> None:
        trends = Trends()
        trends.add(snapshot(1000.0))
        trends.add(snapshot(1040.0))
        assert trends.line("memory", 120, LINES) == " " * 79 + "▃" + " " * 39 + "▃"
        assert trends.line("no such", 5, LINES) == " " * 5
        assert Trends().line("memory", 3, LINES) == "   "
        assert trends.line("memory", 0, LINES) == ""

    def test_the_network_is_drawn_up_to_its_largest(self) -> None:
        trends = Trends()
        for second in range(100):
            trends.add(snapshot(1000.0 + second))
        line = trends.line("network", 120, LINES, most=None)
        assert "█" in line

    def test_a_moment_that_comes_again_counts_once(self) -> None:
        trends = Trends()
        for _ in range(400):
            trends.add(snapshot(1000.0))
        trends.add(snapshot(1001.0))
        assert len(trends._kept) == 2


@given(st.floats(-1, 2), st.integers(0, 80), st.sampled_from([LINES, BLOCKS, ASCII]))
def test_bars(share: float, width: int, strokes: Strokes) -> None:
    filled, rest = bar(share, width, strokes)
    assert len(filled) + len(rest) == width
    if width:
        half = 0.5 if filled and filled[-1] != strokes.parts[-1] else 0.0
        assert abs(len(filled) - half - min(max(share, 0), 1) * width) <= 1
        assert bool(filled) == (share > 0)
        assert not rest or share < 1


@given(st.floats(-1, 2))
def test_levels_rise(share: float) -> None:
    for strokes in (LINES, BLOCKS, ASCII):
        assert strokes.levels.index(level(share, strokes)) <= strokes.levels.index(level(share + 0.2, strokes))
    assert level(1.0, LINES) == "█"
    assert level(0.0, LINES) == "▁"
