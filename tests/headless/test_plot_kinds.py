from __future__ import annotations

import csv
import io
import math
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from tests.adapters.mlflow_stores import START, HandMadeStore
from tests.headless.conftest import HOSTILE
from tui_runs.cli import program

RATES = [1e-5, 3e-5, 1e-4, 1e-3, 2e-3, 1e-2, 3e-2, 1e-1]
LOSSES = [0.9, 0.7, 0.5, 0.2, 0.3, 0.45, 0.8, 1.0]
OPTIMIZERS = ["adam", "sgd", "adam", "adam", "sgd", "adam", "sgd", "adam"]
WIDTH, HEIGHT = 70, 13
SIZE = ("--width", WIDTH, "--height", HEIGHT)


@pytest.fixture
def root(tmp_path):
    made = HandMadeStore(tmp_path / "mlruns")
    for number, (rate, loss, optimizer) in enumerate(zip(RATES, LOSSES, OPTIMIZERS, strict=True)):
        made.put_run(
            f"{number}" + "f" * 31,
            name=f'"run {number}"',
            params={"lr": repr(rate), "opt": optimizer},
            metrics={"loss": b"%d 2 0\n%d %r 1\n" % (START, START + 1, loss)},
        )
    return tmp_path / "mlruns"


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def inside(text):
    """The cells inside the frame, the lowest line first, and the columns of the ticks of the x axis."""
    _, upper, *lines, lower, _ = text.splitlines()
    left = upper.index("┌") + 1
    right = len(upper) - 1
    cells = [line.ljust(WIDTH)[left:right] for line in reversed(lines)]
    return cells, [at - left for at, sign in enumerate(lower) if sign == "┬"]


def place(value, low, high, cells):
    """Which of so many cells a value lies in, the first around the least, the last around the greatest."""
    return math.floor((value - low) / (high - low) * (cells - 1) + 0.5)


def marks(text):
    cells, _ = inside(text)
    return {(column, row) for row, line in enumerate(cells) for column, sign in enumerate(line) if sign in "•2"}


class TestScatter:
    @pytest.mark.parametrize("log", [False, True])
    def test_marks_lie_where_the_numbers_are(self, run, root, log):
        flags = ["--log-x", "--log-y"] * log
        found = run("plot", "-s", root, "--kind", "scatter", "-m", "loss", "--against", "params.lr", *SIZE, *flags)
        lines, _ = inside(found.stdout)
        scaled = np.log10 if log else np.array
        x, y = scaled(RATES), scaled(LOSSES)
        expected = {
            (place(one, x[0], x[-1], len(lines[0])), place(two, y.min(), y.max(), len(lines)))
            for one, two in zip(x, y, strict=True)
        }
        assert marks(found.stdout) == expected
        assert len(expected) == len(RATES)

    def test_categories_where_the_param_is_words(self, run, root):
        found = run("plot", "-s", root, "--kind", "scatter", "-m", "loss", "--against", "opt", *SIZE)
        lines, (adam, sgd) = inside(found.stdout)
        expected = {
            (adam if optimizer == "adam" else sgd, place(loss, 0.2, 1.0, len(lines)))
            for loss, optimizer in zip(LOSSES, OPTIMIZERS, strict=True)
        }
        assert marks(found.stdout) == expected
        assert found.stdout.splitlines()[-1].split() == ["adam", "sgd"]

    def test_runs_in_one_place_are_counted(self, run, root):
        made = HandMadeStore(root)
        for sign in "abc":
            made.put_run(sign * 32, params={"lr": "0.1"}, metrics={"loss": b"%d 1.0 0\n" % START})
        found = run("plot", "-s", root, "--kind", "scatter", "-m", "loss", "--against", "params.lr", *SIZE)
        assert inside(found.stdout)[0][-1].rstrip()[-1] == "4"

    def test_data(self, run, root):
        found = run("plot", "-s", root, "--kind", "scatter", "-m", "loss", "--against", "lr", "--data")
        told = {(row["run_id"][0], row["metric"], float(row["x"]), float(row["value"])) for row in rows(found.stdout)}
        pairs = enumerate(zip(RATES, LOSSES, strict=True))
        assert told == {(f"{number}", "loss", rate, loss) for number, (rate, loss) in pairs}

    def test_of_what_the_filter_passes_or_of_runs_that_are_named(self, run, root):
        asked = ("plot", "-s", root, "--kind", "scatter", "-m", "loss", "--against", "lr", "--data")
        passed = rows(run(*asked, "--where", "params.opt = sgd and lr > 1e-4").stdout)
        assert {row["run_id"][0] for row in passed} == {"4", "6"}
        named = rows(run(*asked[:1], "run 2", "6" + "f" * 31, *asked[1:]).stdout)
        assert {row["run_id"][0] for row in named} == {"2", "6"}

    def test_of_another_value_than_the_last(self, run, root):
        asked = ("plot", "-s", root, "--kind", "scatter", "-m", "max(metrics.loss)", "--against", "lr", "--data")
        assert {row["value"] for row in rows(run(*asked).stdout)} == {"2.0"}


