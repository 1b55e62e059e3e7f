"""One HTTP request to a tracking server, made by mlflow's own transport with mlflow's own credentials.

mlflow knows every way in which servers ask who is there (basic auth, tokens, client certificates, Kubernetes, AWS
signatures, Databricks profiles) and where it is configured; what is sent and how answers are read is ours, because
`MlflowClient` waits for minutes by default, cannot be interrupted, and keeps neither steps nor times of last values.
This is the only module that knows mlflow. `import mlflow` takes 3.5 s of CPU and happens with the first request.
"""

from __future__ import annotations

import importlib
import logging
import math
import os
import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from tui_runs_mlflow.tracking_server.address import ServerAddress

CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 120.0
"""How long to wait for a connection, and for each part of an answer; the second is mlflow's own."""
ANSWER_LIMIT: Final = 512 << 20
"""Bytes of one answer: about ten times what 5,000 runs of 200 metrics take."""
_CHUNK: Final = 1 << 18
_IMPORTING: Final = threading.Lock()


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered.

    Args:
        status: the HTTP status.
        body: what came, `limit` bytes of it at most.
        host: the address that was asked, without a password.
        redirected_to: where the server sent us, or would have; "" if it did not.
        retry_after: what the server says of when to come back.
    """

    status: int
    body: bytes
    host: str
    redirected_to: str = ""
    retry_after: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask a server.

    Args:
        path: from the server's address, such as "/api/2.0/mlflow/runs/search".
        query: parameters of a GET.
        body: the JSON of a POST; None for a GET.
        limit: bytes of the answer that are wanted.
        cut: an answer that is longer is cut there; else it is an error.
    """

    path: str
    query: Mapping[str, str] | None = None
    body: Mapping[str, object] | None = None
    limit: int = ANSWER_LIMIT
    cut: bool = False


class AnswerTooLongError(Exception):
    """More bytes came than any answer has."""


@dataclass(frozen=True, slots=True)
class _Mlflow:
    http_request: Callable[..., Any]
    default_credentials: Callable[[str], Any]
    databricks_credentials: Callable[[str], Any]


@cache
def _import_mlflow() -> _Mlflow:
    # By name, as this must neither be imported with the adapter nor type-checked, which would take minutes.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # it would report to its makers, from a thread
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # it would print that there is no git
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rest = importlib.import_module("mlflow.utils.rest_utils")
        credentials = importlib.import_module("mlflow.utils.credentials")
        databricks = importlib.import_module("mlflow.utils.databricks_utils")
    for name in ("mlflow", "databricks"):  # they write to stderr
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    # Said at every request where MLFLOW_TRACKING_INSECURE_TLS is set, which is asking for it.
    warnings.filterwarnings("ignore", message="Unverified HTTPS request")
    return _Mlflow(rest.http_request, credentials.get_default_host_creds, databricks.get_databricks_host_creds)


class Transport:
    """Makes requests to one server. May be used from several threads.

    Args:
        address: which.
    """

    def __init__(self, address: ServerAddress) -> None:
        self._address = address
        self._workspace: Any = None
        """Databricks' credentials, which take three requests to make and refresh themselves."""

    def _credentials(self, mlflow: _Mlflow) -> Any:
        if self._address.is_databricks:
            self._workspace = self._workspace or mlflow.databricks_credentials(self._address.host)
            return self._workspace
        credentials = mlflow.default_credentials(self._address.host)
        if self._address.username is not None:
            credentials.username, credentials.token = self._address.username, None
            credentials.password = self._address.password or credentials.password
        return credentials

    def send(self, request: Request, *, is_closed: Callable[[], bool]) -> Reply:
        """Make one request, without trying again, and read its answer.

        Args:
            request: what to ask.
            is_closed: the answer is not read to its end where this gets true.

        Raises:
            Exception: whatever mlflow, requests, urllib3 or the Databricks SDK raise, which is for `troubles` to tell.
        """
        with _IMPORTING:
            mlflow = _import_mlflow()
        credentials = self._credentials(mlflow)
        sdk = bool(credentials.use_databricks_sdk)
        read_seconds = _setting("MLFLOW_HTTP_REQUEST_TIMEOUT", READ_SECONDS)
        arguments: dict[str, Any] = {"retry_timeout_seconds": int(read_seconds)} if sdk else {}
        if request.body is not None:
            arguments["json"] = dict(request.body)
        elif request.query is not None:
            arguments["params"] = dict(request.query)
        response = mlflow.http_request(
            credentials,
            request.path,
            "GET" if request.body is None else "POST",
            max_retries=0,  # its waiting could not be interrupted
            raise_on_status=False,
            timeout=read_seconds if sdk else (min(CONNECT_SECONDS, read_seconds), read_seconds),
            stream=True,
            **arguments,
        )
        if sdk:  # which reads errors itself, and leaves nothing to stream then
            body = _limited(response.content, request)
        else:
            try:
                body = _read(response, request, is_closed)
            finally:
                response.close()
        redirected_to = response.url if response.history else ""
        return Reply(
            response.status_code,
            body,
            str(credentials.host).rstrip("/"),
            redirected_to=response.headers.get("location", "") if response.is_redirect else redirected_to,
            retry_after=response.headers.get("retry-after", ""),
        )


def _read(response: Any, request: Request, is_closed: Callable[[], bool]) -> bytes:
    parts: list[bytes] = []
    size = 0
    for part in response.iter_content(_CHUNK):
        parts.append(part)
        size += len(part)
        if size > request.limit or is_closed():
            break
    return _limited(b"".join(parts), request)


def _limited(body: bytes, request: Request) -> bytes:
    if len(body) > request.limit and not request.cut:
        raise AnswerTooLongError
    return body[: request.limit]


def retries() -> int:
    """How often a request is made again that fails for a passing reason: 3 times, or what mlflow is told to."""
    return int(min(_setting("MLFLOW_HTTP_REQUEST_MAX_RETRIES", 3), 20))


def _setting(variable: str, default: float) -> float:
    """A number that a variable of mlflow's sets, or ours: its own defaults wait for minutes."""
    try:
        value = float(os.environ[variable])
    except (KeyError, ValueError):
        return default
    return value if math.isfinite(value) and value >= 0 else default
