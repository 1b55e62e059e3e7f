"""A stand-in for W&B's cloud: the GraphQL operations that `wandb.Api` asks for, over runs in Python's memory; and what
a run asks for that is logged online, of which nothing is kept.

It is not the real service, whose answers these tests cannot have. What it knows was found by driving wandb 0.31's own
client against it: the client checks the shape of what it gets, the meaning is that of W&B's documentation.
"""

from __future__ import annotations

import base64
import contextlib
import io
import itertools
import json
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest import mock

import polars as pl

from tui_runs_wandb.cloud.address import CloudAddress
from tui_runs_wandb.cloud.session import SESSION

KEY = "0123456789abcdef" * 2 + "01234567"
"""The API key that it lets in."""
START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
_NUMBERS = itertools.count(1)


def spelled(value: Any) -> Any:
    """A value as W&B spells it in JSON, which has no NaN."""
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: spelled(inner) for key, inner in value.items()}
    return [spelled(inner) for inner in value] if isinstance(value, list) else value


@dataclass
class CloudRun:
    """A run as the cloud keeps it."""

    name: str
    display_name: str
    state: str = "running"
    config: dict[str, Any] = field(default_factory=dict)
    definitions: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    system: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    group: str | None = None
    job_type: str | None = None
    notes: str | None = None
    commit: str | None = None
    sweep: str | None = None
    user: str = "ada"
    exports: list[str] = field(default_factory=list)
    exported: int = 0
    created: datetime = START
    beat: datetime = START

    def log(self, values: Mapping[str, Any], step: int | None = None) -> None:
        """One call of wandb's `log`."""
        step = self.last_step + 1 if step is None else step
        self.beat = self.created + timedelta(seconds=step + 1)
        own = {"_step": step, "_runtime": float(step + 1), "_timestamp": self.beat.timestamp()}
        self.history.append({**values, **own})
        self.summary.update({**values, **own})

    @property
    def last_step(self) -> int:
        return int(self.history[-1]["_step"]) if self.history else -1

    def node(self) -> dict[str, Any]:
        config = {key: {"value": value, "desc": None} for key, value in self.config.items()}
        config["_wandb"] = {"value": {"cli_version": "0.31.0", "m": self.definitions}, "desc": None}
        return {
            "id": f"storage-{self.name}",
            "projectId": "7",
            "name": self.name,
            "displayName": self.display_name,
            "state": self.state,
            "config": json.dumps(spelled(config)),
            "summaryMetrics": json.dumps(spelled({**self.summary, "_wandb": {"runtime": 3}})),
            "systemMetrics": json.dumps(self.system),
            "historyLineCount": len(self.history),
            "historyKeys": self.history_keys(),
            "tags": list(self.tags),
            "group": self.group,
            "jobType": self.job_type,
            "notes": self.notes,
            "description": self.notes,
            "commit": self.commit,
            "sweepName": self.sweep,
            "readOnly": True,
            "createdAt": self.created.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "heartbeatAt": self.beat.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "user": {"name": self.user.title(), "username": self.user},
        }

    def history_keys(self) -> dict[str, Any] | None:
        keys = {key for row in self.history for key in row}
        return {"sets": [], "keys": {key: {} for key in keys}, "lastStep": self.last_step} if self.history else None


