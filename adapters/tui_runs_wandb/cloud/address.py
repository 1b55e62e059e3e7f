"""Where runs are in W&B's cloud, or on a W&B server, taken apart. Nothing is contacted and nothing heavy imported."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote, urlsplit

SAAS: Final = "https://wandb.ai"
"""Stands for W&B's own cloud, whichever of its names was given."""
_SAAS_HOSTS: Final = re.compile(r"(?:(?:www|app|api)\.)?wandb\.ai|(?:api\.)?forge\.coreweave\.com")
_FORGE_PREFIX: Final = "wandb"
"""What stands before entity and project on forge.coreweave.com, where W&B's cloud has its pages since 0.31."""
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class CloudAddress:
    """A project, or one run of it.

    Args:
        entity: a user or a team; "" where the location names none.
        project: "" where the location names none.
        run: id of the one run that is meant; None for all.
        server: where, such as `https://wandb.example.org`; "" for the one that wandb is logged in to.
    """

    entity: str
    project: str
    run: str | None = None
    server: str = ""

    @property
    def path(self) -> str:
        """The project as `wandb.Api` names it."""
        return f"{self.entity}/{self.project}"

    @property
    def uri(self) -> str:
        """The location in full, as it can be opened again."""
        names = [quote(name, safe="") for name in (self.entity, self.project) if name]
        run = [] if self.run is None else [*(["runs"] if self.server else []), quote(self.run, safe="")]
        return "/".join([self.server or "wandb:/", *names, *run])


def cloud_address(location: str) -> CloudAddress | None:
    """Take a location apart that is W&B's: `wandb://entity/project[/run]`, or the page of a project or a run.

    A URL is taken for W&B's where its path has the shape `/entity/project/runs/id`, and any URL of W&B's cloud or of
    the server that WANDB_BASE_URL names. What it does not name is "".

    Returns:
        None for all other locations.
    """
    if _UNPRINTABLE.search(location):
        return None
    try:
        parts = urlsplit(location)
        host, port = parts.hostname or "", parts.port
    except ValueError:  # half an IPv6 address, a port that is no number
        return None
    scheme = location.partition("://")[0].lower()
    if scheme == "wandb":
        return _of_names(location.partition("://")[2].partition("?")[0].partition("#")[0], "")
    if scheme not in ("http", "https") or not host:
        return None
    path = parts.path
    if _SAAS_HOSTS.fullmatch(host):
        if host.endswith("coreweave.com"):
            path = path.removeprefix(f"/{_FORGE_PREFIX}")
        return _of_names(path, SAAS)
    place = f"[{host}]" if ":" in host else host
    server = f"{scheme}://{place}{f':{port}' if port is not None else ''}"
    names = [name for name in path.split("/") if name]
    is_run_page = len(names) >= 4 and names[2] == "runs"
    return _of_names(path, server) if is_run_page or is_same_server(server, os.environ.get("WANDB_BASE_URL")) else None


def is_same_server(one: str, other: str | None) -> bool:
    """Whether two addresses are of the same server: its pages and its API may have names of their own."""
    try:
        return other is not None and _server_of(one) == _server_of(other)
    except ValueError:
        return False


def _server_of(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if _SAAS_HOSTS.fullmatch(host):
        return ("https", "wandb.ai", None)
    default = {"https": 443, "http": 80}.get(parts.scheme)
    return (parts.scheme, re.sub(r"^(?:api|app)\.", "", host), parts.port or default)


def _of_names(path: str, server: str) -> CloudAddress:
    """An address of `entity/project/id`, `entity/project/runs/id`, or another page of a project."""
    names = [unquote(name) for name in path.split("/") if name]
    entity, project, *rest = [*names, "", ""][: max(len(names), 2)]
    run = None
    if rest[:1] == ["runs"] and len(rest) > 1:
        run = rest[1]
    elif rest and not server:
        run = rest[0]
    return CloudAddress(entity, project, run, server)
