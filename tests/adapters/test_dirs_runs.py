"""What of a tree becomes a run: joined, named, told apart, and left to others."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.dirs_stores import csv_text
from tests.adapters.event_files import file_of, scalar, write
from tests.adapters.ledger import Ledger, read_all
from tui_runs.adapter import FromEnvironment, Source
from tui_runs.errors import LocationError
from tui_runs.sources.discover import find
from tui_runs_dirs import DirsAdapter
from tui_runs_dirs.joining import join
from tui_runs_dirs.layout import Claim

LOSS = [("epoch", "loss"), (0, 0.5), (1, 0.25)]


def put(path: Path, content: Any) -> Path:
    """A file: rows as CSV, a text as it is, else JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = (
        content if isinstance(content, str) else csv_text(content) if isinstance(content, list) else json.dumps(content)
    )
    path.write_text(text)
    return path


def scan(root: Path, **options: Any) -> Ledger:
    source = DirsAdapter().open(str(root), options)
    try:
        return read_all(source)
    finally:
        source.close()


def values(said: Ledger, run_id: str) -> dict[str, float]:
    return {key: row["last"] for (run, key), row in said.metrics.items() if run == run_id}


class TestJoining:
    def test_lightning_inside_of_hydra_is_one_run(self, tmp_path: Path) -> None:
        run = tmp_path / "outputs" / "2026-01-02" / "03-04-05"
        put(run / ".hydra" / "config.yaml", "lr: 0.1\nmodel: {name: mlp}\n")
        put(run / "lightning_logs" / "version_0" / "hparams.yaml", "lr: 0.1\nhidden: 8\n")
        put(run / "lightning_logs" / "version_0" / "metrics.csv", [("epoch", "step", "val_loss"), (0, 9, 0.5)])
        said = scan(tmp_path)
        run_id = "outputs/2026-01-02/03-04-05"
        assert said.runs.keys() == {run_id}
        assert said.params_of(run_id) == {"lr": "0.1", "model.name": "mlp", "hidden": "8"}
        assert values(said, run_id) == {"val_loss": 0.5, "epoch": 0.0}
        assert said.tags_of(run_id)["tool"] == "Hydra, Lightning"

    def test_several_fits_of_one_job_are_its_children(self, tmp_path: Path) -> None:
        put(tmp_path / "job" / ".hydra" / "config.yaml", "lr: 0.1\n")
        for number in range(2):
            put(tmp_path / "job" / "logs" / f"version_{number}" / "hparams.yaml", f"fold: {number}\n")
        said = scan(tmp_path)
        assert said.runs.keys() == {"job", "job/logs/version_0", "job/logs/version_1"}
        assert {run["parent_id"] for run_id, run in said.runs.items() if run_id != "job"} == {"job"}

    def test_what_only_adds_joins_the_run_above(self) -> None:
        claims = [
            Claim("hydra", "/r/a"),
            Claim("tensorboard", "/r/a/tb/x", own_run=False),
            Claim("tensorboard", "/r/a/tb/y", own_run=False),
            Claim("tensorboard", "/r/b", own_run=False),
            Claim("tensorboard", "/r/a/1/2/3/4/5/6/7", own_run=False),
        ]
        runs = {run.directory: run for run in join(claims)}
        assert runs.keys() == {"/r/a", "/r/b", "/r/a/1/2/3/4/5/6/7"}
        assert [claim.prefix for claim in runs["/r/a"].claims] == ["", "tb/x/", "tb/y/"]

    @pytest.mark.parametrize("place", ["tensorboard", "logs", "."])
    def test_settings_beside_event_files_are_the_run_s(self, tmp_path: Path, place: str) -> None:
        put(tmp_path / "exp" / "config.yaml", "lr: 0.1\n")
        put(tmp_path / "exp" / "summary.json", {"best": 0.5})
        write(tmp_path / "exp" / place, file_of([scalar("loss", 3, 0.25)]))
        put(tmp_path / "exp" / "notes" / "config.yaml", "lr: 0.2\n")
        said = scan(tmp_path)
        assert said.runs.keys() == {"exp"}
        assert said.params_of("exp") == {"lr": "0.1"}
        assert values(said, "exp") == {"loss": 0.25, "best": 0.5}
        assert said.tags_of("exp")["tool"] == "TensorBoard"

    def test_what_another_tool_took_is_no_run_of_plain_files(self, tmp_path: Path) -> None:
        """A directory of which some files are taken, and the others say nothing."""
        put(tmp_path / "tuning_results.csv", [("trial", "lr", "loss"), (0, 0.1, 0.5), (1, 0.2, 0.25)])
        put(tmp_path / "config.yaml", "seed: 1\n")
        put(tmp_path / "README.md", "Results")
        assert scan(tmp_path).runs.keys() == {"tuning_results.csv/0", "tuning_results.csv/1"}

    def test_higher_rank_reads_a_file_that_two_name(self) -> None:
        from tui_runs_dirs.readers.table_file import TableFile

        low = Claim("plain", "/r/a", series=[TableFile("/r/a/p.csv"), TableFile("/r/a/q.csv")], rank=-10)
        high = Claim("ray", "/r/a", series=[TableFile("/r/a/p.csv")], rank=30, covers=["/r/a/q.csv"])
        (run,) = join([low, high])
        assert [(claim.layout, len(claim.series)) for claim in run.claims] == [("ray", 1), ("plain", 0)]

    def test_runs_of_one_layout_stay_apart(self, tmp_path: Path) -> None:
        put(tmp_path / "exp" / "config.yaml", "lr: 1\n")
        put(tmp_path / "exp" / "metrics.csv", LOSS)
        put(tmp_path / "exp" / "seed0" / "metrics.csv", LOSS)
        assert scan(tmp_path).runs.keys() == {"exp", "exp/seed0"}


