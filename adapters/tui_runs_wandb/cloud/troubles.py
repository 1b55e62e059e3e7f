"""What can go wrong between us and W&B, each as a sentence with what to do about it.

wandb's own errors do not tell a server that is down from a wrong key: both are an AuthenticationError. What its core
process says of a failed request does, and where it says nothing the host is asked whether it answers at all.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies

from tui_runs.display import address, clip, printable
from tui_runs.errors import SourceLostError
from tui_runs_wandb.cloud.address import SAAS, is_same_server
from tui_runs_wandb.cloud.session import NoLoginError

_QUOTED: Final = 200
"""Characters of a stranger's message that are repeated."""
_KNOCK_SECONDS: Final = 3.0
_STATUS: Final = re.compile(r"HTTP (\d{3})\b")
_SECRET: Final = re.compile(r"[A-Za-z0-9_\-]{32,}")
"""What may be a key; run ids have 8 characters."""
_LATER: Final = "It is tried again; if that does not help, see status.wandb.com, or ask whoever runs the server."
_CHECK: Final = "Check the address; WANDB_BASE_URL names the server that wandb:// means."


class CloudLostError(SourceLostError):
    """A server cannot be read now.

    Args:
        message: see `TuiRunsError`.
        remedy: see `TuiRunsError`.
        busy: it is asked too often, and said so.
    """

    def __init__(self, message: str, remedy: str, *, busy: bool = False) -> None:
        super().__init__(message, remedy)
        self.busy = busy


class MissingError(Exception):
    """What was asked for does not exist, or not for us: a project, a run."""


class RefusedError(Exception):
    """The server understood a request and does not answer such ones: a filter or an order that it does not know."""


def trouble_of(server: str, error: BaseException) -> CloudLostError | MissingError | RefusedError:
    """What an error of wandb's means.

    Args:
        server: who was asked, a URL.
        error: what was raised.
    """
    where = shown(server)
    if isinstance(error, NoLoginError):
        return CloudLostError(f"wandb has no key for {where}.", _login(server))
    if isinstance(error, ImportError):
        what = f"{where} is read with wandb's client, which cannot be imported: {_quoted(str(error))}"
        return CloudLostError(what, "Install it again: pip install 'tui-runs[wandb]'")
    causes = list(_causes(error))
    names = {type(cause).__name__ for cause in causes}
    said = str(causes[-1])
    if any(str(cause).startswith("Could not find ") for cause in causes):
        return MissingError(_quoted(said))
    status = _status(causes)
    if status is not None:
        return _of_status(where, server, status, said)
    if "service process" in said:
        if "did not respond" in said:
            return _late(where)
        what = f"wandb-core, through which {where} is asked, has ended."
        return CloudLostError(what, "It is started anew when the source is opened again.")
    if "AuthenticationError" in names and "WandbApiFailedError" not in names:  # wandb did not like the key's looks
        return CloudLostError(f"wandb's key for {where} is no key: {_quoted(said)}", _login(server))
    if "giving up after" not in said and "dial tcp" not in said and re.search(r"invalid character|^EOF$|JSON", said):
        page = "a web page" if "'<'" in said else "something that is not W&B's"
        return CloudLostError(f"{where} answers with {page} in place of data.", _CHECK)
    if re.search(r"not found|does not exist|permission denied", said):
        return MissingError(_quoted(said))
    if said.startswith("input:"):  # an error of GraphQL's
        return RefusedError(_quoted(said.removeprefix("input:")))
    return _of_transport(where, server, said) or CloudLostError(f"{where} cannot be asked: {_quoted(said)}", _CHECK)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and those behind it, the first one last."""
    seen: set[int] = set()
    one: object = error
    while isinstance(one, BaseException) and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or getattr(one, "exc", None)


def _status(causes: list[BaseException]) -> int | None:
    """The HTTP status that the server answered with, where it was one of failure."""
    for cause in causes:
        status = getattr(getattr(cause, "response", None), "http_status", 0)
        if status and status != 200:
            return int(status)
    found = _STATUS.search(str(causes[-1]))
    return int(found.group(1)) if found else None


def _of_status(where: str, server: str, status: int, said: str) -> CloudLostError | MissingError | RefusedError:
    because = f": {_quoted(said)}" if said and "<" not in said and "giving up" not in said else ""
    if status == 401:
        return CloudLostError(f"{where} does not accept wandb's key (401){because}", _login(server, again=True))
    if status == 403:
        what = f"{where} does not let you in (403){because}"
        return CloudLostError(what, f"Ask for the right to read it. {_login(server, again=True)}")
    if status == 404:
        return MissingError(_quoted(said))
    if status == 429:
        return CloudLostError(f"{where} is asked too often (429).", _LATER, busy=True)
    if status in (400, 422):
        return RefusedError(_quoted(said))
    if status in (408, 500, 502, 503, 504):
        return CloudLostError(f"{where} is in trouble ({status}).", _LATER)
    return CloudLostError(f"{where} answers with {status}{because}.", _CHECK)


def _of_transport(where: str, server: str, said: str) -> CloudLostError | None:
    """Why no answer came: in the words of Go's network library, else by knocking."""
    if "no such host" in said or "server misbehaving" in said:
        return _nameless(where)
    if "connection refused" in said:
        return _silent(where)
    if "x509" in said or "certificate" in said or "tls:" in said:
        what = f"{where} cannot show a certificate that this machine trusts."
        return CloudLostError(what, "Name your authority's certificate in SSL_CERT_FILE.")
    if "proxyconnect" in said:
        what = f"{where} cannot be reached through the proxy."
        return CloudLostError(what, "Check HTTPS_PROXY and HTTP_PROXY, or name the host in NO_PROXY.")
    if "HTTP response to HTTPS" in said:
        return CloudLostError(f"{where} does not speak TLS.", "Try the address with http:// in place of https://.")
    if "unreachable" in said:
        return CloudLostError(f"{where} cannot be reached: there is no way to it.", "Check the network or the VPN.")
    if "Timeout" in said or "timeout" in said or "deadline exceeded" in said:
        return _late(where)
    if "EOF" in said or "connection reset" in said or "broken pipe" in said:
        return CloudLostError(f"{where} broke the connection off.", _LATER)
    return _knock(where, server)


