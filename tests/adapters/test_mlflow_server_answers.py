"""What a tracking server may answer, well or badly: stand-ins say it, and what a person reads is compared."""

from __future__ import annotations

import base64
import datetime
import json
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.ledger import DEADLINE, read_all, read_history
from tests.adapters.tracking_server import Answer, StandIn
from tui_runs.adapter import Focus
from tui_runs.errors import ArtifactError, LocationError, SourceLostError
from tui_runs_mlflow.tracking_server.store import ServerStore

RUN = "a" * 32
HTML = b"<!doctype html><title>Sign in</title>"
READINGS = "tui_runs_mlflow.tracking_server.readings"

Say = Callable[..., StandIn]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody's credentials, and no waiting."""
    for name in ("USERNAME", "PASSWORD", "TOKEN", "INSECURE_TLS", "SERVER_CERT_PATH"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("tui_runs_mlflow.tracking_server.client._BACKOFF_SECONDS", 0.0)


@pytest.fixture
def say() -> Iterator[Say]:
    """Starts a stand-in; what it says is a function of path, body and headers, or the one answer to everything."""
    started: list[StandIn] = []

    def start(answer: Callable[..., Answer] | Answer) -> StandIn:
        started.append(StandIn(answer if callable(answer) else lambda *_: answer))
        return started[-1]

    yield start
    for one in started:
        one.close()


def said(value: object) -> Answer:
    return Answer(body=json.dumps(value).encode(), headers={"Content-Type": "application/json"})


def refused(status: int, code: str, message: str) -> Answer:
    return Answer(status, json.dumps({"error_code": code, "message": message}).encode())


def run(run_id: str = RUN, **data: Any) -> dict[str, Any]:
    info = {
        "run_id": run_id,
        "experiment_id": "1",
        "run_name": "one",
        "status": "RUNNING",
        "start_time": 1_700_000_000_000,
    }
    return {"info": {**info, "lifecycle_stage": "active"}, "data": data}


def mlflow_like(
    path: str, runs: Callable[[Any], object] | None = None, body: Any = None, others: Mapping[str, Answer] | None = None
) -> Answer:
    """One experiment; what `runs` says of a search; and `others` by the beginning of their paths."""
    for beginning, answer in (others or {}).items():
        if beginning in path:
            return answer
    if "experiments/search" in path:
        return said({"experiments": [{"experiment_id": "1", "name": "trials", "lifecycle_stage": "active"}]})
    if "runs/search" in path:
        return said(runs(body) if runs else {"runs": [run()]})
    return Answer(404, HTML)


def lost(source: ServerStore) -> SourceLostError:
    """What a scan says that fails."""
    with pytest.raises(SourceLostError) as caught:
        read_all(source)
    source.close()
    error = caught.value
    assert error.remedy.endswith((".", "'"))
    assert "Traceback" not in error.message + error.remedy
    return error


# --- answers that are none --------------------------------------------------------------------------------------------

BAD_ANSWERS = {
    "401": (Answer(401, b"You are not authenticated."), "who you are (401): You are not", "MLFLOW_TRACKING_TOKEN"),
    "401, nothing": (Answer(401, b""), "who you are (401)", "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"),
    "403": (refused(403, "PERMISSION_DENIED", "Permission denied"), "let you in (403): Permission denied", "right to"),
    "403, host": (Answer(403, b"Invalid Host header"), "Invalid Host header", "MLFLOW_TRACKING_USERNAME"),
    "404": (Answer(404, HTML), "no MLflow tracking server", "before the #"),
    "404, JSON": (Answer(404, b'{"detail": "Not Found"}'), "no MLflow", "address"),
    "429": (Answer(429, b"slow down"), "asked too often (429): slow down", "Try again later"),
    "500": (refused(500, "INTERNAL_ERROR", "no database"), "(500 Internal Server Error): no database", "runs"),
    "502": (Answer(502, HTML), "in trouble (502 Bad Gateway)", "Try again later"),
    "503": (Answer(503, HTML), "in trouble (503 Service Unavailable)", "Try again later"),
    "418": (Answer(418, b""), "answers with 418", "address"),
    "400": (refused(400, "INVALID_PARAMETER_VALUE", "no such field"), "no such field", "older than"),
    "HTML": (Answer(200, HTML), "a web page in place of data", "login"),
    "nothing": (Answer(200, b""), "answers with nothing", "address"),
    "garbage": (Answer(200, b"\xff\xfe\x00garbage"), "not MLflow's", "address"),
    "half a JSON": (Answer(200, b'{"experiments": ['), "not MLflow's", "address"),
    "deep JSON": (Answer(200, b"[" * 100_000), "not MLflow's", "address"),
    "a JSON list": (Answer(200, b"[1, 2]"), "not MLflow's", "address"),
    "other JSON": (Answer(200, b'{"experiments": 3}'), "not MLflow's", "address"),
    "odd experiments": (Answer(200, b'{"experiments": [3]}'), "not MLflow's", "address"),
    "cut off": (Answer(200, b'{"exp', claims=1000), "broke the connection off", "Try again later"),
    "escapes": (refused(403, "X", "\x1b[31mred\u202e"), "␛[31mred⟨202e⟩", "right"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD_ANSWERS)
def test_bad_answer_is_a_sentence_with_a_remedy(say: Say, kind: str) -> None:
    answer, message, remedy = BAD_ANSWERS[kind]
    stand_in = say(answer)
    error = lost(ServerStore(stand_in.url))
    assert message in error.message
    assert remedy in error.remedy
    assert error.message.startswith(stand_in.url)


def test_passing_trouble_is_tried_again(say: Say) -> None:
    troubles = [Answer(503), Answer(429, headers={"Retry-After": "0"}), Answer(200, b"{", claims=9)]
    stand_in = say(lambda path, body, headers: troubles.pop() if troubles else mlflow_like(path))
    source = ServerStore(stand_in.url)
    assert read_all(source).runs.keys() == {RUN}
    assert len(stand_in.asked) == 5
    source.close()


@pytest.mark.parametrize(("variable", "tries"), [(None, 4), ("1", 2), ("0", 1), ("often", 4)])
def test_what_mlflow_is_told_of_retries_holds(
    say: Say, monkeypatch: pytest.MonkeyPatch, variable: str | None, tries: int
) -> None:
    if variable is not None:
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", variable)
    stand_in = say(Answer(503))
    lost(ServerStore(stand_in.url))
    assert len(stand_in.asked) == tries


def test_login_is_not_tried_again(say: Say) -> None:
    stand_in = say(Answer(401))
    lost(ServerStore(stand_in.url))
    assert len(stand_in.asked) == 1


def test_redirect_to_a_login(say: Say) -> None:
    login = say(Answer(200, HTML))
    stand_in = say(Answer(302, headers={"Location": f"{login.url}/login?next=secret"}))
    error = lost(ServerStore(stand_in.url))
    assert f"a web page in place of data, at {login.url}/login." in error.message
    assert "MLFLOW_TRACKING_TOKEN" in error.remedy


def test_redirect_that_is_not_followed(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_HTTP_REDIRECTS", "false")
    stand_in = say(Answer(301, headers={"Location": "https://elsewhere.example/mlflow"}))
    error = lost(ServerStore(stand_in.url))
    assert "sends to https://elsewhere.example/mlflow." in error.message
    assert "Open that address" in error.remedy


def test_error_in_the_middle_keeps_what_came(say: Say) -> None:
    def runs(body: Any) -> object:
        return {"runs": [run()], "next_page_token": "two"} if "page_token" not in body else {"runs": "none"}

    source = ServerStore(say(lambda path, body, headers: mlflow_like(path, runs, body)).url)
    scan = source.scan()
    assert next(scan).runs["run_id"].to_list() == [RUN]
    with pytest.raises(SourceLostError):
        next(scan)
    source.close()


def test_run_that_is_not_as_it_should_be_loses_no_other(say: Say) -> None:
    odd: list[Any] = [
        3, {}, {"info": {}}, {"info": {"run_id": "it's '; DROP"}}, run("b" * 32, metrics=[{"key": "x", "value": "?"}]),
        run("c" * 32, params=[3]), run("d" * 32, metrics=[{"key": "x", "value": 1, "step": 1e300}]),
        run("e" * 32, metrics=[{"key": "x", "value": 1, "step": "9" * 5000}]),
    ]  # fmt: skip
    good = run(
        metrics=[{"key": "loss", "value": "NaN", "timestamp": "5", "step": "1"}],
        params=[{"key": "p", "value": "\ud800 half"}, {"key": "nothing"}],
        tags=[{"key": "mlflow.note.content", "value": "\x1b[31m"}],
    )
    source = ServerStore(say(lambda path, *_: mlflow_like(path, lambda _: {"runs": [*odd, good, good]})).url)
    ledger = read_all(source)
    assert ledger.runs.keys() == {RUN}
    assert ledger.params_of(RUN) == {"p": "? half", "nothing": ""}
    assert repr(ledger.metrics[RUN, "loss"]["last"]) == "nan"
    assert list(ledger.problems) == [source.uri]
    source.close()


def test_pages_without_end_end(say: Say) -> None:
    source = ServerStore(
        say(lambda path, *_: mlflow_like(path, lambda _: {"runs": [run()], "next_page_token": "x"})).url
    )
    assert read_all(source).runs.keys() == {RUN}
    source.close()


def test_answer_that_never_ends_is_given_up(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "tui_runs_mlflow.tracking_server.transport.Request.__init__.__defaults__", (None, None, 1000, False)
    )
    error = lost(ServerStore(say(Answer(200, b" " * 5000)).url))
    assert "more than any MLflow server" in error.message


# --- no answer at all -------------------------------------------------------------------------------------------------


def test_nothing_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    error = lost(ServerStore(f"http://127.0.0.1:{port}"))
    assert "nothing listens" in error.message
    assert "Start the server" in error.remedy


def test_unknown_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    error = lost(ServerStore("http://mlflow.example:5000"))
    assert "no machine of this name" in error.message
    assert "VPN" in error.remedy


def test_proxy_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    error = lost(ServerStore("http://mlflow.example:5000"))
    assert "through the proxy" in error.message
    assert "NO_PROXY" in error.remedy


def test_silence(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "0.2")
    error = lost(ServerStore(say(Answer(hangs=True)).url))
    assert "does not answer in time" in error.message
    assert "MLFLOW_HTTP_REQUEST_TIMEOUT" in error.remedy


@pytest.mark.parametrize("asks", ["scan", "follow", "history", "artifacts"])
def test_close_ends_a_wait_for_an_answer(say: Say, asks: str) -> None:
    hang: list[bool] = []
    stand_in = say(lambda path, *_: Answer(hangs=True) if hang else mlflow_like(path))
    source = ServerStore(stand_in.url)
    read_all(source)
    hang.append(True)
    ended = threading.Event()

    def ask() -> None:
        if asks == "scan":
            assert list(source.scan()) == []
        elif asks == "follow":
            assert list(source.follow(Focus())) == []
        elif asks == "history":
            assert not source.history([RUN], ["loss"]).complete
        else:
            assert source.artifacts(RUN).frame.is_empty()
        ended.set()

    threading.Thread(target=ask, daemon=True).start()
    assert stand_in.hanging.wait(DEADLINE)
    source.close()
    assert ended.wait(DEADLINE)


def test_close_ends_a_pause_between_tries(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = threading.Event()

    def busy(*_: Any) -> Answer:
        asked.set()
        return Answer(503, headers={"Retry-After": "3600"})

    source = ServerStore(say(busy).url)
    ended = threading.Event()
    threading.Thread(target=lambda: (list(source.scan()), ended.set()), daemon=True).start()
    assert asked.wait(DEADLINE)
    source.close()
    assert ended.wait(DEADLINE)


# --- who is there -----------------------------------------------------------------------------------------------------


def guarded(stand_in_for: Callable[[str], Answer], authorization: str) -> Callable[..., Answer]:
    def answer(path: str, body: Any, headers: Mapping[str, str]) -> Answer:
        return stand_in_for(path) if headers.get("Authorization") == authorization else Answer(401)

    return answer


BASIC = "Basic " + base64.b64encode(b"m\xc3\xa4x:p@ss/w:rd").decode()


def test_login_in_the_address_is_sent_and_never_shown(say: Say) -> None:
    stand_in = say(guarded(mlflow_like, BASIC))
    source = ServerStore(stand_in.url.replace("http://", "http://m%C3%A4x:p%40ss%2Fw%3Ard@"))
    assert source.uri == stand_in.url
    ledger = read_all(source)
    assert ledger.runs[RUN]["uri"] == f"{stand_in.url}/#/experiments/1/runs/{RUN}"
    assert "p@ss" not in repr(vars(source)) + repr(source._client.server)
    source.close()
    error = lost(ServerStore(stand_in.url.replace("http://", "http://somebody:sesame@")))
    assert "sesame" not in error.message + error.remedy


def test_login_of_the_environment(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = say(guarded(mlflow_like, BASIC))
    assert "who you are" in lost(ServerStore(stand_in.url)).message
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "mäx")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "p@ss/w:rd")
    source = ServerStore(stand_in.url)
    assert read_all(source).runs.keys() == {RUN}
    source.close()


def test_login_of_mlflows_own_file(say: Say, tmp_path: Path) -> None:
    (tmp_path / ".mlflow").mkdir()
    (tmp_path / ".mlflow" / "credentials").write_text(
        "[mlflow]\nmlflow_tracking_username = mäx\nmlflow_tracking_password = p@ss/w:rd\n", "utf-8"
    )
    source = ServerStore(say(guarded(mlflow_like, BASIC)).url)
    assert read_all(source).runs.keys() == {RUN}
    source.close()


def test_token_of_the_environment(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")
    source = ServerStore(say(guarded(mlflow_like, "Bearer t0ken")).url)
    assert read_all(source).runs.keys() == {RUN}
    source.close()


def test_databricks_without_a_login() -> None:
    error = lost(ServerStore("databricks://nobody"))
    assert "databricks://nobody" in error.message
    assert "DATABRICKS_HOST and DATABRICKS_TOKEN" in error.remedy


def test_databricks_by_the_environment(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = say(guarded(mlflow_like, "Bearer t0ken"))
    monkeypatch.setenv("DATABRICKS_HOST", stand_in.url)
    monkeypatch.setenv("DATABRICKS_TOKEN", "t0ken")
    source = ServerStore("databricks")
    assert read_all(source).runs[RUN]["uri"] == f"{stand_in.url}/ml/experiments/1/runs/{RUN}"
    source.close()


def certificate(directory: Path) -> Path:
    """A certificate for 127.0.0.1 that nobody signed, with its key."""
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(2020, 1, 1)).not_valid_after(datetime.datetime(2099, 1, 1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = directory / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, *plain) + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.mark.filterwarnings("ignore:Unverified HTTPS")  # pytest undoes what the adapter does about it
def test_certificates(say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    stand_in = say(lambda path, *_: mlflow_like(path))
    plain = stand_in.url
    error = lost(ServerStore(plain.replace("http://", "https://")))
    assert "does not speak TLS" in error.message
    assert "http://" in error.remedy
    path = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    stand_in.wrap(context)
    error = lost(ServerStore(stand_in.url))
    assert "certificate that this machine trusts" in error.message
    assert "MLFLOW_TRACKING_SERVER_CERT_PATH" in error.remedy
    assert "MLFLOW_TRACKING_INSECURE_TLS" in error.remedy
    for variable, value in (("SERVER_CERT_PATH", str(path)), ("INSECURE_TLS", "true")):
        with monkeypatch.context() as environment:
            environment.setenv(f"MLFLOW_TRACKING_{variable}", value)
            source = ServerStore(stand_in.url)
            assert read_all(source).runs.keys() == {RUN}
            source.close()
    assert capfd.readouterr() == ("", "")


# --- locations --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "location",
    [
        "",
        "localhost:5000",
        "ftp://x",
        "http://",
        "http://[",
        "http://a:b",
        "http://a:99999",
        "http://a b",
        "http://a\n",
        "\0",
    ],
)
def test_what_is_no_address_is_said_at_once(location: str) -> None:
    with pytest.raises(LocationError) as caught:
        ServerStore(location)
    assert caught.value.message
    assert "http://localhost:5000" in caught.value.remedy


@pytest.mark.parametrize(
    ("location", "uri", "experiment"),
    [
        ("http://localhost:5000/", "http://localhost:5000", None),
        ("HTTPS://User:pw@Host.example/team/mlflow/?x=1", "https://host.example/team/mlflow", None),
        ("http://[::1]:5000", "http://[::1]:5000", None),
        ("http://h:5000/#/experiments/3?searchFilter=", "http://h:5000/#/experiments/3", "3"),
        ("http://h/#/models", "http://h", None),
        ("databricks", "databricks", None),
        ("databricks://team", "databricks://team", None),
    ],
)
def test_address_as_it_is_shown(location: str, uri: str, experiment: str | None) -> None:
    source = ServerStore(location)
    assert (source.uri, source._client.server.experiment) == (uri, experiment)


def test_without_mlflow_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui_runs_mlflow.tracking_server.address.find_spec", lambda name: None)
    with pytest.raises(LocationError) as caught:
        ServerStore("http://user:secret@localhost:5000")
    assert "pip install 'tui-runs[mlflow]'" in caught.value.remedy
    assert "secret" not in caught.value.message


_QUIETLY = """
import sys
from tui_runs_mlflow.tracking_server.store import ServerStore
source = ServerStore(sys.argv[1])
assert "mlflow" not in sys.modules, "opening imports mlflow"
runs = [run_id for batch in source.scan() for run_id in batch.runs["run_id"]]
history = source.history(runs, ["loss"])
assert runs and history.complete
"""


def test_reads_without_a_word_and_leaves_nothing_behind(say: Say, tmp_path: Path) -> None:
    """In a process of its own: mlflow logs, warns, reports to its makers and makes ./mlruns where it is let."""
    points = {"metrics": [{"key": "loss", "value": 0.5, "timestamp": 5, "step": 1}]}
    stand_in = say(lambda path, *_: mlflow_like(path, others={"get-history": said(points)}))
    (tmp_path / "here").mkdir()
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", _QUIETLY, stand_in.url],
        cwd=tmp_path / "here", capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list((tmp_path / "here").iterdir()) == []


# --- servers that differ ----------------------------------------------------------------------------------------------


class OldServer:
    """Says histories as MLflow 2 does: all of them at once, whatever part is asked for. Or refuses page tokens."""

    def __init__(self, count: int, refuses: bool = False, own_pages: int | None = None) -> None:
        self.points = [{"key": "loss", "value": n / 7, "timestamp": 1000 + n, "step": n} for n in range(count)]
        self.refuses, self.own_pages = refuses, own_pages

    def __call__(self, path: str, body: Any, headers: Mapping[str, str]) -> Answer:
        from urllib.parse import parse_qs, urlsplit

        if "get-history" not in path:
            return mlflow_like(path)
        query = parse_qs(urlsplit(path).query)
        token = query.get("page_token", [""])[0]
        if token and self.refuses and not token.startswith("opaque"):
            return refused(400, "INVALID_PARAMETER_VALUE", "page_token must be None")
        if self.own_pages is None:
            return said({"metrics": self.points})
        start = int(token.removeprefix("opaque") or 0)
        end = start + self.own_pages
        more = {"next_page_token": f"opaque{end}"} if end < len(self.points) else {}
        return said({"metrics": self.points[start:end], **more})


@pytest.mark.parametrize(
    "server",
    [OldServer(30), OldServer(30, refuses=True), OldServer(30, refuses=True, own_pages=7)],
    ids=["sends all", "refuses tokens", "has tokens of its own"],
)
def test_histories_of_servers_that_page_otherwise(say: Say, server: OldServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{READINGS}._REST_SECONDS", 0.0)
    monkeypatch.setattr(f"{READINGS}._PAGE", 10)
    source = ServerStore(say(server).url)
    read_all(source)
    cursor, before = None, 0
    for count in (30, 30, 37, 38):
        server.points += [
            {"key": "loss", "value": 1.0, "timestamp": 2000 + n, "step": n} for n in range(len(server.points), count)
        ]
        points, cursor, answers = read_history(source, [RUN], ["loss"], cursor)
        assert not any(answer.restarted for answer in answers)
        assert dict(cursor) == {(RUN, "loss"): count}
        assert [point[0] for point in points.get((RUN, "loss"), [])] == list(range(before, count))
        before = count
    source.close()


@pytest.mark.parametrize(
    ("root", "shown"),
    [
        (f"mlflow-artifacts:/1/{RUN}/artifacts", True),
        (f"s3://bucket/1/{RUN}/artifacts", True),
        (f"/srv/mlruns/1/{RUN}/artifacts", True),
        (f"./mlruns/1/{RUN}/artifacts", True),
        ("file:///etc", False),
        ("/etc", False),
        ("", False),
        (f"file:///etc/{RUN}/artifacts/../../../etc", False),
        (f"/{'b' * 32}/artifacts", False),
        ("C:\\Windows", False),
    ],
)
def test_artifacts_are_opened_in_the_runs_own_directory_only(say: Say, root: str, shown: bool) -> None:
    listing = said({"root_uri": root, "files": [{"path": "passwd", "is_dir": False, "file_size": "9"}]})
    others = {"artifacts/list": listing, "get-artifact": Answer(200, b"root:x:0:0")}
    stand_in = say(lambda path, *_: mlflow_like(path, others=others))
    source = ServerStore(stand_in.url)
    listed = source.artifacts(RUN)
    if shown:
        assert listed.frame.rows() == [("passwd", False, 9, None)]
        assert source.read_artifact(RUN, "passwd", 4) == b"root"
    else:
        assert listed.frame.is_empty()
        assert listed.problems[0].what
        with pytest.raises(ArtifactError):
            source.read_artifact(RUN, "passwd", 100)
        assert not any("get-artifact" in path for path in stand_in.asked)
    source.close()


def test_artifacts_that_lie_elsewhere_are_not_listed(say: Say) -> None:
    paths = ["../x", "/etc/passwd", "a/b", "", ".", "ok", "ok"]
    files = [{"path": path, "is_dir": False, "file_size": "-1"} for path in paths]
    answer = said({"root_uri": "s3://bucket", "files": [*files, 3]})
    source = ServerStore(say(lambda path, *_: mlflow_like(path, others={"artifacts/list": answer})).url)
    assert source.artifacts(RUN).frame.rows() == [("ok", False, None, None)]
    source.close()
