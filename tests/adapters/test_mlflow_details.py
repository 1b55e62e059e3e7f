"""Datasets, models, their versions and experiments: the same from files, a database and a server, as mlflow says."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.mlflow_stores import START, exchange_when_opened
from tui_runs.capabilities import Detailed, Details, WithArtifacts
from tui_runs.errors import ArtifactError, SourceLostError
from tui_runs.schema import DETAILS
from tui_runs_mlflow.database.details import find_artifacts, read_details
from tui_runs_mlflow.database.sqlite import SqliteDatabase
from tui_runs_mlflow.database.store import DatabaseStore
from tui_runs_mlflow.details import MODELS_LIMIT, DatasetInput, RunDetails, details_frame
from tui_runs_mlflow.file_details import FileDetails
from tui_runs_mlflow.file_store import FileStore
from tui_runs_mlflow.tracking_server import details as served
from tui_runs_mlflow.tracking_server.transport import Request
from tui_runs_mlflow.tracking_server.troubles import MissingError, RefusedError, ServerLostError

DATA = Path(__file__).parent.parent / "data"
Rows = dict[tuple[str, str], dict[str, str]]
"""What details say: keys and values by group and item."""


@dataclass
class Store:
    """One of the two stores, with the ids that mlflow gave.

    Args:
        root: the directory of files, or the one that the database is in.
        ids: of the runs, models and the experiment by the names used here.
    """

    root: Path
    client: Any
    ids: dict[str, str]
    read: Callable[..., Details]

    def rows(self, run: str) -> Rows:
        details = self.read([self.ids[run]])
        assert not details.problems
        return rows_of(details)

    def run_dir(self, run: str) -> Path:
        return next(self.root.glob(f"*/{self.ids[run]}"))


def rows_of(details: Details) -> Rows:
    assert dict(details.frame.schema) == dict(DETAILS)
    found: Rows = {}
    for _, group, item, key, value in details.frame.iter_rows():
        assert key not in found.setdefault((group, item), {})
        found[group, item][key] = value
    return found


def write_store(client: Any) -> dict[str, str]:
    """One of everything, through mlflow's client; returns the ids."""
    import numpy as np
    import pandas as pd
    from mlflow.data.numpy_dataset import from_numpy
    from mlflow.data.pandas_dataset import from_pandas
    from mlflow.entities import Dataset, InputTag, LoggedModelInput, LoggedModelOutput, Metric
    from mlflow.entities import DatasetInput as Input
    from mlflow.models import Model

    t = START
    experiment = client.create_experiment("vision: λ", tags={"team": "vision", "mlflow.note.content": "All.\nOf it."})
    tags = {
        "mlflow.project.entryPoint": "train",
        "mlflow.source.type": "PROJECT",
        "mlflow.source.git.repoURL": "https://me:hunter2@git.example/x.git",
        "mlflow.source.git.branch": "main",
        "mlflow.docker.image.uri": "registry/image:1",
        "other": "not shown",
    }
    run = client.create_run(experiment, run_name="trained", tags=tags).info.run_id

    frame = pd.DataFrame({"width (cm)": [1.5, 2.5], "kind": ["a", "b"]})
    pandas = from_pandas(frame, source="/data/train set.csv", name="train", targets="kind")
    same_name = from_pandas(frame.tail(1), source="/data/test.csv", name="train")
    source = "s3://me:hunter2@bucket/x.npy"
    numpy = from_numpy(np.zeros((5, 3)), source=source, name="λ", targets=np.ones(5))
    contexts = [InputTag("mlflow.data.context", "training"), InputTag("fold", "1: 'one'\n\n two")]
    plain = Input(Dataset("bare", "1e5", "local", "not json", None, None))
    read = [Input(pandas._to_mlflow_entity(), contexts), Input(same_name._to_mlflow_entity()), plain]
    client.log_inputs(run, datasets=[*read, Input(numpy._to_mlflow_entity())])

    def model(name: str, **options: Any) -> str:
        return str(client.create_logged_model(experiment, name=name, source_run_id=run, **options).model_id)

    best = model("net", params={"depth": "3", "λ": ""}, tags={"own": "t", "mlflow.user": "x"}, model_type="Agent")
    client.finalize_logged_model(best, "READY")
    broken = model("net")
    client.finalize_logged_model(broken, "FAILED")
    unsaid = model("never logged as an output")
    client.delete_logged_model(deleted := model("deleted"))
    client.log_outputs(run, [LoggedModelOutput(one, step) for one, step in ((best, 7), (broken, 3), (deleted, 1))])
    on = {"dataset_name": "train", "dataset_digest": pandas.digest}
    points = [
        *(Metric("acc", value, t + step, step, model_id=best) for step, value in ((0, 0.5), (9, 0.75), (4, 0.9))),
        *(Metric("acc", value, t, step, model_id=best, **on) for step, value in ((1, 0.1), (2, 0.2))),
        Metric("acc", 0.3, t + 5, 0, model_id=best, **on | {"dataset_digest": "x"}),
        Metric("a/b", float("-inf"), t, 2, model_id=best),
        Metric("big", 1e22, t, 2**40, model_id=best),
    ]
    client.log_batch(run, metrics=points)

    client.create_registered_model("digits", tags={"of": "the model"})
    for description in ("the first", None):
        client.create_model_version("digits", f"models:/{best}", run, tags={"k": "v"}, description=description)
    client.create_registered_model("another")
    client.create_model_version("another", "/somewhere", run)
    client.transition_model_version_stage("digits", "1", "Production")
    for alias, version in (("champion", "2"), ("b", "2"), ("old", "1")):
        client.set_registered_model_alias("digits", alias, version)
    client.create_model_version("digits", "/elsewhere", run)
    client.delete_model_version("digits", "3")

    evaluated = client.create_run(experiment, run_name="evaluated").info.run_id
    client.log_inputs(evaluated, models=[LoggedModelInput(best)])
    elsewhere = client.create_run("0", run_name="of another experiment").info.run_id
    client.log_inputs(elsewhere, models=[LoggedModelInput(best)])
    old = client.create_run("0", run_name="by an old client").info.run_id
    for path in ("model", "deep/model"):
        client._record_logged_model(old, Model(artifact_path=path, run_id=old, flavors={"sklearn": {}, "onnx": {}}))
    gone = client.create_run("0", run_name="deleted").info.run_id
    client.delete_run(gone)
    return {
        "trained": run, "evaluated": evaluated, "elsewhere": elsewhere, "old": old, "gone": gone,
        "experiment": experiment, "best": best, "broken": broken, "unsaid": unsaid,
        "pandas": pandas.digest, "same name": same_name.digest, "numpy": numpy.digest,
    }  # fmt: skip


