"""wandb itself: imported, configured and ended, once for all stores that are open.

Tried with wandb 0.31. Its client speaks through a process of its own, `wandb-core`, and much of its state is one for
the whole process; so the first store that needs it begins, and the last one that is closed ends it.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import Any, Final

from tui_runs_wandb.cloud.address import SAAS, CloudAddress, is_same_server

WAIT_SECONDS: Final = 120.0
"""For one answer, with all that is tried again: a server that is asked too often may want a minute's rest."""
_DEFAULTS: Final = {
    "WANDB_HTTP_TIMEOUT": "20",  # seconds of one try
    "WANDB__GRAPHQL_RETRY_MAX": "2",  # more tries after the first, so that trouble is told within a minute or so
}
_KEYS: Final = ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE")
_SAAS_API: Final = "https://api.wandb.ai"
_END_SECONDS: Final = 1.0
"""How long `wandb-core` may take to end before it is killed."""


class NoLoginError(Exception):
    """wandb has no key for a server."""


class Session:
    """What stores share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._logging_in = threading.Lock()
        """Held for as long as a server takes to answer, and so never by `leave`."""
        self._users: set[object] = set()
        self._before: dict[str, str | None] = {}
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._own = False

    def api(self, user: object, address: CloudAddress) -> Any:
        """A `wandb.Api` for a server.

        Args:
            user: who wants it, and will `leave`.
            address: of the server.

        Raises:
            ImportError: wandb cannot be imported.
            NoLoginError: there is no key for the server.
            Exception: whatever wandb raises, which is for `troubles` to tell.
        """
        with self._lock:
            if not self._users:
                self._begin()
            self._users.add(user)
        with self._logging_in, _unhooked():
            return _make_api(address)

    def server_of(self, address: CloudAddress) -> str:
        """The URL of a server, as far as it is known before wandb has been asked for it."""
        settings = getattr(_singleton(), "settings_if_loaded", None)
        own = os.environ.get("WANDB_BASE_URL") or getattr(settings, "base_url", None)
        return address.server or str(own or SAAS)

    @property
    def scratch(self) -> str:
        """A directory for files of the moment; gone when the session ends."""
        assert self._scratch is not None
        return self._scratch.name

    def leave(self, user: object) -> None:
        """Say that wandb is not needed any more; the last one to say so ends it."""
        with self._lock:
            if user not in self._users:
                return
            self._users.discard(user)
            if not self._users:
                self._end()

    def _begin(self) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="tui-runs-wandb-", ignore_cleanup_errors=True)
        settings = {
            # A directory for every run that is listed, caches and logs; and `./wandb/settings` is not believed, as it
            # may name a server that is to be sent the key.
            "WANDB_DIR": self._scratch.name,
            "WANDB_CACHE_DIR": os.path.join(self._scratch.name, "cache"),
            "WANDB_SILENT": "true",  # neither says nor asks anything: where a key is missing it would ask for one
            "WANDB_ERROR_REPORTING": "false",  # to its makers
            **{name: value for name, value in _DEFAULTS.items() if name not in os.environ},
        }
        self._before = {name: os.environ.get(name) for name in settings}
        os.environ.update(settings)
        logging.getLogger("wandb").setLevel(logging.CRITICAL + 1)  # without a handler it would write to stderr
        self._own = _singleton() is None  # or else somebody in this process uses wandb, and is to end it

    def _end(self) -> None:
        if self._own:
            _tear_down()
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if self._scratch is not None:
            self._scratch.cleanup()


SESSION: Final = Session()


@contextlib.contextmanager
def _unhooked() -> Iterator[None]:
    """Leave the interpreter's ways to end as they are: wandb replaces them to learn a run's exit code."""
    before = sys.exit, sys.excepthook
    try:
        yield
    finally:
        sys.exit, sys.excepthook = before


def _make_api(address: CloudAddress) -> Any:
    wandb = importlib.import_module("wandb")
    setup = importlib.import_module("wandb.sdk.wandb_setup")
    own = os.environ.get("WANDB_BASE_URL") or str(setup.singleton().settings.base_url)
    names = {"entity": address.entity}  # or it would ask for the user's own
    if not address.server or is_same_server(address.server, own):
        return _logged_in(wandb, names)
    # The key in the environment is for the server that wandb is set up for, and no other may learn it.
    hidden = {name: os.environ.pop(name) for name in _KEYS if name in os.environ}
    try:
        return _logged_in(wandb, {**names, "base_url": _SAAS_API if address.server == SAAS else address.server})
    finally:
        os.environ.update(hidden)


def _logged_in(wandb: Any, overrides: dict[str, str]) -> Any:
    try:
        return wandb.Api(overrides=overrides, timeout=WAIT_SECONDS)
    except wandb.errors.UsageError:
        raise NoLoginError from None


def _singleton() -> Any:
    """Wandb's state; None where there is none, be it that wandb was never imported."""
    return getattr(sys.modules.get("wandb.sdk.wandb_setup"), "_singleton", None)


def _tear_down() -> None:
    """End `wandb-core`; kill it where it takes long, as with requests that nobody answers."""
    service = getattr(getattr(_singleton(), "_connection", None), "_proc", None)
    core = getattr(service, "_process", None)

    def tear_down() -> None:
        # It ends with sys.exit where wandb-core did not end well.
        with contextlib.suppress(Exception, SystemExit):
            importlib.import_module("wandb").teardown()

    ending = threading.Thread(target=tear_down, name="tui-runs-wandb-end", daemon=True)
    ending.start()
    ending.join(_END_SECONDS)
    if ending.is_alive() and core is not None:
        core.kill()
        ending.join(_END_SECONDS)
