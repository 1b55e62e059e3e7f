"""W&B's records are read by our own code: the field numbers are those of the installed protobuf classes."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.wandb_runs import Encoder, pb
from tui_runs_wandb import records
from tui_runs_wandb.records import Item, Kind
from tui_runs_wandb.values import Number, Tree, dotted, float_of, leaves, number_of, parse, text_of
from tui_runs_wandb.wire import MalformedError, fields

NUMBERS = {
    "Record": {
        "num": 1, "history": 2, "summary": 3, "config": 5, "stats": 7, "metric": 12, "output_raw": 13, "control": 16,
        "run": 17, "exit": 18, "uuid": 19, "environment": 26, "_info": 200,
        "output": 4, "files": 6, "artifact": 8, "telemetry": 11,
    },
    "RunRecord": {
        "run_id": 1, "entity": 2, "project": 3, "config": 4, "summary": 5, "run_group": 6, "job_type": 7,
        "display_name": 8, "notes": 9, "tags": 10, "sweep_id": 12, "host": 13, "start_time": 17, "git": 21,
    },
    "GitRepoRecord": {"remote_url": 1, "commit": 2},
    "EnvironmentRecord": {
        "os": 1, "python": 2, "started_at": 3, "docker": 4, "args": 5, "program": 6, "code_path": 7, "git": 9,
        "root": 11, "host": 12, "username": 13, "executable": 14, "colab": 15, "cpu_count": 16,
        "cpu_count_logical": 17, "gpu_type": 18, "gpu_count": 19, "memory": 21, "cpu": 22, "cuda_version": 25,
        "slurm": 27,
    },
    "MemoryInfo": {"total": 1},
    "CpuInfo": {"model": 3},
    "RunExitRecord": {"exit_code": 1, "runtime": 2},
    "ConfigRecord": {"update": 1, "remove": 2},
    "ConfigItem": {"key": 1, "nested_key": 2, "value_json": 16},
    "SummaryRecord": {"update": 1, "remove": 2},
    "SummaryItem": {"key": 1, "nested_key": 2, "value_json": 16},
    "HistoryRecord": {"item": 1, "step": 2},
    "HistoryStep": {"num": 1},
    "HistoryItem": {
        "key": 1, "nested_key": 2, "none": 3, "boolean": 4, "integer": 5, "number": 6, "text": 7, "json": 8,
        "value_json": 16,
    },
    "MetricRecord": {"name": 1, "glob_name": 2, "step_metric": 4, "options": 6, "summary": 7},
    "MetricOptions": {"hidden": 2},
    "OutputRecord": {"line": 3},
    "OutputRawRecord": {"line": 3},
    "StatsRecord": {"timestamp": 2, "item": 3},
    "StatsItem": {"key": 1, "value_json": 16},
}  # fmt: skip


@pytest.mark.parametrize("name", NUMBERS)
def test_field_numbers(name: str) -> None:
    said = {field.name: field.number for field in pb().DESCRIPTOR.message_types_by_name[name].fields}
    assert NUMBERS[name].items() <= said.items()


def test_kinds_are_the_fields_of_a_record() -> None:
    kinds = {name.lower(): number for name, number in vars(Kind).items() if name.isupper()}
    assert len(kinds) == 10
    assert kinds.items() <= NUMBERS["Record"].items()


def content(record: bytes, kind: int) -> bytes:
    parts = records.split_record(record)
    assert parts.kind == kind
    return parts.content


def test_run_record() -> None:
    message = Encoder().run(
        "id", "name λ", {"lr": 0.1}, entity="e", run_group="g", job_type="j", notes="n", tags=["a", "b"],
        sweep_id="s", host="h", git=pb().GitRepoRecord(remote_url="u", commit="c"),
    )  # fmt: skip
    run = records.decode_run(content(message, Kind.RUN))
    assert (run.run_id, run.name, run.entity, run.project, run.group) == ("id", "name λ", "e", "trials", "g")
    assert (run.job_type, run.notes, run.tags, run.sweep_id, run.host) == ("j", "n", ["a", "b"], "s", "h")
    assert (run.remote, run.commit, run.started) == ("u", "c", 1_700_000_000_000_000)
    assert run.config == [Item(("lr",), b"0.1")]


def test_environment_record() -> None:
    record = pb().EnvironmentRecord(
        os="Linux", python="3.11", args=["--lr", "a b"], program="train.py", gpu_type="H100", gpu_count=8,
        cuda_version="12.4", cpu_count=4, username="me", executable="/py", slurm={"job_id": "17"},
        git=pb().GitRepoRecord(remote_url="u", commit="c"), memory={"total": 5}, cpu={"model": "Xeon"},
    )  # fmt: skip
    record.started_at.FromNanoseconds(1_500_000_000_123_456_789)
    found = records.decode_environment(content(Encoder()(environment=record), Kind.ENVIRONMENT))
    assert found.arguments == ["--lr", "a b"]
    assert found.started == 1_500_000_000_123_456
    assert found.facts == {
        "os": "Linux", "python": "3.11", "program": "train.py", "gpu": "H100", "gpu count": "8", "cuda": "12.4",
        "cpu count": "4", "username": "me", "executable": "/py", "slurm job_id": "17", "git remote": "u",
        "git commit": "c", "memory": "5", "cpu": "Xeon",
    }  # fmt: skip


def test_metric_exit_and_stats_records() -> None:
    encode, classes = Encoder(), pb()
    record = classes.MetricRecord(
        glob_name="val/*", step_metric="epoch", options={"hidden": True}, summary={"min": True}
    )
    said = records.decode_metric(content(encode(metric=record), Kind.METRIC))
    assert (said.name, said.step_metric, said.hidden, said.summarised) == ("val/*", "epoch", True, True)
    bare = records.decode_metric(content(encode(metric=classes.MetricRecord(name="x")), Kind.METRIC))
    assert (bare.name, bare.step_metric, bare.hidden, bare.summarised) == ("x", "", False, False)
    assert records.decode_exit(content(encode.exit(-1, 7), Kind.EXIT)) == (-1, 7)
    stats = classes.StatsRecord()
    stats.timestamp.FromMicroseconds(1_700_000_000_000_001)
    stats.item.add(key="cpu", value_json="1.5")
    assert records.decode_stats(content(encode(stats=stats), Kind.STATS)) == (
        1_700_000_000_000_001, [Item(("cpu",), b"1.5")],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("none", 0, "null"), ("boolean", True, "true"), ("boolean", False, "false"), ("integer", -(2**62), -(2**62)),
        ("integer", 17, 17), ("number", 0.1, 0.1), ("number", math.inf, math.inf), ("text", 'a "λ"', 'a "λ"'),
        ("json", "[1]", [1]), ("value_json", '{"a": 1}', {"a": 1}),
    ],
)  # fmt: skip
def test_typed_values(field: str, value: Any, expected: Any) -> None:
    message = pb().HistoryItem(nested_key=["a", "b"])
    setattr(message, field, value)
    path, text = records.decode_item(message.SerializeToString())
    assert path == ("a", "b")
    assert text is not None
    assert expected in (text.decode(), json.loads(text))


@given(st.binary(max_size=60))
def test_any_bytes_are_a_message_or_malformed(data: bytes) -> None:
    for decode in (
        records.split_record, records.decode_run, records.decode_environment, records.decode_history,
        records.decode_changes, records.decode_stats, records.decode_metric, records.decode_exit,
        records.decode_item, lambda one: list(fields(one)),
    ):  # fmt: skip
        with suppress(MalformedError):
            decode(data)


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1.0), ("-0.0", -0.0), ("1e-05", 1e-05), ("NaN", math.nan), ("Infinity", math.inf),
        ("-Infinity", -math.inf), ("true", 1.0), ("false", 0.0), ("1" * 400, math.inf), ("null", None), ('"1"', None),
        ("[1]", None), ("", None), ("-", None), ("1_000", None), ("tru", None), ("nan", None),
    ],
)  # fmt: skip
def test_numbers(text: str, expected: float | None) -> None:
    assert repr(number_of(text.encode())) == repr(expected)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_values_as_text_are_read_back(value: Any) -> None:
    text = json.dumps(value)
    for path, leaf in leaves((), parse(text.encode())):
        said = value
        for part in path:
            said = said[part]
        if isinstance(leaf, bool | Number) and not isinstance(said, str):
            expected = float(said) if abs(said) < 10**300 else math.inf * (1 if said > 0 else -1)
            if abs(said) < 10**300 or isinstance(said, float):
                assert repr(float_of(leaf)) == repr(float(said) if isinstance(said, float) else expected)
        if not isinstance(leaf, str) or isinstance(leaf, Number):
            assert repr(json.loads(text_of(leaf))) == repr(said)
        text_of(leaf).encode()


REMOVED = object()
PATHS = st.lists(st.sampled_from("abc"), min_size=1, max_size=3)


@given(st.lists(st.tuples(PATHS, JSON) | st.tuples(PATHS.map(lambda path: path[:1]), st.just(REMOVED)), max_size=12))
def test_tree_is_what_is_set_step_by_step(changes: list[tuple[list[str], Any]]) -> None:
    """Compared with a nested dict that every change is made in, in turn. What is removed is a whole key."""
    truth: dict[str, Any] = {}
    tree = Tree()
    for path, value in changes:
        where = truth
        for part in path[:-1]:
            if not isinstance(where.get(part), dict):
                where[part] = {}
            where = where[part]
        if value is REMOVED:
            where.pop(path[-1], None)
        else:
            where[path[-1]] = json.loads(json.dumps(value))
        tree.apply([Item(tuple(path), None if value is REMOVED else json.dumps(value).encode())])
    said = {path: text_of(leaf) for path, leaf in tree.leaves()}
    assert said == {path: text_of(parse(json.dumps(leaf).encode())) for path, leaf in leaves((), truth) if path}  # type: ignore[arg-type]


def test_half_a_surrogate_pair_can_be_shown() -> None:
    assert text_of(parse(b'"a\\ud800b"')) == "a\\ud800b"  # type: ignore[arg-type]
    assert dotted(("a\ud800",)) == "a\\ud800"
    assert text_of(parse(b"[" * 3000)).startswith("[[")  # type: ignore[arg-type]