def open_files(root: Path) -> Callable[..., Details]:
    details = FileDetails(str(root))

    def read(run_ids: list[str]) -> Details:
        found = {run_id: next(iter(root.glob(f"*/{run_id}")), root / "0" / run_id) for run_id in run_ids}
        return details.read({run_id: str(path) for run_id, path in found.items()})

    return read


def open_database(path: Path) -> Callable[..., Details]:
    database = SqliteDatabase(str(path))
    return lambda run_ids: read_details(database, run_ids)


def repr_start(content: bytes) -> str:
    return repr(content[:8])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Store]]:
    import mlflow

    root = tmp_path_factory.mktemp("details")
    before = mlflow.get_tracking_uri()

    def write(uri: str) -> tuple[Any, dict[str, str]]:
        mlflow.set_tracking_uri(uri)  # whatever the client, the registry asks this for logged models
        with contextlib.chdir(root):  # where a database's artifacts go by default
            client = mlflow.MlflowClient(uri)
            return client, write_store(client)

    files, database = write(str(root / "mlruns")), write(f"sqlite:///{root}/mlflow.db")
    yield {
        "files": Store(root / "mlruns", *files, open_files(root / "mlruns")),
        "database": Store(root, *database, open_database(root / "mlflow.db")),
    }
    mlflow.set_tracking_uri(before)


@pytest.fixture(params=["files", "database"])
def store(made: dict[str, Store], request: pytest.FixtureRequest) -> Store:
    """A store that is not to be written into."""
    import mlflow

    found = made[request.param]
    mlflow.set_tracking_uri(found.client.tracking_uri)
    return found


@pytest.fixture
def copied(made: dict[str, Store], tmp_path: Path) -> Store:
    """A copy of the directory of files, times included, to be damaged."""
    shutil.copytree(made["files"].root, tmp_path / "mlruns")
    return Store(tmp_path / "mlruns", None, made["files"].ids, open_files(tmp_path / "mlruns"))


