"""Alerts: what the terminal is sent, and what the user's command gets and may do wrong."""

from __future__ import annotations

import errno
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_runs.adapter import Problem
from tui_runs.analysis.health import Event
from tui_runs.config import AlertSettings
from tui_runs.tui.health.alerts import Alerts, notification

SINCE = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
EVENT = Event("crashed", "./mlruns", "abc", "failed with exit code 1", SINCE, lines=("last line",))


class Failures:
    """Collects what is said of the user's command, and waits for it."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._more = threading.Condition()

    def __call__(self, problem: Problem) -> None:
        with self._more:
            self.problems.append(problem)
            self._more.notify_all()

    def wait(self, count: int = 1) -> None:
        with self._more:
            assert self._more.wait_for(lambda: len(self.problems) >= count, 30)


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


@pytest.fixture(autouse=True)
def _closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test leaves a thread that waits for more events."""
    made: list[Alerts] = []
    begin = Alerts.__init__

    def noted(alerts: Alerts, *arguments: Any, **options: Any) -> None:
        begin(alerts, *arguments, **options)
        made.append(alerts)

    monkeypatch.setattr(Alerts, "__init__", noted)
    yield
    for alerts in made:
        alerts.close()


class TestTerminal:
    def test_nothing_unless_it_is_wished(self) -> None:
        written: list[str] = []
        Alerts(AlertSettings(), written.append, Failures()).tell(EVENT, "brave-fox")
        assert not written

    def test_bell_and_notification(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("TMUX", "VTE_VERSION"):
            monkeypatch.delenv(name, raising=False)
        written: list[str] = []
        Alerts(AlertSettings(bell=True, notify="auto"), written.append, Failures()).tell(EVENT, "brave-fox")
        assert written == ["\x1b]9;tui-runs: brave-fox: failed with exit code 1\x1b\\", "\x07"]

    @pytest.mark.parametrize(
        ("how", "environment", "begins"),
        [
            ("auto", {"TERM": "xterm-kitty"}, ["\x1b]9;"]),
            ("auto", {"TERM": "rxvt-unicode-256color"}, ["\x1b]777;notify;"]),
            ("auto", {"TERM": "xterm-256color", "VTE_VERSION": "7200"}, ["\x1b]777;notify;"]),
            ("osc777", {}, ["\x1b]777;notify;"]),
            ("both", {}, ["\x1b]9;", "\x1b]777;notify;"]),
        ],
    )
    def test_by_the_terminal(self, how: str, environment: dict[str, str], begins: list[str]) -> None:
        said = notification(how, "title", "text", environment)
        parts = [part + "\x1b\\" for part in said.split("\x1b\\") if part]
        assert len(parts) == len(begins)
        assert all(part.startswith(begin) for part, begin in zip(parts, begins, strict=True))

    def test_through_tmux(self) -> None:
        said = notification("osc9", "a", "b", {"TMUX": "/tmp/x,1,0"})
        assert said == "\x1bPtmux;\x1b\x1b]9;a: b\x1b\x1b\\\x1b\\"

    @given(st.text(), st.text())
    def test_no_text_gets_out_of_its_sequence(self, title: str, text: str) -> None:
        said = notification("both", title, text, {})
        assert said.count("\x1b") == 4  # two sequences, each with a beginning and an end
        assert "\x07" not in said
        assert said.count(";") == 4
        screen = pyte.Screen(80, 3)
        pyte.Stream(screen).feed(f"before{said}after")
        assert screen.display[0].rstrip() == "beforeafter"


def script(tmp_path: Path, body: str) -> tuple[str, ...]:
    path = tmp_path / "on_alert.py"
    path.write_text(f"import json, os, sys\nout = {str(tmp_path / 'out')!r}\n{body}")
    return (sys.executable, str(path))


class TestCommand:
    def test_what_it_gets(self, tmp_path: Path) -> None:
        said = tmp_path / "out"
        body = "said = {k: v for k, v in os.environ.items() if k.startswith('TUI_RUNS_')}\n"
        body += (
            "open(out + '.part', 'w').write(json.dumps([said, json.load(sys.stdin)]))\nos.rename(out + '.part', out)"
        )
        failures = Failures()
        alerts = Alerts(AlertSettings(on_alert=script(tmp_path, body)), print, failures)
        hostile = Event("nan", "a\0b", "r\udcff", "loss is NaN; rm -rf $HOME", None)
        for event in (EVENT, hostile):
            alerts.tell(event, "brave-fox")
            until(said.exists)
            variables, document = json.loads(said.read_text())
            said.unlink()
            assert document["event"] == variables["TUI_RUNS_EVENT"] == event.kind
            assert document["message"] == variables["TUI_RUNS_MESSAGE"] == event.sentence
            assert document["name"] == "brave-fox"
        assert (document["source"], document["run_id"], document["since"]) == ("a\0b", "r\udcff", None)
        assert (variables["TUI_RUNS_SOURCE"], variables["TUI_RUNS_RUN"]) == ("a␀b", "r⟨dcff⟩")
        assert not failures.problems

    def test_log_and_time_are_told(self, tmp_path: Path) -> None:
        body = "open(out + '.part', 'w').write(sys.stdin.read())\nos.rename(out + '.part', out)"
        Alerts(AlertSettings(on_alert=script(tmp_path, body)), print, Failures()).tell(EVENT, "x")
        until((tmp_path / "out").exists)
        document = json.loads((tmp_path / "out").read_text())
        assert document["since"] == "2026-11-20T12:00:00.000Z"
        assert document["log"] == ["last line"]

    def test_one_that_does_not_exist(self) -> None:
        failures = Failures()
        Alerts(AlertSettings(on_alert=("/no/such/program",)), print, failures).tell(EVENT, "x")
        failures.wait()
        (problem,) = failures.problems
        assert problem.what == "on_alert (/no/such/program) cannot be started: no such file or directory."
        assert "whole path" in problem.remedy

    def test_a_disk_that_is_full(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse() -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        failures = Failures()
        alerts = Alerts(AlertSettings(on_alert=script(tmp_path, "sys.exit(3)")), print, failures)
        with monkeypatch.context() as full:
            full.setattr("tempfile.TemporaryFile", refuse)
            alerts.tell(EVENT, "x")
            failures.wait()
        assert "cannot be run: no space left on device." in failures.problems[0].what
        alerts.tell(EVENT, "x")  # and the next one is told as if nothing had happened
        failures.wait(2)
        assert "exit code 3" in failures.problems[1].what

    def test_one_that_may_not_be_killed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(group: int, number: int) -> None:
            killpg(group, number)
            raise PermissionError

        killpg = os.killpg
        monkeypatch.setattr(os, "killpg", refuse)
        failures = Failures()
        command = script(tmp_path, "import time; time.sleep(600)")
        Alerts(AlertSettings(on_alert=command), print, failures, timeout=0.1).tell(EVENT, "x")
        failures.wait()
        assert "was killed" in failures.problems[0].what

    def test_one_that_fails(self, tmp_path: Path) -> None:
        failures = Failures()
        command = script(tmp_path, "sys.exit('no \\x1b[31mserver')")
        Alerts(AlertSettings(on_alert=command), print, failures).tell(EVENT, "x")
        failures.wait()
        assert "ended with exit code 1: no ␛[31mserver." in failures.problems[0].what

    def test_one_that_never_ends_is_killed_with_all_that_it_began(self, tmp_path: Path) -> None:
        out = tmp_path / "out"
        body = f"[ -e {out} ] && exit 3; sleep 600 & echo $! > {out}.part; mv {out}.part {out}; wait"
        failures = Failures()
        alerts = Alerts(AlertSettings(on_alert=("/bin/sh", "-c", body)), print, failures, timeout=1.0)
        alerts.tell(EVENT, "x")
        failures.wait()
        assert "took more than 1 s, and was killed" in failures.problems[0].what
        child = Path("/proc") / out.read_text().strip()
        until(lambda: not child.exists() or child.joinpath("stat").read_text().split()[2] == "Z")
        # And the next event is told as if nothing had happened.
        alerts.tell(EVENT, "x")
        failures.wait(2)
        assert "exit code 3" in failures.problems[1].what

    def test_the_caller_never_waits(self, tmp_path: Path) -> None:
        failures = Failures()
        out, hold = tmp_path / "out", tmp_path / "hold"
        os.mkfifo(hold)
        command = ("/bin/sh", "-c", f": > {out}; read _ < {hold}; exit 3")
        alerts = Alerts(AlertSettings(on_alert=command), print, failures, 60.0)
        alerts.tell(EVENT, "x")
        until(out.exists)
        for _ in range(150):
            alerts.tell(EVENT, "x")  # on the UI thread; the queue takes a hundred
        assert [problem.what for problem in failures.problems] == [
            "on_alert (/bin/sh) is behind by 100 events, so it was not told of crashed."
        ] * 50
        alerts.close()
        hold.write_text("go on\n")
        failures.wait(51)  # the one that was running ends by itself
        assert "exit code 3" in failures.problems[-1].what
