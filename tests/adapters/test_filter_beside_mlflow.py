"""The filter language beside mlflow's own: the same runs for the same text, in a SQLite and in a file store.

What is known to differ, between ours and mlflow's and between mlflow's two stores, has tests of its own at the end.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import polars as pl
import pytest

from tests.adapters.mlflow_stores import START
from tui_runs.adapter import RunBatch
from tui_runs.analysis.evaluation import columns_of, holds
from tui_runs.analysis.query import parse
from tui_runs.errors import QueryError
from tui_runs.frames.catalog import Catalog
from tui_runs.schema import METRICS, PARAMS, RUNS, conform
from tui_runs_mlflow import MlflowAdapter

NAN, INF = math.nan, math.inf
KEYS: Final = ["lr", "a.b.c", "odd key", "a/b", "学習", "dash-ed", "9lives", "order", "t:x"]
VALUES: Final = [
    "0.01",
    "1e-2",
    "adam",
    "Adam",
    "it's",
    'say "x"',
    "a_b",
    "axb",
    "50%",
    "nan",
    " pad ",
    "学習 λ",
    r"C:\x",
]
NUMBERS: Final = [0.0, -0.0, 0.5, 1.0, -1.5, 1e-9, 3e8, NAN, INF, -INF]
STATUSES: Final = ["RUNNING", "FINISHED", "FAILED", "KILLED", "SCHEDULED"]
Search: TypeAlias = Callable[[str], set[str]]
"""Names of the runs that a filter finds."""
Store: TypeAlias = tuple[Search, Search, list[str]]
"""mlflow's search, ours, and the ids of the runs."""


def write_runs(client: Any, experiment: str, count: int) -> None:
    """Runs with some of the keys and values each: the same ones in every store."""
    from mlflow.entities import Metric, Param, RunTag

    pick = random.Random(6)
    for number in range(count):
        name = f"{pick.choice(['calm-owl', 'Brave Fox', 'übung', 'run'])} {number}"
        run_id = client.create_run(experiment, start_time=START + number * 1000, run_name=name).info.run_id
        metrics = [Metric(key, pick.choice(NUMBERS), START, 1) for key in pick.sample(KEYS, 6)]
        params = [Param(key, pick.choice(VALUES)) for key in pick.sample(KEYS, 6)]
        tags = [RunTag(key, pick.choice(VALUES)) for key in pick.sample(KEYS, 6)]
        if number == 0:
            tags += [RunTag("note", "two\nlines"), RunTag("word", "ÜBUNG")]
        client.log_batch(run_id, metrics, params, tags)
        status = STATUSES[number % len(STATUSES)]
        if status in ("RUNNING", "SCHEDULED"):
            client.update_run(run_id, status=status)
        else:
            client.set_terminated(run_id, status, end_time=START + 100_000 - number)


def catalog_of(runs: Sequence[Any]) -> Catalog:
    """What mlflow's client says of runs, in our frames."""

    def texts(kind: str) -> pl.DataFrame:
        rows = [(run.info.run_id, *pair) for run in runs for pair in getattr(run.data, kind).items()]
        return pl.DataFrame(rows, schema=dict(PARAMS), orient="row")

    facts = [
        {
            "run_id": run.info.run_id,
            "name": run.info.run_name,
            "status": run.info.status.lower(),
            "started": run.info.start_time and run.info.start_time * 1000,
            "ended": run.info.end_time and run.info.end_time * 1000,
            "user": run.info.user_id,
        }
        for run in runs
    ]
    values = [(run.info.run_id, key, value) for run in runs for key, value in run.data.metrics.items()]
    metrics = pl.DataFrame(values, schema={"run_id": pl.String, "key": pl.String, "last": pl.Float64}, orient="row")
    catalog = Catalog()
    batch = RunBatch(conform(pl.DataFrame(facts), RUNS), texts("params"), texts("tags"), conform(metrics, METRICS))
    catalog.apply("store", batch)
    return catalog


def catalog_of_store(root: Path) -> Catalog:
    catalog = Catalog()
    source = MlflowAdapter().open(str(root), {})
    for batch in source.scan():
        catalog.apply("store", batch)
    source.close()
    return catalog


def searched(client: Any, experiment: str) -> Search:
    return lambda text: {run.info.run_name for run in client.search_runs([experiment], text)}