@pytest.fixture(scope="module")
def ask(made: dict[str, Store]) -> Callable[[Request], object]:
    """Makes requests to mlflow's own server in this process, over the database."""
    from mlflow.server import app
    from mlflow.server.handlers import initialize_backend_stores

    uri = f"sqlite:///{made['database'].root}/mlflow.db"
    initialize_backend_stores(uri, uri, str(made["database"].root / "mlruns"))
    web = app.test_client()

    def make_request(request: Request) -> object:
        if request.body is None:
            answer = web.get(request.path, query_string=request.query)
        else:
            answer = web.post(request.path, json=request.body)
        said: Any = answer.get_json(silent=True)
        if answer.status_code == 404 and said:
            raise MissingError(said["message"])
        if answer.status_code == 400:
            raise RefusedError(said["message"])
        assert answer.status_code == 200
        return said

    return make_request


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{ms % 1000:03}Z"


class TestWhatMlflowSays:
    def test_the_run(self, store: Store) -> None:
        rows = store.rows("trained")
        assert rows["run", store.ids["trained"]] == {
            "entry point": "train",
            "source type": "PROJECT",
            "git repository": "https://me@git.example/x.git",
            "git branch": "main",
            "docker image": "registry/image:1",
            "artifact uri": store.client.get_run(store.ids["trained"]).info.artifact_uri,
        }
        (deleted,) = (rows for (group, _), rows in store.rows("gone").items() if group == "run")
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", deleted["deleted"])

    def test_the_experiment(self, store: Store) -> None:
        said = store.client.get_experiment(store.ids["experiment"])
        assert store.rows("trained")["experiment", "vision: λ"] == {
            "id": said.experiment_id,
            "description": "All.\nOf it.",
            "artifact location": said.artifact_location,
            "created": iso(said.creation_time),
            "tags.team": "vision",
        }

    def test_the_datasets(self, store: Store) -> None:
        ids = store.ids
        found = {item: row for (group, item), row in store.rows("trained").items() if group == "dataset"}
        assert set(found) == {"λ", "bare", f"train ({ids['pandas']})", f"train ({ids['same name']})"}
        for entry in store.client.get_run(ids["trained"]).inputs.dataset_inputs:
            said = entry.dataset
            row = found.get(said.name) or found[f"{said.name} ({said.digest})"]
            assert (row["digest"], row["source type"]) == (said.digest, said.source_type)
            tags = {tag.key: tag.value for tag in entry.tags}
            assert row.get("context") == tags.pop("mlflow.data.context", None)
            assert {key: value for key, value in row.items() if key.startswith("tags.")} == {
                f"tags.{key}": value for key, value in tags.items()
            }
            profile = json.loads(said.profile or "{}")
            shown = {key.removeprefix("profile."): row[key] for key in row if key.startswith("profile.")}
            assert {key: json.loads(value) for key, value in shown.items()} == profile
        pandas = found[f"train ({ids['pandas']})"]
        assert pandas["source"] == "/data/train set.csv"
        assert (pandas["columns"], pandas["schema"]) == ("2", "width (cm) double, kind string")
        assert found["λ"]["schema.features"] == "float64 [-1, 3]"
        assert found["λ"]["source"] == "s3://me@bucket/x.npy"
        assert found["bare"] == {"digest": "1e5", "source type": "local", "source": "not json"}

    def test_the_logged_models(self, store: Store) -> None:
        ids = store.ids
        found = {item: row for (group, item), row in store.rows("trained").items() if group == "logged model"}
        names = {"best": f"net ({ids['best'][:10]})", "broken": f"net ({ids['broken'][:10]})"}
        assert set(found) == {*names.values(), "never logged as an output"}
        said = store.client.get_logged_model(ids["best"])
        assert found[names["best"]] == {
            "role": "output",
            "model id": said.model_id,
            "status": "READY",
            "type": "Agent",
            "step": "7",
            "created": iso(said.creation_timestamp),
            "location": said.artifact_location,
            "params.depth": "3",
            "params.λ": "",
            "metrics.acc": "0.75 at step 9",
            f"metrics.acc on train ({ids['pandas']})": "0.2 at step 2",
            "metrics.acc on train (x)": "0.3 at step 0",
            "metrics.a/b": "-inf at step 2",
            "metrics.big": f"1e+22 at step {2**40}",
            "tags.own": "t",
        }
        assert (found[names["broken"]]["status"], found[names["broken"]]["step"]) == ("FAILED", "3")
        assert found["never logged as an output"]["status"] == "PENDING"

    @pytest.mark.parametrize("run", ["evaluated", "elsewhere"])
    def test_a_model_that_was_read(self, store: Store, run: str) -> None:
        (row,) = (row for (group, _), row in store.rows(run).items() if group == "logged model")
        assert (row["role"], row["model id"], row["source run"]) == ("input", store.ids["best"], store.ids["trained"])
        assert "step" not in row

    def test_models_of_old_clients(self, store: Store) -> None:
        found = {item: row for (group, item), row in store.rows("old").items() if group == "logged model"}
        said = json.loads(store.client.get_run(store.ids["old"]).data.tags["mlflow.log-model.history"])
        assert found == {
            one["artifact_path"]: {
                "role": "output",
                "model uuid": one["model_uuid"],
                "flavors": "onnx, sklearn",
                "created": one["utc_time_created"],
                **({"mlflow version": one["mlflow_version"]} if "mlflow_version" in one else {}),
            }
            for one in said
        }

    def test_the_model_versions(self, store: Store) -> None:
        found = {item: row for (group, item), row in store.rows("trained").items() if group == "registered model"}
        assert list(found) == ["another v1", "digits v1", "digits v2"]
        for item, row in found.items():
            name, _, version = item.partition(" v")
            said = store.client.get_model_version(name, version)
            assert row == {
                **({"stage": said.current_stage} if said.current_stage != "None" else {}),
                **({"aliases": ", ".join(sorted(said.aliases))} if said.aliases else {}),
                **({"description": said.description} if said.description else {}),
                "status": said.status,
                "created": iso(said.creation_timestamp),
                "source": said.source,
                **{f"tags.{key}": value for key, value in said.tags.items()},
            }
        assert found["digits v1"]["stage"] == "Production"
        assert found["digits v2"]["aliases"] == "b, champion"

    def test_unknown_runs_say_nothing(self, store: Store) -> None:
        for ids in ([], ["no such run"], ["'; DROP TABLE runs"]):
            details = store.read(ids)
            assert details.frame.is_empty()
            assert not details.problems

    def test_several_runs_at_once(self, store: Store) -> None:
        wanted = [store.ids["elsewhere"], "no such run", store.ids["trained"]]
        frame = store.read(wanted).frame
        assert frame["run_id"].unique(maintain_order=True).to_list() == [wanted[0], wanted[2]]
        assert frame.equals(pl.concat([store.read([one]).frame for one in wanted]))


