from __future__ import annotations

import json

import pytest

from tui_runs.adapter import Match, Option
from tui_runs.errors import LocationError


class Recorder:
    """Reads fakes. And more."""

    name = "fake"
    options = (
        Option("deep", "Look deeper.", default=False),
        Option("cache", "Keep what was read.", default=True),
        Option("limit", "How many.", default=7),
        Option("rate", "How often.", default=0.5),
        Option("token", "A secret.", default=None),
        Option("bad name", "Click will not have it.", default=1),
        Option("deep", "The same flag again.", default=False),
        "no option at all",
    )
    seen: dict[str, object]

    def match(self, location):
        return Match("it is fake")

    def open(self, location, options):
        Recorder.seen = dict(options)
        raise LocationError("Seen.")


class Unfinished:
    name = "unfinished"

    @property
    def options(self):
        raise RuntimeError("not yet")

    def match(self, location):
        raise RuntimeError("not yet")

    def open(self, location, options):
        raise NotImplementedError


@pytest.fixture
def adapters(install):
    install(fake=Recorder, gone=ImportError("No module named 'x'\nmore"), left=SystemExit(3), old=object)


class TestList:
    def test_installed(self, run):
        result = run("adapters")
        assert result.exit_code == 0
        assert "mlflow" in result.stdout
        assert "--mlflow-deleted" in result.stdout

    def test_broken_ones_have_their_reason(self, run, adapters):
        result = run("adapters")
        assert result.exit_code == 0
        assert "fake        Reads fakes. And more." in result.stdout
        assert "gone        broken  ImportError: No module named 'x'" in result.stdout
        assert "left        broken  SystemExit: 3" in result.stdout
        assert "old         broken  it has no name, options, match, open" in result.stdout
        assert "--fake-limit  How many. [7]" in result.stdout

    def test_json(self, run, adapters):
        found = {one["name"]: one for one in json.loads(run("adapters", "--format", "json").stdout)}
        assert list(found) == ["fake", "gone", "left", "old"]
        assert found["gone"]["error"] == "ImportError: No module named 'x'"
        assert found["fake"]["error"] is None
        expected = {"name": "limit", "flag": "--fake-limit", "help": "How many.", "default": 7}
        assert expected in found["fake"]["options"]


class TestFlags:
    @pytest.mark.parametrize(
        ("arguments", "values"),
        [
            ([], {}),
            (["--fake-deep"], {"deep": True}),
            (["--no-fake-cache", "--fake-limit=3"], {"cache": False, "limit": 3}),
            (["--fake-cache"], {"cache": True}),
            (["--fake-rate", "2", "--fake-token", "x y"], {"rate": 2.0, "token": "x y"}),
        ],
    )
    @pytest.mark.parametrize("command", [["ls", "x"], ["show", "r", "-s", "x"], ["history", "r", "-s", "x"]])
    def test_values_reach_the_adapter(self, run, adapters, command, arguments, values):
        assert run(*command, *arguments).stderr == "Cannot open: Seen.\n"
        assert Recorder.seen == values

    @pytest.mark.parametrize("arguments", [["--fake-limit", "x"], ["--fake-what"], ["--gone-x", "1"]])
    def test_wrong_ones(self, run, adapters, arguments):
        result = run("ls", "x", *arguments)
        assert result.exit_code == 2
        assert "Usage: tui-runs ls" in result.stderr

    @pytest.mark.parametrize("command", ["open", "ls", "show", "history", "doctor"])
    def test_help(self, run, adapters, command):
        text = run(command, "--help").stdout
        options, _, flags = text.partition("Options of adapters:")
        assert "--fake" not in options
        assert flags.count("--fake-deep") == 1
        assert "[default: 7]" in flags

    def test_an_unfinished_adapter_harms_nothing(self, run, install, mlruns):
        from tui_runs_mlflow import MlflowAdapter

        install(mlflow=MlflowAdapter, unfinished=Unfinished)
        assert run("ls", mlruns, "--mlflow-deleted").exit_code == 0
        assert "--mlflow-deleted" in run("ls", "--help").stdout
        assert run("doctor", mlruns).exit_code == 0
        assert "unfinished" in run("adapters").stdout

    def test_adapter_that_is_broken_or_not_there(self, run, adapters):
        for name, message in (("gone", "is broken: ImportError"), ("fak", "Did you mean 'fake'?")):
            result = run("ls", "x", "--adapter", name)
            assert result.exit_code == 2
            assert result.stderr.startswith("Adapter not usable: ")
            assert message in result.stderr
