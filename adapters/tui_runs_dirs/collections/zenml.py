"""ZenML's local store, `<config>/local_stores/default_zen_store/zenml.db`: pipeline runs, with their steps as children.

Metrics are what `log_metadata` attached to a run or step: last values, for ZenML keeps no series. The tables change
from release to release. Seen in 0.98: `pipeline_snapshot`, and a row of `step_configuration` for each step; in 0.75:
`pipeline_deployment`, with the configurations of all steps in one JSON text. Times are naive UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tui_runs.display import printable
from tui_runs_dirs.collections.databases import databases_with
from tui_runs_dirs.collections.gathering import Gathered, last_write
from tui_runs_dirs.files import problem_with
from tui_runs_dirs.layout import Collection, CollectionReading, Stamp
from tui_runs_dirs.readers.json_text import leaves, parse_text, texts
from tui_runs_dirs.readers.settings import number_of, text_of
from tui_runs_dirs.readers.sqlite_file import Columns, Wanted, read_tables, sqlite_stamp
from tui_runs_dirs.readers.times import utc

if TYPE_CHECKING:
    from tui_runs_dirs.walk import Directory

_STATUS: Final = {
    "initializing": "scheduled", "provisioning": "scheduled", "queued": "scheduled", "paused": "scheduled",
    "running": "running", "retrying": "running", "stopping": "running",
    "completed": "finished", "cached": "finished", "skipped": "finished",
    "failed": "failed", "retried": "failed", "stopped": "killed",
}  # fmt: skip
"""zenml.enums.ExecutionStatus."""
_TEXTS: Final = "id name status start_time end_time created updated user_id exception_info"
_DEPLOYMENT: Final = dict.fromkeys(("id", "pipeline_configuration", "step_configurations"), str)
_TABLES: Final[Wanted] = {
    "pipeline": dict.fromkeys(("id", "name"), str),
    "user": dict.fromkeys(("id", "name"), str),
    "pipeline_run": dict.fromkeys(
        (*_TEXTS.split(), "pipeline_id", "snapshot_id", "deployment_id", "pipeline_configuration"), str
    ),
    "step_run": dict.fromkeys(
        (*_TEXTS.split(), "pipeline_run_id", "snapshot_id", "deployment_id", "step_configuration"), str
    ),
    "pipeline_snapshot": _DEPLOYMENT,
    "pipeline_deployment": _DEPLOYMENT,
    "step_configuration": dict.fromkeys(("name", "snapshot_id", "step_run_id", "config"), str),
    "run_metadata": dict.fromkeys(("id", "created", "key", "value", "resource_id"), str),
    "run_metadata_resource": dict.fromkeys(("resource_id", "run_metadata_id"), str),
    "tag": dict.fromkeys(("id", "name"), str),
    "tag_resource": dict.fromkeys(("tag_id", "resource_id"), str),
}
_NEEDED: Final[Mapping[str, frozenset[str]]] = {
    "pipeline_run": frozenset({"id", "name", "status", "start_time", "end_time", "pipeline_id"}),
    "step_run": frozenset({"id", "name", "status", "start_time", "end_time", "pipeline_run_id"}),
    "pipeline": frozenset({"id", "name"}),
    "run_metadata": frozenset({"key", "value"}),
}
"""Without these the runs cannot be told in full, whatever the release."""

_Rows = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(slots=True)
class ZenmlDatabase:
    """A local store. See `tui_runs_dirs.layout.Collection`."""

    path: str
    layout: str = "zenml"

    def stamp(self) -> Stamp:
        """Of the database and its `-wal`."""
        return sqlite_stamp(self.path)

    def read(self) -> CollectionReading:
        """Read all pipeline runs and steps.

        Raises:
            OSError: it cannot be read; NotReadError says why.
        """
        tables, columns = read_tables(self.path, _TABLES)
        rows: _Rows = {name: frame.rows(named=True) for name, frame in tables.items()}
        gathered = Gathered()
        self._add_runs(gathered, rows)
        _add_params(gathered, rows)
        _add_metadata(gathered, rows)
        names = {row["id"]: row["name"] for row in rows["tag"]}
        for row in rows["tag_resource"]:
            if name := names.get(row["tag_id"]):
                gathered.tags[row["resource_id"], name] = name
        if missing := _missing(columns):
            what = f"Its schema is not one that is known: {', '.join(map(printable, missing))} is not there."
            gathered.problems.append(problem_with(self.path, what, "What is understood of it is shown."))
        return gathered.reading()

    def _add_runs(self, gathered: Gathered, rows: _Rows) -> None:
        written = last_write(self.stamp())
        pipelines = {row["id"]: row["name"] for row in rows["pipeline"]}
        users = {row["id"]: row["name"] for row in rows["user"]}
        experiments = {row["id"]: pipelines.get(row["pipeline_id"]) for row in rows["pipeline_run"]}
        parts = [(row, None) for row in rows["pipeline_run"]] + [
            (row, row["pipeline_run_id"]) for row in rows["step_run"]
        ]
        for row, parent in sorted(parts, key=lambda part: part[0]["start_time"] or "", reverse=True):
            if row["id"] is None:
                continue
            status = _STATUS.get((row["status"] or "").lower(), "unknown")
            gathered.runs[row["id"]] = {
                "name": row["name"],
                "experiment": experiments.get(parent or row["id"]),
                "status": status,
                "started": utc(row["start_time"]) or utc(row["created"]),
                "ended": utc(row["end_time"]),
                "updated": written if status == "running" else utc(row["updated"]),
                "job_type": "step" if parent else "pipeline",
                "parent_id": parent if parent in experiments else None,
                "user": users.get(row["user_id"]),
            }
            failure = parse_text(row["exception_info"])
            if isinstance(failure, dict):
                gathered.details += [
                    (row["id"], "failure", str(row["name"]), key, text_of(failure[key]))
                    for key in ("source", "message", "traceback")
                    if failure.get(key) is not None
                ]


def _add_params(gathered: Gathered, rows: _Rows) -> None:
    """Of runs what the pipeline was called with, of steps what each was."""
    whole: dict[str, Any] = {}
    steps: dict[tuple[str | None, str | None], Any] = {}
    for row in [*rows["pipeline_deployment"], *rows["pipeline_snapshot"]]:
        whole[row["id"]] = parse_text(row["pipeline_configuration"])
        configurations = parse_text(row["step_configurations"])
        if isinstance(configurations, dict):
            steps |= {(row["id"], name): configuration for name, configuration in configurations.items()}
    for row in rows["step_configuration"]:
        configuration = parse_text(row["config"])
        steps[row["snapshot_id"], row["name"]] = configuration
        steps[row["step_run_id"], None] = configuration
    for row in rows["pipeline_run"]:
        configuration = whole.get(row["snapshot_id"] or row["deployment_id"]) or parse_text(
            row["pipeline_configuration"]
        )
        _take(gathered, row["id"], configuration)
    for row in rows["step_run"]:
        deployment = row["snapshot_id"] or row["deployment_id"]
        own = steps.get((row["id"], None)) or steps.get((deployment, row["name"]))
        _take(gathered, row["id"], own or parse_text(row["step_configuration"]))


def _take(gathered: Gathered, run_id: str, configuration: object) -> None:
    """Add the params in a configuration, or in the part of it that the release puts them into."""
    if not isinstance(configuration, dict):
        return
    for part in (configuration, configuration.get("config"), configuration.get("step_config_overrides")):
        parameters = part.get("parameters") if isinstance(part, dict) else None
        if isinstance(parameters, dict):
            gathered.params |= {(run_id, key): value for key, value in texts(parameters).items()}


def _add_metadata(gathered: Gathered, rows: _Rows) -> None:
    """Numbers are metrics and anything else tags; of several under one key the newest."""
    said = {row["id"]: row for row in rows["run_metadata"]}
    links = [(row["resource_id"], said.get(row["run_metadata_id"])) for row in rows["run_metadata_resource"]]
    links += [(row["resource_id"], row) for row in rows["run_metadata"] if row["resource_id"]]  # before 0.70
    for run_id, row in sorted(links, key=lambda link: (link[1] or {}).get("created") or ""):
        if row is None or row["key"] is None or run_id not in gathered.runs:
            continue
        for key, value in leaves({row["key"]: parse_text(row["value"])}):
            number = number_of(value)
            if number is not None:
                gathered.summary[run_id, key] = number
            else:
                gathered.tags[run_id, key] = text_of(value)


def _missing(columns: Columns) -> list[str]:
    """Names of what is needed and not there."""
    missing = [
        f"{table}.{column}"
        for table, needed in _NEEDED.items()
        for column in sorted(needed - columns.get(table, frozenset()))
    ]
    if not columns.keys() & {"pipeline_snapshot", "pipeline_deployment"}:
        missing.append("pipeline_snapshot")
    return missing


class ZenmlLayout:
    """Finds local stores. See `tui_runs_dirs.layout.Layout`."""

    name = "zenml"
    title = "ZenML"

    def recognise(self, directory: Directory) -> Sequence[Collection]:
        """Databases with ZenML's tables; also that of a configuration directory, wherever the walk begins."""
        marks = {"pipeline_run": {"pipeline_id"}, "step_run": {"pipeline_run_id"}}
        return [ZenmlDatabase(path) for path in databases_with(directory, marks)]


LAYOUT: Final = ZenmlLayout()
