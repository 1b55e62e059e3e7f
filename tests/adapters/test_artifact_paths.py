"""Where a run's file lies: the real file in each kind of store, and nothing that a link or a path leads out to."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.adapters.contract import StoreWriter
from tests.adapters.mlflow_stores import HandMadeStore
from tests.adapters.wandb_runs import WandbWriter
from tui_runs.adapter import Adapter
from tui_runs.capabilities import LocalArtifacts
from tui_runs.errors import ArtifactError
from tui_runs.local_files import LocalFiles
from tui_runs_dirs import DirsAdapter
from tui_runs_mlflow import MlflowAdapter
from tui_runs_wandb import WandbAdapter


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


def test_no_path_is_the_runs_own_directory(files: LocalFiles, tmp_path: Path) -> None:
    assert files.local_path("") == str(tmp_path / "run" / "files")


@pytest.mark.parametrize(
    "path", ["link", "out/secret", "../secret", "deep/../../secret", "/etc/passwd", "pipe", "gone"]
)
def test_nothing_else_has_one(files: LocalFiles, path: str) -> None:
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


def _file_store(root: Path) -> tuple[StoreWriter, str, Path]:
    writer = HandMadeStore(root / "mlruns")
    run_id = writer.put_run("a" * 32)
    return writer, run_id, writer.run_dir(run_id) / "artifacts"


def _wandb(root: Path) -> tuple[StoreWriter, str, Path]:
    writer = WandbWriter(root / "wandb")
    run_id = writer.add_run("one")
    return writer, run_id, writer.log_path(run_id).parent / "files"


@pytest.mark.parametrize(
    ("adapter", "write"), [(MlflowAdapter, _file_store), (WandbAdapter, _wandb)], ids=["mlflow", "wandb"]
)
def test_of_a_local_store(
    tmp_path: Path, adapter: type[Adapter], write: Callable[[Path], tuple[StoreWriter, str, Path]]
) -> None:
    writer, run_id, place = write(tmp_path)
    place.mkdir(parents=True)
    (place / "a.txt").write_text("alpha")
    (tmp_path / "secret").write_text("secret")
    os.symlink(tmp_path / "secret", place / "link")
    source = adapter().open(writer.location, {})
    try:
        assert isinstance(source, LocalArtifacts)
        assert [run for batch in source.scan() for run in batch.runs["run_id"]] == [run_id]
        assert source.artifact_path(run_id, "a.txt") == str(place / "a.txt")
        for run, path in ((run_id, "link"), (run_id, "../secret"), ("no such run", "a.txt")):
            with pytest.raises(ArtifactError):
                source.artifact_path(run, path)
    finally:
        source.close()


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
