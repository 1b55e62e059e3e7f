from __future__ import annotations

import csv
import io
import json
import statistics
import unicodedata

import polars as pl
import pytest

from tests.adapters.mlflow_stores import START, HandMadeStore
from tests.headless.conftest import HOSTILE
from tui_runs.display import iso
from tui_runs.export.values import json_value
from tui_runs.schema import RUNS


def truth_of(run, experiments):
    """What `ls` says of a run, by mlflow's client."""
    gone = run["lifecycle_stage"] == "deleted" or experiments[run["experiment_id"]]["lifecycle_stage"] == "deleted"
    return {
        "run_id": run["run_id"],
        "name": run["run_name"],
        "experiment": run["experiment_name"],
        "status": "deleted" if gone else run["status"].lower(),
        "started": time_of(run["start_time"]),
        "ended": time_of(run["end_time"]),
        "user": run["user_id"],
        "params": run["params"],
        "metrics": run["metrics"],
        "tags": run["tags"],
    }


def time_of(ms):
    return None if ms is None else iso(pl.Series([ms * 1000]).cast(RUNS["started"])[0])


def objects_of(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def rows_of(result):
    """By the standard library's reader; from the bytes, because the runner's text has no carriage returns."""
    return list(csv.DictReader(io.StringIO(result.stdout_bytes.decode(), newline="")))


class TestJson:
    def test_says_what_mlflow_says(self, run, store):
        root, truth = store
        experiments = {one["experiment_id"]: one for one in truth["experiments"]}
        expected = {one["run_id"]: truth_of(one, experiments) for one in truth["runs"]}
        found = objects_of(run("ls", root, "--format", "json", "--mlflow-deleted"))
        assert {one["run_id"] for one in found} == set(expected)
        for one in found:
            wanted = expected[one["run_id"]]
            assert {name: one[name] for name in wanted} == wanted

    def test_numbers_are_exact(self, run, store):
        root, truth = store
        found = {one["run_id"]: one["metrics"] for one in objects_of(run("ls", root, "--format", "json"))}
        for one in truth["runs"]:
            if one["run_id"] in found:
                assert repr(found[one["run_id"]]) == repr(one["metrics"])

    def test_deleted_runs_are_left_out(self, run, store):
        root, truth = store
        experiments = {one["experiment_id"]: one for one in truth["experiments"]}
        alive = {one["run_id"] for one in truth["runs"] if truth_of(one, experiments)["status"] != "deleted"}
        assert {one["run_id"] for one in objects_of(run("ls", root, "--format", "json"))} == alive

    def test_keys_and_their_order(self, run, mlruns):
        first = objects_of(run("ls", mlruns, "--format", "json"))[0]
        assert list(first) == [*RUNS, "adapter", "duration_s", "params", "metrics", "tags"]
        assert first["source"] == str(mlruns)
        assert first["adapter"] == "mlflow"

    def test_duration(self, run, mlruns):
        found = {one["name"]: one["duration_s"] for one in objects_of(run("ls", mlruns, "--format", "json"))}
        assert found["007"] == 4.0
        assert found["capable-foal-559"] is None
        assert found["λ-学習 run"] > 0

    def test_lines_are_the_same_objects(self, run, mlruns):
        lines = run("ls", mlruns, "--format", "jsonl").stdout.splitlines()
        whole = objects_of(run("ls", mlruns, "--format", "json"))
        for line, one in zip(lines, whole, strict=True):
            assert {**json.loads(line), "duration_s": 0} == {**one, "duration_s": 0}

    def test_chosen_columns_are_flat(self, run, mlruns):
        columns = "name,lr,metrics.train/loss"
        found = objects_of(run("ls", mlruns, "--format", "json", "--columns", columns, "--limit", "2"))
        assert found == [
            {"name": "fold-0", "params.lr": None, "metrics.train/loss": None},
            {"name": "baseline", "params.lr": "0.1", "metrics.train/loss": pytest.approx(0.0914, abs=1e-3)},
        ]

    def test_no_runs(self, run, tmp_path):
        HandMadeStore(tmp_path)
        assert objects_of(run("ls", tmp_path, "--format", "json")) == []
        assert run("ls", tmp_path, "--format", "jsonl").stdout == ""


class TestCsv:
    def test_is_the_json_in_rows(self, run, store):
        root, _ = store
        rows = rows_of(run("ls", root, "--format", "csv"))
        objects = objects_of(run("ls", root, "--format", "json"))
        assert len(rows) == len(objects)
        for row, one in zip(rows, objects, strict=True):
            for name in (*RUNS, "adapter"):
                assert row[name] == (one[name] or "")
            for kind in ("params", "tags"):
                texts = {key.partition(".")[2]: text for key, text in row.items() if key.startswith(f"{kind}.")}
                assert {key: text for key, text in texts.items() if key in one[kind]} == one[kind]
                assert not any(text for key, text in texts.items() if key not in one[kind])
            numbers = {k.partition(".")[2]: text for k, text in row.items() if k.startswith("metrics.") and text}
            assert {key: json_value(float(text)) for key, text in numbers.items()} == one["metrics"]

    def test_missing_and_empty_differ(self, run, hostile):
        text = run("ls", hostile, "--format", "csv", "--columns", "params.empty,notes,host").stdout
        assert text.startswith('params.empty,notes,host\n"",')
        assert text.endswith(",\n")

    def test_header_without_runs(self, run, tmp_path):
        HandMadeStore(tmp_path)
        text = run("ls", tmp_path, "--format", "csv").stdout
        assert text == ",".join([*RUNS, "adapter", "duration_s"]) + "\n"


class TestHostileText:
    def test_data_stays_as_it_is(self, run, hostile):
        (one,) = objects_of(run("ls", hostile, "--format", "json"))
        assert one["name"] == one["params"]["lr"] == one["notes"] == HOSTILE
        assert one["params"]["bad\x1b[31mkey"] == "1"
        assert one["metrics"] == {"loss": 0.1, "m\x1b\n": "Infinity"}
        (row,) = rows_of(run("ls", hostile, "--format", "csv"))
        assert row["name"] == row["params.lr"] == HOSTILE
        assert row["metrics.m\x1b\n"] == "Infinity"
        assert row["tags.tag\u202e"] == "'=1+1"  # a spreadsheet would work it out
        assert one["tags"]["tag\u202e"] == "=1+1"

    @pytest.mark.parametrize(
        "command",
        [["ls"], ["ls", "--format", "json"], ["ls", "--format", "html"], ["show", "bbbb", "-s"], ["history", "-s"]],
    )
    def test_no_control_character_is_printed(self, run, hostile, command):
        result = run(*command, hostile)
        assert result.exit_code == 0, result.stderr
        characters = set(result.stdout + result.stderr) - {"\n"}
        assert not [one for one in characters if unicodedata.category(one) in ("Cc", "Cf")]

    def test_the_table_has_one_line_a_run(self, run, hostile):
        assert len(run("ls", hostile).stdout.splitlines()) == 2


class TestView:
    @pytest.mark.parametrize(
        ("sort", "names"),
        [
            ("name", ["007", "baseline", "capable-foal-559"]),
            ("name:desc", ["λ-学習 run", "sweep 12: lr=0", "fold-0"]),
            ("metrics.val/acc", ["fold-0", "baseline"]),
            ("val/acc:desc", ["baseline", "fold-0"]),
            ("started:desc", ["fold-0", "baseline", "capable-foal-559"]),
            ("age", ["baseline", "fold-0", "capable-foal-559"]),
            ("duration:DESC", ["λ-学習 run", "sweep 12: lr=0", "007"]),
            ("status", ["capable-foal-559", "λ-学習 run"]),
        ],
    )
    def test_sort(self, run, mlruns, sort, names):
        found = objects_of(run("ls", mlruns, "--format", "json", "--columns", "name", "--sort", sort))
        assert [one["name"][:16].split(".")[0] for one in found[: len(names)]] == names

    def test_params_sort_as_numbers_and_missing_last(self, run, tmp_path):
        made = HandMadeStore(tmp_path)
        for letter, lr in (("a", "1e-3"), ("b", "0.1"), ("c", None), ("d", "02")):
            made.put_run(letter * 32, params={"lr": lr} if lr else {})
        for order, expected in (("asc", ["1e-3", "0.1", "02", None]), ("desc", ["02", "0.1", "1e-3", None])):
            found = objects_of(run("ls", tmp_path, "--format", "json", "--columns", "lr", "--sort", f"lr:{order}"))
            assert [one["params.lr"] for one in found] == expected

    @pytest.mark.parametrize(
        ("where", "names"),
        [
            ("FOLD-0", ["fold-0"]),
            ("mnist alice reference", ["baseline"]),
            ("conv7x7", ["λ-学習 run"]),
            ("6785006d", ["007"]),
            ("[.*", []),
            ("  ", None),
        ],
    )
    def test_where(self, run, mlruns, where, names):
        found = objects_of(run("ls", mlruns, "--format", "json", "--where", where))
        assert len(found) == 6 if names is None else [one["name"] for one in found] == names

    def test_limit(self, run, mlruns):
        assert len(objects_of(run("ls", mlruns, "--format", "json", "--limit", "4"))) == 4
        assert objects_of(run("ls", mlruns, "--format", "json", "--limit", "0")) == []

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--sort", "metrics.val/acx"], "Did you mean 'metrics.val/acc'?"),
            (["--sort", "lrr:desc"], "Did you mean 'params.lr'?"),
            (["--columns", "nam"], "Did you mean 'name'?"),
            (["--columns", "zzzzzzzzzz"], "There is no column 'zzzzzzzzzz'."),
            (["--columns", " , "], "--columns names no column."),
            (["--columns", "name\nlr"], "A list of columns is one line."),
        ],
    )
    def test_unknown_columns(self, run, mlruns, arguments, message):
        result = run("ls", mlruns, *arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith("Wrong usage: ")
        assert message in result.stderr

    def test_a_key_that_is_two_columns(self, run, tmp_path):
        HandMadeStore(tmp_path).put_run("a" * 32, params={"lr": "1", "a,b": "2"}, metrics={"lr": b"1 0.5 0\n"})
        result = run("ls", tmp_path, "--columns", "lr")
        assert result.exit_code == 2
        assert "'lr' is both params.lr and metrics.lr." in result.stderr
        found = objects_of(run("ls", tmp_path, "--format", "json", "--columns", 'params.lr,metrics.lr, "a,b"'))
        assert found == [{"params.lr": "1", "metrics.lr": 0.5, "params.a,b": "2"}]


class TestTable:
    def test_in_a_pipe_nothing_is_cut(self, run, mlruns):
        text = run("ls", mlruns).stdout
        assert "\x1b" not in text
        assert "the YAML writer folds this run name over several lines" in text
        assert "✔ finished" in text
        assert text.splitlines()[0].split()[:3] == ["name", "status", "experiment"]

    def test_columns_are_aligned(self, run, mlruns):
        lines = run("ls", mlruns, "--columns", "status,name,started").stdout.splitlines()
        assert {line.index(" ", 12) > 0 for line in lines} == {True}
        assert len({line.index("2026") for line in lines if "2026" in line}) == 1

    def test_only_what_differs_is_shown(self, run, tmp_path):
        made = HandMadeStore(tmp_path)
        for letter in "ab":
            made.put_run(letter * 32, params={"lr": letter, "same": "1"}, metrics={"loss": b"1 0.25 0\n"})
        header, *rows = run("ls", tmp_path).stdout.splitlines()
        assert header.split() == ["name", "status", "loss", "lr", "age"]
        assert all("0.25" in row for row in rows)

    def test_nothing_empty_and_nan_look_different(self, run, tmp_path):
        made = HandMadeStore(tmp_path)
        made.put_run("a" * 32, params={"note": ""}, metrics={"loss": b"1 nan 0\n"})
        made.put_run("b" * 32)
        lines = run("ls", tmp_path, "--columns", "run_id,note,loss", "--sort", "run_id").stdout.splitlines()
        assert [line.split()[1:] for line in lines] == [["note", "loss"], ['""', "NaN"], ["—", "—"]]

    def test_two_stores_are_told_apart(self, run, data):
        text = run("ls", data / "mlflow_1_30" / "mlruns", data / "mlflow_2_22" / "mlruns").stdout
        assert text.count(str(data / "mlflow_1_30")) == text.count(str(data / "mlflow_2_22")) == 6

    def test_without_runs_it_says_so(self, run, tmp_path, mlruns):
        HandMadeStore(tmp_path)
        for arguments, message in (([tmp_path], "No runs.\n"), ([mlruns, "--where", "x y z q"], "None of 6 runs")):
            result = run("ls", *arguments)
            assert (result.exit_code, result.stdout) == (0, "")
            assert result.stderr.startswith(message)


class TestSeveralSorts:
    def test_the_first_decides(self, run, tmp_path):
        made = HandMadeStore(tmp_path)
        for letter, lr, loss in (
            ("a", "10", 1.0),
            ("b", "9", 2.0),
            ("c", "10", 0.5),
            ("d", None, 3.0),
            ("e", "9", 2.0),
        ):
            made.put_run(
                letter * 32, params={"lr": lr, "a,b": letter} if lr else {}, metrics={"loss": b"1 %f 0\n" % loss}
            )

        def sorted_by(text):
            found = objects_of(run("ls", tmp_path, "--columns", "run_id", "--sort", text, "--format", "json"))
            return "".join(one["run_id"][0] for one in found)

        assert sorted_by("lr,loss") in ("becad", "ebcad")
        assert sorted_by("lr:desc,loss:desc,run_id:desc") == "acebd"
        assert sorted_by("lr , loss, run_id") == "becad"
        assert sorted_by('"params.a,b":desc') == "ecbad"

    def test_each_must_exist(self, run, mlruns):
        result = run("ls", mlruns, "--sort", "name,metrics.val/acx")
        assert result.exit_code == 2
        assert "Did you mean 'metrics.val/acc'?" in result.stderr


class TestGroups:
    @pytest.fixture
    def sweep(self, tmp_path):
        """Two learning rates, three seeds each, of which one diverged; and a run of neither."""
        made = HandMadeStore(tmp_path)
        losses = {"0.1": (b"0.5", b"0.25", b"nan"), "1e-1": (b"0.75",), "1.0": (b"2", b"1", b"3")}
        letters = iter("abcdefg")
        for lr, some in losses.items():
            for seed, loss in enumerate(some):
                params = {"lr": lr, "seed": str(seed), "opt": "adam"}
                letter = next(letters)
                made.put_run(letter * 32, name=f"n-{letter}", params=params, metrics={"loss": b"1 %b 0\n" % loss})
        made.put_run("9a" * 16, name="other")
        return tmp_path

    def test_statistics_are_those_of_the_runs(self, run, sweep):
        arguments = ("--group-by", "lr", "--sort", "loss", "--format", "json", "--columns", "loss,opt,name")
        found = objects_of(run("ls", sweep, *arguments))
        assert [one["params.lr"] for one in found] in (["0.1", "1.0", None], ["1e-1", "1.0", None])
        low, high, none = found
        assert (low["runs"], low["metrics.loss@n"]) == (4, 3)
        assert low["metrics.loss"] == pytest.approx(statistics.mean([0.5, 0.25, 0.75]))
        assert low["metrics.loss@std"] == pytest.approx(statistics.stdev([0.5, 0.25, 0.75]))
        assert [high[f"metrics.loss@{which}"] for which in ("min", "median", "max")] == [1.0, 2.0, 3.0]
        assert (low["params.opt"], low["params.opt@several"]) == ("adam", False)
        assert (low["name"], low["name@several"]) == (None, True)
        assert (none["name"], none["runs"], none["metrics.loss"]) == ("other", 1, None)

    def test_all_but_the_seed(self, run, sweep):
        found = objects_of(run("ls", sweep, "--group-by", "all-but-seed", "--format", "json", "--columns", "loss"))
        assert sorted(one["runs"] for one in found) == [1, 3, 4]
        assert {"params.lr", "params.opt"} <= set(found[0])
        assert "params.seed" not in found[0]

    def test_table(self, run, sweep):
        lines = run("ls", sweep, "--group-by", "lr", "--sort", "loss", "--columns", "loss,opt,name").stdout.splitlines()
        assert [line.split() for line in lines] == [
            ["lr", "runs", "loss", "opt", "name"],
            [lines[1].split()[0], "4", "0.50", "±", "0.25", "(of", "3)", "adam", "(several)"],
            ["1.0", "3", "2.0", "±", "1.0", "adam", "(several)"],
            ["—", "1", "—", "—", "other"],
        ]

    @pytest.mark.parametrize("format_name", ["markdown", "latex", "html", "csv", "jsonl", "parquet"])
    def test_other_formats(self, run, sweep, tmp_path, format_name):
        path = tmp_path / "out"
        result = run("ls", sweep, "--group-by", "lr", "--format", format_name, "-o", path)
        assert (result.exit_code, result.stderr) == (0, "")
        wanted = {"latex": rb"\textbf{0.50 $\pm$ 0.25 (of 3)}", "markdown": "**0.50 ± 0.25 (of 3)**".encode()}
        assert wanted.get(format_name, b"lr") in path.read_bytes()

    def test_limit_and_order_are_of_groups(self, run, sweep):
        arguments = ("--group-by", "lr", "--format", "json", "--columns", "loss", "--limit", "2")
        assert [one["runs"] for one in objects_of(run("ls", sweep, *arguments, "--sort", "loss:desc"))] == [3, 4]
        assert len(objects_of(run("ls", sweep, *arguments, "--sort", "name"))) == 2

    @pytest.mark.parametrize(
        ("group_by", "message"), [("zz", "There is no column 'zz'"), (",", "--group-by names no column.")]
    )
    def test_wrong_usage(self, run, sweep, group_by, message):
        result = run("ls", sweep, "--group-by", group_by)
        assert (result.exit_code, result.stdout) == (2, "")
        assert message in result.stderr


class TestDocuments:
    def test_parquet_has_what_json_has(self, run, store, tmp_path):
        root, _ = store
        assert run("ls", root, "-o", tmp_path / "a.parquet").exit_code == 0
        frame = pl.read_parquet(tmp_path / "a.parquet")
        for row, one in zip(frame.iter_rows(named=True), objects_of(run("ls", root, "--format", "json")), strict=True):
            assert {name: json_value(row[name]) for name in (*RUNS, "adapter")} == {
                name: one[name] for name in (*RUNS, "adapter")
            }
            for kind in ("params", "metrics", "tags"):
                keys = {name.partition(".")[2]: value for name, value in row.items() if name.startswith(f"{kind}.")}
                assert {key: json_value(value) for key, value in keys.items() if value is not None} == one[kind]

    def test_the_best_is_in_bold(self, run, tmp_path):
        made = HandMadeStore(tmp_path)
        for letter, loss, acc in (("a", 0.5, 0.5), ("b", 0.25, 0.25), ("c", 0.75, 0.5)):
            made.put_run(letter * 32, metrics={"loss": b"1 %f 0\n" % loss, "acc": b"1 %f 0\n" % acc})
        arguments = ("ls", tmp_path, "--columns", "loss,acc", "--sort", "run_id", "--format")
        _, _, *rows = run(*arguments, "markdown").stdout.splitlines()
        assert [[cell.strip() for cell in row.split("|")[1:3]] for row in rows] == [
            ["0.5", "**0.5**"], ["**0.25**", "0.25"], ["0.75", "**0.5**"],
        ]  # fmt: skip
        assert r"\textbf{0.25} & 0.25 \\" in run(*arguments, "latex").stdout
        assert '<td class="short right strong">0.25</td>' not in run(*arguments, "html").stdout  # it names the row
        assert '<th scope="row" class="short right strong">0.25</th>' in run(*arguments, "html").stdout

    @pytest.mark.parametrize("format_name", ["markdown", "latex", "html"])
    def test_of_no_runs(self, run, tmp_path, format_name):
        HandMadeStore(tmp_path)
        result = run("ls", tmp_path, "--format", format_name)
        assert (result.exit_code, result.stderr) == (0, "")
        assert "name" in result.stdout


class TestPlaces:
    def test_without_a_source_it_looks_here_and_says_what_it_found(self, run, mlruns, monkeypatch):
        monkeypatch.chdir(mlruns.parent)
        result = run("ls", "--format", "json")
        assert {one["source"] for one in objects_of(result)} == {"./mlruns"}
        assert f"Found ./mlruns in {mlruns.parent}: mlflow, " in result.stderr

    def test_a_source_that_is_named_is_not_spoken_of(self, run, mlruns):
        assert run("ls", mlruns).stderr == ""

    @pytest.mark.parametrize("given", [["--adapter", "mlflow"], []])
    def test_a_source_given_twice_is_read_once(self, run, mlruns, given):
        assert len(objects_of(run("ls", mlruns, mlruns, "--format", "json", *given))) == 6

    def test_output_file_names_the_format(self, run, mlruns, tmp_path):
        begins = {"a.csv": "source,run_id", "a.JSON": "[\n{", "a.jsonl": '{"source"', "a.txt": "name "}
        begins |= {"a.md": "| name", "a.tex": "% needs", "a.html": "<!doctype html>"}
        for name, beginning in begins.items():
            result = run("ls", mlruns, "-o", tmp_path / name)
            assert (result.exit_code, result.stdout) == (0, "")
            assert (tmp_path / name).read_text().startswith(beginning)
        run("ls", mlruns, "-o", tmp_path / "b.csv", "--format", "json")
        assert json.loads((tmp_path / "b.csv").read_text())

    def test_output_file_that_cannot_be_written(self, run, mlruns, tmp_path):
        result = run("ls", mlruns, "-o", tmp_path / "no" / "a.csv")
        assert result.exit_code == 2
        assert "No such file or directory" in result.stderr

    def test_unreadable_parts_are_counted(self, run, tmp_path):
        made = HandMadeStore(tmp_path)
        made.put_run("a" * 32)
        made.put_run("b" * 32, meta=b"")
        result = run("ls", tmp_path, "--format", "json")
        assert len(objects_of(result)) == 1
        assert result.stderr == "One thing could not be read; `tui-runs doctor` says what and why.\n"


def test_times_are_told_to_the_millisecond(run, tmp_path):
    HandMadeStore(tmp_path).put_run("a" * 32, metrics={"loss": b"%d 1.5 0\n" % (START + 7)}, end="null")
    (one,) = objects_of(run("ls", tmp_path, "--format", "json"))
    assert one["updated"] == "2023-11-14T22:13:20.007Z"
