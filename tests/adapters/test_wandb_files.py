"""The files that W&B keeps with a run: listed and read from the run's own `files/`, and from nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tui_runs.capabilities import WithArtifacts
from tui_runs.errors import ArtifactError
from tui_runs_wandb import WandbAdapter

HEADER = b":W&B\xe1\xbe\x00"


def test_files_of_a_run(tmp_path: Path) -> None:
    run = tmp_path / "wandb" / "offline-run-20261120_120000-abc"
    (run / "files" / "media" / "images").mkdir(parents=True)
    (run / "run-abc.wandb").write_bytes(HEADER)
    (run / "files" / "output.log").write_text("epoch 1\n")
    (run / "files" / "media" / "images" / "a.png").write_bytes(b"\x89PNG")
    os.symlink(tmp_path / "secret", run / "files" / "link")
    (tmp_path / "secret").write_text("not for you")
    source = WandbAdapter().open(str(tmp_path / "wandb"), {})
    assert isinstance(source, WithArtifacts)
    (run_id,) = [row for batch in source.scan() for row in batch.runs["run_id"]]
    listed = source.artifacts(run_id)
    assert listed.frame.select("path", "directory", "size").rows() == [("media", True, None), ("output.log", False, 8)]
    assert [problem.what for problem in listed.problems] == ["It is a symbolic link."]
    assert source.artifacts(run_id, "media/images").frame["path"].to_list() == ["media/images/a.png"]
    assert source.read_artifact(run_id, "output.log", 5) == b"epoch"
    for path in ("link", "../run-abc.wandb", "gone", "media"):
        with pytest.raises(ArtifactError):
            source.read_artifact(run_id, path, 100)
    assert source.artifacts("nobody").frame.is_empty()
    source.close()
