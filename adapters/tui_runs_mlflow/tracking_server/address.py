"""Where a tracking server is, taken apart: what may be shown, what must not, and which experiment is meant."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Final
from urllib.parse import unquote, urlsplit

from tui_runs.display import address, printable
from tui_runs.errors import LocationError

_DATABRICKS: Final = ("databricks", "databricks-uc")
_IN_PAGE: Final = re.compile(r"/experiments/([A-Za-z0-9]+)")
"""What follows the # of a page that shows an experiment or one of its runs."""
_REMEDY: Final = "Give one such as http://localhost:5000, or databricks://PROFILE."
_UNPRINTABLE: Final = re.compile(r"[\x00-\x20\x7f]")


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A tracking server.

    Args:
        uri: the address in full but for user name and password.
        host: what requests begin with: `http://host:port/prefix`; for Databricks, what mlflow calls the workspace.
        experiment: id of the one experiment that the address shows, as copied from a browser; else None.
        username: as the address has it.
        password: as the address has it.
    """

    uri: str
    host: str
    experiment: str | None = None
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    @property
    def is_databricks(self) -> bool:
        """It is a workspace whose own address only mlflow's credentials tell."""
        return self.host.partition("://")[0] in _DATABRICKS

    def run_page(self, host: str, experiment_id: str, run_id: str) -> str:
        """The page that shows a run.

        Args:
            host: the address of the web server, which is `self.host` but for Databricks.
            experiment_id: whose.
            run_id: which.
        """
        return f"{host}{'/ml' if self.is_databricks else '/#'}/experiments/{experiment_id}/runs/{run_id}"


def parse_address(location: str) -> ServerAddress:
    """Take a location apart, without contacting anything.

    Raises:
        LocationError: it is no address of a server, or mlflow is not installed.
    """
    shown = printable(address(location))
    if _UNPRINTABLE.search(location):
        raise LocationError(f"{shown!r} is not the address of a tracking server.", _REMEDY)
    scheme = location.partition("://")[0].lower()
    if scheme in _DATABRICKS:
        parsed = ServerAddress(location, "databricks" + location[len(scheme) :])
    elif scheme in ("http", "https"):
        parsed = _parse_url(location, shown)
    else:
        raise LocationError(f"{shown!r} is not the address of a tracking server.", _REMEDY)
    if find_spec("mlflow") is None:
        raise LocationError(
            f"{shown} is a tracking server, which is read with mlflow's client, and mlflow is not installed.",
            "Install it: pip install 'tui-runs[mlflow]'",
        )
    return parsed


def _parse_url(location: str, shown: str) -> ServerAddress:
    try:
        parts = urlsplit(location)
        host, port = parts.hostname, parts.port
    except ValueError as error:  # half an IPv6 address, a port that is no number
        raise LocationError(f"{shown} is not a URL: {printable(str(error))}.", _REMEDY) from None
    if not host:
        raise LocationError(f"{shown} names no host.", _REMEDY)
    place = f"[{host}]" if ":" in host else host
    base = f"{parts.scheme}://{place}{f':{port}' if port is not None else ''}{parts.path.rstrip('/')}"
    in_page = _IN_PAGE.match(parts.fragment)
    return ServerAddress(
        uri=f"{base}/#{in_page.group()}" if in_page else base,
        host=base,
        experiment=in_page.group(1) if in_page else None,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )
