"""The code of two runs: what git itself says of their commits, in a repository made here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.adapters.mlflow_stores import HandMadeStore
from tests.sources.test_repository import Repository
from tests.tui.conftest import NOW, settle, text_of, until
from tests.tui.test_app import main_of
from tui_runs.frames.workspace import Workspace
from tui_runs.sources.discover import find
from tui_runs.tui.app import TuiRunsApp
from tui_runs.tui.screens.code import CodeScreen, PatchView


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("HOME", str(tmp_path))
    made = Repository(tmp_path / "code")
    monkeypatch.chdir(made.root)
    return made


def app_over(root: Path) -> TuiRunsApp:
    workspace = Workspace(now=lambda: NOW)
    workspace.open(find([str(root)]))
    return TuiRunsApp(workspace)


async def lines_of(pilot) -> list[str]:
    await settle(pilot)
    await pilot.press("space", "space", "D")
    await until(pilot, lambda: isinstance(pilot.app.screen, CodeScreen))
    view = pilot.app.screen.query_one(PatchView)
    await until(pilot, lambda: view.frame.height)
    return view.frame["text"].to_list()


async def test_what_git_says_and_what_was_not_committed(project: Repository, tmp_path: Path) -> None:
    first, second = project.commit(train="lr = 1\n"), project.commit(train="lr = 2\n")
    writer = HandMadeStore(tmp_path / "mlruns")
    writer.add_run("one", tags={"mlflow.source.git.commit": first})
    writer.add_run("two", tags={"mlflow.source.git.commit": second, "mlflow.git.diff": "+seed = [red]\x1b[31m1\n"})
    app = app_over(tmp_path / "mlruns")
    async with app.run_test(size=(120, 40)) as pilot:
        lines = await lines_of(pilot)
        marked = [dict(app.workspace.catalog.texts_of("tags", run).iter_rows()) for run in main_of(pilot).marks.runs]
        commits = [tags["mlflow.source.git.commit"] for tags in marked]
        patch = project.git("diff", *commits).splitlines()
        start = lines.index(patch[0])
        assert lines[start : start + len(patch)] == patch
        assert any("1 commit" in line for line in lines[:start])
        assert "+seed = [red]␛[31m1" in text_of(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is main_of(pilot))


async def test_commits_of_another_repository(project: Repository, tmp_path: Path) -> None:
    project.commit(a="1")
    writer = HandMadeStore(tmp_path / "mlruns")
    writer.add_run("one", tags={"mlflow.source.git.commit": "1" * 40})
    writer.add_run("two", tags={"mlflow.source.git.commit": "2" * 40})
    async with app_over(tmp_path / "mlruns").run_test(size=(120, 40)) as pilot:
        said = "\n".join(await lines_of(pilot))
        assert "is not in the repository" in said
        assert "Start tui-runs in the repository" in said


async def test_commits_that_nobody_noted(project: Repository, tmp_path: Path) -> None:
    writer = HandMadeStore(tmp_path / "mlruns")
    writer.add_run("one")
    writer.add_run("two", tags={"mlflow.source.git.commit": "2" * 40})
    async with app_over(tmp_path / "mlruns").run_test(size=(120, 40)) as pilot:
        (line,) = await lines_of(pilot)
        assert line.startswith("The commit of one")
        assert line.endswith("was not noted.")


async def test_one_run_is_not_enough(tmp_path: Path) -> None:
    writer = HandMadeStore(tmp_path / "mlruns")
    writer.add_run("one")
    async with app_over(tmp_path / "mlruns").run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("space", "D")
        assert pilot.app.screen is main_of(pilot)
        assert "put the cursor on another" in next(iter(pilot.app._notifications)).message
