"""What lies between two commits, in repositories that git itself makes: friendly ones and others."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tui_runs.sources import repository
from tui_runs.sources.repository import CodeChange, code_change


class Repository:
    """A repository to be written to."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(exist_ok=True)
        self.git("init", "-q", "-b", "main")
        self.commits: list[str] = []

    def git(self, *arguments: str) -> str:
        names = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
        command = ["git", *names, *arguments]
        return subprocess.run(command, cwd=self.root, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, **files: str) -> str:
        for name, text in files.items():
            (self.root / name).write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "x")
        self.commits.append(self.git("rev-parse", "HEAD"))
        return self.commits[-1]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("HOME", str(tmp_path))
    return Repository(tmp_path / "code")


def test_distance_and_patch(made: Repository) -> None:
    old = made.commit(train="lr = 1\n")
    made.commit(train="lr = 2\n")
    new = made.commit(train="lr = 3\n", other="学習\n")
    change = code_change(old, new[:9], str(made.root), patch=True)
    assert (change.ahead, change.behind, change.complete, change.trouble) == (2, 0, True, "")
    assert change.patch == made.git("diff", old, new) + "\n"
    assert "-lr = 1\n+lr = 3\n" in change.patch
    assert change.distance == "2 commits later"
    assert code_change(new, old, str(made.root)) == CodeChange(0, 2)
    assert code_change(new, old, str(made.root)).distance == "2 commits earlier"
    assert code_change(old, old, str(made.root)).distance == "the same commit"


def test_two_branches(made: Repository) -> None:
    made.commit(a="1")
    made.git("checkout", "-q", "-b", "side")
    old = made.commit(b="1")
    made.git("checkout", "-q", "main")
    made.commit(c="1")
    new = made.commit(c="2")
    change = code_change(old, new, str(made.root))
    assert (change.ahead, change.behind) == (2, 1)
    assert change.distance == "2 commits later and 1 earlier"


@pytest.mark.parametrize(
    "commit", ["--output=x", "HEAD", "main", "", "abc", "g" * 40, "a" * 65, "a" * 40 + "\n", ":/x"]
)
def test_what_is_no_hash_never_reaches_git(made: Repository, commit: str) -> None:
    good = made.commit(a="1")
    for pair in ((commit, good), (good, commit)):
        change = code_change(*pair, str(made.root), patch=True)
        assert change.trouble.endswith("is no hash of a commit.")
        assert (change.ahead, change.patch, change.distance) == (None, "", "")


def test_commits_that_are_not_here(made: Repository, tmp_path: Path) -> None:
    good = made.commit(a="1")
    trouble = code_change(good, "a" * 40, str(made.root)).trouble
    assert trouble == f"Commit aaaaaaaaaa is not in the repository {made.root}."
    blob = made.git("rev-parse", "HEAD:a")
    assert "is not in the repository" in code_change(good, blob, str(made.root)).trouble
    assert code_change(good, good, str(tmp_path)).trouble == f"{tmp_path} is in no git repository."
    assert code_change(good, good, str(tmp_path / "gone")).trouble.startswith("git could not tell: ")


def test_without_git(made: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    good = made.commit(a="1")
    monkeypatch.setenv("PATH", str(made.root))
    assert code_change(good, good, str(made.root)).trouble == "git is not installed."


def test_a_long_patch_is_cut_at_a_line(made: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    old = made.commit(a="")
    new = made.commit(a="".join(f"line {number}\n" for number in range(100_000)))
    monkeypatch.setattr(repository, "PATCH_LIMIT", 5000)
    change = code_change(old, new, str(made.root), patch=True)
    assert not change.complete
    assert change.ahead == 1
    assert 4000 < len(change.patch) < 5000
    assert change.patch.endswith("\n")
    assert (made.git("diff", old, new) + "\n").startswith(change.patch)


class TestHostile:
    """A repository whose own configuration wants programs to be run."""

    @pytest.fixture
    def trap(self, made: Repository, tmp_path: Path) -> tuple[Repository, Path]:
        sprung = tmp_path / "sprung"
        program = tmp_path / "program.sh"
        program.write_text(f"#!/bin/sh\necho hit >> {sprung}\n")
        program.chmod(0o755)
        made.commit(**{".gitattributes": "* diff=evil filter=evil\n", "a": "1\n"})
        made.commit(a="2\n")
        for name, value in {
            "diff.external": program,
            "diff.evil.command": program,
            "diff.evil.textconv": program,
            "filter.evil.smudge": program,
            "filter.evil.clean": program,
            "core.pager": program,
            "pager.diff": program,
            "core.fsmonitor": program,
            "core.hooksPath": tmp_path,
            "core.sshCommand": program,
            "alias.diff": f"!{program}",
            "alias.rev-list": f"!{program}",
            "color.diff": "always",
            "color.ui": "always",
            "diff.orderFile": "/dev/zero",
            "diff.noprefix": "true",
            "diff.context": "0",
            "diff.submodule": "diff",
        }.items():
            made.git("config", name, str(value))
        (tmp_path / "post-checkout").symlink_to(program)
        return made, sprung

    def test_nothing_is_run(self, trap: tuple[Repository, Path]) -> None:
        made, sprung = trap
        old, new = made.commits[:2]
        change = code_change(old, new, str(made.root), patch=True)
        assert not sprung.exists()
        assert change.trouble == ""
        assert "--- a/a\n+++ b/a\n@@ -1 +1 @@\n-1\n+2\n" in change.patch
        made.git("diff", "--ext-diff", "-O/dev/null", old, new)
        assert sprung.exists(), "the trap is none"

    def test_nothing_is_fetched(self, trap: tuple[Repository, Path], tmp_path: Path) -> None:
        made, sprung = trap
        for name, value in {
            "core.repositoryFormatVersion": "1",
            "extensions.partialClone": "far",
            "remote.far.url": f"ext::{tmp_path}/program.sh",
            "remote.far.promisor": "true",
            "protocol.ext.allow": "always",
        }.items():
            made.git("config", name, value)
        assert code_change(made.commits[0], "a" * 40, str(made.root)).trouble
        assert not sprung.exists()
        subprocess.run(["git", "cat-file", "-e", "a" * 40], cwd=made.root, check=False, capture_output=True)
        assert sprung.exists(), "the trap is none"

    def test_nothing_is_written(self, trap: tuple[Repository, Path]) -> None:
        made, _ = trap
        before = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in made.root.rglob("*")}
        code_change(*made.commits[:2], str(made.root), patch=True)
        assert before == {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in made.root.rglob("*")}

    def test_the_environment_leads_nowhere_else(self, made: Repository, tmp_path: Path, monkeypatch) -> None:
        other = Repository(tmp_path / "other")
        there = other.commit(z="9")
        monkeypatch.setenv("GIT_DIR", str(other.root / ".git"))
        assert "is not in the repository" in code_change(there, there, str(made.root)).trouble
