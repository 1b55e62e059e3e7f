"""A third party's adapter: found by its entry point alone, held to the contract, and used by the commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.adapters.contract import LOSS, AdapterContract, NewRun, Points, StoreWriter
from tests.adapters.ledger import read_all
from tests.adapters.metric_truth import Point
from tui_runs.adapter import Adapter
from tui_runs.sources.discover import find
from tui_runs.sources.plugins import installed_names, load, load_all

SITE = Path(__file__).parent / "thirdparty"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Adapter]:
    """The adapter of the distribution toy-runs, installed as far as importlib.metadata can tell."""
    monkeypatch.syspath_prepend(str(SITE))
    monkeypatch.setenv("PYTHONPATH", str(SITE))
    yield load("toy")
    for name in [name for name in sys.modules if name.partition(".")[0] == "toy_runs"]:
        del sys.modules[name]


class ToyWriter(StoreWriter):
    def __init__(self, root: Path) -> None:
        self.root = root
        self.location = str(root)
        root.mkdir(parents=True)
        (root / "toy.txt").write_text("toy\n")
        self._number = 0

    def write_run(self, run: NewRun) -> str:
        self._number += 1
        run_id = f"run-{self._number:03}"
        (self.root / run_id).mkdir()
        now = 1_700_000_000_000 + self._number
        facts = {"name": run.name, "params": dict(run.params), "tags": dict(run.tags), "started": now}
        self._write(run_id, {**facts, "status": run.status, "ended": None if run.status == "running" else now + 1})
        for key, points in run.metrics.items():
            self.append(run_id, key, points)
        return run_id

    def _write(self, run_id: str, run: Mapping[str, object]) -> None:
        beside = self.root / "beside"
        beside.write_text(json.dumps(run))
        os.replace(beside, self.root / run_id / "run.json")

    def _change(self, run_id: str, **values: object) -> None:
        self._write(run_id, {**json.loads((self.root / run_id / "run.json").read_text()), **values})

    def append(self, run_id: str, key: str, points: Points) -> None:
        self._append(run_id, key, "".join(f"{point.ms} {point.value!r} {point.step}\n" for point in points))

    def _append(self, run_id: str, key: str, text: str) -> None:
        path = self.root / run_id / "points" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a") as file:
            file.write(text)

    def append_half(self, run_id: str, key: str, point: Point) -> Callable[[], None]:
        self._append(run_id, key, f"{point.ms} {point.value!r} ")
        return lambda: self._append(run_id, key, f"{point.step}\n")

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        tags = json.loads((self.root / run_id / "run.json").read_text())["tags"]
        self._change(run_id, tags={**tags, key: value})

    def set_status(self, run_id: str, status: str) -> None:
        self._change(run_id, status=status, ended=1_700_000_100_000)

    def remove_run(self, run_id: str) -> None:
        path = self.root / run_id
        path.rename(self.root.with_name(f"{run_id}.removed"))

    def rewrite(self, run_id: str, key: str, points: Points) -> None:
        path = self.root / run_id / "points" / key
        path.write_text("".join(f"{point.ms} {point.value!r} {point.step}\n" for point in points))

    def break_run(self, run_id: str) -> Callable[[], None]:
        path = self.root / run_id / "run.json"
        good = path.read_text()
        path.write_text(good[:10])

        def mend() -> None:
            path.write_text(good)

        return mend

    def hide_part(self, run_id: str) -> Path:
        path = self.root / run_id / "points" / "loss"
        path.chmod(0)
        return path


class TestContract(AdapterContract):
    @pytest.fixture(autouse=True)
    def _adapter_of_the_distribution(self, installed: Adapter) -> None:
        self.adapter_class = type(installed)

    @pytest.fixture
    def empty(self, tmp_path: Path) -> ToyWriter:
        return ToyWriter(tmp_path / "store" / "toys")

    @pytest.fixture
    def many(self, empty: ToyWriter) -> ToyWriter:
        for number in range(90):
            empty.add_run("newest" if number == 89 else f"run {number}", params={"n": "1"}, status="finished")
        return empty

    @pytest.fixture
    def small_budget(self) -> None:
        """It is small anyway."""


@pytest.fixture
def store(tmp_path: Path) -> ToyWriter:
    made = ToyWriter(tmp_path / "project" / "toys")
    made.add_run("thimble", params={"lr": "3e-4"}, metrics={"loss": LOSS}, status="finished")
    return made


class TestInstalled:
    def test_is_a_row_beside_ours(self, installed: Adapter) -> None:
        assert installed_names() == sorted({"mlflow", "toy", *installed_names()})
        (toy,) = (one for one in load_all() if one.name == "toy")
        assert toy.distribution == "toy-runs 1.2"
        assert type(toy.adapter) is type(installed)
        assert toy.error == ""

    def test_is_not_imported_to_know_its_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.syspath_prepend(str(SITE))
        assert "toy" in installed_names()
        assert "toy_runs" not in sys.modules

    def test_finds_its_store_in_a_project(self, installed: Adapter, store: ToyWriter) -> None:
        for location in (store.root, store.root.parent):
            (found,) = find([str(location)])
            assert found.location == str(store.root)
            assert found.adapter.name == "toy"
            assert found.match.reason == "a toy.txt"
            ledger = read_all(found.adapter.open(found.location, {}))
            assert [run["name"] for run in ledger.runs.values()] == ["thimble"]

    def test_is_not_there_when_it_is_not_installed(self, store: ToyWriter) -> None:
        assert "toy" not in installed_names()
        assert all(found.name != "toy" for found in load_all())

    def test_serves_the_commands(self, store: ToyWriter) -> None:
        """In a new process, to which only PYTHONPATH tells of it: with an option of its own, too."""
        environment = {**os.environ, "PYTHONPATH": str(SITE), "NO_COLOR": "1"}

        def command(*arguments: str) -> str:
            done = subprocess.run(
                [sys.executable, "-m", "tui_runs", *arguments],
                env=environment, cwd=store.root.parent, capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            return done.stdout

        said = command("adapters")
        assert "toy-runs 1.2" in said
        assert "--toy-shout" in said
        (run,) = json.loads(command("ls", "--format", "json", "--toy-shout"))
        assert (run["adapter"], run["name"], run["params"]) == ("toy", "THIMBLE", {"lr": "3e-4"})
        assert run["metrics"] == {"loss": LOSS[-1].value}
