"""A run's artifacts, listed and read through its server, which alone knows where they are.

Nothing is opened on this machine, wherever `artifact_uri` points. A server can be made to hand out its own files,
though: a run whose artifacts are said to be /etc would show them. So where artifacts lie in a directory, it must be
one that MLflow would have made for this run: `…/<run id>/artifacts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

import polars as pl

from tui_runs.adapter import Problem
from tui_runs.capabilities import Artifacts
from tui_runs.display import address, printable
from tui_runs.errors import ArtifactError
from tui_runs.schema import ARTIFACTS, empty
from tui_runs_mlflow.tracking_server.client import ClosedError, TrackingClient
from tui_runs_mlflow.tracking_server.troubles import MissingError, RefusedError, ServerLostError

_ENTRY_LIMIT: Final = 10_000
"""Entries of one directory that are listed."""
_OUTSIDE_REMEDY: Final = "If that is meant so, look at the files on the server's machine."
_PAGE_REMEDY: Final = "Open the run's page in a browser, or use `mlflow artifacts download`."


def list_artifacts(client: TrackingClient, run_id: str, directory: str) -> Artifacts:
    """List one directory of a run. See `tui_runs.capabilities.WithArtifacts`."""
    if directory and not _is_inside(directory):
        return Artifacts(empty(ARTIFACTS))
    rows: dict[str, tuple[str, bool, int | None, None]] = {}
    token: str | None = None
    try:
        while True:
            said = client.artifacts(run_id, directory, token)
            problem = _outside(run_id, str(said.get("root_uri", "")))
            if problem is not None:
                return Artifacts(empty(ARTIFACTS), [problem])
            files = said.get("files", [])
            for one in files if isinstance(files, list) else ():
                row = _row(one, directory)
                if row is not None:
                    rows[row[0]] = row
            previous, token = token, str(said.get("next_page_token") or "") or None
            if token is None or token == previous or len(rows) >= _ENTRY_LIMIT:
                break
    except (MissingError, ClosedError):
        return Artifacts(empty(ARTIFACTS))
    except RefusedError as error:
        what = f"The server does not list {directory or 'the artifacts'}: {error}"
        return Artifacts(empty(ARTIFACTS), [Problem(client.server.uri, printable(what), _PAGE_REMEDY)])
    except ServerLostError as error:
        return Artifacts(empty(ARTIFACTS), [Problem(client.server.uri, error.message, error.remedy)])
    listed = sorted(rows.values(), key=lambda row: (not row[1], row[0]))
    frame = pl.DataFrame(listed[:_ENTRY_LIMIT], schema=dict(ARTIFACTS), orient="row")
    return Artifacts(frame, complete=len(listed) <= _ENTRY_LIMIT and token is None)


def read_artifact(client: TrackingClient, run_id: str, path: str, limit: int) -> bytes:
    """Read a file's beginning. See `tui_runs.capabilities.WithArtifacts`."""
    shown = printable(path)
    if not _is_inside(path):
        raise ArtifactError(f"{shown} is no file of this run.", "Choose one that is listed.")
    if client.server.is_databricks:
        raise ArtifactError(f"{shown} is kept by Databricks, which gives files in other ways.", _PAGE_REMEDY)
    try:
        problem = _outside(run_id, str(client.artifacts(run_id, path.rpartition("/")[0]).get("root_uri", "")))
        if problem is not None:
            raise ArtifactError(problem.what, problem.remedy)
        return client.artifact(run_id, path, limit)
    except MissingError:
        raise ArtifactError(f"{shown} is not there.", "It may have been deleted; list the directory again.") from None
    except RefusedError as error:
        raise ArtifactError(f"{shown} is not given by the server: {error}", _PAGE_REMEDY) from None
    except ServerLostError as error:
        raise ArtifactError(error.message, error.remedy) from None
    except ClosedError:
        raise ArtifactError(f"{shown} was not read to its end.", "Open the store again.") from None


def _is_inside(path: str) -> bool:
    """Whether a path goes down from the run's directory, whatever machine reads it."""
    return bool(path) and "\\" not in path and all(part not in ("", ".", "..") for part in path.split("/"))


def _outside(run_id: str, root_uri: str) -> Problem | None:
    """Why the artifacts of a run must not be looked at."""
    try:
        parts = urlsplit(root_uri)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme and parts.scheme != "file" and len(parts.scheme) > 1:  # one letter is a drive
        return None
    names = [name for name in unquote(parts.path).replace("\\", "/").split("/") if name]
    if names[-2:] == [run_id, "artifacts"] and ".." not in names:
        return None
    what = "The run says that its artifacts are there, which is no directory that MLflow makes for a run."
    return Problem(printable(address(root_uri)) or "artifact_uri", what, _OUTSIDE_REMEDY)


def _row(one: object, directory: str) -> tuple[str, bool, int | None, None] | None:
    """One entry; None for what does not lie right in the directory."""
    if not isinstance(one, Mapping):
        return None
    path = str(one.get("path", ""))
    if not _is_inside(path) or path.rpartition("/")[0] != directory:
        return None
    is_directory, size = bool(one.get("is_dir")), str(one.get("file_size", ""))
    known = not is_directory and size.isdecimal() and len(size) < 20
    return path, is_directory, int(size) if known else None, None  # servers do not say when a file changed