def evaluated(catalog: Catalog) -> Search:
    def search(text: str) -> set[str]:
        condition = parse(text)
        frame = catalog.wide(["name", *columns_of(condition)])
        return set(frame.filter(holds(condition, frame, catalog.containing))["name"])

    return search


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Store:
    from mlflow import MlflowClient

    root = tmp_path_factory.mktemp("filters")
    client = MlflowClient(f"sqlite:///{root}/mlflow.db")
    experiment = client.create_experiment("trials", artifact_location=str(root / "artifacts"))
    write_runs(client, experiment, 30)
    runs = client.search_runs([experiment])
    return searched(client, experiment), evaluated(catalog_of(runs)), [run.info.run_id for run in runs]


@pytest.fixture(scope="module")
def file_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    from mlflow import MlflowClient

    root = tmp_path_factory.mktemp("filters") / "mlruns"
    client = MlflowClient(str(root))
    experiment = client.create_experiment("trials")
    write_runs(client, experiment, 12)
    catalog = catalog_of_store(root)
    return searched(client, experiment), evaluated(catalog), catalog.runs["run_id"].to_list()


def quote(pick: random.Random, text: str) -> str:
    """In a kind of quotes that mlflow reads back as this text."""
    return pick.choice([f"{mark}{text}{mark}" for mark in "'\"" if mark not in text])


def column(pick: random.Random, entities: Sequence[str]) -> str:
    key = pick.choice([*KEYS, "absent"])
    written = [f"`{key}`", f'"{key}"']
    if key.replace(".", "").isalnum():
        written.append(key)
    return f"{pick.choice(entities)}.{pick.choice(written)}"


def clause(pick: random.Random, run_ids: Sequence[str]) -> str:
    """One comparison that mlflow accepts."""
    equal, like, order = ["=", "!="], ["LIKE", "like", "ILIKE", "ilike"], ["=", "!=", "<", "<=", ">", ">="]
    patterns = ["%a%", "a%", "%B", "a_b", "_d%", "%", "", "%'%", "adam", "AD%", "5_%", "run%", "%owl __", r"C:\%"]
    attribute = pick.choice(["", "attributes.", "attribute.", "attr.", "run."])
    match pick.randrange(11):
        case 0 | 1 | 2:
            value = pick.choice(["0", "0.5", "1", "-1.5", "1e-9", ".5", "3e8", "1.", "00.5", "1e400", "-2"])
            return f"{column(pick, ['metrics', 'metric'])} {pick.choice(order)} {value}"
        case 3 | 4:
            entity = column(pick, ["params", "param", "parameter", "parameters", "tags", "tag"])
            return f"{entity} {pick.choice(equal)} {quote(pick, pick.choice([*VALUES, '']))}"
        case 5:
            return f"{column(pick, ['params', 'tags'])} {pick.choice(like)} {quote(pick, pick.choice(patterns))}"
        case 6:
            return f"{column(pick, ['params', 'tags'])} {pick.choice(['IS NULL', 'is not null', 'Is Null'])}"
        case 7:
            time = pick.choice(["start_time", "end_time", "created", "Created"])
            moment = START + pick.choice([0, 5000, 14_500, 99_990, 99_995, 10**9])
            return f"{attribute}{time} {pick.choice(order)} {pick.choice([moment, float(moment), 0])}"
        case 8:
            name = pick.choice(["run_name", "`run name`", "`Run name`", '"Run Name"'])
            compared = pick.choice([(equal, ["run 3", "calm-owl 1", "x"]), (like, patterns)])
            return f"{attribute}{name} {pick.choice(compared[0])} {quote(pick, pick.choice(compared[1]))}"
        case 9:
            some = ", ".join(quote(pick, one) for one in pick.sample(run_ids, 3))
            return f"{attribute}run_id {pick.choice(['IN', 'in', 'NOT IN', 'not in'])} ({some})"
        case _:
            status = f"{attribute}status {pick.choice(equal)} {quote(pick, pick.choice([*STATUSES, 'NONE']))}"
            others = [f"{attribute}status LIKE 'F%'", f"user_id {pick.choice(equal)} 'unknown'", "status LIKE '%ED'"]
            return pick.choice([status, *others])