class TestEveryBackend:
    @pytest.mark.parametrize("run", ["trained", "evaluated", "elsewhere", "old", "gone"])
    def test_the_same_runs_say_the_same(
        self, made: dict[str, Store], ask: Callable[[Request], object], run: str
    ) -> None:
        database = made["database"]
        from_server = rows_of(served.read_details(ask, [database.ids[run]]))
        if run == "gone":  # the one thing that the API leaves out
            from_server["run", database.ids[run]]["deleted"] = database.rows(run)["run", database.ids[run]]["deleted"]
        assert from_server == database.rows(run)
        assert self.without_ids(database, run) == self.without_ids(made["files"], run)

    def without_ids(self, store: Store, run: str) -> str:
        """All that is said of a run, with what differs by nature between two stores replaced."""
        frame = store.read([store.ids[run]]).frame
        text = str(sorted(frame.drop("run_id").rows()))
        text = re.sub(r"\d{4}-\d\d-\d\dT[0-9:.]+Z|\d{4}-\d\d-\d\d \d\d:[0-9:.]+|/tmp/[^']*", "…", text)
        for name, one in sorted(store.ids.items(), key=lambda pair: -len(pair[1])):
            if name in ("best", "broken", "unsaid"):
                text = text.replace(f"({one[:10]})", f"({name})").replace(one, name)
            elif name not in ("experiment", "pandas", "same name", "numpy"):
                text = text.replace(f"'{one}'", f"'{name}'")
        text = re.sub(r"\b[0-9a-f]{32}\b", "…", text).replace(f"'id', '{store.ids['experiment']}'", "'id', '…'")
        return "\n".join(sorted(text.split("), (")))

    def test_a_server_without_these_pages(self, made: dict[str, Store], ask: Callable[[Request], object]) -> None:
        """Servers before 2.0 have neither logged models nor, behind a proxy, a registry."""

        def answer(request: Request) -> object:
            if "/runs/get" not in request.path:
                raise ServerLostError("It does not know the API (404).", "")
            return ask(request)

        run_id = made["database"].ids["trained"]
        groups = {group for group, _ in rows_of(served.read_details(answer, [run_id]))}
        assert groups == {"run", "experiment", "dataset"}

    def test_a_server_in_trouble_is_no_answer(self) -> None:
        def answer(request: Request) -> object:
            if "/runs/get" in request.path:
                return {"run": {"info": {"experiment_id": "1"}}}
            raise ServerLostError("Busy.", "", passing=True)

        with pytest.raises(SourceLostError, match="Busy"):
            served.read_details(answer, ["x"])

    @settings(max_examples=40)
    @given(
        st.recursive(
            st.none() | st.text(max_size=3) | st.integers(),
            lambda inner: st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(["run", "info", "data", "tags", "key", "outputs", "model_outputs", "model_id", "models",
                                 "step", "inputs", "dataset_inputs", "dataset", "model", "metrics", "model_versions"]),
                inner, max_size=4,
            ),
            max_leaves=20,
        )
    )  # fmt: skip
    def test_a_server_that_talks_nonsense_is_survived(self, said: object) -> None:
        served.read_details(lambda _: said, ["x"])