class TestDiscovery:
    def test_directory_is_opened_once_and_its_files_not_again(self, tmp_path: Path) -> None:
        put(tmp_path / "run" / "metrics.csv", LOSS)
        put(tmp_path / "run" / "val.csv", LOSS)
        for place in (tmp_path, tmp_path / "run"):
            (store,) = find([str(place)])
            assert store.location == str(place)
        (store,) = find([str(tmp_path / "run" / "val.csv")])
        assert store.location == str(tmp_path / "run" / "val.csv")

    def test_variables_of_tools_name_places(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for variable in ("TRACKIO_DIR", "ZENML_CONFIG_PATH", "GUILD_HOME"):
            monkeypatch.delenv(variable, raising=False)
        adapter = DirsAdapter()
        assert isinstance(adapter, FromEnvironment)
        assert adapter.from_environment() == []
        monkeypatch.setenv("TRACKIO_DIR", str(tmp_path))
        monkeypatch.setenv("GUILD_HOME", str(tmp_path / "nothing"))
        assert adapter.from_environment() == [(str(tmp_path), "TRACKIO_DIR")]


class TestPlainLayouts:
    def test_two_tables_with_the_same_columns_are_told_apart(self, tmp_path: Path) -> None:
        put(tmp_path / "e1" / "hyperparameters.yaml", "lr: 1\n")
        put(tmp_path / "e1" / "metrics_logs" / "training_metrics.csv", LOSS)
        put(tmp_path / "e1" / "metrics_logs" / "evaluation_metrics.csv", [("epoch", "loss"), (1, 0.75)])
        assert values(scan(tmp_path), "e1") == {"train/loss": 0.25, "eval/loss": 0.75}

    @pytest.mark.parametrize("name", ["config.json", "params.yaml", "args.yml", "hparams.toml"])
    def test_settings_by_many_names(self, tmp_path: Path, name: str) -> None:
        text = {"json": '{"lr": 1}', "toml": "lr = 1\n"}.get(name.rsplit(".", 1)[1], "lr: 1\n")
        put(tmp_path / "a" / name, text)
        put(tmp_path / "a" / "log.tsv", "step\tloss\n1\t2\n")
        said = scan(tmp_path)
        assert said.params_of("a") == {"lr": "1"}
        assert values(said, "a") == {"loss": 2.0}

    def test_points_in_many_forms(self, tmp_path: Path) -> None:
        import polars as pl

        rows = [{"epoch": 0, "loss": 0.5}, {"epoch": 1, "loss": 0.25}]
        put(tmp_path / "lines" / "metrics.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        put(tmp_path / "detectron" / "metrics.json", "".join(json.dumps(row) + "\n" for row in rows))
        put(tmp_path / "array" / "metrics.json", json.dumps(rows))
        put(tmp_path / "columns" / "history.json", {"loss": [0.5, 0.25], "val_loss": [1.0]})
        (tmp_path / "parquet").mkdir()
        pl.DataFrame(rows).write_parquet(tmp_path / "parquet" / "metrics.parquet")
        said = scan(tmp_path)
        assert said.runs.keys() == {"lines", "detectron", "array", "columns", "parquet"}
        for run_id in said.runs:
            row = said.metrics[run_id, "loss"]
            assert (row["count"], row["last"], row["last_step"], row["max"]) == (2, 0.25, 1, 0.5), run_id
        assert said.metrics["columns", "val_loss"]["count"] == 1

    def test_nested_seeds_have_the_settings_above(self, tmp_path: Path) -> None:
        put(tmp_path / "exp" / "config.yaml", "lr: 1\n")
        for seed in range(2):
            put(tmp_path / "exp" / f"seed_{seed}" / "progress.csv", LOSS)
        said = scan(tmp_path)
        assert said.runs.keys() == {"exp/seed_0", "exp/seed_1"}
        assert said.params_of("exp/seed_1") == {"lr": "1"}

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("people.csv", [("name", "age"), ("a", 1)]),
            ("train.jsonl", '{"text": "a", "label": 1}\n'),
            ("package.json", {"name": "x", "version": "1"}),
            ("config.yaml", "lr: 1\n"),
            ("results.json", {"acc": 1}),
        ],
    )
    def test_other_files_make_no_run(self, tmp_path: Path, name: str, content: Any) -> None:
        put(tmp_path / "a" / name, content)
        assert DirsAdapter().match(str(tmp_path)) is None
        assert scan(tmp_path).runs == {}

    def test_how_it_went_by_files_and_age(self, tmp_path: Path) -> None:
        put(tmp_path / "failed" / "metrics.csv", LOSS)
        put(tmp_path / "failed" / "error.txt", "Traceback")
        put(tmp_path / "said" / "metrics.csv", LOSS)
        put(tmp_path / "said" / "summary.json", {"status": "crashed", "best": 0.1})
        put(tmp_path / "fresh" / "metrics.csv", LOSS)
        old = put(tmp_path / "old" / "metrics.csv", LOSS)
        dead = put(tmp_path / "dead" / "metrics.csv", LOSS)
        dead_summary = put(tmp_path / "dead" / "summary.json", {"status": "running"})
        for path in (old, dead, dead_summary):
            os.utime(path, (time.time() - 3600,) * 2)
        said = scan(tmp_path, **{"stale-minutes": 30.0})
        assert {run_id: run["status"] for run_id, run in said.runs.items()} == {
            "failed": "failed", "said": "failed", "fresh": "running", "old": "finished", "dead": "stale",
        }  # fmt: skip
        assert values(said, "said") == {"loss": 0.25, "best": 0.1}
        assert said.runs["fresh"]["ended"] is None
        assert said.runs["old"]["ended"] == said.runs["old"]["updated"]