class TestBox:
    def test_lines_lie_at_the_quartiles(self, run, root):
        found = run("plot", "-s", root, "--kind", "box", "-m", "loss", "--against", "opt", *SIZE)
        lines, ticks = inside(found.stdout)
        for tick, word in zip(ticks, ("adam", "sgd"), strict=True):
            losses = [loss for loss, optimizer in zip(LOSSES, OPTIMIZERS, strict=True) if optimizer == word]
            q1, median, q3 = (place(q, 0.2, 1.0, len(lines)) for q in np.quantile(losses, [0.25, 0.5, 0.75]))
            low, high = (place(end, 0.2, 1.0, len(lines)) for end in (min(losses), max(losses)))
            assert lines[median][tick] == "━"
            drawn = [row for row, line in enumerate(lines) if line[tick - 2] not in " ━"]
            assert [row for row in drawn if row != median] == sorted({q1, q3} - {median})
            inked = [row for row, line in enumerate(lines) if line[tick] != " "]
            assert (inked[0], inked[-1]) == (low, high)

    def test_data(self, run, root):
        HandMadeStore(root).put_run("a" * 32, params={"opt": "sgd"}, metrics={"loss": b"%d 9 0\n" % START})
        told = rows(run("plot", "-s", root, "--kind", "box", "-m", "loss", "--against", "opt", "--data").stdout)
        assert [row["category"] for row in told] == ["adam", "sgd"]
        # 0.3 0.7 0.8 9: the quartiles are 0.6, 0.75 and 2.85, the upper fence lies at 6.225.
        sgd = {name: float(told[1][name]) for name in ("low", "q1", "median", "q3", "high")}
        assert sgd == pytest.approx({"low": 0.3, "q1": 0.6, "median": 0.75, "q3": 2.85, "high": 2.85})
        assert (told[1]["runs"], told[1]["outliers"]) == ("4", "9.0")

    def test_numbers_of_few_values_in_their_order(self, run, root):
        made = HandMadeStore(root)
        for sign, depth in zip("abc", ("10", "9", "10.0"), strict=True):
            made.put_run(sign * 32, params={"depth": depth}, metrics={"loss": b"%d 1.0 0\n" % START})
        found = run("plot", "-s", root, "--kind", "box", "-m", "loss", "--against", "depth", *SIZE)
        assert found.stdout.splitlines()[-1].split() == ["9", "10"]
        assert found.stdout.splitlines()[0] == "loss  by params.depth · 8 missing · 3 runs"

    def test_one_box_of_all(self, run, root):
        found = run("plot", "-s", root, "--kind", "box", "-m", "loss", *SIZE)
        assert found.stdout.splitlines()[-1].split() == ["all"]

    def test_rare_words_are_left_out_and_said(self, run, root):
        made = HandMadeStore(root)
        for sign in "abcdef":
            made.put_run(sign * 32, params={"opt": f"own {sign}"}, metrics={"loss": b"%d 1.0 0\n" % START})
        found = run("plot", "-s", root, "--kind", "box", "-m", "loss", "--against", "opt", "--width", 80, "--height", 8)
        assert "not shown" not in found.stdout
        found = run("plot", "-s", root, "--kind", "box", "-m", "loss", "--against", "opt", "--width", 34, "--height", 8)
        assert found.stdout.splitlines()[-1].split() == ["adam", "own", "a", "own", "b", "sgd"]
        assert found.stdout.startswith("loss  by params.opt · 4 rarer valu")


