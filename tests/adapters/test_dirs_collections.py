"""Files that hold several runs, as the source shows them; what the real ones say is tested beside their readers."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from tests.adapters.ledger import Following, read_all
from tui_runs.adapter import Focus, RunBatch
from tui_runs.capabilities import Detailed
from tui_runs.follow import follower
from tui_runs.schema import DETAILS, HISTORY, METRICS, PARAMS, RUNS, TAGS, conform, empty
from tui_runs_dirs import DirsAdapter, dir_store, known_collection
from tui_runs_dirs.files import NotReadError, stamp_of
from tui_runs_dirs.layout import Claim, Collection, CollectionReading, Stamp
from tui_runs_dirs.walk import Directory


@dataclass(frozen=True)
class Trials:
    """A JSON file: {"trial": [values]}."""

    path: str
    layout: str = "trials"

    def stamp(self) -> Stamp:
        return stamp_of(self.path)

    def read(self) -> CollectionReading:
        try:
            said = json.loads(Path(self.path).read_text())
        except ValueError:
            raise NotReadError("It is no JSON.", "Mend it.") from None
        rows = [(name, "loss", step, value) for name, values in said.items() for step, value in enumerate(values)]
        history = (
            pl.DataFrame(rows, schema=["run_id", "key", "step", "value"], orient="row") if rows else empty(HISTORY)
        )
        state = os.stat(self.path)
        written = datetime.fromtimestamp(state.st_mtime, UTC)
        statuses = ["running" if name.startswith("open") else "finished" for name in said]
        runs = pl.DataFrame({"run_id": list(said), "name": list(said), "status": statuses, "updated": written})
        runs = runs.with_columns(parent_id=pl.when(pl.col("run_id") != "t0").then(pl.lit("t0")))
        details = pl.DataFrame({"run_id": list(said), "group": "trial", "item": "x", "key": "n", "value": "1"})
        metrics = conform(history.select("run_id", "key", last="value").unique("run_id", keep="last"), METRICS)
        batch = RunBatch(conform(runs, RUNS), empty(PARAMS), empty(TAGS), metrics)
        points = conform(history, HISTORY).select(list(HISTORY))
        return CollectionReading(batch, points, conform(details, DETAILS), tells_ends="open-ended" not in said)


class TrialsLayout:
    name, title = "trials", "Trials"

    def recognise(self, directory: Directory) -> Sequence[Claim | Collection]:
        return [Trials(directory.join(name)) for name in directory.files if name == "trials.json"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    layouts = TrialsLayout(), *dir_store.built_in()
    monkeypatch.setattr(dir_store, "built_in", lambda: layouts)
    (tmp_path / "study").mkdir()
    return tmp_path


def write(place: Path, **trials: list[float]) -> None:
    (place / "study" / "trials.json").write_text(json.dumps(trials))


def test_runs_are_named_by_place_and_id(place: Path) -> None:
    write(place, t0=[1.0], t1=[0.5, 0.25])
    source = DirsAdapter().open(str(place), {})
    said = read_all(source)
    assert said.runs.keys() == {"study/trials.json/t0", "study/trials.json/t1"}
    run = said.runs["study/trials.json/t1"]
    assert run["parent_id"] == "study/trials.json/t0"
    assert run["uri"] == str(place / "study" / "trials.json")
    assert said.tags_of("study/trials.json/t1") == {"tool": "Trials"}
    assert "Trials" in source.kind
    assert isinstance(source, Detailed)
    assert source.details(["study/trials.json/t1"]).frame.height == 1


def test_history_goes_on_and_restarts(place: Path) -> None:
    write(place, t0=[1.0], t1=[0.5, 0.25])
    source = DirsAdapter().open(str(place), {})
    ids = ["study/trials.json/t0", "study/trials.json/t1"]
    first = source.history(ids)
    assert first.frame["value"].to_list() == [1.0, 0.5, 0.25]
    write(place, t0=[1.0], t1=[0.5, 0.25, 0.125])
    second = source.history(ids, None, first.cursor)
    assert (second.frame["value"].to_list(), second.restarted) == ([0.125], frozenset())
    write(place, t0=[7.0, 8.0], t1=[0.5, 0.25, 0.125])
    third = source.history(ids, ["loss"], second.cursor)
    assert third.frame["value"].to_list() == [7.0, 8.0]
    assert third.restarted == {("study/trials.json/t0", "loss")}


def test_status_by_the_age_of_the_last_write(place: Path) -> None:
    path = place / "study" / "trials.json"

    def statuses(minutes: float) -> set[str]:
        os.utime(path, (time.time() - 60 * minutes,) * 2)
        said = read_all(DirsAdapter().open(str(place), {"stale-minutes": 30.0}))
        return {run["status"] for run in said.runs.values()}

    write(place, open=[1.0], done=[1.0])
    assert statuses(29) == {"running", "finished"}
    assert statuses(31) == {"stale", "finished"}
    write(place, **{"open-ended": [1.0]})
    assert statuses(29) == {"running"}
    assert statuses(31) == {"finished"}


def test_run_ages_though_nothing_is_written(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "LOOK_SECONDS", 0.1)
    write(place, open=[1.0])
    source = DirsAdapter().open(str(place), {"stale-minutes": 30.0})
    following = Following(source, read_all(source), Focus())
    try:
        assert following.ledger.runs["study/trials.json/open"]["status"] == "running"
        following.until(lambda _: any(change.batch is None for change in following.changes), "that it has begun")
        later = time.time() + 3600
        monkeypatch.setattr(known_collection, "now", lambda: later)
        following.until(lambda said: said.runs["study/trials.json/open"]["status"] == "stale", "that it is stale")
    finally:
        source.close()
        following.ends()


def test_what_could_not_be_read_is_tried_again(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database may be locked: no time of a write tells that it is not any more."""
    monkeypatch.setattr(follower, "LOOK_SECONDS", 0.1)
    write(place, t0=[1.0])
    source = DirsAdapter().open(str(place), {})
    read = Trials.read
    monkeypatch.setattr(Trials, "read", lambda _: (_ for _ in ()).throw(NotReadError("It is locked.", "Wait.")))
    following = Following(source, read_all(source), Focus())
    try:
        assert [problem.what for problem in following.ledger.problems.values()] == ["It is locked."]
        monkeypatch.setattr(Trials, "read", read)
        following.until(lambda said: said.runs and not said.problems, "that it could be read")
    finally:
        source.close()
        following.ends()


def test_changes_are_followed(place: Path) -> None:
    write(place, t0=[1.0], t1=[0.5])
    source = DirsAdapter().open(str(place), {})
    following = Following(source, read_all(source), Focus())
    try:
        following.until(lambda _: any(change.batch is None for change in following.changes), "that it has begun")
        write(place, t0=[1.0], t2=[0.5])
        following.until(lambda said: "study/trials.json/t2" in said.runs, "the new trial")
        assert "study/trials.json/t1" not in following.ledger.runs
        (place / "study" / "trials.json").write_text('{"t0": [')
        following.until(lambda said: said.problems, "that it is broken")
        assert "study/trials.json/t2" in following.ledger.runs
        write(place, t0=[1.0, 2.0])
        following.until(lambda said: not said.problems, "that it is mended")
        (place / "study" / "trials.json").unlink()
        following.until(lambda said: not said.runs, "that it is gone")
    finally:
        source.close()
        following.ends()