@dataclass(frozen=True)
class Answer:
    """What to say in place of the usual."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    hangs: bool = False


class CloudServer:
    """The stand-in, listening on this machine.

    Attributes:
        projects: runs by (entity, project), in the order in which they were made.
        asked: operation and variables of each request.
        files: what a GET of a path gives.
        trouble: asked first at each request, of the operation and how many times it was asked; None for no trouble.
    """

    def __init__(self) -> None:
        self.projects: dict[tuple[str, str], list[CloudRun]] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.files: dict[str, bytes] = {}
        self.trouble: Callable[[str, int], Answer | None] = lambda operation, times: None
        self.hanging = threading.Event()
        self.released = threading.Event()
        self.port = 0
        self.start()
        self.url = f"http://127.0.0.1:{self.port}"

    # --- what is in it ------------------------------------------------------------------------------------------------

    def project(self) -> str:
        """A new, empty project: "team/p1"."""
        name = f"p{next(_NUMBERS)}"
        self.projects["team", name] = []
        return f"team/{name}"

    def add(self, path: str, display_name: str, **facts: Any) -> CloudRun:
        """A new run of a project, a minute younger than the one before."""
        entity, project = path.split("/")
        runs = self.projects[entity, project]
        created = (runs[-1].created if runs else START) + timedelta(minutes=1)
        run = CloudRun(f"id{next(_NUMBERS):06}", display_name, **{"created": created, "beat": created, **facts})
        runs.append(run)
        return run

    def export(self, run: CloudRun, start: int, end: int) -> None:
        """Make a Parquet file of some rows, as W&B does behind the scenes."""
        file = io.BytesIO()
        rows = [row for row in run.history if start <= row["_step"] < end]
        pl.DataFrame(rows, infer_schema_length=None).write_parquet(file)
        path = f"/exports/{run.name}/{start}.parquet"
        self.files[path] = file.getvalue()
        run.exports.append(path)
        run.exported = end

    def operations(self) -> list[str]:
        return [operation for operation, _ in self.asked]

    # --- how it answers -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if cloud._server is None:  # a connection from before
                    self.close_connection = True
                    return
                if self.path.endswith("/file_stream"):
                    said = cloud._take("file_stream")
                else:
                    said = cloud._answer(json.loads(body or b"{}"), self.headers.get("Authorization", ""))
                if said.hangs:
                    cloud.hanging.set()
                    cloud.released.wait(60)
                    self.close_connection = True
                    return
                self.send_response(said.status)
                for name, value in {"Content-Type": "application/json", **said.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(said.body)))
                self.end_headers()
                self.wfile.write(said.body)

            def do_GET(self) -> None:
                found = cloud.files.get(self.path)
                self.send_response(200 if found is not None else 404)
                self.send_header("Content-Length", str(len(found or b"")))
                self.end_headers()
                self.wfile.write(found or b"")

            def do_PUT(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                cloud._take(f"PUT {self.path}")
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server: ThreadingHTTPServer | None = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Nothing listens any more, until `start`."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
            self._thread.join(10)

    def _take(self, operation: str) -> Answer:
        self.asked.append((operation, {}))
        return Answer()

    def _answer(self, request: dict[str, Any], authorization: str) -> Answer:
        found = re.search(r"(?:query|mutation)\s+(\w+)", request.get("query", ""))
        operation = found.group(1) if found else "?"
        variables = request.get("variables") or {}
        self.asked.append((operation, variables))
        trouble = self.trouble(operation, self.operations().count(operation))
        if trouble is not None:
            return trouble
        if authorization != "Basic " + base64.b64encode(f"api:{KEY}".encode()).decode():
            error = {"message": "user is not logged in", "extensions": {"code": "PERMISSION_ERROR"}}
            return Answer(401, json.dumps({"errors": [error], "data": {"viewer": None}}).encode())
        answer: Callable[[dict[str, Any]], dict[str, Any] | None] | None = getattr(self, f"_say_{operation}", None)
        if answer is None:
            return Answer(400, json.dumps({"errors": [{"message": f"unknown operation {operation}"}]}).encode())
        return Answer(body=json.dumps({"data": answer(variables)}).encode())

    def _say_Viewer(self, variables: Any) -> dict[str, Any]:  # noqa: N802  the operation's name
        viewer = {"id": "v", "entity": "team", "username": "ada", "name": "Ada", "email": "a@b.c", "admin": False}
        return {"viewer": {**viewer, "flags": "{}", "teams": {"edges": []}, "apiKeys": {"edges": []}}}

    _say_GetDefaultEntity = _say_Viewer  # noqa: N815

    # What a run asks for that is logged online.

    def _say_UpsertBucket(self, variables: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        name = variables["name"]
        bucket = {
            "id": f"storage-{name}", "name": name, "displayName": variables["displayName"] or name, "sweepName": None,
            "description": None, "config": variables["config"], "historyLineCount": 0,
            "project": {"id": "7", "name": variables["project"], "entity": {"id": "1", "name": "team"}},
        }  # fmt: skip
        return {"upsertBucket": {"bucket": bucket, "inserted": True}}

    def _say_CreateRunFiles(self, variables: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        files = [{"name": name, "uploadUrl": f"{self.url}/upload/{name}"} for name in variables["files"]]
        return {"createRunFiles": {"runID": "1", "uploadHeaders": [], "files": files}}

    def _say_OrganizationCoreWeaveOrganizationID(self, variables: Any) -> dict[str, Any]:  # noqa: N802
        return {"entity": {"organization": None}}

    def _runs(self, variables: dict[str, Any]) -> list[CloudRun] | None:
        return self.projects.get((variables["entity"], variables["project"]))

    def _say_Runs(self, variables: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        runs = self._runs(variables)
        if runs is None:
            return {"project": None}
        filters = json.loads(variables.get("filters") or "{}")
        runs = in_order([run for run in runs if fits(filters, run)], variables["order"])
        start = next((at + 1 for at, run in enumerate(runs) if run.name == variables.get("cursor")), 0)
        page = runs[start : start + variables["perPage"]]
        return {
            "project": {
                "internalId": "7",
                "runCount": len(runs),
                "readOnly": True,
                "runs": {
                    "edges": [{"node": run.node(), "cursor": run.name} for run in page],
                    "pageInfo": {
                        "endCursor": page[-1].name if page else None,
                        "hasNextPage": start + len(page) < len(runs),
                    },
                },
            }
        }

    def _run(self, variables: dict[str, Any]) -> CloudRun | None:
        name = variables.get("name") or variables.get("run") or variables.get("runName")
        return next((run for run in self._runs(variables) or () if run.name == name), None)

    def _of_run(self, variables: dict[str, Any], said: Callable[[CloudRun], dict[str, Any]]) -> dict[str, Any]:
        run = self._run(variables)
        return {"project": {"run": None if run is None else said(run)}}

    def _say_Run(self, variables: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return self._of_run(variables, CloudRun.node)

    def _say_RunHistoryKeys(self, variables: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return self._of_run(variables, lambda run: {"historyKeys": run.history_keys()})

    def _say_RunParquetHistory(self, variables: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        def exports(run: CloudRun) -> dict[str, Any]:
            urls = [f"{self.url}{path}" for path in run.exports]
            live = [{"_step": row["_step"]} for row in run.history if row["_step"] >= run.exported]
            return {"parquetHistory": {"parquetUrls": urls, "liveData": live}}

        return self._of_run(variables, exports)

    def _say_HistoryPage(self, variables: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        def page(run: CloudRun) -> dict[str, Any]:
            first, end = variables["minStep"], variables["maxStep"]
            rows = [row for row in run.history if first <= row["_step"] < end][: variables["pageSize"]]
            return {"history": [json.dumps(spelled(row)) for row in rows]}

        return self._of_run(variables, page)


# --- filters and orders -----------------------------------------------------------------------------------------------

_FIELDS = {
    "name": "name", "displayName": "display_name", "state": "state", "group": "group", "jobType": "job_type",
    "tags": "tags", "username": "user",
}  # fmt: skip
_MISSING = object()


def value_of(path: str, run: CloudRun) -> Any:
    """What a filter's path means."""
    if path == "createdAt":
        return run.created.strftime("%Y-%m-%dT%H:%M:%SZ")
    kind, dot, key = path.partition(".")
    if not dot:
        return getattr(run, _FIELDS[path])
    value: Any = spelled({"config": run.config, "summary_metrics": run.summary}[kind])
    for part in key.split("."):
        value = value.get(part, _MISSING) if isinstance(value, dict) else _MISSING
    return value