class TestInFiles:
    def test_a_new_version_or_model_is_seen(self, copied: Store) -> None:
        before = copied.rows("trained")
        digits = copied.root / "models" / "digits"
        (digits / "version-1").rename(copied.root / "models" / "kept")
        shutil.copytree(digits / "version-2", digits / "version-7")
        meta = digits / "version-7" / "meta.yaml"
        meta.write_text(meta.read_text().replace("version: 2", "version: 7"))
        after = copied.rows("trained")
        assert ("registered model", "digits v1") in before
        assert ("registered model", "digits v1") not in after
        assert ("registered model", "digits v7") in after

    def test_what_is_rewritten_in_place_is_seen(self, copied: Store) -> None:
        for name in ("models/digits/version-2", "models/digits", "models"):
            os.utime(copied.root / name, (1, 1))  # long ago, so that the index believes it
        copied.rows("trained")
        meta = copied.root / "models" / "digits" / "version-2" / "meta.yaml"
        meta.write_text(meta.read_text().replace("current_stage: None", "current_stage: Staging"))
        assert copied.rows("trained")["registered model", "digits v2"]["stage"] == "Staging"

    def test_the_index_reads_each_version_once(self, copied: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        from tui_runs_mlflow import file_details

        for directory in (copied.root / "models" / "digits", copied.root / "models" / "another"):
            os.utime(directory, (1, 1))
        copied.rows("evaluated")
        opened: list[str] = []

        def read_file(path: str, *limit: int) -> bytes:
            opened.append(path)
            return Path(path).read_bytes()

        monkeypatch.setattr(file_details, "read_file", read_file)
        copied.rows("evaluated")
        assert opened
        assert not [path for path in opened if "/version-" in path]

    @pytest.mark.parametrize(
        "broken",
        ["inputs", "datasets", "models", "registry", "experiment", "outputs"],
    )
    @pytest.mark.parametrize("content", [b"", b"\xff", b"- a\n", b"a: [\n", b"x: " + b"[" * 5000], ids=repr_start)
    def test_one_broken_file_is_one_problem_and_loses_nothing_else(
        self, copied: Store, broken: str, content: bytes
    ) -> None:
        run = copied.run_dir("trained")
        path = {
            "inputs": next((run / "inputs").iterdir()),
            "datasets": next((run.parent / "datasets").iterdir()),
            "models": run.parent / "models" / copied.ids["best"],
            "registry": copied.root / "models" / "digits" / "version-2",
            "experiment": run.parent,
            "outputs": run / "outputs" / copied.ids["broken"],
        }[broken] / "meta.yaml"
        whole = copied.rows("trained")
        path.write_bytes(content)
        details = copied.read([copied.ids["trained"]])
        assert [problem.uri for problem in details.problems] == [str(path)]
        assert len(rows_of(details)) >= len(whole) - 1

    def test_a_dataset_or_model_that_is_not_there(self, copied: Store) -> None:
        run = copied.run_dir("trained")
        shutil.rmtree(run.parent / "datasets")
        shutil.rmtree(run.parent / "models" / copied.ids["best"])
        details = copied.read([copied.ids["trained"]])
        assert len(details.problems) == 5
        assert {"logged model", "registered model", "experiment"} <= {group for group, _ in rows_of(details)}

    def test_bad_metric_lines_are_one_problem_a_file(self, copied: Store) -> None:
        path = copied.run_dir("trained").parent / "models" / copied.ids["best"] / "metrics" / "acc"
        with open(path, "ab") as file:
            file.write(b"1 2\n\xff 1 1 r\n1 1 100 r lonely\n1700000000000 0.125 50 r two words d1g\n9 9 9")
        details = copied.read([copied.ids["trained"]])
        (problem,) = details.problems
        assert (problem.uri, problem.what[:7]) == (str(path), "3 lines")
        (row,) = (row for row in rows_of(details).values() if row.get("model id") == copied.ids["best"])
        assert row["metrics.acc on two words"] == "0.125 at step 50"
        assert row["metrics.acc"] == "0.75 at step 9"

    def test_the_end_of_a_long_metric_file_counts(self, copied: Store) -> None:
        path = copied.run_dir("trained").parent / "models" / copied.ids["best"] / "metrics" / "long"
        path.write_text("".join(f"{START + step} {step / 4} {step} r\n" for step in range(30_000)))
        (row,) = (row for row in copied.rows("trained").values() if row.get("model id") == copied.ids["best"])
        assert row["metrics.long"] == f"{29_999 / 4} at step 29999"

    def test_a_link_put_in_place_of_a_long_metric_file_is_not_followed(
        self, copied: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lines = [f"{START + step} {{}} {step} r\n" for step in range(30_000)]
        path = copied.run_dir("trained").parent / "models" / copied.ids["best"] / "metrics" / "long"
        path.write_text("".join(lines).format(*[1] * 30_000))
        secret = copied.root.parent / "secret"
        secret.write_text("".join(lines).format(*[2] * 30_000))
        exchange_when_opened(monkeypatch, path, secret)
        (row,) = (row for row in copied.rows("trained").values() if row.get("model id") == copied.ids["best"])
        assert path.is_symlink()
        assert row["metrics.long"] == "1.0 at step 29999"

    @pytest.mark.parametrize("name", ["..", "../../../../etc", "/etc", "a/b", ".", "nul\\0"])
    def test_names_in_files_are_no_paths(self, copied: Store, name: str) -> None:
        run = copied.run_dir("trained")
        secret = copied.root.parent / "meta.yaml"
        secret.write_text("name: the secret\ndigest: x\n")
        for meta in (*run.glob("inputs/*/meta.yaml"), *run.glob("outputs/*/meta.yaml")):
            text = re.sub(r"(?m)^(source_id|destination_id): .*$", rf"\1: '{name}'", meta.read_text())
            meta.write_text(text)
        rows = rows_of(copied.read([copied.ids["trained"]]))
        assert "the secret" not in str(rows)
        assert "dataset" not in {group for group, _ in rows}

    @pytest.mark.parametrize(
        ("what", "lost"),
        [
            ("inputs", "'dataset'"),
            ("outputs", "'step'"),
            ("tags", "entry point"),
            ("../datasets", "'dataset'"),
            ("../models", "'logged model'"),
            ("../tags", "tags.team"),
            ("../../models", "'registered model'"),
        ],
    )
    def test_links_are_not_followed(self, copied: Store, what: str, lost: str) -> None:
        assert lost in str(copied.rows("trained"))
        place = Path(os.path.normpath(copied.run_dir("trained") / what))
        elsewhere = copied.root.parent / "elsewhere"
        place.rename(elsewhere)
        place.symlink_to(elsewhere)
        assert lost not in str(rows_of(copied.read([copied.ids["trained"]])))

    def test_of_very_many_models_the_last_are_shown(self, copied: Store) -> None:
        run = copied.run_dir("trained")
        models = run.parent / "models"
        for number in range(MODELS_LIMIT):
            model = f"m-{number:08}{number:024}"
            shutil.copytree(models / copied.ids["broken"], models / model)
            (run / "outputs" / model).mkdir()
            link = (run / "outputs" / copied.ids["broken"] / "meta.yaml").read_text()
            link = link.replace(copied.ids["broken"], model).replace("step: 3", f"step: {number + 5}")
            (run / "outputs" / model / "meta.yaml").write_text(link)
        rows = copied.rows("trained")
        made = [row for (group, _), row in rows.items() if group == "logged model" and "step" in row]
        # Of 104 not the one without a step, and not those of steps 1 (a deleted one), 3 and 5.
        assert {int(row["step"]) for row in made} == set(range(6, 105))
        assert rows["logged model", "…"]["not shown"] == "4 more"

    @pytest.mark.parametrize("version", ["mlflow_1_30", "mlflow_2_22"])
    def test_stores_of_old_versions(self, version: str) -> None:
        truth = json.loads((DATA / version / "truth.json").read_text())
        read = open_files(DATA / version / "mlruns")
        names = {one["experiment_id"]: one["name"] for one in truth["experiments"]}
        described = 0
        for run in truth["runs"]:
            details = read([run["run_id"]])
            assert not details.problems
            rows = rows_of(details)
            if not rows:
                continue  # in the trash, where this test does not look
            described += 1
            assert rows["experiment", names[run["experiment_id"]]]["id"] == run["experiment_id"]
            assert rows["run", run["run_id"]]["artifact uri"] == run["artifact_uri"]
            for dataset in run.get("datasets", ()):
                row = rows["dataset", dataset["name"]]
                assert row["digest"] == dataset["digest"]
                assert row["context"] == dataset["tags"]["mlflow.data.context"]
        assert described > 5
        if version == "mlflow_2_22":
            (owner,) = (run["run_id"] for run in truth["runs"] if run.get("datasets"))
            assert rows_of(read([owner]))["registered model", "digits v1"]["source"] == "/srv/train/export/model"


class TestInADatabase:
    def test_old_schemas_say_what_they_have(self, made: dict[str, Store], tmp_path: Path) -> None:
        """Tables and columns taken away one after the other, newest first, down to MLflow 1.0's."""
        path = tmp_path / "old.db"
        shutil.copy(made["database"].root / "mlflow.db", path)
        run_id = made["database"].ids["trained"]
        groups = {"run", "experiment", "dataset", "logged model", "registered model"}
        steps = [
            ("ALTER TABLE inputs DROP COLUMN step", groups),
            ("DROP TABLE logged_model_metrics", groups),
            ("DROP TABLE logged_models", {"run", "experiment", "dataset", "registered model"}),
            ("DROP TABLE input_tags", {"run", "experiment", "dataset", "registered model"}),
            ("DROP TABLE datasets", {"run", "experiment", "registered model"}),
            ("DROP TABLE inputs", {"run", "experiment", "registered model"}),
            ("DROP TABLE registered_model_aliases", {"run", "experiment", "registered model"}),
            ("DROP TABLE model_version_tags", {"run", "experiment", "registered model"}),
            ("DROP TABLE model_versions", {"run", "experiment"}),
            ("ALTER TABLE runs DROP COLUMN deleted_time", {"run", "experiment"}),
            ("DROP INDEX idx_experiments_workspace_creation_time", {"run", "experiment"}),
            ("ALTER TABLE experiments DROP COLUMN creation_time", {"run", "experiment"}),
            ("DROP TABLE experiment_tags", {"run", "experiment"}),
        ]
        for statement, groups in steps:
            with sqlite3.connect(path) as connection:
                connection.execute("PRAGMA foreign_keys = OFF")
                connection.execute(statement)
            connection.close()
            rows = rows_of(open_database(path)([run_id]))
            assert {group for group, _ in rows} == groups, statement
        assert rows["run", run_id]["entry point"] == "train"

    def test_where_the_artifacts_are(self, made: dict[str, Store]) -> None:
        store = made["database"]
        run_id = store.ids["evaluated"]
        store.client.log_text(run_id, "hello", "deep/hello.txt")
        database = SqliteDatabase(str(store.root / "mlflow.db"))
        found = find_artifacts(database, run_id)
        assert found.list_directory("deep").frame["path"].to_list() == ["deep/hello.txt"]
        assert found.read_file("deep/hello.txt", 4) == b"hell"
        assert find_artifacts(database, "no such run").list_directory().frame.is_empty()
        database.close()
        (problem,) = find_artifacts(database, run_id).list_directory().problems
        assert problem.uri == database.uri


class TestSources:
    """The sources that a user opens, each with both capabilities."""

    @pytest.fixture(params=["files", "database"])
    def source(self, made: dict[str, Store], request: pytest.FixtureRequest) -> Iterator[tuple[Any, Store]]:
        store = made[request.param]
        source: Any
        if request.param == "files":
            source = FileStore(str(store.root))
        else:
            source = DatabaseStore(SqliteDatabase(str(store.root / "mlflow.db")))
        deque(source.scan(), maxlen=0)
        yield source, store
        source.close()

    def test_details(self, source: tuple[Any, Store]) -> None:
        opened, store = source
        assert isinstance(opened, Detailed)
        wanted = [store.ids["trained"], "no such run"]
        assert opened.details(wanted).frame.equals(store.read(wanted).frame)

    def test_artifacts(self, source: tuple[Any, Store]) -> None:
        opened, store = source
        run_id = store.ids["elsewhere"]
        store.client.log_text(run_id, "λ", "notes/λ.txt")
        assert isinstance(opened, WithArtifacts)
        assert opened.artifacts(run_id).frame["path"].to_list() == ["notes"]
        assert opened.artifacts(run_id, "notes").frame["path"].to_list() == ["notes/λ.txt"]
        assert opened.read_artifact(run_id, "notes/λ.txt", 100) == "λ".encode()
        assert opened.artifacts("no such run").frame.is_empty()
        with pytest.raises(ArtifactError):
            opened.read_artifact("no such run", "x", 1)


MEMBERS = ["artifact_path", "model_uuid", "flavors", "model_id", "mlflow_colspec", "mlflow_tensorspec", "name", "uri"]
FOREIGN = [
    pytest.param("[" * 100_000, id="deep list"),
    pytest.param('{"a":' * 900 + "1" + "}" * 900, id="deep object"),
    pytest.param("1" * 5000, id="long number"),
    pytest.param('{"a": 1e999, "b": NaN}', id="odd numbers"),
    pytest.param("\ud800", id="half a pair"),
    pytest.param("null", id="null"),
    pytest.param('"x"', id="text"),
    pytest.param(json.dumps({str(number): {"x": [number]} for number in range(10_000)}), id="many members"),
    pytest.param(json.dumps([{"model_uuid": str(number)} for number in range(10_000)]), id="many models"),
    pytest.param('{"mlflow_colspec": [1, null, [], {}]}', id="odd columns"),
    pytest.param('{"mlflow_colspec": {"a": {}}}', id="no columns"),
    pytest.param('{"mlflow_tensorspec": {"a": "[", "b": [{"tensor-spec": 3}]}}', id="odd tensors"),
    pytest.param(json.dumps({"mlflow_tensorspec": {str(one): [] for one in range(10_000)}}), id="many tensors"),
    pytest.param("x" * 10**6, id="long"),
]


class TestForeignJson:
    @pytest.mark.parametrize("text", FOREIGN)
    def test_whatever_describes_a_dataset_is_shown_in_part(self, text: str) -> None:
        run = RunDetails("r", {"mlflow.log-model.history": text})
        run.datasets = [DatasetInput("d", source=text, schema=text, profile=text)]
        frame = details_frame([run])
        assert len(frame) < 400
        assert max(frame["value"].str.len_chars(), default=0) < 3000

    @settings(max_examples=40)
    @given(
        st.recursive(
            st.none() | st.integers() | st.text(max_size=4),
            lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=4),
            max_leaves=20,
        )
    )
    def test_no_json_makes_it_fail(self, value: object) -> None:
        text = json.dumps(value)
        tags: Mapping[str, str] = {"mlflow.log-model.history": text}
        details_frame([RunDetails("r", tags, datasets=[DatasetInput("d", source=text, schema=text, profile=text)])])
