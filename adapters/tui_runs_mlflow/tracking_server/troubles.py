"""What can go wrong between us and a server, each as a sentence with what to do about it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

from tui_runs.display import address, clip, printable
from tui_runs.errors import SourceLostError
from tui_runs_mlflow.tracking_server.address import ServerAddress
from tui_runs_mlflow.tracking_server.transport import AnswerTooLongError, Reply

_QUOTED: Final = 200
"""Characters of a stranger's message that are repeated."""
PASSING_STATUSES: Final = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses after which a request is made again, as mlflow does."""

_LOGIN: Final = (
    "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, or write them into "
    "~/.mlflow/credentials."
)
_DATABRICKS_LOGIN: Final = "Set DATABRICKS_HOST and DATABRICKS_TOKEN, or run `databricks auth login`."
_CERTIFICATE: Final = (
    "Name your authority's certificate in MLFLOW_TRACKING_SERVER_CERT_PATH, or set MLFLOW_TRACKING_INSECURE_TLS=true "
    "if you trust the network."
)
_LATER: Final = "Try again later; if it stays like that, ask whoever runs the server."
_CHECK: Final = "Check the address: it is where MLflow's own page opens, with any path before the #."


class MissingError(Exception):
    """What was asked for does not exist on the server: a run, an artifact."""


class RefusedError(Exception):
    """The server understood a request and does not answer such ones: an older or another one than expected."""


class ServerLostError(SourceLostError):
    """A server cannot be read now.

    Args:
        message: see `TuiRunsError`.
        remedy: see `TuiRunsError`.
        passing: the same request may well succeed in a moment.
    """

    def __init__(self, message: str, remedy: str, *, passing: bool = False) -> None:
        super().__init__(message, remedy)
        self.passing = passing


def trouble_of(server: ServerAddress, error: Exception) -> ServerLostError:
    """Why no answer came.

    Args:
        server: who was asked.
        error: what `transport.send` raised.
    """
    where = server.uri
    causes = list(_causes(error))
    names = {cls.__name__ for cause in causes for cls in type(cause).__mro__}
    texts = " ".join(str(cause) for cause in causes)
    if isinstance(error, AnswerTooLongError):
        return ServerLostError(f"{where} sends more than any MLflow server would.", _CHECK)
    if isinstance(error, ImportError):
        what = f"{where} is read with mlflow's client, which cannot be imported: {_quoted(str(error))}"
        return ServerLostError(what, "Install it again: pip install 'tui-runs[mlflow]'")
    if "NameResolutionError" in names or any(isinstance(cause, socket.gaierror) for cause in causes):
        return ServerLostError(
            f"{where}: no machine of this name is known.", "Check the address, and the network or the VPN."
        )
    if "SSLError" in names:
        if "WRONG_VERSION_NUMBER" in texts:
            return ServerLostError(f"{where} does not speak TLS.", "Try the address with http:// in place of https://.")
        return ServerLostError(f"{where} cannot show a certificate that this machine trusts.", _CERTIFICATE)
    if "ProxyError" in names:
        what = f"{where} cannot be reached through the proxy."
        return ServerLostError(what, "Check HTTPS_PROXY and HTTP_PROXY, or name the host in NO_PROXY.")
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        what = f"{where}: nothing listens at this address."
        return ServerLostError(what, "Start the server, or check its address and port.")
    if names & {"Timeout", "TimeoutError", "ConnectTimeoutError", "ReadTimeoutError"}:
        what = f"{where} does not answer in time."
        return ServerLostError(what, "Check the network; MLFLOW_HTTP_REQUEST_TIMEOUT sets how many seconds to wait.")
    if names & {"ProtocolError", "ChunkedEncodingError", "ConnectionResetError", "BrokenPipeError", "IncompleteRead"}:
        return ServerLostError(f"{where} broke the connection off.", _LATER, passing=True)
    if "ConnectionError" in names:
        return ServerLostError(f"{where} cannot be reached: {_quoted(str(causes[-1]))}", "Check the network.")
    if server.is_databricks:
        return ServerLostError(f"{where} cannot be asked: {_quoted(str(error))}", _DATABRICKS_LOGIN)
    return ServerLostError(f"{where} cannot be asked: {_quoted(str(error))}", _CHECK)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and those behind it, the first one last: libraries wrap each other's in four ways."""
    todo: list[object] = [error]
    seen: set[int] = set()
    while todo:
        one = todo.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        todo += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]


