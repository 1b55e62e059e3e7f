"""A real `mlflow server` for tests, what writes runs through it, and stand-ins for servers that misbehave."""

from __future__ import annotations

import contextlib
import copy
import itertools
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.contract import NewRun, Points, StoreWriter
from tests.adapters.ledger import Ledger
from tests.adapters.mlflow_stores import START
from tui_runs.adapter import Change, Cursor, Focus, History, RunBatch, Source

STARTED_WITHIN = 180.0
"""Seconds; it takes 8 to 15 on two busy cores, nearly all of them imports."""
_NUMBERS = itertools.count()


class MlflowServer:
    """`mlflow server` on a free port of this machine, with SQLite below a directory."""

    def __init__(self, root: Path) -> None:
        self.root, self.database = root, root / "mlflow.db"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        environment = {
            **os.environ,
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # eight more processes
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{self.database}"]
        command += ["--artifacts-destination", str(self.root / "artifacts")]
        with open(self.root / "log.txt", "ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self.root, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + STARTED_WITHIN
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=5):
                    return
            except OSError:
                log_text = (self.root / "log.txt").read_text(errors="replace")
                assert self._process.poll() is None, log_text
                assert time.monotonic() < deadline, log_text
                time.sleep(0.05)  # a process that is starting tells nobody when it answers

    def kill(self) -> None:
        """SIGKILL, to it and to all that it started."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


_SHARED = pytest.StashKey[MlflowServer]()


def shared_server(config: pytest.Config, factory: pytest.TempPathFactory) -> MlflowServer:
    """The one of this session, started when it is first asked for."""
    if _SHARED not in config.stash:
        config.stash[_SHARED] = server = MlflowServer(factory.mktemp("server"))
        config.add_cleanup(server.kill)
        server.start()
    return config.stash[_SHARED]


class ServerWriter(StoreWriter):
    """Writes runs of one experiment through mlflow's own client."""

    def __init__(self, server: MlflowServer) -> None:
        from mlflow import MlflowClient

        self.root = server.root
        self.location = server.url
        self.client = MlflowClient(server.url)
        self.name = f"experiment {next(_NUMBERS)}"
        self.experiment = self.client.create_experiment(self.name)
        self.clock = START
        self._gate: Gate | None = None

    def behind(self, gate: Gate) -> ServerWriter:
        """The same, whose readers go through a gate that can be shut."""
        behind = copy.copy(self)
        behind._gate, behind.location = gate, gate.url
        return behind

    def write_run(self, run: NewRun) -> str:
        from mlflow.entities import Param

        self.clock += 60_000
        made = self.client.create_run(self.experiment, start_time=self.clock, tags=dict(run.tags), run_name=run.name)
        run_id = str(made.info.run_id)
        if run.params or run.metrics:
            given = [Param(key, value) for key, value in run.params.items()]
            points = [point for key, series in run.metrics.items() for point in _metrics(key, series)]
            self.client.log_batch(run_id, params=given, metrics=points, synchronous=True)
        if run.status != "running":
            self.set_status(run_id, run.status)
        return run_id

    def append(self, run_id: str, key: str, points: Points) -> None:
        self.client.log_batch(run_id, metrics=_metrics(key, points), synchronous=True)

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        self.client.set_tag(run_id, key, value)

    def set_status(self, run_id: str, status: str) -> None:
        if status == "running":
            self.client.update_run(run_id, status="RUNNING")
        else:
            self.client.set_terminated(run_id, status.upper(), end_time=self.clock + 30_000)

    def remove_run(self, run_id: str) -> None:
        self.client.delete_run(run_id)

    def lose(self) -> Callable[[], None]:
        assert self._gate is not None
        self._gate.shut()
        return self._gate.open


def _metrics(key: str, points: Points) -> list[Any]:
    from mlflow.entities import Metric

    return [Metric(key, point.value, point.ms, point.step) for point in points]


class Gate:
    """Passes connections on to a server while it is open; shut, it is as if nothing listened there."""

    def __init__(self, port: int) -> None:
        self._to = ("127.0.0.1", port)
        self.port = 0
        self.open()
        self.url = f"http://127.0.0.1:{self.port}"

    def open(self) -> None:
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = int(listener.getsockname()[1])
        self._shutter, told = socket.socketpair()
        self._thread = threading.Thread(target=self._pass_on, args=(listener, told), daemon=True)
        self._thread.start()

    def shut(self) -> None:
        self._shutter.close()
        self._thread.join(10)

    def _pass_on(self, listener: socket.socket, told: socket.socket) -> None:
        ends: dict[socket.socket, socket.socket] = {}
        while True:
            for ready in select.select([listener, told, *ends], [], [])[0]:
                if ready is told:
                    for one in (listener, told, *ends):
                        one.close()
                    return
                if ready is listener:
                    here, there = listener.accept()[0], socket.create_connection(self._to)
                    ends |= {here: there, there: here}
                elif ready in ends:
                    other = ends[ready]
                    try:
                        data = ready.recv(1 << 16)
                        other.sendall(data)
                    except OSError:
                        data = b""
                    if not data:
                        for one in (ready, other):
                            del ends[one]
                            one.close()


class Attentive:
    """A source and somebody who reads the points of every metric that it tells of, as charts on a screen would.

    A server tells how many points there are, and the best of them, only of metrics that somebody looks at.
    """

    def __init__(self, source: Source) -> None:
        self.source, self.uri, self.kind = source, source.uri, source.kind
        self._cursor: dict[tuple[str, str], int] = {}
        self._closed = False

    def scan(self) -> Iterator[RunBatch]:
        for batch in self.source.scan():
            self._look(batch)
        yield from self.source.scan()

    def history(
        self, run_ids: Sequence[str], metrics: Sequence[str] | None = None, cursor: Cursor | None = None
    ) -> History:
        return self.source.history(run_ids, metrics, cursor)

    def follow(self, focus: Focus) -> Iterator[Change]:
        for change in self.source.follow(focus):
            if change.batch is not None:
                self._look(change.batch)
            yield change

    def close(self) -> None:
        self._closed = True
        self.source.close()

    def _look(self, batch: RunBatch) -> None:
        vague: dict[str, list[str]] = {}
        for run_id, key, exact in batch.metrics.select("run_id", "key", "exact").iter_rows():
            if not exact:
                vague.setdefault(run_id, []).append(key)
        for run_id, keys in vague.items():
            complete = False
            while not complete and not self._closed:
                history = self.source.history([run_id], keys, self._cursor)
                self._cursor, complete = dict(history.cursor), history.complete


def count_or_none(ledger: Ledger, run_id: str, key: str) -> int:
    """`Ledger.count` where it may not be known."""
    return int(ledger.metrics.get((run_id, key), {}).get("count") or 0)


@dataclass(frozen=True)
class Answer:
    """What a stand-in says.

    Args:
        claims: bytes that it says it sends, where those are not what it does.
        hangs: it says nothing until the test ends.
    """

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    claims: int | None = None
    hangs: bool = False


class StandIn:
    """A server that gives the answers that a test writes, and remembers what it was asked.

    Args:
        answer: what to say to a request, of its path, its JSON or None, and its headers.
    """

    def __init__(self, answer: Callable[[str, Any, Mapping[str, str]], Answer]) -> None:
        import json

        self.asked: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self.hanging = threading.Event()
        released = self._released = threading.Event()
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                stand_in.asked.append(self.path)
                stand_in.headers.append(dict(self.headers))
                said = answer(self.path, body, dict(self.headers))
                if said.hangs:
                    stand_in.hanging.set()
                    released.wait(60)
                    self.close_connection = True
                    return
                self.send_response(said.status)
                for name, value in said.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(said.claims if said.claims is not None else len(said.body)))
                self.end_headers()
                self.wfile.write(said.body)
                if said.claims is not None:
                    self.close_connection = True

            do_POST = do_GET  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def wrap(self, context: Any) -> None:
        """Speak TLS from now on."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
