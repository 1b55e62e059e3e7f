"""Where the artifacts of a run lie on this machine.

That stands in the store, so it is a stranger's word. The rule:

- In a file store, `<run>/artifacts` is the run's own directory, whatever `artifact_uri` says: a store that was moved
  or copied still has it. Only where nothing is in it does `artifact_uri` count.
- A directory that `artifact_uri` names is looked at only if its name is the one that MLflow gives to artifacts,
  `…/<run id>/artifacts`, with this run's id of 32 hexadecimal digits. Nobody's keys lie in a directory of that name,
  while artifacts on a shared disk (`mlflow server --artifacts-destination /data`) are found. Anything else, such as
  /etc, is a Problem: nothing of it is opened, nor is it asked whether it is there.
- A relative path, one that a server stands before (`mlflow-artifacts:`), or an absolute one that is not there, is
  looked for beside the store, under the names that MLflow uses: `./`, `./mlruns`, `./mlartifacts`.
- From the run's directory downwards no symbolic link is followed; see `tui_runs.local_files`.

What is on another machine (s3, …) is a Problem that says where.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote, urlsplit

from tui_runs.adapter import Problem
from tui_runs.display import address
from tui_runs.local_files import LocalFiles
from tui_runs_mlflow.meta_yaml import MetaError, parse_meta
from tui_runs_mlflow.run_files import problem_with, read_file

_RUN_ID: Final = re.compile(r"[0-9a-f]{32}")
_BESIDE: Final = ("", "mlruns", "mlartifacts")
"""Where MLflow puts artifacts, from the directory it is started in."""

_OUTSIDE_REMEDY: Final = "If that is yours, open the files with another tool; tui-runs opens nothing there."
_ELSEWHERE_REMEDY: Final = "Fetch them with `mlflow artifacts download`, or open the tracking server in place of this."


def artifacts_in_file_store(root: str, directory: str) -> LocalFiles:
    """Where the artifacts of a file store's run are.

    Args:
        root: the store's directory.
        directory: the run's directory.
    """
    own = LocalFiles(directory, ("artifacts",))
    try:
        meta = parse_meta(read_file(os.path.join(directory, "meta.yaml")))
    except (OSError, MetaError):  # the scan has reported it
        return own
    uri, run_id = meta.get("artifact_uri"), str(meta.get("run_id") or meta.get("run_uuid"))
    path = _local_path(uri) if isinstance(uri, str) else None
    if path == os.path.join(directory, "artifacts"):
        return own
    if not isinstance(uri, str):
        return own
    if path is not None and not _is_named_as_artifacts(path, run_id):
        return LocalFiles(directory, ("artifacts",), _refusal(uri, run_id))
    if own.has_entries:
        return own
    named = local_artifacts(run_id, uri, [os.path.dirname(root), root])
    return named if path is None or named.has_entries else own


def local_artifacts(run_id: str, artifact_uri: str | None, beside: Sequence[str]) -> LocalFiles:
    """Where the artifacts of a run are that a database knows.

    Args:
        run_id: whose.
        artifact_uri: what the store says.
        beside: directories in which MLflow may have been started, the likeliest first: that of the database's file.
    """
    if not artifact_uri:
        return LocalFiles(None)
    path = _local_path(artifact_uri)
    if path is None:
        what = "The artifacts are kept on another machine, and tui-runs does not fetch them from there."
        return LocalFiles(None, problem=problem_with(address(artifact_uri), what, _ELSEWHERE_REMEDY))
    if not _is_named_as_artifacts(path, run_id):
        return LocalFiles(None, problem=_refusal(artifact_uri, run_id))
    places = _places(path, beside)
    for place in places:
        if os.path.isdir(os.path.join(place, run_id, "artifacts")):
            return LocalFiles(place, (run_id, "artifacts"))
    # A run that logged nothing has no directory. All are elsewhere where none of those is there that would have it.
    homes = [os.path.join(where, name) for where in beside for name in _BESIDE if name]
    if path.startswith("/"):
        homes.append(os.path.dirname(os.path.dirname(places[0])))
    elif not artifact_uri.startswith("mlflow-artifacts:"):
        homes += beside
    if any(map(os.path.isdir, homes)):
        return LocalFiles(None)
    what = "The run's artifacts are said to be in a directory that is not on this machine."
    return LocalFiles(None, problem=problem_with(address(artifact_uri), what, _ELSEWHERE_REMEDY))


def _is_named_as_artifacts(path: str, run_id: str) -> bool:
    """Whether a path is one that MLflow gives to the artifacts of this run."""
    parts = path.split("/")
    return _RUN_ID.fullmatch(run_id) is not None and parts[-2:] == [run_id, "artifacts"] and ".." not in parts


def _refusal(uri: str, run_id: str) -> Problem:
    what = f"The run's artifacts are said to be there, and its name does not end in {run_id}/artifacts."
    return problem_with(uri, what, _OUTSIDE_REMEDY)


def _places(path: str, beside: Sequence[str]) -> list[str]:
    """Directories that may hold the run's: as said, and beside the store with the experiment's name or without."""
    above = path.split("/")[:-2]
    absolute = ["/".join(above) or "/"] if path.startswith("/") else []
    tails = {above[-1] if above else "": None, "": None}
    if not absolute:
        tails = {"/".join(above): None} | tails
    return absolute + [os.path.join(where, name, tail) for where in beside for name in _BESIDE for tail in tails]


def _local_path(uri: str) -> str | None:
    """The path that an artifact uri stands for, relative if a server proxies it; None if it is on another machine.

    Source: mlflow.store.artifact.artifact_repository_registry, `local_file_uri_to_path` of mlflow.utils.file_utils.
    """
    try:
        parts = urlsplit(uri)
    except ValueError:  # half an IPv6 address: no URL, so a path
        return uri
    if len(parts.scheme) < 2:  # a path, perhaps one that begins with a drive letter
        return None if uri.startswith(("//", "\\\\")) else uri.rstrip("/")  # those begin with the name of a machine
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return unquote(parts.path).rstrip("/")
    return unquote(parts.path).strip("/") if parts.scheme == "mlflow-artifacts" else None