def corpus(seed: int, count: int, run_ids: Sequence[str]) -> list[str]:
    pick = random.Random(seed)
    joints = [" and ", " AND ", "\nAnd  "]
    return [
        pick.choice(joints).join(clause(pick, run_ids) for _ in range(pick.choice([1, 1, 2, 3]))) for _ in range(count)
    ]


def differences(stores: Store, filters: Sequence[str]) -> dict[str, Any]:
    theirs, ours, _ = stores
    found = {text: (theirs(text), ours(text)) for text in filters}
    assert len({frozenset(names) for names, _ in found.values()}) > len(filters) / 4, (
        "the filters find too much the same"
    )
    return {text: names for text, names in found.items() if names[0] != names[1]}


ODD: Final = [
    r"""params.lr = 'it''s'""",
    r"""params.lr = 'it\'s'""",
    r"""tags.lr = "say \"x\"" and metrics.lr > 0""",
    r"""params.lr != 'C:\x\'""",
    """params."`odd key`" = 'adam'""",
    "params.'odd key' != 'adam'",
    "`params`.`odd key` != 'adam'",
    "`attributes`.`status` = 'FAILED'",
    "run_id in ('x',) and metrics.lr < 1",
    "metrics.lr<=0.5 and metrics.a.b.c<9",
    "params.lr='adam'and params.order!='x'",
    "metrics.lr > 0 params.order != 'x'",
    "tags.mlflow.runName like 'run%'",
    "\tmetrics.lr\n>=\n0\n",
    "params.lr = ''",
    "params.学習 ilike '%学習%'",
]


def test_the_same_runs_as_in_a_database(database: Store) -> None:
    assert not differences(database, corpus(1, 220, database[2]))
    assert not {text for text in ODD if database[0](text) != database[1](text)}


def test_the_same_runs_as_in_a_file_store(file_store: Store) -> None:
    assert not differences(file_store, corpus(2, 80, file_store[2]))
    assert not {text for text in ODD if file_store[0](text) != file_store[1](text)}


@pytest.mark.parametrize(
    "text",
    [
        "status = 'finished'",  # ours knows a status in any case of letters; mlflow finds nothing
        "status like 'fin%'",
    ],
)
def test_a_status_in_any_case(file_store: Store, text: str) -> None:
    theirs, ours, _ = file_store
    assert theirs(text) == set()
    assert ours(text) == theirs("status = 'FINISHED'") != set()


@pytest.mark.parametrize(
    ("text", "in_database", "in_files"),
    [
        ("tags.note like 'two%lines'", True, False),  # in files, % and _ stop at the end of a line
        ("tags.note like 'two_lines'", True, False),
        ("tags.word ilike 'übung'", False, True),  # SQLite knows the case of a to z alone
    ],
)
def test_where_mlflows_stores_differ_ours_finds_what_either_finds(
    database: Store,
    file_store: Store,
    text: str,
    in_database: bool,
    in_files: bool,
) -> None:
    assert (bool(database[0](text)), bool(file_store[0](text))) == (in_database, in_files)
    assert len(database[1](text)) == len(file_store[1](text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "metrics.lr > 0 and",  # mlflow does not look what its ANDs stand between
        "and metrics.lr > 0",
        "dataset.name = 'mnist'",  # in none of our frames
        "datasets.context in ('train')",
        "artifact_uri like '%artifacts'",
    ],
)
def test_what_mlflow_accepts_and_ours_does_not(file_store: Store, text: str) -> None:
    theirs, ours, _ = file_store
    theirs(text)
    with pytest.raises(QueryError):
        ours(text)


def test_what_ours_accepts_beyond(file_store: Store) -> None:
    from mlflow.exceptions import MlflowException

    theirs, ours, _ = file_store
    for text in ["params.lr = 0.01", "metrics.lr = nan", "metrics.lr in (1)", "not status = 'FAILED'", "owl", "a or b"]:
        with pytest.raises(MlflowException):
            theirs(text)
    assert ours("params.lr = 0.01") == theirs("params.lr = '0.01'") | theirs("params.lr = '1e-2'")
    everything = theirs("")
    assert ours("not params.lr = '0.01'") == everything - theirs("params.lr = '0.01'")
    assert ours("metrics.lr is nan") == theirs("metrics.lr != 0") - theirs("metrics.lr > 0") - theirs("metrics.lr < 0")
