"""What lies at a location: found, or said why not and what to do about it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tui_runs.errors import LocationError
from tui_runs.sources.discover import find


@pytest.fixture
def project(tmp_path: Path, data: Path) -> Path:
    """A project with a store, as `git clone` or a training leaves it."""
    root = tmp_path / "project"
    shutil.copytree(data / "mlflow_2_22" / "mlruns", root / "mlruns")
    (root / "src" / "pkg").mkdir(parents=True)
    (root / "train.py").write_text("print()\n")
    return root


def error_of(location: str) -> LocationError:
    """The error that a location makes; it always says what and what to do, and ends the command with 2."""
    with pytest.raises(LocationError) as caught:
        find([location])
    error = caught.value
    assert error.exit_code == 2
    assert error.title.strip()
    assert error.message.strip()
    assert error.remedy.strip()
    assert "\n" not in error.message
    return error


class TestFound:
    def test_store_itself(self, project: Path) -> None:
        (found,) = find([str(project / "mlruns")])
        assert (found.location, found.adapter.name) == (str(project / "mlruns"), "mlflow")
        assert "meta.yaml" in found.match.reason
        assert found.others == ()

    def test_store_in_a_project(self, project: Path) -> None:
        (found,) = find([str(project)])
        assert found.location == str(project / "mlruns")

    def test_nothing_said_means_here(self, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(project)
        assert [found.location for found in find([])] == ["./mlruns"]
        monkeypatch.chdir(project / "mlruns")
        assert [found.location for found in find([])] == ["."]

    def test_all_stores_of_a_project(self, project: Path) -> None:
        for name in ("old", "Älter", "a b"):
            shutil.copytree(project / "mlruns", project / name)
        found = [os.path.basename(one.location) for one in find([str(project)])]
        assert found == ["a b", "mlruns", "old", "Älter"]

    def test_some_directories_are_not_looked_into(self, project: Path) -> None:
        for name in (".hidden", "node_modules", "venv", "__pycache__"):
            shutil.copytree(project / "mlruns", project / name)
        assert [os.path.basename(one.location) for one in find([str(project)])] == ["mlruns"]
        (found,) = find([str(project / ".hidden")])  # but taken when named
        assert found.location.endswith(".hidden")

    def test_said_twice_is_opened_once(self, project: Path) -> None:
        store = str(project / "mlruns")
        assert len(find([store, store])) == 1
        assert len(find([store, str(project)])) == 1

    def test_several_in_the_order_in_which_they_were_said(self, project: Path, data: Path) -> None:
        stores = [str(project / "mlruns"), str(data / "mlflow_1_30" / "mlruns")]
        assert [one.location for one in find(stores)] == stores
        assert [one.location for one in find(stores[::-1])] == stores[::-1]

    def test_one_that_is_wrong_is_said_though_others_are_right(self, project: Path) -> None:
        with pytest.raises(LocationError, match="does not exist"):
            find([str(project / "mlruns"), str(project / "mlrun")])

    def test_experiment_alone(self, project: Path) -> None:
        experiment = next(path for path in (project / "mlruns").iterdir() if (path / "meta.yaml").exists())
        (found,) = find([str(experiment)])
        assert found.location == str(experiment)

    def test_link_to_a_store(self, project: Path) -> None:
        (project / "link").symlink_to(project / "mlruns")
        (found,) = find([str(project / "link")])
        assert found.location == str(project / "link")

    def test_file_url(self, project: Path) -> None:
        (found,) = find([f"file://{project / 'mlruns'}"])
        assert found.adapter.name == "mlflow"


class TestNotFound:
    def test_near_miss_is_put_right(self, project: Path) -> None:
        error = error_of(str(project / "mlrun"))
        assert f"{project / 'mlrun'} does not exist" in error.message
        assert f"Did you mean {project / 'mlruns'}?" in error.remedy

    def test_near_miss_in_the_working_directory(self, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(project)
        assert "Did you mean mlruns?" in error_of("mlrnus").remedy
        assert "mlruns" in error_of("./mlrnus/").remedy

    def test_far_miss(self, project: Path) -> None:
        for path in (project / "xyzzy", project / "no" / "such" / "directory"):
            error = error_of(str(path))
            assert "does not exist" in error.message
            assert "Did you mean" not in error.remedy

    def test_link_to_nothing(self, project: Path) -> None:
        (project / "link").symlink_to("nowhere")
        error_of(str(project / "link"))

    def test_empty_directory(self, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        error = error_of(str(tmp_path / "empty"))
        assert "empty directory" in error.message
        assert "mlflow" in error.remedy

    def test_directory_of_something_else(self, project: Path) -> None:
        error = error_of(str(project / "src"))
        assert "No runs were recognised" in error.message
        assert "--adapter" in error.remedy

    def test_file(self, project: Path) -> None:
        error = error_of(str(project / "train.py"))
        assert "is a file" in error.message
        assert "mlflow" in error.message

    @pytest.mark.parametrize("location", ["gopher://runs/1", "s3://bucket/mlruns", "ftp://[", "://"])
    def test_unknown_scheme(self, location: str) -> None:
        error = error_of(location)
        assert location in error.message
        assert "mlflow" in error.remedy

    def test_file_url_of_nothing(self, project: Path) -> None:
        assert "Did you mean" in error_of(f"file://{project / 'mlrun'}").remedy

    @pytest.mark.parametrize("location", ["\0", "a\0b", "x" * 100_000, "~nobody-at-all/x", " ", "\n"])
    def test_odd_ones(self, location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(LocationError) as caught:
            find([location])
        assert caught.value.remedy

    def test_unreadable(self) -> None:
        """In a process without root's rights, which may read everything."""
        place = Path(tempfile.mkdtemp(prefix="tui-runs-nobody-"))
        try:
            place.chmod(0o755)
            for name, mode in (("closed", 0), ("unlistable", 0o311)):
                (place / name).mkdir()
                (place / name).chmod(mode)
            (place / "file").write_text("x")
            (place / "file").chmod(0)
            code = (
                "import json, os, sys; from tui_runs.sources.discover import find\n"
                "from tui_runs.sources.plugins import load_all\n"
                "from tui_runs.errors import LocationError; load_all()\n"
                "for adapter in load_all(): adapter.adapter.match('/nonexistent')\n"
                "if os.getuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
                "said = []\n"
                "for location in sys.argv[1:]:\n"
                "    try: find([location])\n"
                "    except LocationError as error: said.append((error.message, error.remedy, error.exit_code))\n"
                "print(json.dumps(said))"
            )
            paths = [str(place / name) for name in ("closed", "unlistable", "file", "closed/mlruns")]
            command = [sys.executable, "-c", code, *paths]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd="/", check=False)
            assert done.returncode == 0, done.stderr
            said = json.loads(done.stdout)
            assert len(said) == len(paths)
            for path, (message, remedy, code_) in zip(paths[:3], said, strict=False):
                assert message == f"{path}: permission denied."
                assert remedy
                assert code_ == 2
        finally:
            for path in place.iterdir():
                path.chmod(0o755)
            shutil.rmtree(place)


class TestOddities:
    """What strangers' packages and directories have brought."""

    def test_link_in_circles_hides_no_store(self, project: Path) -> None:
        (project / "circle").symlink_to("circle")
        assert len(find([str(project)])) == 1

    def test_message_can_be_printed(self) -> None:
        error_of(os.fsdecode(b"caf\xe9")).message.encode()

    def test_empty_string_is_named(self) -> None:
        assert not error_of("").message.startswith(" ")
