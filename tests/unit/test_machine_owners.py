"""Whose run a process is: of processes that run here, and of facts written down."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_runs.machine import watch
from tui_runs.machine.gpus import Gpu, GpuProcess, Gpus
from tui_runs.machine.owners import ProcessFacts, RunClaim, find_owners, read_process
from tui_runs.machine.watch import MachineWatch

HOST = "gpu-box"
TRAINING = ProcessFacts(
    4242,
    "ada",
    ("/venv/bin/python", "-u", "train.py", "--lr", "3e-4"),
    1000.0,
    "/home/ada/project",
    4242,
    frozenset(),
    on_gpu=True,
)
RUN = RunClaim(("wandb", "a"), "/data/wandb/run-a", HOST, "ada", "train.py --lr 3e-4", 1010.0)
NEAR = RunClaim(("mlruns", "b"), "/home/ada/project/mlruns/0/b", "", "ada", "train.py", 1010.0)

Started = Callable[..., AbstractContextManager[int]]


@pytest.fixture
def started() -> Started:
    """Runs Python code in a process and says its number once it printed a line; the code waits for its input's end."""

    @contextmanager
    def start(code: str, *arguments: str, cwd: Path | None = None) -> Iterator[int]:
        command = [sys.executable, "-c", f"{code}\nprint(flush=True)\nimport sys\nsys.stdin.read()", *arguments]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=cwd) as process:
            assert process.stdout is not None
            assert process.stdout.readline()
            yield process.pid
            process.communicate()

    return start