def _knock(where: str, server: str) -> CloudLostError | None:
    """See whether anything answers at a server's address at all; None where it does, or a proxy stands before it."""
    parts = urlsplit(server)
    if parts.hostname is None or getproxies().get(parts.scheme):
        return None
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname, port), _KNOCK_SECONDS).close()
    except socket.gaierror:
        return _nameless(where)
    except TimeoutError:
        return _late(where)
    except (OSError, ValueError):
        return _silent(where)
    return None


def _nameless(where: str) -> CloudLostError:
    return CloudLostError(f"{where}: no machine of this name is known.", "Check the address, and the network or VPN.")


def _silent(where: str) -> CloudLostError:
    return CloudLostError(f"{where}: nothing listens at this address.", f"Start the server. {_CHECK}")


def _late(where: str) -> CloudLostError:
    what = f"{where} does not answer in time."
    return CloudLostError(what, "Check the network; WANDB_HTTP_TIMEOUT sets how many seconds to wait.")


def not_there(address_said: str, server: str) -> CloudLostError:
    """There is no such project or run, or it is not shown to us: W&B does not tell which."""
    what = f"{shown(server)} has no {printable(address_said)}, or does not show it to you."
    return CloudLostError(what, f"Check its name. If it is another account's: {_login(server, again=True)}")


def _login(server: str, *, again: bool = False) -> str:
    command = f"wandb login{' --relogin' if again else ''}"
    if is_same_server(server, SAAS):
        return f"Run `{command}`, or set WANDB_API_KEY."
    return (
        f"Run `{command} --host={shown(server)}`, or set WANDB_API_KEY, and WANDB_BASE_URL to that address: "
        "a key is sent to no other server than the one it is for."
    )


def shown(server: str) -> str:
    """A server's address as people know it."""
    return SAAS if is_same_server(server, SAAS) else printable(address(server))


def _quoted(text: str) -> str:
    return clip(printable(_SECRET.sub("…", " ".join(address(text).split()))), _QUOTED)
