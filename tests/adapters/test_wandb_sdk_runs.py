"""Runs written by wandb itself: what is shown equals what was logged."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.adapters.ledger import Ledger, read_all, read_history, snapshot
from tests.adapters.wandb_runs import LiveRun, live_run, wait_until, write_finished
from tui_runs.adapter import Source
from tui_runs.capabilities import Detailed
from tui_runs_wandb import WandbAdapter

LIVE_ROWS = 400


class Written(NamedTuple):
    """What the SDK wrote in this session.

    Args:
        finished: directory of the runs that ended, and what they logged.
        killed: directory of one that was killed.
        live: one that still runs.
    """

    finished: Path
    truth: dict[str, Any]
    killed: Path
    live: LiveRun


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    root = tmp_path_factory.mktemp("wandb")
    with ThreadPoolExecutor(1) as pool, live_run(root / "live", "live1") as live:
        truth = pool.submit(write_finished, root / "finished")
        with live_run(root / "killed", "killed1") as killed:
            killed.log(LIVE_ROWS)
            wait_until(lambda: killed.path.stat().st_size > 100_000)
        live.log(LIVE_ROWS)
        wait_until(lambda: live.path.stat().st_size > 100_000)
        yield Written(root / "finished" / "wandb", truth.result(), root / "killed" / "wandb", live)


@pytest.fixture(scope="session")
def finished(written: Written) -> Iterator[tuple[Source, Ledger]]:
    source = WandbAdapter().open(str(written.finished), {})
    yield source, read_all(source)
    source.close()


def run_of(ledger: Ledger, wandb_id: str, part: int = 0) -> str:
    found = [run for (run, key), value in ledger.tags.items() if key == "wandb.id" and value == wandb_id]
    return sorted(found, key=lambda run: ledger.runs[run]["started"])[part]


RUNS = [("plain1", 0), ("nested1", 0), ("metric1", 0), ("odd1", 0), ("twice1", 0), ("twice1", 1)]


@pytest.mark.parametrize(("wandb_id", "part"), RUNS)
def test_histories_are_what_was_logged(written: Written, finished: Any, wandb_id: str, part: int) -> None:
    source, ledger = finished
    name = f"{wandb_id} {part}" if wandb_id == "twice1" else wandb_id
    rows = written.truth[name]["rows"]
    run_id = run_of(ledger, wandb_id, part)
    points, _, _ = read_history(source, [run_id])
    said = {key: [(step, repr(value)) for step, _, value in series] for (_, key), series in points.items()}
    expected: dict[str, list[tuple[int, str]]] = {}
    for step, row in enumerate(rows):
        for key, value in row.items():
            expected.setdefault(key, []).append((step, repr(float(value))))
    late = {"late": [(100, "1.5")]} if wandb_id == "plain1" else {}
    assert said == expected | late
    started = ledger.runs[run_id]["started"].timestamp() * 1000
    ended = ledger.runs[run_id]["ended"].timestamp() * 1000
    assert all(started - 2000 <= at <= ended + 2000 for series in points.values() for _, at, _ in series)


@pytest.mark.parametrize(("wandb_id", "part"), RUNS)
def test_table_agrees_with_the_histories(written: Written, finished: Any, wandb_id: str, part: int) -> None:
    source, ledger = finished
    run_id = run_of(ledger, wandb_id, part)
    points, _, _ = read_history(source, [run_id])
    name = f"{wandb_id} {part}" if wandb_id == "twice1" else wandb_id
    summary = written.truth[name].get("summary", {})
    for (_, key), series in points.items():
        said = ledger.metrics[run_id, key]
        values = [value for _, _, value in series]
        numbers = [value for value in values if not math.isnan(value)] or values
        last = summary.get(key, values[-1])
        assert repr(said["last"]) == repr(float(last)), key
        assert repr(said["min"]) == repr(min(numbers)), key
        assert repr(said["max"]) == repr(max(numbers)), key
        assert (said["count"], said["exact"]) == (len(values), True)
        assert said["last_step"] == series[-1][0]
    shown = {key: row["last"] for (run, key), row in ledger.metrics.items() if run == run_id}
    assert summary.items() <= shown.items()
    assert shown.keys() == {key for _, key in points} | summary.keys()


def test_facts_of_a_run(finished: Any) -> None:
    _, ledger = finished
    run_id = run_of(ledger, "plain1")
    run = ledger.runs[run_id]
    assert run_id.startswith("plain1-2")
    assert run["name"] == "plain ✓"
    assert (run["experiment"], run["group"], run["job_type"]) == ("lab λ", "g", "train")
    assert run["notes"] == "first\nsecond"
    assert run["status"] == "finished"
    assert run["started"] <= run["ended"] <= run["updated"]
    assert run["host"]
    params = ledger.params_of(run_id)
    assert float(params.pop("lr")) == 1e-05  # spelled as Go does
    assert params == {
        "layers": "[64, 32]", "model.depth": "3", "model.act.name": "gelu λ", "model.act.bias": "null",
        "big": str(2**60), "flag": "true", "text": "a\nb", "a.b": "1", "empty": "{}", "late.value": "7",
    }  # fmt: skip
    expected = {"wandb.id": "plain1", "wandb.entity": "team", "baseline": "baseline", "two words": "two words"}
    assert ledger.tags_of(run_id) == {**expected, "word": "hello"}


def test_failed_run_and_what_is_no_metric(finished: Any) -> None:
    source, ledger = finished
    run_id = run_of(ledger, "nested1")
    assert ledger.runs[run_id]["status"] == "failed"
    assert {"note": "s39", "list": "[1, 2]"}.items() <= ledger.tags_of(run_id).items()
    assert isinstance(source, Detailed)
    details = source.details([run_id, "no such run"]).frame
    kinds = dict(details.filter(group="media", key="_type").select("item", "value").iter_rows())
    assert kinds == {"hist": "histogram", "image": "image-file", "table": "table-file", "html": "html-file"}
    paths = details.filter(group="media", key="path")["value"].to_list()
    directory = Path(ledger.runs[run_id]["uri"]) / "files"
    assert len(paths) == 3
    assert all((directory / path).is_file() for path in paths)


def test_metric_definitions_and_environment(finished: Any) -> None:
    source, ledger = finished
    run_id = run_of(ledger, "metric1")
    rows = {row[1:] for row in source.details([run_id]).frame.iter_rows()}
    assert {row for row in rows if row[0] == "metric" and row[2] == "step_metric"} == {
        ("metric", "val/*", "step_metric", "epoch"), ("metric", "val/x", "step_metric", "epoch"),
    }  # fmt: skip
    assert ("metric", "epoch", "hidden", "true") in rows
    facts = {key: value for group, _, key, value in rows if group == "environment"}
    assert facts["python"].endswith(sys.version.split()[0])
    assert facts["executable"] == sys.executable
    assert facts["exit code"] == "0"


def test_resumed_run_is_a_run_of_its_own(finished: Any) -> None:
    _, ledger = finished
    first, second = (run_of(ledger, "twice1", part) for part in (0, 1))
    assert first != second
    assert ledger.runs[first]["name"] == ledger.runs[second]["name"] == "twice"
    assert (ledger.count(first, "loss"), ledger.count(second, "loss")) == (5, 6)
    assert len(ledger.runs) == len(RUNS), "latest-run was counted too"
    assert ledger.problems == {}


@pytest.mark.parametrize("which", ["killed", "live"])
def test_run_without_an_end(written: Written, which: str) -> None:
    directory = written.killed if which == "killed" else written.live.root / "wandb"
    source = WandbAdapter().open(str(directory), {})
    ledger = read_all(source)
    (run_id,) = ledger.runs
    run = ledger.runs[run_id]
    assert (run["status"], run["ended"]) == ("running", None)
    assert ledger.problems == {}
    points, _, _ = read_history(source, [run_id])
    assert len(points) == 30
    for (_, key), series in points.items():
        number = int(key[1:])
        assert len(series) > 50
        assert [(step, value) for step, _, value in series] == [
            (step, step + number / 64) for step in range(len(series))
        ]
    source.close()


def test_run_that_was_not_written_for_long_is_stale(written: Written) -> None:
    import os

    log = next(written.killed.glob("*/*.wandb"))
    os.utime(log, (1_700_000_000, 1_700_000_000))
    assert {run["status"] for run in read_all(WandbAdapter().open(str(written.killed), {})).runs.values()} == {"stale"}
    os.utime(log)


@pytest.mark.parametrize("what", ["store", "project", "run", "latest-run", "log"])
def test_every_way_to_name_a_run(written: Written, what: str) -> None:
    store = written.live.root / "wandb"
    run = written.live.path.parent
    places = {
        "store": store, "project": written.live.root, "run": run, "latest-run": store / "latest-run",
        "log": written.live.path,
    }  # fmt: skip
    adapter = WandbAdapter()
    place = str(places[what])
    assert (adapter.match(place) is not None) == (what != "project"), "a project is left to discovery"
    before = snapshot(run / "files")
    ledger = read_all(adapter.open(place, {}))
    assert len(ledger.runs) == 1
    assert next(iter(ledger.runs)).startswith("live1-")
    assert snapshot(run / "files") == before


def test_nothing_of_wandb_is_imported(written: Written) -> None:
    code = """
import sys
from tui_runs_wandb import WandbAdapter
source = WandbAdapter().open(sys.argv[1], {})
ids = [run for batch in source.scan() for run in batch.runs["run_id"]]
assert source.history(ids).frame.height and source.details(ids).frame.height
print(*(name for name in sys.modules if name.split(".")[0] in ("wandb", "google", "mlflow", "textual")))
"""
    command = [sys.executable, "-c", code, str(written.finished)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == []
