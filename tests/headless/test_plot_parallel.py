"""`tui-runs plot --kind parallel`: columns, numbers, and what is said."""

import csv
import io

import pytest

from tests.adapters.mlflow_stores import START, HandMadeStore

SIZE = ("--width", 80, "--height", 14)


@pytest.fixture
def root(tmp_path):
    made = HandMadeStore(tmp_path / "mlruns")
    for number in range(8):
        loss = b"nan" if number == 7 else b"%r" % ((number - 3) ** 2 + 0.5)
        made.put_run(
            f"{number}" + "f" * 31,
            params={
                "lr": repr(10.0 ** (number - 6)),
                "opt": ("adam", "sgd")[number % 2],
                "same": "1",
                **({"depth": str(number // 2)} if number else {}),
            },
            metrics={"loss": b"%d %b 0\n" % (START, loss), "acc": b"%d 0.5 0\n" % START},
        )
    return tmp_path / "mlruns"


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_an_axis_for_each_column_asked_for_and_the_metric_last(run, root):
    asked = ("plot", "-s", root, "--kind", "parallel", "-m", "loss", "--against", "opt,lr", *SIZE)
    title, names, highs, *lines = run(*asked).stdout.splitlines()
    assert title == "loss  1 NaN · 8 runs"
    assert names.split() == ["opt", "lr", "loss"]
    assert highs.split() == ["10", "9.5"]
    assert [low for low in lines[-2].split() if "." in low or "-" in low] == ["1e-06", "0.5"]
    assert len(lines) + 2 == 14
    columns = [at for at, sign in enumerate(lines[0]) if sign == "│"]
    assert columns == [80 * at // 6 for at in (1, 3, 5)]
    assert lines[0][columns[0] + 1 :].startswith("sgd")
    assert lines[-1][columns[2]] == "—"


def test_the_params_in_which_runs_differ_unless_told_otherwise(run, root):
    names = run("plot", "-s", root, "--kind", "parallel", "-m", "loss", *SIZE).stdout.splitlines()[1].split()
    assert set(names) == {"lr", "opt", "depth", "loss"}
    assert names[-1] == "loss"
    narrow = run("plot", "-s", root, "--kind", "parallel", "-m", "loss", "--width", 30).stdout.splitlines()[1].split()
    assert len(narrow) == 2


def test_data(run, root):
    told = rows(run("plot", "-s", root, "--kind", "parallel", "-m", "loss", "--against", "lr,depth", "--data").stdout)
    assert list(told[0]) == ["run_id", "metric", "value", "params.lr", "params.depth"]
    by_run = {row["run_id"][0]: row for row in told}
    assert len(by_run) == 8
    assert by_run["2"] == {
        "run_id": "2" + "f" * 31,
        "metric": "loss",
        "value": "1.5",
        "params.lr": "0.0001",
        "params.depth": "1",
    }
    assert (by_run["0"]["params.depth"], by_run["7"]["value"]) == ("", "NaN")


def test_of_what_the_filter_passes(run, root):
    asked = ("plot", "-s", root, "--kind", "parallel", "-m", "loss", "--against", "lr", "--where", "opt = adam")
    assert {row["run_id"][0] for row in rows(run(*asked, "--data").stdout)} == set("0246")
    assert run(*asked, *SIZE).stdout.splitlines()[0] == "loss  4 runs"


def test_colours_by_rank_where_they_are_wanted(run, root, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLORTERM", "truecolor")
    asked = ("plot", "-s", root, "--kind", "parallel", "-m", "loss", "--against", "lr", *SIZE)
    assert "yellow is best, by rank" in (found := run(*asked).stdout)
    assert "\x1b[38;2;253;231;37m" in found  # the last of viridis, of the least loss
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in run(*asked).stdout


def test_ascii_and_hostile_texts(root, tmp_path, run):
    from click.testing import CliRunner

    from tui_runs.cli import program

    HandMadeStore(tmp_path / "mlruns").put_run(
        "a" * 32, params={"opt": "\x1b[2J\u202e"}, metrics={"loss": b"%d 1 0\n" % START}
    )
    arguments = ["plot", "-s", str(root), "-m", "loss", "--kind", "parallel", "--against", "opt"]
    found = CliRunner(charset="ascii").invoke(program, arguments)
    assert found.exit_code == 0
    assert "|" in found.stdout_bytes.decode("ascii")
    assert not any(sign in run(*arguments).stdout for sign in "\x1b\u202e")


def test_nothing_to_draw(run, root):
    asked = ("plot", "-s", root, "--kind", "parallel", "-m", "loss", "--where", "loss > 1000")
    assert run(*asked).stdout == "loss  0 runs\n"
    assert run(*asked, "--data").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--against", "lrr"], "Did you mean 'params.lr'?"),
        (["--log-x"], "--log-x is not for --kind parallel."),
        (["--height", "6"], "Parallel coordinates need 24 cells by 7 lines or more."),
    ],
)
def test_mistakes(run, root, arguments, says):
    found = run("plot", "-s", root, "--kind", "parallel", "-m", "loss", *arguments)
    assert found.exit_code == 2
    assert says in found.stderr