class TestWalk:
    def test_places_without_runs_are_not_entered(self, tmp_path: Path) -> None:
        for place in (".git", "node_modules", "venv", "data", "checkpoints", "checkpoint-500", "mlruns", "wandb", ".x"):
            put(tmp_path / place / "run" / "metrics.csv", LOSS)
        put(tmp_path / "myenv" / "pyvenv.cfg", "")
        put(tmp_path / "myenv" / "a" / "metrics.csv", LOSS)
        put(tmp_path / "real" / "metrics.csv", LOSS)
        assert scan(tmp_path).runs.keys() == {"real"}

    def test_limits_are_said(self, tmp_path: Path) -> None:
        put(tmp_path / "a" / "metrics.csv", LOSS)
        put(tmp_path / "a" / "b" / "c" / "d" / "metrics.csv", LOSS)
        said = scan(tmp_path, depth=2)
        assert said.runs.keys() == {"a"}
        (problem,) = said.problems.values()
        assert "--dirs-depth" in problem.remedy
        for number in range(50):
            (tmp_path / f"empty{number}").mkdir()
        (problem,) = scan(tmp_path, files=10).problems.values()
        assert "--dirs-files" in problem.remedy

    def test_links_are_not_followed(self, tmp_path: Path) -> None:
        outside = tmp_path / "outside"
        put(outside / "run" / "metrics.csv", LOSS)
        inside = tmp_path / "inside"
        put(inside / "real" / "metrics.csv", LOSS)
        (inside / "loop").symlink_to(inside)
        (inside / "out").symlink_to(outside)
        (inside / "linked").mkdir()
        (inside / "linked" / "metrics.csv").symlink_to(outside / "run" / "metrics.csv")
        assert scan(inside).runs.keys() == {"real"}

    def test_run_opened_itself(self, tmp_path: Path) -> None:
        put(tmp_path / "exp" / "run7" / "metrics.csv", LOSS)
        said = scan(tmp_path / "exp" / "run7")
        (run,) = said.runs.values()
        assert (run["run_id"], run["name"], run["experiment"]) == (".", "run7", "exp")

    def test_one_file_opened_itself(self, tmp_path: Path) -> None:
        path = put(tmp_path / "run7" / "metrics.csv", LOSS)
        put(tmp_path / "run7" / "other.csv", [("epoch", "x"), (1, 1)])
        match = DirsAdapter().match(str(path))
        assert match is not None
        assert values(scan(path), ".") == {"loss": 0.25}


