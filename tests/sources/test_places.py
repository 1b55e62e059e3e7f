"""Which stores a place stands for: databases beside artifacts, files in a project, and what the environment names."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tui_runs.errors import LocationError
from tui_runs.sources.discover import Found, find


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project as mlflow 3 leaves it: a database, and the artifacts of a run beside it."""
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        for table in ("runs", "experiments", "metrics", "params", "tags", "latest_metrics"):
            connection.execute(f"CREATE TABLE {table} (x)")
    (tmp_path / "mlruns" / "1" / ("ab" * 16) / "artifacts").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


def places(*locations: str) -> list[str]:
    return [store.location for store in find(locations)]


def only(*locations: str) -> Found:
    (store,) = find(locations)
    return store


def test_artifacts_stand_for_the_database_beside_them(project: Path) -> None:
    store = only("./mlruns")
    assert store.location == "./mlflow.db"
    assert store.why_here == "Opening ./mlflow.db: ./mlruns holds artifacts only, its runs are in ./mlflow.db."
    assert places(str(project / "mlruns")) == [str(project / "mlflow.db")]


def test_a_project_is_opened_once(project: Path) -> None:
    store = only()
    assert store.location == "./mlflow.db"
    assert "SQLite" in store.match.reason


def test_a_file_store_and_a_database_are_both_there(project: Path, data: Path) -> None:
    shutil.copytree(data / "mlflow_2_22" / "mlruns", project / "old")
    shutil.move(project / "mlflow.db", project / "old" / "mlruns.db")
    assert places("old") == ["old", "old/mlruns.db"]


def test_the_same_place_written_in_two_ways(project: Path) -> None:
    assert places("mlflow.db", "./mlflow.db", str(project / "mlflow.db"), "mlruns") == ["mlflow.db"]


def test_somebody_elses_database_is_not_opened_unless_it_is_named(project: Path) -> None:
    with closing(sqlite3.connect(project / "app.db")) as connection:
        connection.execute("CREATE TABLE users (name)")
    assert places() == ["./mlflow.db"]
    store = only("app.db")
    with pytest.raises(LocationError, match="not MLflow's: its tables are users"):
        store.adapter.open(store.location, {})


def test_the_tracking_uri_is_honoured_when_nothing_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://ada:secret@mlflow.example.org")
    named, here = find([])
    assert (named.location, named.named_by) == ("https://ada:secret@mlflow.example.org", "MLFLOW_TRACKING_URI")
    assert named.name == "https://ada@mlflow.example.org"
    assert named.why_here is not None
    assert "secret" not in named.why_here
    assert (here.location, here.named_by) == ("./mlflow.db", None)
    assert places("mlflow.db") == ["mlflow.db"]


@pytest.mark.parametrize("uri", ["sqlite:///mlflow.db", "mlflow.db"])
def test_the_tracking_uri_may_name_what_lies_here(project: Path, monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert len(find([])) == 1


@pytest.mark.parametrize("gone", ["gone", "sqlite:///gone.db", "file:///gone"])
def test_a_tracking_uri_of_something_that_is_gone_hides_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", gone)
    assert places() == ["./mlflow.db"]