class TestHistogram:
    def test_bars_are_as_high_as_their_counts(self, run, root):
        for sign in "abc":
            HandMadeStore(root).put_run(sign * 32, metrics={"loss": b"%d 0.35 0\n" % START})
        found = run("plot", "-s", root, "--kind", "histogram", "-m", "loss", *SIZE)
        lines, _ = inside(found.stdout)
        counts, _ = np.histogram([*LOSSES, 0.35, 0.35, 0.35], "fd")
        assert len(set(counts)) > 1
        columns = len(lines[0])
        for number, count in enumerate(counts):
            for column in range(columns * number // len(counts), columns * (number + 1) // len(counts)):
                full = sum(line[column] == "█" for line in lines)
                part = sum(" ▁▂▃▄▅▆▇".find(line[column]) / 8 for line in lines if line[column] != "█")
                assert full + part == pytest.approx(len(lines) * count / max(counts), abs=1 / 16)

    def test_data(self, run, root):
        told = rows(run("plot", "-s", root, "--kind", "histogram", "-m", "loss", "--data").stdout)
        counts, edges = np.histogram(LOSSES, "fd")
        assert [float(row["low"]) for row in told] == pytest.approx(edges[:-1])
        assert [float(row["high"]) for row in told] == pytest.approx(edges[1:])
        assert [int(row["runs"]) for row in told] == counts.tolist()


KINDS = [["scatter", "--against", "lr"], ["box", "--against", "opt"], ["histogram"]]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind[0])
class TestEveryKind:
    @pytest.mark.parametrize(("width", "height"), [(24, 6), (61, 10), (150, 40)])
    def test_has_the_size_asked_for(self, run, root, kind, width, height):
        found = run("plot", "-s", root, "-m", "loss", "--width", width, "--height", height, "--kind", *kind)
        title, *lines = found.stdout.splitlines()
        assert len(title) <= width
        assert len(lines) == height
        assert max(map(len, lines)) == width
        assert "\x1b" not in found.stdout

    def test_ascii(self, root, kind):
        arguments = ["plot", "-s", str(root), "-m", "loss", "--kind", *kind]
        found = CliRunner(charset="ascii").invoke(program, arguments)
        figure = found.stdout_bytes.decode("ascii").split("\n", 1)[1]
        assert "?" not in figure
        assert "+--" in figure

    def test_colours_where_they_are_wanted(self, run, root, kind, monkeypatch):
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("COLORTERM", "truecolor")
        assert "\x1b[38;2;" in run("plot", "-s", root, "-m", "loss", "--kind", *kind).stdout
        monkeypatch.setenv("NO_COLOR", "1")
        assert "\x1b" not in run("plot", "-s", root, "-m", "loss", "--kind", *kind).stdout

    def test_what_is_not_seen_is_counted_in_the_title(self, run, root, kind):
        made = HandMadeStore(root)
        made.put_run("a" * 32, params={"lr": "1", "opt": "x"}, metrics={"loss": b"%d nan 0\n" % START})
        made.put_run("b" * 32, params={"lr": "1", "opt": "x"}, metrics={"loss": b"%d -inf 0\n" % START})
        made.put_run("c" * 32, params={"lr": "1", "opt": "x"}, metrics={"acc": b"%d 1 0\n" % START})
        made.put_run("d" * 32, params={"lr": "1", "opt": "x"}, metrics={"loss": b"%d -1 0\n" % START})
        log = "--log-x" if kind == ["histogram"] else "--log-y"
        title = run("plot", "-s", root, "-m", "loss", log, "--kind", *kind).stdout.splitlines()[0]
        assert "1 missing · 1 NaN · 1 ±∞ · 1 ≤ 0 · 8 runs · log " in title

    def test_nothing_to_draw(self, run, root, kind):
        found = run("plot", "-s", root, "-m", "loss", "--where", "loss > 5", "--kind", *kind)
        assert found.exit_code == 0
        assert found.stdout.splitlines()[0].endswith("0 runs")
        assert run("plot", "-s", root, "-m", "loss", "--where", "loss > 5", "--data", "--kind", *kind).exit_code == 0

    def test_several_metrics(self, run, root, kind):
        HandMadeStore(root).put_run("a" * 32, params={"lr": "1", "opt": "x"}, metrics={"acc": b"%d 1 0\n" % START})
        found = run("plot", "-s", root, "-m", "loss", "-m", "acc", *SIZE, "--kind", *kind)
        first, second = found.stdout.split("\n\n")
        assert (first.split()[0], second.split()[0]) == ("loss", "acc")
        told = run("plot", "-s", root, "-m", "loss", "-m", "acc", "--data", "--kind", *kind).stdout
        assert {row["metric"] for row in rows(told)} == {"loss", "acc"}

    def test_the_metric_of_most_interest_unless_told_otherwise(self, run, root, kind):
        HandMadeStore(root).put_run("a" * 32, params={"lr": "1", "opt": "x"}, metrics={"acc": b"%d 1 0\n" % START})
        found = run("plot", "-s", root, "--kind", *kind)
        assert "Drawing loss; -m draws another: acc" in found.stderr


