"""ZenML's local store, of two generations of its schema: both written by the same program with the real tool."""

from __future__ import annotations

import math
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.adapters.dirs_seen import Seen, fingerprint, found, see, texts_of
from tui_runs_dirs.collections.zenml import LAYOUT

SAMPLE = Path(__file__).parents[1] / "data" / "dirs_zenml"
VERSIONS = ("0.98.0", "0.75.0")
DATABASE = "local_stores/default_zen_store/zenml.db"


def steps_of(seen: Seen, run_id: str) -> dict[str, str]:
    return {row["name"]: step for step, row in seen.runs.items() if row["parent_id"] == run_id}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("place", ["", DATABASE], ids=["configuration", "database"])
def test_shows_what_was_logged(version: str, place: str) -> None:
    before = fingerprint(SAMPLE / version)
    seen = see(LAYOUT, SAMPLE / version / place)
    assert fingerprint(SAMPLE / version) == before
    pipelines = {row["name"]: run_id for run_id, row in seen.runs.items() if row["job_type"] == "pipeline"}
    assert pipelines.keys() == {"toy-run-0", "toy-run-1", "toy-run-2"}
    assert len(seen.runs) == 9
    for number, lr in enumerate((0.1, 0.5, 1.0)):
        run_id = pipelines[f"toy-run-{number}"]
        steps = steps_of(seen, run_id)
        assert steps.keys() == {"load", "train"}
        failed = number == 2
        status = "failed" if failed else "finished"
        assert [seen.runs[one]["status"] for one in (run_id, steps["train"], steps["load"])] == [
            status, status, "finished",
        ]  # fmt: skip
        for one in (run_id, *steps.values()):
            assert seen.runs[one]["experiment"] == "toy_pipeline"
            assert seen.runs[one]["started"] < seen.runs[one]["ended"]
        flag = "true" if failed else "false"
        assert seen.params[steps["train"]] == {"lr": str(lr), "layers": "2", "fail": flag}
        assert seen.params[steps["load"]] == {"n": str(10 + number)}
        if version == "0.98.0":  # 0.75 does not keep what a pipeline was called with
            assert seen.params[run_id] == {"lr": str(lr), "n": str(10 + number), "fail": flag}
        assert seen.tags[run_id]["baseline"] == "baseline"
        loss = math.exp(-lr * (10 + number))
        if failed:
            assert run_id not in seen.summary
            if version == "0.98.0":  # 0.75 does not keep why
                assert seen.details[steps["train"]]["failure", "train", "message"] == "boom"
        else:
            assert seen.summary[run_id] == {"final_loss": loss}
            assert seen.summary[steps["train"]] == {"loss": loss, "acc": 1 - loss, "nested.f1": 0.5}
            assert seen.tags[run_id]["dataset"] == "toy"
            assert seen.tags[steps["train"]] == {"note": "hello", "nested.conf": "[1, 2]"}
    assert seen.problems == []


def test_times_are_utc() -> None:
    seen = see(LAYOUT, SAMPLE / "0.98.0")
    assert seen.runs["089bd5a905274b54b4899ad4ac237c5a"]["started"] == datetime(2026, 11, 20, 22, 17, 52, 830870, UTC)


class TestOtherSchemas:
    @pytest.fixture
    def copy(self, tmp_path: Path) -> Path:
        return Path(shutil.copy(SAMPLE / "0.98.0" / DATABASE, tmp_path))

    def change(self, path: Path, *statements: str) -> None:
        with closing(sqlite3.connect(path)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    def test_schema_to_come_is_a_problem_and_the_rest_is_there(self, copy: Path) -> None:
        self.change(
            copy,
            "ALTER TABLE pipeline_run RENAME COLUMN end_time TO finished_time",
            "DROP TABLE pipeline_snapshot",
            "DROP TABLE tag_resource",
        )
        seen = see(LAYOUT, copy)
        assert len(seen.runs) == 9
        (problem,) = seen.problems
        assert problem.uri == str(copy)
        assert "pipeline_run.end_time, pipeline_snapshot" in problem.what
        assert seen.summary["089bd5a905274b54b4899ad4ac237c5a"] == {"final_loss": math.exp(-1.0)}

    def test_newest_of_several_metadata_counts(self, copy: Path) -> None:
        columns = "stack_component_id, user_id, project_id, key, type, publisher_step_id"
        new = f"INSERT INTO run_metadata (id, created, updated, value, {columns})"
        run = "089bd5a905274b54b4899ad4ac237c5a"
        for number, (created, value) in enumerate((("2027-01-01 00:00:00", "0.25"), ("2026-12-01 00:00:00", "0.75"))):
            self.change(
                copy,
                f"{new} SELECT 'new{number}', '{created}', updated, '{value}', {columns} FROM run_metadata "
                "WHERE key = 'final_loss' LIMIT 1",
                f"INSERT INTO run_metadata_resource VALUES ('link{number}', '{run}', 'pipeline_run', 'new{number}')",
            )
        assert see(LAYOUT, copy).summary[run] == {"final_loss": 0.25}

    def test_statuses(self, copy: Path) -> None:
        self.change(
            copy,
            "UPDATE step_run SET status = 'cached' WHERE name = 'load'",
            "UPDATE step_run SET status = 'dreaming' WHERE name = 'train'",
            "UPDATE pipeline_run SET status = 'running', end_time = NULL WHERE name = 'toy-run-0'",
            "UPDATE pipeline_run SET status = 'initializing' WHERE name = 'toy-run-1'",
            "UPDATE pipeline_run SET status = 'stopped' WHERE name = 'toy-run-2'",
        )
        seen = see(LAYOUT, copy)
        said = {(row["name"], row["status"]) for row in seen.runs.values()}
        assert said == {
            ("load", "finished"), ("train", "unknown"), ("toy-run-0", "running"), ("toy-run-1", "scheduled"),
            ("toy-run-2", "killed"),
        }  # fmt: skip

    def test_broken_json_loses_nothing_else(self, copy: Path) -> None:
        self.change(
            copy,
            "UPDATE pipeline_snapshot SET pipeline_configuration = '{'",
            "UPDATE step_configuration SET config = '[]' WHERE name = 'load'",
            "UPDATE run_metadata SET value = 'NaN' WHERE key = 'final_loss'",
            "UPDATE step_run SET exception_info = 'boom'",
        )
        seen = see(LAYOUT, copy)
        assert len(seen.runs) == 9
        assert math.isnan(seen.summary["089bd5a905274b54b4899ad4ac237c5a"]["final_loss"])
        assert seen.params["f163e3649e39448b8e168ece9e211798"] == {"lr": "0.1", "layers": "2", "fail": "false"}
        assert texts_of(seen.problems) == ""

    def test_other_databases_are_not_claimed(self, tmp_path: Path) -> None:
        self.change(tmp_path / "a.db", "CREATE TABLE pipeline_run (id)", "CREATE TABLE step_run (pipeline_run_id)")
        assert found(LAYOUT, tmp_path) == []
