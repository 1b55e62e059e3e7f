from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import unicodedata

import polars as pl
import pytest

from tests.adapters.mlflow_stores import HandMadeStore
from tests.headless.conftest import HOSTILE
from tests.headless.test_cli import in_terminal


def found_by(result):
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def names_of(result):
    return [(row["kind"], row["key"]) for row in found_by(result)["rows"]]


@pytest.fixture
def two(tmp_path):
    """Runs that differ in some things and are the same in others."""
    made = HandMadeStore(tmp_path / "mlruns")
    made.put_run(
        "a" * 32,
        name="base",
        params={"lr": "1e-3", "seed": "1", "model.depth": "2", "model.width": "8", "opt": "adam", "empty": ""},
        metrics={"loss": b"1 1.0 0\n2 0.5 1\n", "acc": b"1 0.5 0\n", "steps": b"1 7 0\n"},
        tags={"team": "x", "mlflow.user": "y"},
        end=1700000010000,
    )
    made.put_run(
        "b" * 32,
        name="wide",
        params={"lr": "0.001", "seed": "2", "model.depth": "2", "model.width": "16", "opt": "adam"},
        metrics={"loss": b"1 1.0 0\n2 0.25 1\n", "acc": b"1 0.25 0\n", "steps": b"1 7 0\n"},
        tags={"team": "z", "mlflow.user": "z"},
        end=1700000010000,
    )
    return tmp_path / "mlruns"


DIFFERENCES = [
    ("param", "empty"),
    ("param", "model.width"),
    ("param", "seed"),
    ("metric", "loss"),
    ("metric", "acc"),
    ("tag", "team"),
    ("run", "user"),
]


class TestJson:
    def test_only_what_differs(self, run, two):
        result = run("diff", "base", "wide", "-s", two, "--format", "json")
        found = found_by(result)
        assert sorted(names_of(result)) == sorted(DIFFERENCES)
        assert [one["name"] for one in found["runs"]] == ["base", "wide"]
        assert [one["run_id"] for one in found["runs"]] == ["a" * 32, "b" * 32]
        assert found["baseline"] == 0
        rows = {row["key"]: row for row in found["rows"]}
        assert rows["empty"]["values"] == ["", None]
        assert rows["model.width"]["deltas"] == [
            None, {"difference": 8.0, "ratio": 2.0, "percent": 100.0, "better": None},
        ]  # fmt: skip
        assert rows["loss"] == {
            "kind": "metric",
            "key": "loss",
            "values": [0.5, 0.25],
            "differs": True,
            "direction": "lower",
            "deltas": [None, {"difference": -0.25, "ratio": 0.5, "percent": -50.0, "better": True}],
        }
        assert rows["acc"]["deltas"][1]["better"] is False
        assert rows["team"]["deltas"] is None

    def test_says_what_show_says_of_each(self, run, store):
        root, truth = store
        ids = [one["run_id"] for one in truth["runs"] if one["lifecycle_stage"] == "active"][:5]
        known = {one["run_id"]: one for one in truth["runs"]}
        known_ids = {one["run_id"] for one in json.loads(run("ls", root, "--format", "json").stdout)}
        ids = [one for one in ids if one in known_ids]
        found = found_by(run("diff", *ids, "-s", root, "--all", "--format", "json"))
        assert [one["run_id"] for one in found["runs"]] == ids
        for kind, field in (("param", "params"), ("metric", "metrics")):
            rows = [row for row in found["rows"] if row["kind"] == kind]
            assert {row["key"] for row in rows} == {key for one in ids for key in known[one][field]}
            for row in rows:
                assert row["values"] == [known[one][field].get(row["key"]) for one in ids]
                assert row["differs"] == (len({json.dumps(value) for value in row["values"]}) > 1)

    def test_all(self, run, two):
        found = found_by(run("diff", "base", "wide", "-s", two, "--all", "--format", "json"))
        same = {row["key"] for row in found["rows"] if not row["differs"]}
        assert {"lr", "opt", "model.depth", "steps", "experiment"} <= same
        assert {"mlflow.user", "run_id", "name", "started"}.isdisjoint(row["key"] for row in found["rows"])

    def test_lines_are_the_rows(self, run, two):
        rows = found_by(run("diff", "base", "wide", "-s", two, "--format", "json"))["rows"]
        lines = run("diff", "base", "wide", "-s", two, "--format", "jsonl").stdout.splitlines()
        assert list(map(json.loads, lines)) == rows

    @pytest.mark.parametrize(
        ("arguments", "gone"),
        [
            (["--ignore", "seed"], {"seed"}),
            (["--ignore", r"^params\."], {"seed", "empty", "model.width"}),
            (["--ignore", "^tags", "--ignore", "loss$", "--ignore", "^user$"], {"team", "loss", "user"}),
            (["--ignore", "^seed"], set()),
        ],
    )
    def test_ignore(self, run, two, arguments, gone):
        rows = names_of(run("diff", "base", "wide", "-s", two, *arguments, "--format", "json"))
        assert sorted(rows) == sorted(one for one in DIFFERENCES if one[1] not in gone)

    def test_exact(self, run, two):
        rows = names_of(run("diff", "base", "wide", "-s", two, "--exact", "--format", "json"))
        assert sorted(rows) == sorted([*DIFFERENCES, ("param", "lr")])

    def test_baselines(self, run, two):
        def losses(*arguments):
            found = found_by(run("diff", *arguments, "-s", two, "--format", "json"))
            row = next(row for row in found["rows"] if row["key"] == "loss")
            differences = [one and one["difference"] for one in row["deltas"]]
            return found["baseline"], [one["name"] for one in found["runs"]], differences

        assert losses("base", "wide") == (0, ["base", "wide"], [None, -0.25])
        assert losses("base", "wide", "--baseline", "bbb") == (1, ["base", "wide"], [0.25, None])
        assert losses("base", "--baseline", "wide") == (0, ["wide", "base"], [None, 0.25])
        assert losses("base", "wide", "base", "--each-before") == (None, ["base", "wide"], [None, -0.25])

    def test_runs_of_two_stores(self, run, data):
        stores = [data / "mlflow_1_30" / "mlruns", data / "mlflow_2_22" / "mlruns"]
        ids = [json.loads(run("ls", one, "--format", "json").stdout)[0]["run_id"] for one in stores]
        found = found_by(run("diff", *ids, "-s", stores[0], "-s", stores[1], "--format", "json"))
        assert [one["source"] for one in found["runs"]] == list(map(str, stores))
        assert ("run", "source") in [(row["kind"], row["key"]) for row in found["rows"]]


