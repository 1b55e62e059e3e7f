from __future__ import annotations

from tests.adapters.mlflow_stores import HandMadeStore
from tui_runs.adapter import Match
from tui_runs.errors import SourceLostError


class Guess:
    """An adapter that claims everything, a little, and whose store is lost."""

    name, options = "guess", ()
    error: BaseException = SourceLostError("It is gone.", "Wait.")

    def match(self, location):
        return Match("any directory will do", 0.1)

    def open(self, location, options):
        return self

    uri, kind = "guess:", "guessed store"

    def scan(self):
        raise self.error

    def close(self):
        pass


class Broken(Guess):
    error = KeyError("no\nsuch\x1bthing")


def test_a_healthy_store(run, mlruns):
    result = run("doctor", mlruns)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == str(mlruns)
    assert lines[1] == "  adapter   mlflow, because of 0/meta.yaml of an MLflow experiment"
    assert lines[2].split() == ["store", "MLflow", "file", "store", "at", str(mlruns)]
    assert "6 in 2 experiments: ✔ 2 finished" in lines[3]
    assert lines[4].split() == ["problems", "none"]


def test_every_problem_with_its_remedy(run, tmp_path):
    made = HandMadeStore(tmp_path)
    made.put_run("a" * 32, metrics={"loss": b"1 0.5 0\nnonsense\n"})
    made.put_run("b" * 32, meta=b"run_id: [")
    result = run("doctor", tmp_path)
    assert result.exit_code == 0
    text = result.stdout
    assert "problems  2" in text
    for path in (made.run_dir("a" * 32) / "metrics" / "loss", made.run_dir("b" * 32) / "meta.yaml"):
        place = text.splitlines().index(f"    {path}")
        what, remedy = text.splitlines()[place + 1 : place + 3]
        assert what.startswith("      ")
        assert what.endswith(".")
        assert remedy.startswith("      ")
    assert "runs      1: ✔ 1 finished" in text


def test_no_runs(run, tmp_path):
    HandMadeStore(tmp_path)
    assert "runs      none" in run("doctor", tmp_path).stdout


def test_a_location_that_cannot_be_opened_and_another_that_can(run, mlruns, tmp_path):
    result = run("doctor", tmp_path / "no", mlruns, tmp_path)
    assert result.exit_code == 2
    assert f"trouble   Cannot open: {tmp_path / 'no'} does not exist." in result.stdout
    assert "6 in 2 experiments" in result.stdout
    assert f"{tmp_path} is an empty directory." in result.stdout


def test_without_a_source_it_looks_here(run, mlruns, monkeypatch, tmp_path):
    monkeypatch.chdir(mlruns.parent)
    assert run("doctor").stdout.startswith("./mlruns\n")
    monkeypatch.chdir(tmp_path)
    assert run("doctor").exit_code == 2


def test_other_claimants(run, install, mlruns):
    from tui_runs_mlflow import MlflowAdapter

    install(mlflow=MlflowAdapter, guess=Guess)
    assert "also      guess; --adapter chooses" in run("doctor", mlruns).stdout


def test_a_store_that_is_lost(run, install, tmp_path):
    install(guess=Guess)
    result = run("doctor", tmp_path)
    assert result.exit_code == 2
    assert "adapter   guess, because of any directory will do" in result.stdout
    assert "trouble   Source lost: It is gone." in result.stdout
    assert "remedy    Wait." in result.stdout


def test_an_adapter_that_fails(run, install, tmp_path):
    install(guess=Broken)
    result = run("doctor", tmp_path, tmp_path / "..")
    assert result.exit_code == 2
    assert result.stdout.count("This is a bug of the adapter guess: please report it.") == 2
    assert "\x1b" not in result.stdout


def test_which_config_file_is_used(run, mlruns, tmp_path, monkeypatch):
    monkeypatch.setenv("TUI_RUNS_CONFIG", "")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = tmp_path / "tui-runs" / "config.toml"
    lines = run("doctor", mlruns).stdout.splitlines()
    assert lines[-2:] == ["config file", f"  file      {path}; there is none"]
    path.parent.mkdir()
    path.write_text("[health]\nstale_aftr = 3\n")
    result = run("doctor", mlruns)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[-5:-3] == [f"  file      {path}", "  problems  1"]
    assert lines[-3:] == [
        f"    {path}:2", "      There is no stale_aftr in [health].", "      Did you mean stale_after?",
    ]  # fmt: skip