def owner(process: ProcessFacts, *runs: RunClaim) -> tuple[str, str] | None:
    return find_owners([process], runs, HOST).get(process.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells what a process has open")
class TestRealProcesses:
    def test_everything_about_one(self, started: Started, tmp_path: Path) -> None:
        code = "open('read').close()\nkept, read = open('written', 'w'), open('read')"
        (tmp_path / "read").touch()
        begun = time.time()
        with started(code, "--lr", "3e-4", cwd=tmp_path) as pid:
            facts = read_process(pid, (str(tmp_path / "read"),))
        assert facts is not None
        assert facts.pid == pid
        assert facts.command[-2:] == ("--lr", "3e-4")
        assert facts.started == pytest.approx(begun, abs=10)
        assert facts.directory == str(tmp_path)
        assert facts.group == os.getpgid(0)
        assert facts.files is not None
        assert str(tmp_path / "written") in facts.files
        assert str(tmp_path / "read") not in facts.files
        assert facts.on_gpu

    def test_what_a_child_writes_counts(self, started: Started, tmp_path: Path) -> None:
        code = (
            "import subprocess, sys\n"
            "child = subprocess.Popen([sys.executable, '-c', "
            "\"import sys; kept = open('run/log', 'w'); print(flush=True); sys.stdin.read()\"],"
            " stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
            "child.stdout.readline()"
        )
        run = tmp_path / "run"
        run.mkdir()
        with started(code, cwd=tmp_path) as pid:
            facts = read_process(pid, ("/",))
        assert facts is not None
        assert owner(facts, RunClaim(("s", "run"), str(run))) == ("s", "run")

    def test_one_that_is_not_there(self) -> None:
        with subprocess.Popen([sys.executable, "-c", ""]) as process:
            process.wait()
        assert read_process(process.pid) is None

    def test_one_without_a_gpu(self, started: Started, tmp_path: Path) -> None:
        with started("", cwd=tmp_path) as pid:
            facts = read_process(pid)
        assert facts is not None
        assert facts.on_gpu is False
        assert owner(facts, RunClaim(("s", "run"), str(tmp_path))) is None

    def test_a_watch_follows_links(self, started: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        run, link = tmp_path / "run", tmp_path / "link"
        run.mkdir()
        link.symlink_to(run)
        monkeypatch.setattr(watch, "read_process", lambda pid: read_process(pid, ("/",)))
        with started("kept = open('run/log', 'w')", cwd=tmp_path) as pid:
            gpus = Gpus((Gpu("0", "H100", processes=(GpuProcess(pid, None),)),))
            machine = MachineWatch([])
            monkeypatch.setattr(machine._gpus, "read", lambda: gpus)
            snapshot = machine.read([RunClaim(("s", "r"), str(link))])
            assert snapshot.runs == {pid: ("s", "r")}
            assert snapshot.processes[pid].directory == str(tmp_path)
            machine.close()


class TestByPlace:
    @pytest.mark.parametrize(
        ("paths", "expected"),
        [
            (["/data/wandb/run-a/run-a.wandb"], ("wandb", "a")),
            (["/data/wandb/run-a"], ("wandb", "a")),
            (["/data/wandb/run-abc/x"], None),
            (["/data/wandb"], None),
            ([], None),
        ],
    )
    def test_files(self, paths: list[str], expected: tuple[str, str] | None) -> None:
        process = replace(TRAINING, files=frozenset(paths), command=("other",))
        assert owner(process, RUN) == expected

    def test_the_directory_that_it_works_in(self) -> None:
        assert owner(replace(TRAINING, directory="/data/wandb/run-a/code", command=()), RUN) == RUN.run

    def test_the_inner_one_of_two(self) -> None:
        inner = RunClaim(("wandb", "inner"), RUN.place + "/version_0")
        assert owner(replace(TRAINING, files=frozenset({inner.place + "/events"})), RUN, inner) == inner.run
        assert owner(replace(TRAINING, files=frozenset({RUN.place + "/events"}), command=()), RUN, inner) == RUN.run

    def test_runs_that_share_a_file(self) -> None:
        other = RUN._replace(run=("wandb", "other"), command="")
        assert owner(replace(TRAINING, files=frozenset({RUN.place})), RUN._replace(command=""), other) is None


class TestByCommand:
    @pytest.mark.parametrize(
        ("command", "given"),
        [
            ("train.py --lr 3e-4", "/venv/bin/python -u train.py --lr 3e-4"),
            ("/home/ada/project/train.py --lr 3e-4", "python train.py --lr 3e-4"),
            ("train.py --lr 3e-4", "python3.11 /home/ada/project/train.py --lr 3e-4"),
            ("'-m project.train' --lr 3e-4", "python -m project.train --lr 3e-4"),
            ("/venv/bin/python -um guild.op_main train", "/venv/bin/python -um guild.op_main train"),
            ("train.py --name 'a b'", "python train.py --name 'a b'"),
        ],
    )
    def test_the_same(self, command: str, given: str) -> None:
        process = replace(TRAINING, command=tuple(shlex.split(given)))
        assert owner(process, RUN._replace(command=command)) == RUN.run

    @pytest.mark.parametrize(
        "changed",
        [
            {"command": "train.py --lr 3e-3"},
            {"command": "train.py --lr"},
            {"command": "--lr 3e-4"},
            {"command": "3e-4"},
            {"command": "other/train.py --lr 3e-4"},
            {"command": "train.py '--lr 3e-4"},
            {"command": ""},
            {"host": "another-box"},
            {"user": "bob"},
            {"started": 990.0},
            {"started": None},
        ],
    )
    def test_not_the_same(self, changed: dict[str, object]) -> None:
        assert owner(TRAINING, RUN) == RUN.run
        assert owner(TRAINING, RUN._replace(**changed)) is None

    def test_hosts_with_and_without_their_domain(self) -> None:
        assert find_owners([TRAINING], [RUN._replace(host="GPU-box.lab.example")], "gpu-box.local") == {4242: RUN.run}

    def test_a_program_in_a_shell_is_another(self) -> None:
        assert owner(replace(TRAINING, command=("watch", "train.py", "--lr", "3e-4")), RUN) is None

    def test_a_script_alone_needs_a_store_nearby(self) -> None:
        assert owner(TRAINING, NEAR) == NEAR.run
        assert owner(TRAINING, NEAR._replace(place="/data/mlruns/0/b")) is None
        assert owner(TRAINING, NEAR._replace(place="")) is None
        assert owner(TRAINING, NEAR._replace(command="other.py")) is None
        assert owner(TRAINING, NEAR._replace(command="lr")) is None

    def test_a_host_that_is_not_told_needs_a_store_nearby(self) -> None:
        unknown = RUN._replace(host="")
        assert owner(TRAINING, unknown) is None
        assert owner(TRAINING, unknown._replace(place="/home/ada/project/wandb/run-a")) == unknown.run

    def test_two_runs_fit(self) -> None:
        assert owner(TRAINING, RUN, RUN._replace(run=("wandb", "other"))) is None
        later = RUN._replace(run=("wandb", "later"), started=990.0)
        assert owner(TRAINING, RUN, later) == RUN.run

    def test_two_programs_fit(self) -> None:
        rank, other = replace(TRAINING, pid=1), replace(TRAINING, pid=2, group=2)
        assert find_owners([TRAINING, rank], [RUN], HOST) == {4242: RUN.run, 1: RUN.run}
        assert find_owners([TRAINING, other], [RUN], HOST) == {}

    def test_a_process_that_holds_no_gpu_is_not_the_drivers(self) -> None:
        assert owner(replace(TRAINING, on_gpu=False), RUN) is None
        assert owner(replace(TRAINING, on_gpu=None, files=None), RUN) is None


WORDS = st.lists(st.text("ab-/. '", min_size=1, max_size=4), min_size=2, max_size=4)


@given(WORDS, WORDS)
def test_a_whole_command_line_fits_itself_alone(one: list[str], other: list[str]) -> None:
    one, other = [f"/x{word}" for word in one], [f"/x{word}" for word in other]
    process = replace(TRAINING, command=("python", *one))
    claimed = owner(process, RUN._replace(command=shlex.join(other))) is not None
    same = os.path.normpath(one[0]) == os.path.normpath(other[0]) and one[1:] == other[1:]
    assert claimed == same