class TestTables:
    def test_in_a_pipe(self, run, two):
        lines = run("diff", "base", "wide", "-s", two).stdout.splitlines()
        assert lines[0].split() == ["base", "wide"]
        assert lines[lines.index("params") + 2].split() == ["model.width", "8", "16", "×2"]
        assert lines[lines.index("metrics") + 1].split() == ["loss", "0.5", "0.25", "-50.0%"]
        lines = run("diff", "base", "wide", "-s", two, "--all").stdout.splitlines()
        below = lines.index("params · model") + 1
        assert [line.split()[0] for line in lines[below : below + 2]] == ["depth", "width"]
        assert next(line for line in lines if line.startswith("empty")).split() == ["empty", '""', "—"]

    def test_colours_tell_better_from_worse(self, two):
        _, shown, _ = in_terminal(80, "diff", "base", "wide", "-s", two)
        assert "\x1b[32m0.25  -50.0%\x1b[0m" in shown
        assert "\x1b[31m0.25  -50.0%\x1b[0m" in shown

    def test_on_a_narrow_terminal_runs_stand_below_each_other(self, tmp_path):
        made = HandMadeStore(tmp_path)
        for number in range(12):
            made.put_run(f"a{number:x}" * 16, name=f"run-{number:02}", params={"lr": str(number), "same": "1"})
        names = [f"run-{number:02}" for number in range(12)]
        _, shown, said = in_terminal(60, "diff", *names, "-s", tmp_path, NO_COLOR="1")
        lines = shown.splitlines()
        assert lines[0].split()[0] == "lr"
        assert [line.split()[0] for line in lines[1:]] == names
        assert said == ""

    def test_what_does_not_fit_is_spoken_of(self, tmp_path):
        made = HandMadeStore(tmp_path)
        for number in range(12):
            params = {f"key{at}": str(number) for at in range(20)}
            made.put_run(f"a{number:x}" * 16, name=f"run-{number:02}", params=params)
        _, shown, said = in_terminal(60, "diff", *(f"run-{n:02}" for n in range(12)), "-s", tmp_path, NO_COLOR="1")
        assert max(map(len, shown.splitlines())) <= 60
        shown_runs = shown.splitlines()[0].count("run-")
        assert f"… {12 - shown_runs} more runs for which the terminal is too narrow." in said

    def test_markdown_and_latex_mark_the_best(self, run, two):
        text = run("diff", "base", "wide", "-s", two, "--format", "markdown").stdout
        assert "**0.25  -50.0%**" in text
        assert "**0.5**" in text
        text = run("diff", "base", "wide", "-s", two, "--format", "latex").stdout
        assert r"loss & 0.5 & \textbf{0.25  \textminus{}50.0\%} \\" in text

    def test_csv_and_parquet(self, run, two, tmp_path):
        result = run("diff", "base", "wide", "-s", two, "--format", "csv")
        rows = list(csv.reader(io.StringIO(result.stdout)))
        assert rows[0] == ["kind", "key", "base", "wide"]
        assert ["metric", "loss", "0.5", "0.25"] in rows
        run("diff", "base", "wide", "-s", two, "-o", tmp_path / "a.parquet")
        frame = pl.read_parquet(tmp_path / "a.parquet")
        assert frame.columns == rows[0]
        assert frame.filter(key="empty").rows() == [("param", "empty", "", None)]

    def test_html_has_runs_differences_and_curves(self, run, two):
        page = run("diff", "base", "wide", "-s", two, "--format", "html").stdout
        assert "<title>base · wide</title>" in page
        assert page.count("<h2>") == 3
        assert page.count("<svg") == 3
        assert '<td class="short right good">0.25<small>-50.0%</small></td>' in page

    def test_nothing_differs(self, run, tmp_path):
        made = HandMadeStore(tmp_path)
        for letter in "ab":
            made.put_run(letter * 32, params={"lr": "1"}, start=1, end=2)
        result = run("diff", "a", "b", "-s", tmp_path)
        assert (result.exit_code, result.stdout) == (0, "")
        assert result.stderr == "Nothing differs. --all shows what these runs have in common.\n"
        assert found_by(run("diff", "a", "b", "-s", tmp_path, "--format", "json"))["rows"] == []

    def test_runs_of_one_name_are_told_apart(self, run, tmp_path):
        made = HandMadeStore(tmp_path)
        for letter in "ab":
            made.put_run(letter * 32, name="fox", params={"lr": letter})
        lines = run("diff", "a", "b", "-s", tmp_path).stdout.splitlines()
        assert lines[0].split() == ["fox", "aaaaaaaa", "fox", "bbbbbbbb"]