class TestProject:
    def test_stores_of_trackers_are_found_beside_the_directories(self, tmp_path: Path, data: Path) -> None:
        import shutil

        shutil.copytree(data / "mlflow_2_22" / "mlruns", tmp_path / "mlruns")
        put(tmp_path / "results" / "a" / "metrics.csv", LOSS)
        found = {(store.adapter.name, os.path.relpath(store.location, tmp_path)) for store in find([str(tmp_path)])}
        assert found == {("mlflow", "mlruns"), ("dirs", ".")}
        assert [store.adapter.name for store in find([str(tmp_path / "mlruns")])] == ["mlflow"]
        assert scan(tmp_path).runs.keys() == {"results/a"}

    def test_commit_is_that_of_the_time(self, tmp_path: Path) -> None:
        import subprocess

        def git(*words: str, at: int) -> str:
            when = f"{at} +0000"
            env = {**os.environ, "GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when, "HOME": str(tmp_path)}
            command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words]
            return subprocess.run(command, cwd=tmp_path, env=env, check=True, capture_output=True, text=True).stdout

        git("init", "-q", at=0)
        commits = []
        for at in (1_700_000_000, 1_700_001_000):
            git("commit", "-q", "--allow-empty", "-m", "x", at=at)
            commits.append(git("rev-parse", "HEAD", at=at).strip())
        for name, at in (("before", 1_699_999_000), ("first", 1_700_000_500), ("second", 1_700_002_000)):
            os.utime(put(tmp_path / "runs" / name / "metrics.csv", LOSS), (at, at))
        said = scan(tmp_path)
        found = {run["name"]: run["git_commit"] for run in said.runs.values()}
        assert found == {"before": None, "first": commits[0], "second": commits[1]}