def fits(filters: Mapping[str, Any], run: CloudRun) -> bool:
    """Whether a filter in MongoDB's language holds of a run: mongodb.com/docs/manual/reference/operator/query."""
    for name, wanted in filters.items():
        if name in ("$and", "$or", "$nor"):
            holds = [fits(part, run) for part in wanted]
            if not {"$and": all(holds), "$or": any(holds), "$nor": not any(holds)}[name]:
                return False
        else:
            stored = value_of(name, run)
            tests = wanted if isinstance(wanted, dict) else {"$eq": wanted}
            if not all(_holds(stored, operator, value) for operator, value in tests.items()):
                return False
    return True


def _holds(stored: Any, operator: str, value: Any) -> bool:
    match operator:
        case "$ne":
            return not _holds(stored, "$eq", value)
        case "$nin":
            return not _holds(stored, "$in", value)
        case "$in":
            return any(_holds(stored, "$eq", one) for one in value)
        case "$exists":
            return (stored is not _MISSING) == value
    if isinstance(stored, list):
        return any(_holds(one, operator, value) for one in stored)
    match operator:
        case "$eq":
            return bool(stored == value) and isinstance(stored, bool) == isinstance(value, bool)
        case "$regex":
            return isinstance(stored, str) and re.search(value, stored) is not None
    if not _comparable(stored, value):
        return False
    outcome = {"$lt": stored < value, "$lte": stored <= value, "$gt": stored > value, "$gte": stored >= value}
    return bool(outcome[operator])


