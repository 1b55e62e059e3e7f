"""What all tests share: where they import each other from, and an environment that no test reaches out of."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parent.parent
DATA = ROOT / "tests" / "data"

if str(ROOT) not in sys.path:  # the tests import each other as `tests.…`, however pytest was started
    sys.path.append(str(ROOT))

pytest.register_assert_rewrite("tests.adapters.contract", "tests.adapters.ledger", "tests.adapters.mlflow_stores")

_HOME = tempfile.TemporaryDirectory(prefix="tui-runs-home-")  # goes with the process
# Before anything imports mlflow: 3.x refuses file stores otherwise, and would report to its makers.
os.environ.update(
    MLFLOW_ALLOW_FILE_STORE="true",
    MLFLOW_DISABLE_TELEMETRY="true",
    DO_NOT_TRACK="true",
    GIT_PYTHON_REFRESH="quiet",
    COLORTERM="truecolor",  # what charts look like depends on it
    TERM="xterm-256color",
    TZ="UTC",
    XDG_CACHE_HOME=_HOME.name + "/cache",
    XDG_CONFIG_HOME=_HOME.name + "/config",
    XDG_STATE_HOME=_HOME.name + "/state",
)
time.tzset()
# Some trackers import it where it is there, and it lists all fonts the first time, for half a minute.
sys.modules["matplotlib"] = None  # type: ignore[assignment]
_NAMING = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID")


# The same examples at every run, however slow the machine. HYPOTHESIS_PROFILE=hunt looks for new ones, for minutes.
_UNTIMED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("steady", max_examples=30, derandomize=True, **_UNTIMED)
settings.register_profile("hunt", max_examples=5000, **_UNTIMED)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


@pytest.fixture(autouse=True)
def _nothing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """No store is named by the environment: the user's, or what an mlflow client left there in an earlier test."""
    for name in _NAMING:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def data() -> Path:
    """Stores that real tools wrote, kept byte for byte. Copy before writing."""
    return DATA
