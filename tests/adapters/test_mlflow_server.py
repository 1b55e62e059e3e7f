"""A real `mlflow server` as a source: the contract, mlflow's own client for comparison, and what happens while it runs.

One server serves all of these tests; each test has an experiment of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from tests.adapters.contract import INF, LOSS, NAN, ODD, AdapterContract, StoreWriter, assert_points
from tests.adapters.ledger import Following, Ledger, read_all, read_history
from tests.adapters.metric_truth import Point
from tests.adapters.mlflow_stores import START, truth_of_client, write_rich_store
from tests.adapters.runs_asked_for import StoredRun, asked_for
from tests.adapters.tracking_server import (
    Attentive,
    Gate,
    MlflowServer,
    ServerWriter,
    count_or_none,
    shared_server,
)
from tui_runs.adapter import Focus, Source
from tui_runs.capabilities import Selective, WithArtifacts
from tui_runs.conditions import All, Compare, Condition, Has, Not, OneOf, Operator, Order, Wanted, Word
from tui_runs.errors import ArtifactError, SourceLostError
from tui_runs_mlflow import MlflowAdapter
from tui_runs_mlflow.tracking_server.filters import search_of
from tui_runs_mlflow.tracking_server.listing import Listing
from tui_runs_mlflow.tracking_server.store import ServerStore

CHANGES = "tui_runs_mlflow.tracking_server.changes"
READINGS = "tui_runs_mlflow.tracking_server.readings"
LARGEST = 1.7976931348623157e308

Open = Callable[..., ServerStore]


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> MlflowServer:
    return shared_server(request.config, tmp_path_factory)


@pytest.fixture
def writer(server: MlflowServer) -> ServerWriter:
    return ServerWriter(server)


@pytest.fixture
def opened() -> Iterator[Open]:
    sources: list[ServerStore] = []

    def open_store(writer: ServerWriter, **options: Any) -> ServerStore:
        sources.append(ServerStore(writer.location, **{"experiment": writer.name, **options}))
        return sources[-1]

    yield open_store
    for source in sources:
        source.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask the server nearly all the time."""
    for name in ("_CLOSE_SECONDS", "_NEWEST_SECONDS"):
        monkeypatch.setattr(f"{CHANGES}.{name}", 0.05)
    monkeypatch.setattr(f"{CHANGES}._BUSY", 2)  # or the server has no time for the writers
    monkeypatch.setattr(f"{READINGS}._REST_SECONDS", 0.0)


@pytest.fixture
def follow() -> Iterator[Callable[..., Following]]:
    started: list[tuple[Source, Following]] = []

    def start(source: Source, ledger: Ledger | None = None, focus: Focus | None = None) -> Following:
        following = Following(source, read_all(source) if ledger is None else ledger, focus or Focus())
        started.append((source, following))
        return following

    yield start
    for source, following in started:
        source.close()
        following.ends()


@pytest.fixture(scope="session")
def eighty(server: MlflowServer) -> ServerWriter:
    writer = ServerWriter(server)
    for number in range(80):
        metrics = {"loss": [Point(0, START + number, number / 7)]} if number % 9 == 0 else {}
        writer.add_run("newest" if number == 79 else f"run {number}", metrics=metrics)
    return writer


