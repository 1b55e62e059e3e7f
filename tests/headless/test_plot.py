from __future__ import annotations

import csv
import io
import json
from datetime import datetime

import pytest

from tests.adapters.mlflow_stores import START, HandMadeStore
from tests.headless.conftest import HOSTILE

RUN = "a" * 32


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def curves(tmp_path):
    """A run with a loss each step, an epoch every tenth, and a rate logged once."""
    made = HandMadeStore(tmp_path / "mlruns")
    loss = b"".join(b"%d %r %d\n" % (START + 1000 * step, 5 / (1 + step), step) for step in range(100))
    epoch = b"".join(b"%d %d %d\n" % (START + 10_000 * number, number, 10 * number) for number in range(10))
    made.put_run(RUN, name='"brave"', metrics={"loss": loss, "epoch": epoch, "lr": b"%d 0.1 0\n" % START})
    return tmp_path / "mlruns"


class TestData:
    def test_is_every_point_that_mlflow_has(self, run, store):
        root, truth = store
        alive = {one["run_id"] for one in json.loads(run("ls", root, "--format", "json").stdout)}
        checked = 0
        for one in truth["runs"]:
            if one["run_id"] not in alive or not one["history"]:
                continue
            metrics = [part for key in one["history"] for part in ("-m", key)]
            found = rows(run("plot", one["run_id"], "-s", root, *metrics, "--data").stdout)
            told = [
                (key, float(step), repr(float(value)))
                for key, points in one["history"].items()
                for _, step, value in points
            ]
            assert [(row["metric"], float(row["x"]), repr(float(row["value"]))) for row in found] == told
            checked += len(told)
        assert checked > 20

    def test_smoothed_is_tensorboards_formula(self, run, curves):
        found = rows(run("plot", "brave", "-s", curves, "-m", "loss", "--data", "--smooth", "0.9").stdout)
        last = 0.0
        for count, row in enumerate(found, 1):
            last = last * 0.9 + 0.1 * float(row["value"])
            assert float(row["smoothed"]) == pytest.approx(last / (1 - 0.9**count))

    @pytest.mark.parametrize(
        ("x", "expected"),
        [
            ("step", lambda step: float(step)),
            ("relative", lambda step: float(step)),
            ("epoch", lambda step: float(step // 10)),
        ],
    )
    def test_over(self, run, curves, x, expected):
        found = rows(run("plot", "brave", "-s", curves, "-m", "loss", "--data", "--x", x).stdout)
        assert [float(row["x"]) for row in found] == [expected(step) for step in range(100)]

    def test_over_the_time(self, run, curves):
        found = rows(run("plot", "brave", "-s", curves, "-m", "loss", "--data", "--x", "time").stdout)
        assert [datetime.fromisoformat(row["x"]).timestamp() for row in found[:2]] == [START / 1000, START / 1000 + 1]


class TestCharts:
    def test_one_for_each_metric_in_the_size_asked_for(self, run, curves):
        found = run("plot", "brave", "-s", curves, "-m", "loss", "-m", "epoch", "--width", "60", "--height", "9")
        assert found.exit_code == 0
        first, second = found.stdout.split("\n\n")
        assert "\x1b" not in found.stdout
        for chart, metric, last in ((first, "loss", "0.05"), (second, "epoch", "9")):
            lines = chart.splitlines()
            assert len(lines) == 1 + 9 + 1
            assert max(map(len, lines)) <= 60
            assert lines[0].startswith(f"{metric}  step")
            assert any("\u2801" <= sign <= "\u28ff" for sign in chart)
            assert lines[-1] == f"━━ brave  {last}"

    def test_title_says_what_is_done_and_what_is_not_seen(self, run, tmp_path):
        made = HandMadeStore(tmp_path / "mlruns")
        points = b"%d nan 0\n%d inf 1\n%d -1 2\n%d 1 3\n%d 2 4\n" % tuple(START + at for at in range(5))
        made.put_run(RUN, metrics={"loss": points})
        found = run("plot", RUN[:8], "-s", tmp_path / "mlruns", "--log-y", "--smooth", "mean:3", "--log-x")
        assert found.stdout.splitlines()[0] == "loss  1 NaN · 1 ±∞ · 1 ≤ 0 · step · log x · log y · mean of 3"

    def test_colours_where_they_are_wanted(self, run, curves, monkeypatch):
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("COLORTERM", "truecolor")
        assert "\x1b[38;2;" in run("plot", "brave", "-s", curves, "-m", "loss").stdout
        monkeypatch.setenv("NO_COLOR", "1")
        assert "\x1b" not in run("plot", "brave", "-s", curves, "-m", "loss").stdout

    def test_the_metric_of_most_interest_unless_told_otherwise(self, run, curves):
        found = run("plot", "brave", "-s", curves)
        assert found.stdout.startswith("loss  ")
        assert "Drawing loss; -m draws another: epoch, lr" in found.stderr

    def test_runs_that_lack_it_are_said(self, run, curves):
        HandMadeStore(curves).put_run("b" * 32, name='"other"', metrics={"acc": b"%d 1 0\n" % START})
        found = run("plot", "brave", "other", "-s", curves, "-m", "loss")
        assert "other has no points of loss." in found.stderr
        assert found.exit_code == 0

    def test_hostile_texts(self, run, hostile):
        found = run("plot", "b" * 32, "-s", hostile, "-m", "loss", "-m", "m\x1b\n")
        assert found.exit_code == 0
        assert not any(sign in found.stdout for sign in "\x1b\x07\x9b\u202e")
        assert HOSTILE not in found.stdout

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (["-m", "los"], "Did you mean 'loss'?"),
            (["-m", "loss", "--x", "tokens"], "No run has the metric 'tokens'."),
            (["-m", "loss", "--smooth", "much"], "no way to smooth"),
        ],
    )
    def test_mistakes(self, run, curves, arguments, says):
        found = run("plot", "brave", "-s", curves, *arguments)
        assert found.exit_code == 2
        assert says in found.stderr