class TestUserLayouts:
    def test_the_example(self, tmp_path: Path) -> None:
        put(
            tmp_path / "tui-runs.toml",
            '[[layouts]]\nname = "ours"\nrun = "experiments/*"\nparams = ["hyperparameters.yaml"]\n'
            'metrics = ["metrics_logs/*.csv"]\nstep = "Runde"\n',
        )
        put(tmp_path / "experiments" / "a" / "hyperparameters.yaml", "lr: 1\n")
        put(tmp_path / "experiments" / "a" / "metrics_logs" / "x.csv", [("Runde", "loss"), (7, 0.5)])
        put(tmp_path / "experiments" / "b" / "unrelated.txt", "")
        said = scan(tmp_path)
        assert said.runs.keys() == {"experiments/a", "experiments/b"}
        assert said.metrics["experiments/a", "loss"]["last_step"] == 7
        assert said.tags_of("experiments/a")["tool"] == "ours"
        assert scan(tmp_path / "experiments").metrics["a", "loss"]["last_step"] == 7

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("[[layouts]\n", "TOML"),
            ('[[layouts]]\nname = "a"\n', "run"),
            ('[[layouts]]\nname = "a"\nrun = "*"\nmetric = ["x"]\n', "metric"),
            ('[[layouts]]\nname = "a"\nrun = "*"\nmetrics = "x"\n', "list"),
            ('[[layouts]]\nname = "a"\nrun = "*"\nmetrics = ["../../x.csv"]\n', "leads out"),
            ('[[layouts]]\nname = "a"\nrun = "/etc/*"\n', "leads out"),
            ("layouts = 3\n", "tables"),
        ],
    )
    def test_mistakes_are_said_when_it_is_opened(self, tmp_path: Path, text: str, said: str) -> None:
        put(tmp_path / "tui-runs.toml", text)
        with pytest.raises(LocationError) as caught:
            DirsAdapter().open(str(tmp_path), {})
        assert "tui-runs.toml" in caught.value.message
        assert said in caught.value.message
        assert caught.value.remedy


class TestBadFiles:
    def test_each_is_a_problem_and_the_rest_is_there(self, tmp_path: Path) -> None:
        run = tmp_path / "a"
        put(run / "metrics.csv", LOSS)
        put(run / "config.yaml", "lr: [1\n")
        put(tmp_path / "b" / "log.jsonl", '{"step": 1, "loss": 1}\nbroken\n{"step": 2, "loss": NaN}\n{"step": 3, "lo')
        said = scan(tmp_path)
        assert values(said, "a") == {"loss": 0.25}
        assert said.metrics["b", "loss"]["count"] == 2
        problems = {os.path.basename(uri): problem for uri, problem in said.problems.items()}
        assert problems.keys() == {"config.yaml", "log.jsonl"}
        assert "Line 2" in problems["config.yaml"].what
        assert "Line 2" in problems["log.jsonl"].what

    def test_large_table_has_its_last_values_first(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from tui_runs_dirs import known_run

        monkeypatch.setattr(known_run, "LARGE_BYTES", 1_000)
        monkeypatch.setattr(known_run, "TAIL_BYTES", 200)
        put(tmp_path / "a" / "metrics.csv", [("step", "loss"), *((n, n / 7) for n in range(500))])
        source: Source = DirsAdapter().open(str(tmp_path), {})
        first, second = (batch.metrics.row(0, named=True) for batch in source.scan())
        assert (first["last"], first["last_step"], first["count"], first["exact"]) == (499 / 7, 499, None, False)
        assert (second["last"], second["count"], second["min"], second["exact"]) == (499 / 7, 500, 0.0, True)