class TestContract(AdapterContract):
    """With somebody who looks at every metric, and a gate before the server that can be shut."""

    adapter_class = MlflowAdapter
    sorts_by_time = True

    @pytest.fixture(autouse=True)
    def prepared(self, quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Ledger, "count", count_or_none)

    @pytest.fixture
    def gate(self, server: MlflowServer) -> Iterator[Gate]:
        gate = Gate(server.port)
        yield gate
        gate.shut()

    @pytest.fixture
    def empty(self, server: MlflowServer, gate: Gate) -> StoreWriter:
        return ServerWriter(server).behind(gate)

    @pytest.fixture
    def many(self, eighty: ServerWriter, gate: Gate) -> StoreWriter:
        return eighty.behind(gate)

    @pytest.fixture
    def small_budget(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in (("_AT_ONCE", 1), ("_PAGE", 190), ("_BUDGET", 190)):
            monkeypatch.setattr(f"{READINGS}.{name}", value)

    @pytest.fixture
    def opened(self) -> Iterator[Callable[[ServerWriter], Source]]:
        sources: list[Source] = []

        def open_store(writer: ServerWriter) -> Source:
            sources.append(Attentive(ServerStore(writer.location, experiment=writer.name)))
            return sources[-1]

        yield open_store
        for source in sources:
            source.close()


# --- beside mlflow's own client ---------------------------------------------------------------------------------------


def number(value: float) -> float:
    """A value as it was logged: MLflow's databases keep the largest number for infinity."""
    return math.copysign(math.inf, value) if abs(value) == LARGEST else value


def same(ours: Mapping[str, float], theirs: Mapping[str, float]) -> bool:
    return {key: repr(value) for key, value in ours.items()} == {
        key: repr(number(value)) for key, value in theirs.items()
    }


def test_run_by_run_and_point_by_point_beside_mlflows_client(server: MlflowServer, opened: Open) -> None:
    write_rich_store(server.url)  # type: ignore[arg-type]
    truth = truth_of_client(server.url)  # type: ignore[arg-type]
    source = ServerStore(server.url, with_deleted=True)
    ledger = read_all(source)
    assert ledger.problems == {}
    assert ledger.runs.keys() == {run["run_id"] for run in truth["runs"]}
    deleted = {one["experiment_id"] for one in truth["experiments"] if one["lifecycle_stage"] == "deleted"}
    for theirs in truth["runs"]:
        run_id = theirs["run_id"]
        run = ledger.runs[run_id]
        gone = theirs["lifecycle_stage"] == "deleted" or theirs["experiment_id"] in deleted
        assert run["status"] == ("deleted" if gone else theirs["status"].lower())
        assert run["name"] == theirs["run_name"]
        assert run["experiment"] == theirs["experiment_name"]
        assert run["user"] == theirs["user_id"]
        assert [time and round(time.timestamp() * 1000) for time in (run["started"], run["ended"])] == [
            theirs["start_time"], theirs["end_time"],
        ]  # fmt: skip
        assert run["uri"] == f"{server.url}/#/experiments/{theirs['experiment_id']}/runs/{run_id}"
        assert ledger.params_of(run_id) == theirs["params"]
        assert ledger.tags_of(run_id) == theirs["tags"]
        said = {key: row for (run, key), row in ledger.metrics.items() if run == run_id}
        assert same({key: row["last"] for key, row in said.items()}, theirs["metrics"])
        for key, row in said.items():
            assert (row["exact"], row["count"], row["min"], row["max"]) == (False, None, None, None)
            step, ms, _ = max((step, ms, value) for ms, step, value in theirs["history"][key])
            assert (row["last_step"], row["last_time"].timestamp() * 1000) == (step, ms)
        points, _, _ = read_history(source, [run_id])
        assert_points(points, {
            (run_id, key): [Point(step, ms, number(value)) for ms, step, value in series]
            for key, series in theirs["history"].items()
        })  # fmt: skip
    assert {run["parent_id"] for run in ledger.runs.values()} == {None, ledger.named("parent")[0]["run_id"]}
    source.close()


def test_deleted_runs_only_on_request(writer: ServerWriter, opened: Open) -> None:
    stays, goes = writer.add_run("stays"), writer.add_run("goes", metrics={"loss": LOSS[:3]})
    writer.remove_run(goes)
    assert read_all(opened(writer)).runs.keys() == {stays}
    source = opened(writer, with_deleted=True)
    assert read_all(source).runs[goes]["status"] == "deleted"
    assert_points(read_history(source, [goes])[0], {(goes, "loss"): LOSS[:3]})


def test_experiment_by_id_by_name_and_by_its_page(writer: ServerWriter, server: MlflowServer) -> None:
    run_id = writer.add_run("one")
    page = f"{server.url}/#/experiments/{writer.experiment}/runs/{run_id}"
    for source in (
        ServerStore(server.url, experiment=writer.name),
        ServerStore(server.url, experiment=writer.experiment),
        ServerStore(page),
        ServerStore(ServerStore(page).uri),
    ):
        assert read_all(source).runs.keys() == {run_id}
        source.close()


def test_experiment_that_does_not_exist_is_said_with_those_that_do(writer: ServerWriter, opened: Open) -> None:
    with pytest.raises(SourceLostError) as caught:
        read_all(opened(writer, experiment="no such"))
    assert "'no such'" in caught.value.message
    assert writer.name in caught.value.remedy


def test_pages_of_any_size_give_every_run_once(
    eighty: ServerWriter, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read_all(opened(eighty)).state()
    monkeypatch.setitem(Listing.pages.__kwdefaults__, "sizes", (7, 13))
    batches = list(opened(eighty).scan())
    assert [batch.runs.height for batch in batches[:2]] == [7, 13]
    assert Ledger(batches).state() == whole
    started = [time for batch in batches for time in batch.runs["started"]]
    assert started == sorted(started, reverse=True)


# --- histories --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
class TestReadings:
    def test_values_become_exact_when_the_points_are_read(
        self, writer: ServerWriter, opened: Open, follow: Any
    ) -> None:
        run_id = writer.add_run("one", metrics={"loss": LOSS, "other": ODD})
        source = opened(writer)
        following: Following = follow(source)
        read_history(source, [run_id], ["loss"])
        following.until(lambda said: said.metrics[run_id, "loss"]["exact"], "the exact values")
        row = following.ledger.metrics[run_id, "loss"]
        assert (row["count"], row["min"], row["min_step"], row["max"], row["max_step"]) == (50, 0.02, 49, 1.0, 0)
        assert not following.ledger.metrics[run_id, "other"]["exact"]
        writer.append(run_id, "loss", [Point(50, START + 99_000, 7.0)])
        following.until(lambda said: said.metrics[run_id, "loss"]["last"] == 7.0, "a point more")
        row = following.ledger.metrics[run_id, "loss"]
        assert (row["exact"], row["count"], row["max"]) == (False, 50, 1.0)
        read_history(source, [run_id], ["loss"])
        following.until(lambda said: said.metrics[run_id, "loss"]["count"] == 51, "that it is counted")
        assert following.ledger.metrics[run_id, "loss"]["max"] == 7.0

    def test_point_that_comes_late_restarts_its_series(self, writer: ServerWriter, opened: Open) -> None:
        run_id = writer.add_run("one", metrics={"loss": LOSS[:20], "other": LOSS[:5]})
        source = opened(writer)
        read_all(source)
        _, cursor, _ = read_history(source, [run_id])
        late = Point(5, LOSS[5].ms + 1, 77.0)
        writer.append(run_id, "loss", [late])
        points, cursor, answers = read_history(source, [run_id], cursor=cursor)
        assert frozenset().union(*(answer.restarted for answer in answers)) == {(run_id, "loss")}
        assert_points(points, {(run_id, "loss"): [*LOSS[:6], late, *LOSS[6:20]]})
        assert read_history(source, [run_id], cursor=cursor)[0] == {}

    def test_two_readers_of_one_series(self, writer: ServerWriter, opened: Open) -> None:
        run_id = writer.add_run("one", metrics={"loss": LOSS[:10]})
        source = opened(writer)
        read_all(source)
        _, slow, _ = read_history(source, [run_id])
        writer.append(run_id, "loss", LOSS[10:20])
        _, quick, _ = read_history(source, [run_id], cursor=slow)
        writer.append(run_id, "loss", LOSS[20:30])
        assert_points(read_history(source, [run_id], cursor=slow)[0], {(run_id, "loss"): LOSS[10:30]})
        assert_points(read_history(source, [run_id], cursor=quick)[0], {(run_id, "loss"): LOSS[20:30]})

    def test_cursor_of_another_session_begins_anew(self, writer: ServerWriter, opened: Open) -> None:
        run_id = writer.add_run("one", metrics={"loss": LOSS[:10]})
        source = opened(writer)
        read_all(source)
        points, _, answers = read_history(source, [run_id], cursor={(run_id, "loss"): 4})
        assert answers[0].restarted == {(run_id, "loss")}
        assert_points(points, {(run_id, "loss"): LOSS[:10]})

    def test_first_point_alone(self, writer: ServerWriter, opened: Open) -> None:
        run_id = writer.add_run("one", metrics={"loss": LOSS[:1]})
        source = opened(writer)
        read_all(source)
        _, cursor, _ = read_history(source, [run_id])
        assert read_history(source, [run_id], cursor=cursor)[0] == {}
        writer.append(run_id, "loss", LOSS[1:3])
        points, _, answers = read_history(source, [run_id], cursor=cursor)
        assert_points(points, {(run_id, "loss"): LOSS[1:3]})
        assert not answers[0].restarted


# --- following --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
class TestFollow:
    def test_killed_and_restarted(self, server: MlflowServer, writer: ServerWriter, opened: Open, follow: Any) -> None:
        """The proof: SIGKILL in the middle, another process on the same port, and it goes on."""
        run_id = writer.add_run("one", metrics={"loss": LOSS[:10]})
        source = opened(writer)
        following: Following = follow(source)
        writer.append(run_id, "loss", LOSS[10:11])
        following.until(lambda said: said.metrics[run_id, "loss"]["last_step"] == 10, "a point before")
        server.kill()
        try:
            lost = following.raises(SourceLostError)
            assert isinstance(lost, SourceLostError)
            assert "nothing listens" in lost.message
            assert "Start the server" in lost.remedy
            for ask in (
                lambda: read_all(source),
                lambda: source.history([run_id]),
                lambda: list(source.follow(Focus())),
            ):
                with pytest.raises(SourceLostError):
                    ask()
        finally:
            server.start()
        writer.append(run_id, "loss", LOSS[11:20])
        later = writer.add_run("later")
        again: Following = follow(source, following.ledger)
        again.until(lambda said: said.metrics[run_id, "loss"]["last_step"] == 19, "a point after")
        again.until(lambda said: later in said.runs, "a run after")
        assert_points(read_history(source, [run_id])[0], {(run_id, "loss"): LOSS[:20]})

    def test_sweep_finds_what_happened_to_finished_runs(
        self, writer: ServerWriter, opened: Open, follow: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(f"{CHANGES}._FIRST_SWEEP_SECONDS", 0.0)
        monkeypatch.setattr(f"{CHANGES}._SWEEP_SECONDS", 0.0)
        old = [writer.add_run(f"old {i}", metrics={"loss": LOSS[:2]}, status="finished") for i in range(15)]
        following: Following = follow(opened(writer))
        writer.set_tag(old[0], "verdict", "good")
        following.until(lambda said: said.tags_of(old[0]).get("verdict") == "good", "a tag of a finished run")
        writer.append(old[1], "loss", LOSS[2:5])
        following.until(lambda said: said.metrics[old[1], "loss"]["last_step"] == 4, "points of a finished run")
        writer.remove_run(old[2])
        following.until(lambda said: old[2] not in said.runs, "that a finished run is gone")
        writer.client.restore_run(old[2])
        following.until(lambda said: old[2] in said.runs, "that it is back")
        writer.client.rename_experiment(writer.experiment, writer.name + " renamed")
        with pytest.raises(SourceLostError):
            following.until(lambda said: False, "that the experiment of this name is gone")

    def test_renamed_experiment(self, writer: ServerWriter, opened: Open, follow: Any) -> None:
        run_id = writer.add_run("one")
        following: Following = follow(opened(writer, experiment=writer.experiment))
        writer.client.rename_experiment(writer.experiment, "another name")
        following.until(lambda said: said.runs[run_id]["experiment"] == "another name", "the name")

    def test_new_experiment(self, server: MlflowServer, opened: Open, writer: ServerWriter, follow: Any) -> None:
        following: Following = follow(ServerStore(server.url))
        run_id = ServerWriter(server).add_run("first of its experiment", status="finished")
        following.until(lambda said: run_id in said.runs, "a run of a new experiment")

    def test_quiet_server_is_asked_seldom(
        self, writer: ServerWriter, opened: Open, follow: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A look at what runs is at most two requests, however many runs there are."""
        monkeypatch.setattr(f"{CHANGES}._NEWEST_SECONDS", 1000.0)
        for number in range(12):
            writer.add_run(f"run {number}", status="running" if number % 2 else "finished")
        source = opened(writer)
        ledger = read_all(source)
        looks: list[int] = []
        ask_all = source._client._ask_all
        monkeypatch.setattr(
            source._client, "_ask_all", lambda *asked: (looks.append(len(asked[0])), ask_all(*asked))[1]
        )
        finished = next(run_id for run_id, run in ledger.runs.items() if run["status"] == "finished")
        changes = source.follow(Focus(run_ids=frozenset({finished})))
        assert next(changes).batch is None
        assert looks == [1, 1, 1, 1]  # experiments, newest, running, looked at
        assert set(ledger.runs) == source._seen.ids()


# --- artifacts --------------------------------------------------------------------------------------------------------


class TestArtifacts:
    def test_listed_and_read_through_the_server(self, writer: ServerWriter, opened: Open, tmp_path: Any) -> None:
        run_id = writer.add_run("one")
        (tmp_path / "deep").mkdir()
        (tmp_path / "notes λ.txt").write_text("0123456789")
        (tmp_path / "deep" / "model.bin").write_bytes(bytes(range(256)) * 1000)
        writer.client.log_artifacts(run_id, str(tmp_path))
        source = opened(writer)
        assert isinstance(source, WithArtifacts)
        top = source.artifacts(run_id)
        assert top.frame.rows() == [("deep", True, None, None), ("notes λ.txt", False, 10, None)]
        assert top.complete
        assert not top.problems
        assert source.artifacts(run_id, "deep").frame.rows() == [("deep/model.bin", False, 256_000, None)]
        assert source.read_artifact(run_id, "notes λ.txt", 1000) == b"0123456789"
        assert source.read_artifact(run_id, "deep/model.bin", 300) == (bytes(range(256)) * 2)[:300]

    @pytest.mark.parametrize("path", ["", "nope", "deep", "../x", "/etc/passwd", "a/../../b", "a\\b", ".", "a//b"])
    def test_what_is_no_file_of_the_run_is_said(self, writer: ServerWriter, opened: Open, path: str) -> None:
        run_id = writer.add_run("one")
        source = opened(writer)
        with pytest.raises(ArtifactError) as caught:
            source.read_artifact(run_id, path, 100)
        assert caught.value.message
        assert caught.value.remedy
        assert source.artifacts(run_id, path).frame.is_empty()

    def test_unknown_run_has_none(self, writer: ServerWriter, opened: Open) -> None:
        source = opened(writer)
        assert source.artifacts("f" * 32).frame.is_empty()
        with pytest.raises(ArtifactError):
            source.read_artifact("f" * 32, "x", 10)


# --- selecting --------------------------------------------------------------------------------------------------------

DAY = 86_400_000
ODD_KEY = "a b.c-d/e"
PLANNED = [
    StoredRun(
        run_id="", name=name, user=None, source=None, status=status, deleted=False, started=START + number * DAY,
        ended=None if status == "RUNNING" else START + number * DAY + 500, experiment="", params=params, tags=tags,
        metrics=metrics,
    )
    for number, (name, status, params, tags, metrics) in enumerate([
        ("resnet-1", "RUNNING", {"opt": "adam", "lr": "0.1"}, {"team": "vision"}, {"loss": 0.5, ODD_KEY: 1.0}),
        ("resnet-2", "FINISHED", {"opt": "sgd", "lr": "1e-1"}, {"team": "it's"}, {"loss": -0.25}),
        ("ResNet-3", "FAILED", {"opt": "Adam", "lr": "x"}, {"team": 'say "hi"'}, {"loss": NAN, "acc": 0.9}),
        ("it's %_ odd", "KILLED", {"opt": "a\nb", ODD_KEY: "1"}, {"team": ""}, {"loss": INF, "acc": NAN}),
        ("λ ① name", "FINISHED", {"opt": "ADAM "}, {"mlflow.note.content": "note", "path": "a\\b"}, {"loss": 0.0}),
        ("bare", "SCHEDULED", {}, {}, {}),
        ("bare", "FINISHED", {"opt": "adamw"}, {"mlflow.parentRunId": "f" * 32}, {"loss": -INF, "acc": 1e22}),
    ])
]  # fmt: skip
MOMENT = datetime.fromtimestamp((START + 3 * DAY) / 1000, UTC)
MICROSECOND = timedelta(microseconds=1)
CONDITIONS: list[Condition] = [
    *(Compare("metrics.loss", operator, value) for operator in get_args(Operator)[:6] for value in (0.0, 0.5, -0.25)),
    *(Compare(f"metrics.{ODD_KEY}", "=", 1.0), Compare("metrics.loss", ">", 2e-5), Compare("metrics.acc", ">=", 1e22)),
    *(Compare("started", operator, MOMENT) for operator in get_args(Operator)[:6]),
    *(Compare("started", operator, MOMENT + MICROSECOND) for operator in ("<", "<=", ">", ">=")),
    *(Compare("ended", "<", MOMENT - MICROSECOND), Compare("started", "=", MOMENT.astimezone())),
    *(Compare("params.opt", operator, "adam") for operator in ("=", "!=", "like", "ilike", "~")),
    *(Compare("params.opt", "ilike", pattern) for pattern in ("AD%M%", "%d%", "a%b", "_dam")),
    *(Compare("params.lr", "=", 0.1), Compare(f"params.{ODD_KEY}", "=", "1"), Compare("params.opt", "=", "a\nb")),
    *(Compare("tags.team", "=", value) for value in ("it's", 'say "hi"', "", "both ' and \"")),
    *(Compare("tags.path", "=", "a\\b"), Compare("notes", "=", "note"), Compare("parent_id", "like", "f%")),
    *(Compare("status", operator, "finished") for operator in ("=", "!=")),
    *(Compare("name", operator, "resnet%") for operator in ("like", "ilike", "!=")),
    *(Compare("name", "=", "it's %_ odd"), Compare("name", "like", "it's %"), Compare("name", "=", "λ ① name")),
    *(OneOf("status", ("running", "failed")), OneOf("params.opt", ("sgd",)), Compare("experiment", "=", "no such")),
    All((Compare("status", "!=", "killed"), Compare("metrics.loss", "<", 1.0), Word("bare"), Not(Has("tags.team")))),
]


class TestSelect:
    @pytest.fixture(scope="class")
    def planned(self, server: MlflowServer) -> tuple[ServerWriter, list[StoredRun]]:
        writer = ServerWriter(server)
        runs = []
        for plan in PLANNED:
            metrics = {key: [Point(0, START, value)] for key, value in plan.metrics.items()}
            assert plan.started is not None
            writer.clock = plan.started - 60_000
            run_id = writer.add_run(plan.name or "", params=plan.params, tags=plan.tags, metrics=metrics)
            if plan.status != "RUNNING":
                writer.client.set_terminated(run_id, plan.status, end_time=plan.ended)
            tags = {"mlflow.runName": plan.name or "", **plan.tags}
            runs.append(replace(plan, run_id=run_id, experiment=writer.name, tags=tags))
        return writer, runs

    @pytest.mark.parametrize("where", CONDITIONS, ids=str)
    def test_finds_what_is_wanted(
        self, planned: tuple[ServerWriter, list[StoredRun]], opened: Open, where: Condition
    ) -> None:
        """All of it; and nothing else where the server is trusted with a limit."""
        writer, runs = planned
        source = opened(writer)
        wanted = asked_for(Wanted(where), runs)
        batches = source.select(Wanted(where))
        if batches is not None:
            assert set(Ledger(batches).runs) >= set(wanted)
        limited = Wanted(where, limit=len(runs))
        search = search_of(limited, with_deleted=False)
        assert search is not None or batches is None
        if search is not None and search.limit is not None:
            found = source.select(limited)
            assert found is not None
            assert list(Ledger(found).runs) == wanted

    @pytest.mark.parametrize("column", ["started", "ended", "metrics.loss", "metrics.acc"])
    @pytest.mark.parametrize("descending", [False, True])
    def test_first_of_an_order(
        self, planned: tuple[ServerWriter, list[StoredRun]], opened: Open, column: str, descending: bool
    ) -> None:
        writer, runs = planned
        present = [run for run in runs if not is_missing(run.value(column))]
        wanted = Wanted(order=[Order(column, descending)], limit=len(present))
        batches = opened(writer).select(wanted)
        assert batches is not None
        assert list(Ledger(batches).runs) == asked_for(wanted, runs)

    def test_by_ids(self, planned: tuple[ServerWriter, list[StoredRun]], opened: Open) -> None:
        writer, runs = planned
        some = [run.run_id for run in runs[2:5]]
        batches = opened(writer).select(Wanted(OneOf("run_id", tuple(some))))
        assert batches is not None
        ledger = Ledger(batches)
        assert ledger.runs.keys() == set(some)
        assert ledger.params_of(some[0]) == runs[2].params

    def test_none_is_wanted(self, planned: tuple[ServerWriter, list[StoredRun]], opened: Open) -> None:
        assert Ledger(opened(planned[0]).select(Wanted(limit=0)) or ()).runs == {}

    def test_by_experiment(self, planned: tuple[ServerWriter, list[StoredRun]], server: MlflowServer) -> None:
        writer, runs = planned
        source = ServerStore(server.url)
        batches = source.select(Wanted(OneOf("experiment", (writer.name, "no such"))))
        assert batches is not None
        assert Ledger(batches).runs.keys() == {run.run_id for run in runs}
        source.close()

    def test_history_of_what_was_selected(self, planned: tuple[ServerWriter, list[StoredRun]], opened: Open) -> None:
        writer, runs = planned
        source = opened(writer)
        assert isinstance(source, Selective)
        list(source.select(Wanted(Compare("run_id", "=", runs[0].run_id))) or ())
        points, _, _ = read_history(source, [run.run_id for run in runs], ["loss"])
        assert_points(points, {(runs[0].run_id, "loss"): [Point(0, START, 0.5)]})


def is_missing(value: Any) -> bool:
    return value is None or value != value
