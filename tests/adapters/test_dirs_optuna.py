"""Optuna's storages: what optuna itself says of them is what is shown."""

from __future__ import annotations

import json
import math
import os
import shutil
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.dirs_seen import Seen, fingerprint, found, see, texts_of
from tui_runs_dirs.collections.optuna import LAYOUT
from tui_runs_dirs.files import NotReadError
from tui_runs_dirs.readers import sqlite_file

SAMPLE = Path(__file__).parents[1] / "data" / "dirs_optuna"
STATUS = {"COMPLETE": "finished", "PRUNED": "killed", "FAIL": "failed", "RUNNING": "running", "WAITING": "scheduled"}


def text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def write_studies(optuna: Any, storage: Any) -> None:
    """Every kind of param, state and value."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(study_name="tune/lr", storage=storage, direction="maximize")
    study.set_user_attr("dataset", "toy")

    def objective(trial: Any) -> float:
        lr = trial.suggest_float("lr", 1e-5, 1.0, log=True)
        layers = trial.suggest_int("layers", 1, 4)
        trial.suggest_categorical("opt", ["sgd", "adam", None, True, 0.5])
        trial.set_user_attr("note", {"n": layers})
        for step, value in enumerate((lr, math.nan, math.inf, -math.inf, layers / 3)):
            trial.report(value, step * 10)
        if trial.number == 1:
            raise optuna.TrialPruned
        if trial.number == 2:
            raise ValueError
        return lr * layers

    study.sampler = optuna.samplers.RandomSampler(seed=3)
    study.optimize(objective, n_trials=6, catch=(ValueError,))
    study.ask().report(0.25, 7)
    study.enqueue_trial({"lr": 0.5})
    both = optuna.create_study(study_name="both", storage=storage, directions=["minimize", "maximize"])
    both.set_metric_names(["loss", "acc"])
    both.optimize(lambda trial: (trial.suggest_float("x", 0, 1, step=0.25), math.inf), n_trials=2)
    other = optuna.create_study(study_name="unnamed", storage=storage, directions=["minimize", "maximize"])
    other.optimize(lambda trial: (1.5, -2.5), n_trials=1)


def check_against_optuna(optuna: Any, storage: Any, seen: Seen) -> None:
    names = [summary.study_name for summary in optuna.get_all_study_summaries(storage)]
    expected = {
        f"{name}/{trial.number}": (name, trial)
        for name in names
        for trial in optuna.load_study(study_name=name, storage=storage).trials
    }
    assert seen.runs.keys() == expected.keys()
    metric_names = {"tune/lr": ["value"], "both": ["loss", "acc"], "unnamed": ["values_0", "values_1"]}
    for run_id, (name, trial) in expected.items():
        row = seen.runs[run_id]
        assert (row["name"], row["experiment"]) == (f"trial {trial.number}", name)
        assert row["status"] == STATUS[trial.state.name]
        assert row["started"] == (trial.datetime_start and trial.datetime_start.astimezone(UTC))
        assert row["ended"] == (trial.datetime_complete and trial.datetime_complete.astimezone(UTC))
        assert seen.params.get(run_id, {}) == {key: text(value) for key, value in trial.params.items()}
        tags = {key: text(value) for key, value in trial.user_attrs.items()}
        assert seen.tags[run_id] == {**tags, "optuna.state": trial.state.name}
        points = seen.series.get(run_id, {}).get("intermediate_value", [])
        assert repr(points) == repr(sorted(trial.intermediate_values.items()))  # by repr, for NaN is not NaN
        assert seen.summary.get(run_id, {}) == dict(zip(metric_names[name], trial.values or (), strict=False))
    assert seen.details["tune/lr/0"]["study", "tune/lr", "dataset"] == "toy"
    assert seen.details["tune/lr/0"]["study", "tune/lr", "direction.value"] == "maximize"
    assert seen.problems == []


@pytest.mark.parametrize("kind", ["database", "journal"])
def test_shows_what_optuna_says(tmp_path: Path, kind: str) -> None:
    optuna = pytest.importorskip("optuna")
    if kind == "database":
        storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path}/any_name.sqlite3")
    else:
        backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / "any_name.log"))
        storage = optuna.storages.JournalStorage(backend)
    write_studies(optuna, storage)
    before = fingerprint(tmp_path)
    seen = see(LAYOUT, tmp_path)
    assert fingerprint(tmp_path) == before
    check_against_optuna(optuna, storage, seen)


class TestSample:
    """A database and a journal that optuna 5.0.0 wrote, with the values that its program printed."""

    def test_database(self) -> None:
        seen = see(LAYOUT, SAMPLE / "study.db")
        states = dict.fromkeys((0, 1, 2, 3, 7, 11, 12, 13, 14), "finished")
        states |= dict.fromkeys((4, 5, 8, 9, 10), "killed") | {6: "failed"}
        assert {
            int(run_id.split("/")[1]): row["status"]
            for run_id, row in seen.runs.items()
            if row["experiment"] == "mlp_tune"
        } == states
        assert seen.params["mlp_tune/13"] == {"lr": "0.932025155791224", "layers": "2", "opt": "sgd"}
        assert seen.params["mlp_tune/0"] == {"lr": "0.01567667719550607", "layers": "3", "opt": "true"}
        assert seen.summary["mlp_tune/13"] == {"value": 0.10022753046826047}
        assert seen.summary["multi/1"]["acc"] == math.inf
        lr = 0.01567667719550607
        assert seen.series["mlp_tune/0"]["intermediate_value"] == [(i, math.exp(-lr * i) + 0.05 * 3) for i in range(10)]
        assert seen.runs["mlp_tune/0"]["started"] == datetime(2026, 11, 20, 22, 15, 14, 45405, UTC)
        last = seen.metrics["mlp_tune/0"]["intermediate_value"]
        assert (last["count"], last["last_step"], last["max"], last["max_step"]) == (10, 9, 1.15, 0)

    def test_journal(self, tmp_path: Path) -> None:
        copy = shutil.copy(SAMPLE / "journal.log", tmp_path)
        seen = see(LAYOUT, Path(copy))
        assert {run_id: row["status"] for run_id, row in seen.runs.items()} == {
            "jr/0": "finished", "jr/1": "finished", "jr/2": "finished", "jr/3": "running",
        }  # fmt: skip


@pytest.mark.parametrize(("library", "hours"), [("5.0.0", 0), ("6.1.0", 0), ("4.4.0", -9), ("2.10.1", -9)])
def test_times_are_local_before_version_5(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str, hours: int
) -> None:
    copy = Path(shutil.copy(SAMPLE / "study.db", tmp_path))
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("UPDATE version_info SET library_version = ?", (library,))
        connection.commit()
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        started = see(LAYOUT, copy).runs["mlp_tune/0"]["started"]
    finally:
        monkeypatch.undo()
        time.tzset()
    assert started == datetime(2026, 11, 20, 22, 15, 14, 45405, UTC) + timedelta(hours=hours)


class TestBrokenDatabases:
    @pytest.fixture
    def copy(self, tmp_path: Path) -> Path:
        return Path(shutil.copy(SAMPLE / "study.db", tmp_path))

    def change(self, path: Path, *statements: str) -> None:
        with closing(sqlite3.connect(path)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    def test_newer_schema_is_a_problem_and_the_rest_is_there(self, copy: Path) -> None:
        self.change(
            copy,
            "UPDATE version_info SET schema_version = 13, library_version = '9.0.0'",
            "DROP TABLE trial_values",
            "ALTER TABLE trials RENAME COLUMN datetime_complete TO ended_at",
        )
        seen = see(LAYOUT, copy)
        assert len(seen.runs) == 19
        assert seen.params["mlp_tune/13"]["opt"] == "sgd"
        assert seen.runs["mlp_tune/13"]["ended"] is None
        (problem,) = seen.problems
        assert problem.uri == str(copy)
        assert "9.0.0" in problem.what
        assert "trial_values" in problem.what

    def test_values_that_fit_nothing_lose_no_other(self, copy: Path) -> None:
        self.change(
            copy,
            "UPDATE trial_params SET param_value = 99 WHERE trial_id = 1 AND param_name = 'opt'",
            "UPDATE trial_params SET distribution_json = '{' WHERE trial_id = 2",
            "UPDATE trials SET state = 'DREAMING', datetime_start = 'yesterday' WHERE trial_id = 3",
            "UPDATE trial_intermediate_values SET intermediate_value = 'much' WHERE trial_id = 1 AND step = 0",
            "INSERT INTO trial_params VALUES (9999, 424242, 'orphan', 1.0, '{}')",
        )
        seen = see(LAYOUT, copy)
        assert seen.params["mlp_tune/0"]["opt"] == "choice 99.0"
        assert seen.params["mlp_tune/1"]["layers"] == "4.0"
        assert (seen.runs["mlp_tune/2"]["status"], seen.runs["mlp_tune/2"]["started"]) == ("unknown", None)
        assert math.isnan(seen.series["mlp_tune/0"]["intermediate_value"][0][1])
        assert len(seen.runs) == 19

    @pytest.mark.parametrize("size", [1024, 20_000])
    def test_truncated_file_says_that_it_is_damaged(self, copy: Path, size: int) -> None:
        (collection,) = found(LAYOUT, copy)
        os.truncate(copy, size)
        with pytest.raises(NotReadError) as caught:
            collection.read()  # type: ignore[union-attr]
        assert "damaged" in caught.value.what
        assert ".recover" in caught.value.remedy

    def test_other_files_are_not_claimed(self, tmp_path: Path) -> None:
        (tmp_path / "empty.db").touch()
        (tmp_path / "text.db").write_text("studies trials trial_params")
        self.change(tmp_path / "other.db", "CREATE TABLE studies (study_name)", "CREATE TABLE trials (id)")
        (tmp_path / "train.log").write_text('{"loss": 1}\n')
        assert found(LAYOUT, tmp_path) == []

    def test_database_that_a_writer_holds_is_read(self, copy: Path) -> None:
        with closing(sqlite3.connect(copy, isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            writer.execute("UPDATE studies SET study_name = 'not yet' WHERE study_id = 1")
            assert len(see(LAYOUT, copy).runs) == 19
            writer.execute("COMMIT")  # nobody is in the way
        assert "not yet/0" in see(LAYOUT, copy).runs

    def test_lock_without_end_is_said(self, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sqlite_file, "PATIENCE", 0.05)
        with closing(sqlite3.connect(copy, isolation_level=None)) as writer:
            writer.execute("BEGIN EXCLUSIVE")
            (collection,) = found(LAYOUT, copy)  # told by what can be seen without a lock
            with pytest.raises(NotReadError, match="locked"):
                collection.read()  # type: ignore[union-attr]
        assert len(see(LAYOUT, copy).runs) == 19


class TestJournal:
    def test_half_written_line_waits_for_its_end(self, tmp_path: Path) -> None:
        lines = (SAMPLE / "journal.log").read_bytes().splitlines(keepends=True)
        path = tmp_path / "journal.log"
        path.write_bytes(b"".join(lines[:7]) + lines[7][:40])
        (journal,) = found(LAYOUT, tmp_path)
        reading = journal.read()  # type: ignore[union-attr]
        assert reading.history["value"].to_list() == [1.1]
        with path.open("ab") as file:
            file.write(lines[7][40:] + b"".join(lines[8:]))
        reading = journal.read()  # type: ignore[union-attr]
        whole = see(LAYOUT, SAMPLE / "journal.log")
        assert len(reading.history) == sum(len(series["intermediate_value"]) for series in whole.series.values())
        assert reading.batch.runs["run_id"].to_list() == list(whole.runs)

    def test_only_what_was_appended_is_read_again(self, tmp_path: Path) -> None:
        path = Path(shutil.copy(SAMPLE / "journal.log", tmp_path))
        (journal,) = found(LAYOUT, tmp_path)
        journal.read()  # type: ignore[union-attr]
        length = path.stat().st_size
        with path.open("r+b") as file:
            file.write(b"x" * length)  # nobody looks there any more
            file.seek(0, os.SEEK_END)
            file.write(b'{"op_code":7,"worker_id":"w","trial_id":3,"step":4,"intermediate_value":NaN}\n')
        reading = journal.read()  # type: ignore[union-attr]
        assert reading.history.row(-1)[:3] == ("jr/3", "intermediate_value", 4)
        assert reading.batch.problems == []

    def test_journal_that_was_written_anew_is_read_anew(self, tmp_path: Path) -> None:
        path = Path(shutil.copy(SAMPLE / "journal.log", tmp_path))
        (journal,) = found(LAYOUT, tmp_path)
        journal.read()  # type: ignore[union-attr]
        path.write_bytes(b"".join((SAMPLE / "journal.log").read_bytes().splitlines(keepends=True)[:3]))
        reading = journal.read()  # type: ignore[union-attr]
        assert reading.batch.runs["run_id"].to_list() == ["jr/0"]

    def test_broken_lines_are_a_problem_and_lose_no_other(self, tmp_path: Path) -> None:
        lines = (SAMPLE / "journal.log").read_bytes().splitlines(keepends=True)
        odd = [b"{\n", b'{"op_code":77}\n', b'{"op_code":5,"trial_id":0}\n', b"\xff\n", b"[" * 5000 + b"\n"]
        (tmp_path / "journal.log").write_bytes(b"".join([*lines[:2], *odd, *lines[2:]]))
        seen, whole = see(LAYOUT, tmp_path), see(LAYOUT, SAMPLE / "journal.log")
        assert (seen.params, seen.series) == (whole.params, whole.series)
        assert "Line 3 is no JSON object, and so it is with 4 more." in texts_of(seen.problems)

    def test_trial_that_has_ended_changes_no_more(self, tmp_path: Path) -> None:
        path = Path(shutil.copy(SAMPLE / "journal.log", tmp_path))
        with path.open("ab") as file:
            file.write(b'{"op_code":7,"worker_id":"w","trial_id":0,"step":99,"intermediate_value":1.0}\n')
            file.write(b'{"op_code":6,"worker_id":"w","trial_id":0,"state":3,"values":[9.0]}\n')
        seen, whole = see(LAYOUT, tmp_path), see(LAYOUT, SAMPLE / "journal.log")
        assert (seen.series, seen.summary) == (whole.series, whole.summary)
        assert seen.runs["jr/0"]["status"] == "finished"

    def test_what_is_deleted_or_finished_changes_no_more(self, tmp_path: Path) -> None:
        optuna = pytest.importorskip("optuna")
        backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / "j.log"))
        storage = optuna.storages.JournalStorage(backend)
        for name in ("gone", "stays"):
            optuna.create_study(study_name=name, storage=storage).optimize(lambda trial: 1.0, n_trials=1)
        optuna.delete_study(study_name="gone", storage=storage)
        study = optuna.load_study(study_name="stays", storage=storage)
        study.add_trial(optuna.trial.create_trial(value=2.5, intermediate_values={3: 0.5}, user_attrs={"a": 1}))
        late = b'{"op_code":6,"worker_id":"w","trial_id":1,"state":3,"values":[9.0]}\n'
        with (tmp_path / "j.log").open("ab") as file:
            file.write(late)
        seen = see(LAYOUT, tmp_path)
        assert {run_id: row["status"] for run_id, row in seen.runs.items()} == {
            "stays/0": "finished",
            "stays/1": "finished",
        }
        assert seen.summary == {"stays/0": {"value": 1.0}, "stays/1": {"value": 2.5}}
        assert seen.series == {"stays/1": {"intermediate_value": [(3, 0.5)]}}
        assert seen.tags["stays/1"]["a"] == "1"
