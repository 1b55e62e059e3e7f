"""The commands run in this process by click's runner; the stores they are run on; adapters that are not installed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.adapters.mlflow_stores import START, HandMadeStore
from tui_runs.cli import program

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    """Run a command line; `Result.exit_code`, `.stdout` and `.stderr` say what came of it."""
    return lambda *arguments: CliRunner().invoke(program, [str(one) for one in arguments], prog_name="tui-runs")


@pytest.fixture(params=["mlflow_1_30", "mlflow_2_22"])
def store(request: pytest.FixtureRequest, data: Path) -> tuple[Path, dict[str, Any]]:
    """A store that mlflow wrote, and what its client says of it."""
    made = data / request.param
    return made / "mlruns", json.loads((made / "truth.json").read_text())


@pytest.fixture
def mlruns(data: Path) -> Path:
    """A store of nine runs, three of them deleted; do not write into it."""
    return data / "mlflow_2_22" / "mlruns"


HOSTILE = 'a\x1b]0;title\x07\u202ebc\r\nd\x9b31m,"e" 学習\ufeff'


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A store of one run in which every text is as bad as it can be."""
    root = tmp_path / "mlruns"
    made = HandMadeStore(root)
    made.put_run(
        "b" * 32,
        name=json.dumps(HOSTILE),
        params={"lr": HOSTILE, "bad\x1b[31mkey": "1", "empty": ""},
        tags={"mlflow.note.content": HOSTILE, "tag\u202e": "=1+1"},
        metrics={"loss": b"%d nan 0\n%d 0.1 1\n" % (START, START + 1), "m\x1b\n": b"%d inf 0\n" % START},
        status=3,
    )
    return root


class _Point:
    """Stands for an entry point."""

    dist = None

    def __init__(self, name: str, load: Callable[[], Any]) -> None:
        self.name, self.value, self.load = name, f"{name}:Adapter", load


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let these be the installed adapters: classes by name, or errors that loading one raises."""

    def put(**adapters: Any) -> None:
        def point(name: str, adapter: Any) -> _Point:
            def load() -> Any:
                if isinstance(adapter, BaseException):
                    raise adapter
                return adapter

            return _Point(name, load)

        points: Sequence[_Point] = [point(name, adapter) for name, adapter in adapters.items()]
        monkeypatch.setattr("tui_runs.sources.plugins._points", lambda: points)

    return put