class TestWrongUsage:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["base"], "A diff needs two runs or more."),
            (["base", "aaa"], "A diff needs two runs or more."),
            (["base", "nope"], "None of 2 runs has the id or the name 'nope'."),
            (["base", "wide", "--baseline", "nope"], "None of 2 runs has the id or the name 'nope'."),
            (["base", "wide", "--ignore", "(x"], "--ignore (x is no regular expression: "),
            ([], "Missing argument"),
        ],
    )
    def test_it_says_why(self, run, two, arguments, message):
        result = run("diff", *arguments, "-s", two)
        assert (result.exit_code, result.stdout) == (2, "")
        assert message in result.stderr

    def test_parquet_is_not_for_a_terminal(self, two):
        code, shown, said = in_terminal(80, "diff", "base", "wide", "-s", two, "--format", "parquet")
        assert (code, shown) == (2, "")
        assert "This format is not for a terminal." in said


class TestHostileText:
    @pytest.mark.parametrize("format_name", ["table", "json", "jsonl", "markdown", "latex", "html"])
    def test_no_control_character_is_printed(self, run, hostile, format_name):
        HandMadeStore(hostile).put_run("c" * 32, name="<b>|$", params={"lr": "<script>", "=x": "=1"})
        result = run("diff", "b", "c", "-s", hostile, "--format", format_name)
        assert result.exit_code == 0, result.stderr
        characters = set(result.stdout + result.stderr) - {"\n"}
        assert not [one for one in characters if unicodedata.category(one) in ("Cc", "Cf")]
        assert "<script>" not in result.stdout or format_name in ("table", "json", "jsonl")

    def test_data_stays_as_it_is(self, run, hostile):
        HandMadeStore(hostile).put_run("c" * 32, params={"lr": "=1"})
        found = found_by(run("diff", "b", "c", "-s", hostile, "--format", "json"))
        assert next(row["values"] for row in found["rows"] if row["key"] == "lr") == [HOSTILE, "=1"]
        result = run("diff", "b", "c", "-s", hostile, "--format", "csv")
        rows = list(csv.reader(io.StringIO(result.stdout_bytes.decode(), newline="")))
        assert next(row for row in rows if row[1] == "lr")[2:] == [HOSTILE, "'=1"]