def _comparable(stored: Any, value: Any) -> bool:
    """MongoDB compares what is of one type: numbers with numbers, texts with texts."""
    if isinstance(stored, bool) or isinstance(value, bool):
        return False
    numbers = isinstance(stored, int | float) and isinstance(value, int | float)
    return numbers or (isinstance(stored, str) and isinstance(value, str))


def in_order(runs: list[CloudRun], order: str) -> list[CloudRun]:
    """Runs as the server sorts them: what is missing first, as databases do, and it is not said that they do."""
    sign, path = (order[0], order[1:]) if order[:1] in "+-" else ("+", order)
    if path == "created_at":
        return sorted(runs, key=lambda run: run.created, reverse=sign == "-")
    values = {run.name: value_of(path.removesuffix(".value"), run) for run in runs}
    numbers = [run for run in runs if isinstance(values[run.name], int | float)]
    return [run for run in runs if run not in numbers] + sorted(
        numbers, key=lambda run: values[run.name], reverse=sign == "-"
    )


# --- wandb, logged in to it -------------------------------------------------------------------------------------------


def login(url: str, root: Path) -> dict[str, str]:
    """An environment in which wandb is logged in to a server, and no file of the user's is touched."""
    return {
        "WANDB_BASE_URL": url,
        "WANDB_API_KEY": KEY,
        "WANDB_CONFIG_DIR": str(root / "config"),
        "NETRC": str(root / "netrc"),
        "HOME": str(root),
        "WANDB__GRAPHQL_RETRY_MAX": "1",
        "WANDB__GRAPHQL_RETRY_WAIT_MAX_SECONDS": "1",
    }


@contextlib.contextmanager
def logged_in_cloud(root: Path) -> Iterator[CloudServer]:
    """The stand-in with wandb logged in to it; wandb-core stays until the end, as each start takes most of a second."""
    server, holder = CloudServer(), object()
    with mock.patch.dict(os.environ, login(server.url, root)):
        SESSION.api(holder, CloudAddress("team", "p"))
        try:
            yield server
        finally:
            SESSION.leave(holder)
            server.released.set()
            server.stop()
