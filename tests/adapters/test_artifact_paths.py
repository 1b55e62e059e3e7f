"""Where a run's file lies: the real file in each kind of store, and nothing that a link or a path leads out to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tui_runs.capabilities import LocalArtifacts
from tui_runs.errors import ArtifactError
from tui_runs.local_files import LocalFiles
from tui_runs_dirs import DirsAdapter
from tui_runs_mlflow.database.store import DatabaseStore
from tui_runs_mlflow.file_store import FileStore
from tui_runs_wandb.local_store import LocalStore


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    run = tmp_path / "run" / "files"
    (run / "deep").mkdir(parents=True)
    (run / "deep" / "a b.txt").write_text("x")
    (tmp_path / "secret").write_text("secret")
    os.symlink(tmp_path / "secret", run / "link")
    os.symlink(tmp_path, run / "out")
    os.mkfifo(run / "pipe")
    return LocalFiles(str(tmp_path / "run"), ("files",))


def test_the_path_of_a_file_and_of_a_directory(files: LocalFiles, tmp_path: Path) -> None:
    assert files.local_path("deep/a b.txt") == str(tmp_path / "run" / "files" / "deep" / "a b.txt")
    assert files.local_path("deep") == str(tmp_path / "run" / "files" / "deep")


def test_it_is_absolute(files: LocalFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert LocalFiles("run", ("files",)).local_path("deep/a b.txt") == str(tmp_path / "run/files/deep/a b.txt")


@pytest.mark.parametrize(
    "path", ["link", "out/secret", "../secret", "deep/../../secret", "/etc/passwd", "pipe", "gone", ""]
)
def test_nothing_else_has_one(files: LocalFiles, path: str) -> None:
    if path == "":
        assert files.local_path(path).endswith("files")  # the run's own directory
        return
    with pytest.raises(ArtifactError, match="cannot be opened"):
        files.local_path(path)


@pytest.mark.skipif(os.name != "posix", reason="names are bytes there")
def test_a_name_that_is_no_text(files: LocalFiles, tmp_path: Path) -> None:
    try:
        Path(os.fsdecode(bytes(tmp_path / "run" / "files") + b"/\xff.txt")).write_text("x")
    except OSError:
        pytest.skip("this file system takes no such name")
    (name,) = [path for path in files.list_directory().frame["path"] if path.endswith(".txt")]
    assert os.path.exists(files.local_path(name))


@pytest.mark.parametrize("store", [DatabaseStore, FileStore, LocalStore])
def test_local_stores_have_paths(store: type) -> None:
    assert callable(getattr(store, "artifact_path", None))


def test_of_a_directory_store(tmp_path: Path) -> None:
    run = tmp_path / "exp" / "one"
    run.mkdir(parents=True)
    (run / "metrics.csv").write_text("step,loss\n0,1.0\n1,0.5\n")
    adapter = DirsAdapter()
    source = adapter.open(str(tmp_path / "exp"), {one.name: one.default for one in adapter.options})
    try:
        assert isinstance(source, LocalArtifacts)
        (batch,) = [batch for batch in source.scan() if batch.runs.height]
        assert source.artifact_path(batch.runs["run_id"][0], "metrics.csv") == str(run / "metrics.csv")
        with pytest.raises(ArtifactError):
            source.artifact_path("no such run", "metrics.csv")
    finally:
        source.close()