class TestCode:
    @pytest.fixture
    def repository(self, tmp_path, monkeypatch):
        """A repository of three commits, the working directory."""
        root = tmp_path / "code"
        root.mkdir()
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        monkeypatch.chdir(root)

        def git(*arguments):
            names = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
            done = subprocess.run(["git", *names, *arguments], check=True, capture_output=True, text=True)
            return done.stdout.strip()

        git("init", "-q")
        commits = []
        for number in range(3):
            (root / "train.py").write_text(f"lr = {number}\n\tx\x1b[31m\n")
            git("add", "-A")
            git("commit", "-qm", "x")
            commits.append(git("rev-parse", "HEAD"))
        return commits

    @pytest.fixture
    def of_commits(self, tmp_path):
        """Makes a store of one run of each commit, and returns it."""

        def make(*commits):
            made = HandMadeStore(tmp_path / "mlruns")
            for letter, commit in zip("abcdef", commits, strict=False):
                made.put_run(letter * 32, tags={"mlflow.source.git.commit": commit} if commit else {})
            return tmp_path / "mlruns"

        return make

    def test_distance(self, run, repository, of_commits):
        store = of_commits(repository[0], repository[2], repository[0])
        lines = run("diff", "a", "b", "c", "-s", store).stdout.splitlines()
        (line,) = (line for line in lines if line.startswith("git_commit"))
        first, later = repository[0][:10], repository[2][:10]
        assert line.split() == ["git_commit", first, later, "2", "commits", "later", first]
        found = found_by(run("diff", "a", "b", "c", "-s", store, "--each-before", "--format", "json"))
        assert [(one["run"], one["ahead"], one["behind"]) for one in found["code"]] == [(1, 2, 0), (2, 0, 2)]
        assert [one["patch"] for one in found["code"]] == [None, None]

    def test_patch(self, run, repository, of_commits):
        store = of_commits(repository[0], repository[2])
        text = run("diff", "a", "b", "-s", store, "--patch").stdout
        assert "-lr = 0\n+lr = 2\n    x␛[31m\n" in text
        (code,) = found_by(run("diff", "a", "b", "-s", store, "--patch", "--format", "json"))["code"]
        assert "-lr = 0\n+lr = 2\n \tx\x1b[31m\n" in code["patch"]

    def test_elsewhere_nothing_is_said_unless_it_is_asked_for(self, run, repository, of_commits, tmp_path, monkeypatch):
        store = of_commits(repository[0], repository[2])
        (tmp_path / "away").mkdir()
        monkeypatch.chdir(tmp_path / "away")
        result = run("diff", "a", "b", "-s", store)
        assert "later" not in result.stdout
        assert result.stderr == ""
        result = run("diff", "a", "b", "-s", store, "--patch")
        assert result.exit_code == 0
        assert result.stderr.startswith(f"There is no patch: {tmp_path / 'away'} is in no git repository.")
        result = run("diff", "a", "b", "-s", store, "--repository", tmp_path / "code")
        assert "2 commits later" in result.stdout

    @pytest.mark.parametrize(
        ("commits", "message"),
        [(("", ""), "the runs tell no commits."), (("a" * 40, "a" * 40), "the commit is the same."),
         (("--help", "b" * 40), "'--help' is no hash of a commit.")],
    )  # fmt: skip
    def test_why_there_is_no_patch(self, run, repository, of_commits, commits, message):
        result = run("diff", "a", "b", "-s", of_commits(*commits), "--patch")
        assert f"There is no patch: {message}" in result.stderr