def answer_of(server: ServerAddress, reply: Reply) -> object:
    """The JSON of a reply.

    Raises:
        ServerLostError: it is none, or says that the server cannot be read.
        MissingError: what was asked for does not exist.
        RefusedError: the server does not answer such requests.
    """
    if reply.status == 200:
        try:
            return parse_json(reply.body)
        except ValueError:
            raise _no_json(server, reply) from None
    raise failure_of(server, reply)


def failure_of(server: ServerAddress, reply: Reply) -> ServerLostError | MissingError | RefusedError:
    """What a reply of another status than 200 means."""
    where, status = server.uri, reply.status
    code, said = _own_words(reply)
    because = f": {said}" if said else "."
    login = _DATABRICKS_LOGIN if server.is_databricks else _LOGIN
    if status == 401:
        return ServerLostError(f"{where} wants to know who you are (401){because}", login)
    if status == 403:
        what = f"{where} does not let you in (403){because}"
        return ServerLostError(what, f"Ask for the right to read it, or log in as another user. {login}")
    if 300 <= status < 400:
        what = f"{where} sends to {_shown(reply.redirected_to)}."
        return ServerLostError(what, "Open that address, or log in there.")
    if status == 404:
        if code and code != "ENDPOINT_NOT_FOUND":
            return MissingError(said)
        return ServerLostError(f"{where} is no MLflow tracking server: it does not know the API (404).", _CHECK)
    if status == 429:
        return ServerLostError(f"{where} is asked too often (429){because}", _LATER, passing=True)
    if status in PASSING_STATUSES:
        what = f"{where} is in trouble ({status} {_phrase(status)}){because}"
        return ServerLostError(what, _LATER, passing=True)
    if status in (400, 405, 501):
        return RefusedError(said)
    return ServerLostError(f"{where} answers with {status} {_phrase(status)}{because}", _CHECK)


def _no_json(server: ServerAddress, reply: Reply) -> ServerLostError:
    where = server.uri
    if not reply.body:
        return ServerLostError(f"{where} answers with nothing.", _CHECK)
    if reply.body.lstrip()[:1] == b"<":
        came = f"{where} answers with a web page in place of data"
        if reply.redirected_to:
            return ServerLostError(f"{came}, at {_shown(reply.redirected_to)}.", f"It may want a login. {_LOGIN}")
        return ServerLostError(f"{came}.", f"{_CHECK} If it shows a login there: {_LOGIN}")
    return ServerLostError(f"{where} answers with something that is not MLflow's.", _CHECK)


def not_mlflow(server: ServerAddress) -> ServerLostError:
    """The answer is JSON, and not what MLflow would say."""
    return ServerLostError(f"{server.uri} answers with something that is not MLflow's.", _CHECK)


def _own_words(reply: Reply) -> tuple[str, str]:
    """MLflow's error code and message, or a plain text; "" where a reply has none."""
    try:
        said = parse_json(reply.body[: 1 << 20])
    except ValueError:
        text = reply.body[:_QUOTED].decode("utf-8", "replace")
        return "", "" if text.lstrip().startswith("<") else _quoted(text)
    if not isinstance(said, dict):
        return "", ""
    return str(said.get("error_code") or ""), _quoted(str(said.get("message") or ""))


def parse_json(body: bytes) -> object:
    """JSON whose texts UTF-8, and so a frame, can hold.

    Raises:
        ValueError: it is none.
    """
    text = body.decode("utf-8", "replace")
    try:
        said: object = json.loads(text)
        if "\\ud" in text or "\\uD" in text:  # half of a pair may stand alone
            said = json.loads(json.dumps(said, ensure_ascii=False).encode("utf-8", "replace"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return said


def _quoted(text: str) -> str:
    return clip(printable(" ".join(address(text).split())), _QUOTED)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "no status of HTTP"


def _shown(url: str) -> str:
    return _quoted(url.partition("?")[0])
