from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios

import pytest
from rich.cells import cell_len

from tui_runs import __version__
from tui_runs.cli import main
from tui_runs.conditions import Order
from tui_runs.errors import TuiRunsError

PROGRAM = [sys.executable, "-m", "tui_runs"]
HEAVY = ("polars", "textual", "plotext", "numpy", "mlflow", "wandb", "yaml", "rich.table", "rich.console")


def process(*arguments, **more):
    return subprocess.run(
        [*PROGRAM, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=120, **more
    )


def shell(command, **more):
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=120, **more)


def imported_by(*arguments):
    code = "import sys; from tui_runs.cli import main; print(main(sys.argv[1:]), *sys.modules, file=sys.stderr)"
    result = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=120
    )
    code, *modules = result.stderr.split("\n")[-2].split()
    assert code == "0", result.stderr
    return {name for name in HEAVY if name in modules}


def in_terminal(columns, *arguments, **environment):
    """What a command shows on a terminal so many columns wide."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    env = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    env |= {"TERM": "xterm-256color", **environment}
    command = [*PROGRAM, *map(str, arguments)]
    with subprocess.Popen(command, stdout=theirs, stderr=subprocess.PIPE, stdin=theirs, env=env) as child:
        os.close(theirs)
        shown = b""
        try:
            while data := os.read(ours, 1 << 16):
                shown += data
        except OSError:  # the other end is closed
            pass
        os.close(ours)
        said = child.stderr.read().decode()
    return child.returncode, shown.decode().replace("\r\n", "\n"), said


class TestImports:
    @pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["ls", "--help"], ["adapters"]])
    def test_asking_for_help_is_cheap(self, arguments):
        assert imported_by(*arguments) == set()

    @pytest.mark.parametrize("command", [["ls"], ["show", "baseline", "-s"], ["history", "-s"], ["doctor"]])
    def test_a_local_store_needs_polars_only(self, mlruns, command):
        assert imported_by(*command, mlruns) & {"polars", "textual", "plotext", "mlflow", "wandb"} == {"polars"}


class TestPipes:
    @pytest.mark.parametrize("command", ["ls --format json", "ls", "history --format csv -s", "show aaaa -s"])
    def test_a_reader_that_wants_no_more(self, tmp_path, command):
        from tests.adapters.mlflow_stores import HandMadeStore

        lines = b"".join(b"%d 0.5 %d\n" % (step, step) for step in range(3000))
        made = HandMadeStore(tmp_path)
        made.put_run("a" * 32, metrics={"loss": lines}, params={"fox": "x" * 200_000, "b": "1"})
        made.put_run("b" * 32, params={"fox": "y" * 200_000, "b": "2"})
        result = shell(f"{' '.join(PROGRAM)} {command} {tmp_path} | head -1; echo ${{PIPESTATUS[0]}}")
        first, code = result.stdout.splitlines()
        assert (code, result.stderr) == ("0", "")
        assert first

    def test_a_closed_stdout(self, mlruns):
        result = shell(f"{' '.join(PROGRAM)} ls {mlruns} >&-")
        assert result.returncode == 2
        assert "There is no stdout to write to." in result.stderr

    def test_a_closed_stderr(self, mlruns):
        result = shell(f"{' '.join(PROGRAM)} ls {mlruns} --limit 1 2>&-")
        assert result.returncode == 0
        assert len(result.stdout.splitlines()) == 2

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
    @pytest.mark.parametrize("command", ["ls", "history -s", "--help"])
    def test_a_full_disk(self, mlruns, command):
        result = shell(f"{' '.join(PROGRAM)} {command} {mlruns if command != '--help' else ''} > /dev/full")
        assert result.returncode == 1
        assert "No space left on device" in result.stderr
        assert "Traceback" not in result.stderr

    def test_a_terminal_without_utf_8(self, mlruns):
        env = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        result = process("ls", mlruns, "--columns", "name,status", env=env)
        assert result.returncode == 0
        assert "? finished" in result.stdout
        data = process("ls", mlruns, "--format", "csv", "--columns", "name", env=env, encoding="utf-8")
        assert "λ-学習 run" in data.stdout


class TestTerminal:
    @pytest.mark.parametrize("columns", [40, 80, 160])
    @pytest.mark.parametrize("command", [["ls"], ["ls", "--columns", "name,run_id,uri"], ["show", "λ-学習 run", "-s"]])
    def test_fits(self, mlruns, columns, command):
        code, shown, _ = in_terminal(columns, *command, mlruns, NO_COLOR="1")
        assert code == 0
        assert "\x1b" not in shown
        assert max(map(cell_len, shown.splitlines())) <= columns

    def test_says_what_is_left_out(self, mlruns):
        _, shown, said = in_terminal(60, "ls", mlruns, NO_COLOR="1")
        assert shown.splitlines()[0].endswith(" …")
        assert said.startswith("… Not shown: ")

    def test_colours(self, mlruns):
        assert "\x1b[31m✖ failed\x1b[0m" in in_terminal(100, "ls", mlruns)[1]
        assert "\x1b" not in in_terminal(100, "ls", mlruns, TERM="dumb")[1]
        assert "\x1b" not in process("ls", mlruns).stdout

    def test_long_values_say_how_much_is_missing(self, mlruns):
        _, shown, _ = in_terminal(80, "show", "λ-学習 run", "-s", mlruns, NO_COLOR="1")
        assert shown.count("x" * 57) == 8
        assert f"\n{' ' * 23}… {6000 - 57 * 8:,} more\n" in shown


class TestErrors:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["ls", "/no/such/mlruns"], "Cannot open: /no/such/mlruns does not exist.\nCheck the path"),
            (["ls", "gopher://localhost"], "Cannot open: No installed adapter reads gopher://localhost."),
            (["ls", __file__], "is a file that no installed adapter reads"),
            (["ls", "--adapter", "mlfow"], "Did you mean 'mlflow'?"),
            (["ls", "a\x1b[31m\nb"], "Cannot open: a␛[31m"),
            (["lss"], "Did you mean 'ls'?"),
            (["ls", "--limit", "x"], "Invalid value for '--limit'"),
            (["ls", "--form", "json"], "'--format'"),
            (["show"], "Missing argument 'RUN'"),
            ([], "Usage: tui-runs"),
        ],
    )
    def test_wrong_usage(self, run, arguments, message):
        result = run(*arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert message in result.stderr
        assert "\x1b" not in result.stderr

    def test_an_empty_working_directory(self, run, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        result = run("ls")
        assert result.exit_code == 2
        assert result.stderr.startswith("Cannot open: . is an empty directory.")

    @pytest.mark.parametrize(
        ("error", "code", "said"),
        [
            (TuiRunsError("It broke.", "Mend it."), 1, "Something went wrong: It broke.\nMend it.\n"),
            (ZeroDivisionError("by\nzero"), 1, "Unexpected error: ZeroDivisionError: by\n"),
            (KeyboardInterrupt(), 130, ""),
        ],
    )
    def test_what_goes_wrong_inside(self, run, monkeypatch, mlruns, error, code, said):
        def fail(*arguments, **more):
            raise error

        monkeypatch.delenv("TUI_RUNS_DEBUG", raising=False)
        monkeypatch.setattr("tui_runs.headless.ls.list_runs", fail)
        result = run("ls", mlruns)
        assert (result.exit_code, result.stdout) == (code, "")
        assert result.stderr.startswith(said)
        assert "Traceback" not in result.stderr
        assert bool(result.stderr) == bool(said)

    def test_the_traceback_is_for_those_who_ask(self, run, monkeypatch, mlruns):
        monkeypatch.setattr("tui_runs.headless.ls.list_runs", lambda *_, **__: 1 / 0)
        monkeypatch.setenv("TUI_RUNS_DEBUG", "1")
        assert "Traceback (most recent call last)" in run("ls", mlruns).stderr

    @pytest.mark.skipif(sys.platform == "win32", reason="no signals")
    def test_ctrl_c(self, mlruns):
        code = (
            "import os, signal, sys; import tui_runs.headless.ls as ls\n"
            "ls.list_runs = lambda *a, **k: os.kill(os.getpid(), signal.SIGINT)\n"
            "from tui_runs.cli import main; sys.exit(main(['ls', sys.argv[1]]))"
        )
        result = subprocess.run([sys.executable, "-c", code, mlruns], capture_output=True, check=False, timeout=60)
        assert (result.returncode, result.stdout, result.stderr) == (128 + signal.SIGINT, b"", b"")


class TestProgram:
    def test_version(self, run):
        result = run("--version")
        assert (result.exit_code, result.stdout) == (0, f"tui-runs {__version__}\n")

    def test_help_names_every_command(self, run):
        text = run("--help").stdout
        for command in ("open", "ls", "show", "history", "doctor", "adapters", "demo"):
            assert f"\n  {command} " in text
        assert "..." not in text.split("Commands:")[1]

    def test_main_returns_the_exit_code(self, capsys, mlruns):
        assert main(["ls", str(mlruns), "--limit", "1"]) == 0
        assert main(["ls", "/no/such/place"]) == 2
        assert main(["ls", "--nope"]) == 2
        assert capsys.readouterr().out.startswith("name")


class TestApp:
    @pytest.fixture
    def opened(self, monkeypatch):
        calls = []

        def run_app(found, options, **view):
            calls.append(([store.location for store in found], options, view))
            return 3

        monkeypatch.setattr("tui_runs.tui.run_app", run_app)
        monkeypatch.setattr("tui_runs.cli.app.is_terminal", lambda stream: True)
        return calls

    def test_open(self, run, opened, mlruns):
        assert run("open", mlruns).exit_code == 3
        assert opened == [([str(mlruns)], {}, {"poll": None, "where": "", "sort": [], "columns": [], "saved": ""})]

    def test_open_with_a_view(self, run, opened, mlruns):
        flags = [
            "--poll",
            "2",
            "--where",
            "fox",
            "--sort",
            "metrics.a:b:desc",
            "--columns",
            "name, lr",
            "--view",
            "mine",
        ]
        run("open", mlruns, *flags, "--mlflow-deleted")
        order = [Order("metrics.a:b", descending=True)]
        view = {"poll": 2.0, "where": "fox", "sort": order, "columns": ["name", "lr"], "saved": "mine"}
        assert opened == [([str(mlruns)], {"mlflow": {"deleted": True}}, view)]

    def test_open_takes_lists_apart_as_ls_does(self, run, opened, mlruns):
        run("open", mlruns, "--sort", '"params.a,b:desc", name', "--columns", '"a,b","say ""x""",,name')
        ((_, _, view),) = opened
        assert view["sort"] == [Order("params.a,b", descending=True), Order("name")]
        assert view["columns"] == ["a,b", 'say "x"', "name"]

    def test_a_location_that_cannot_be_opened_ends_it_before_the_screen_is_taken(self, run, opened, tmp_path):
        assert run("open", tmp_path).exit_code == 2
        assert opened == []

    def test_without_a_terminal(self, run, mlruns):
        result = run("open", mlruns)
        assert result.exit_code == 2
        assert "The app needs a terminal." in result.stderr

    def test_demo(self, run, opened, monkeypatch, mlruns):
        def run_demo(open_app, *, runs, directory):
            return open_app(str(mlruns)) + runs + len(directory)

        monkeypatch.setattr("tui_runs.demo.run_demo", run_demo)
        assert run("demo", "--runs", "10", "--directory", "xx").exit_code == 15
        assert opened[0][0] == [str(mlruns)]