def test_hostile_texts(run, hostile):
    for kind in (["scatter", "--against", "params.lr"], ["box", "--against", "params.lr"], ["histogram"]):
        found = run("plot", "-s", hostile, "-m", "loss", "-m", "m\x1b\n", "--kind", *kind, *SIZE)
        assert found.exit_code == 0
        assert not any(sign in found.stdout for sign in "\x1b\x07\x9b\u202e")
        assert HOSTILE not in found.stdout


def test_a_wide_name_moves_nothing(run, tmp_path):
    from rich.cells import cell_len

    made = HandMadeStore(tmp_path / "mlruns")
    for sign, name in zip("abc", ("学習学習", "e\u0301a\u0301", "😀 x"), strict=True):
        made.put_run(sign * 32, params={"opt": name}, metrics={"loss": b"%d 1 0\n" % START})
    found = run("plot", "-s", tmp_path / "mlruns", "--kind", "box", "--against", "opt", "-m", "loss", *SIZE)
    *_, lower, texts = found.stdout.splitlines()
    for name in ("学習学習", "😀 x"):
        middle = cell_len(texts[: texts.index(name)]) + cell_len(name) / 2
        assert min(abs(at + 0.5 - middle) for at, sign in enumerate(lower) if sign == "┬") < 2
    assert cell_len(texts) <= WIDTH


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--kind", "scatter"], "A scatter needs --against COLUMN."),
        (["--kind", "scatter", "--against", "lrr"], "Did you mean 'params.lr'?"),
        (["--kind", "scatter", "--against", "opt", "--log-x"], "params.opt is words"),
        (["--kind", "box", "--against", "lr", "--width", "24"], "params.lr has 8 different numbers"),
        (["--kind", "box", "--log-x"], "--log-x is not for --kind box."),
        (["--kind", "histogram", "--against", "lr"], "--against is not for --kind histogram."),
        (["--kind", "histogram", "--smooth", "0.9"], "--smooth is not for --kind histogram."),
        (["--kind", "histogram", "--height", "5"], "24 cells by 6 lines or more"),
        (["--kind", "histogram", "-m", "los"], "Did you mean 'loss'?"),
        (["run 1", "--where", "loss > 1"], "--where is not for --kind curve."),
        ([], "Missing argument 'RUN...'"),
    ],
)
def test_mistakes(run, root, arguments, says):
    found = run("plot", "-s", root, *arguments)
    assert found.exit_code == 2
    assert says in found.stderr


def test_plotext_is_loaded_for_these_only():
    code = (
        "import sys, tui_runs.headless.plot, tui_runs.headless.figures as figures; assert 'plotext' not in sys.modules;"
        "from tui_runs.drawing.figures import *; from tui_runs.analysis.distributions import box_of;"
        "from tui_runs.drawing.framed import *; from rich.style import Style;"
        "figure = draw_boxes([box_of([1.0, 2.0])], ['a'], Look(40, 10));"
        "screen_lines(figure, Style(), [Style()]); assert 'plotext' not in sys.modules;"
        "plotext_lines(figure, Style(), [Style()]); assert 'plotext' in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
