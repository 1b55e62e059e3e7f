"""Broken adapters of third parties: rows with a reason, and no harm to any other."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tui_runs.errors import AdapterError
from tui_runs.sources.discover import find
from tui_runs.sources.plugins import claims, installed_names, load, load_all

GOOD = """
from tui_runs.adapter import Match
class Good:
    name = "good"
    options = ()
    def match(self, location): return Match("anything", 0.5)
    def open(self, location, options): raise NotImplementedError
"""
BROKEN = {
    "raises on import": ("raise ImportError('no module named libtoy\\nsecond line')", "ImportError: no module named"),
    "syntax error": ("def broken(:\n    pass", "SyntaxError"),
    "exits on import": ("import sys; sys.exit('I refuse')", "SystemExit: I refuse"),
    "exits silently": ("import sys; sys.exit()", "SystemExit"),
    "constructor raises": (
        "class Thing:\n    def __init__(self): raise RuntimeError('no GPU')",
        "RuntimeError: no GPU",
    ),
    "constructor wants more": ("class Thing:\n    def __init__(self, path): pass", "TypeError"),
    "constructor exits": ("import sys\nclass Thing:\n    def __init__(self): sys.exit(3)", "SystemExit: 3"),
    "no such class": ("", "AttributeError"),
    "not callable": ("Thing = 3", "TypeError"),
    "methods missing": ("class Thing:\n    name = 'x'\n    options = ()", "match, open"),
    "attribute that raises": (
        GOOD.replace("Good", "Thing").replace("options = ()", "options = property(lambda self: 1 / 0)"),
        "ZeroDivisionError",
    ),
    "recursion": ("def deep(): deep()\ndeep()", "RecursionError"),
}


class Site:
    """A directory of distributions on sys.path."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.modules: list[str] = []

    def install(self, name: str, code: str, *, points: str | None = None, metadata: bool = True) -> str:
        """Install a distribution with one module, whose class Thing or Good is the adapter `name`."""
        module = f"adapter_{len(self.modules)}_of_a_test"
        self.modules.append(module)
        (self.root / f"{module}.py").write_text(code)
        info = self.root / f"{name.replace(' ', '_')}-0.3.dist-info"
        info.mkdir()
        kind = "Good" if "class Good" in code else "Thing"
        (info / "entry_points.txt").write_text(points or f"[tui_runs.adapters]\n{name} = {module}:{kind}\n")
        if metadata:
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.replace(' ', '-')}\nVersion: 0.3\n")
        return module


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    made = Site(tmp_path / "site")
    made.root.mkdir()
    monkeypatch.syspath_prepend(str(made.root))
    yield made
    for name in made.modules:
        sys.modules.pop(name, None)


class TestBroken:
    @pytest.mark.parametrize(("code", "error"), BROKEN.values(), ids=BROKEN.keys())
    def test_is_a_row_with_its_reason(self, site: Site, code: str, error: str) -> None:
        site.install("bad", code)
        site.install("good", GOOD)
        found = {one.name: one for one in load_all()}
        assert found["bad"].adapter is None
        assert error in found["bad"].error
        assert "\n" not in found["bad"].error
        assert found["bad"].distribution == "bad 0.3"
        assert found["good"].adapter is not None
        assert found["mlflow"].adapter is not None

    def test_is_said_when_asked_for(self, site: Site) -> None:
        site.install("bad", BROKEN["constructor raises"][0])
        with pytest.raises(AdapterError, match=r"'bad' of bad 0\.3 is broken: RuntimeError: no GPU") as caught:
            load("bad")
        assert "tui-runs adapters" in caught.value.remedy
        assert caught.value.exit_code == 2

    def test_entry_point_that_makes_no_sense(self, site: Site) -> None:
        site.install("odd", "", points="[tui_runs.adapters]\nodd = ::\n")
        (odd,) = (one for one in load_all() if one.name == "odd")
        assert odd.adapter is None
        assert odd.error

    def test_keyboard_interrupt_is_the_users(self, site: Site) -> None:
        site.install("slow", "raise KeyboardInterrupt")
        with pytest.raises(KeyboardInterrupt):
            load_all()

    def test_is_mentioned_where_nothing_is_found(self, site: Site, tmp_path: Path) -> None:
        from tui_runs.errors import LocationError

        site.install("bad", BROKEN["raises on import"][0])
        (tmp_path / "nothing" / "here").mkdir(parents=True)
        with pytest.raises(LocationError) as caught:
            find([str(tmp_path / "nothing")])
        assert "bad" in caught.value.remedy
        assert "tui-runs adapters" in caught.value.remedy

    def test_commands_go_on(self, site: Site, data: Path) -> None:
        """All of them installed at once, in a process of its own."""
        for number, (code, _) in enumerate(BROKEN.values()):
            site.install(f"bad{number}", code)
        environment = {**os.environ, "PYTHONPATH": str(site.root), "NO_COLOR": "1"}

        def command(*arguments: str) -> str:
            done = subprocess.run(
                [sys.executable, "-m", "tui_runs", *arguments],
                env=environment, capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            return done.stdout

        said = command("adapters")
        for number, (_, error) in enumerate(BROKEN.values()):
            assert f"bad{number} " in said
            assert error in said
        assert "Traceback" not in said
        assert command("ls", str(data / "mlflow_2_22" / "mlruns"), "--format", "jsonl").count("\n") == 6


class TestNames:
    def test_no_adapter_is_imported_for_them(self, site: Site) -> None:
        module = site.install("lazy", BROKEN["exits on import"][0])
        assert "lazy" in installed_names()
        assert installed_names() == sorted(installed_names())
        assert module not in sys.modules

    @pytest.mark.parametrize(("typed", "meant"), [("mlfow", "mlflow"), ("MLflow", "mlflow"), ("gods", "good")])
    def test_near_miss_is_put_right(self, site: Site, typed: str, meant: str) -> None:
        site.install("good", GOOD)
        with pytest.raises(AdapterError) as caught:
            load(typed)
        assert f"Did you mean {meant!r}?" in caught.value.message
        assert "mlflow" in caught.value.remedy

    def test_far_miss_lists_what_there_is(self) -> None:
        with pytest.raises(AdapterError) as caught:
            load("xyzzy")
        assert "Did you mean" not in caught.value.message
        assert "mlflow" in caught.value.remedy


MATCHES = {"raises": "raise ValueError('odd')", "says no": "return None"}


class TestClaims:
    @pytest.mark.parametrize("body", MATCHES.values(), ids=MATCHES.keys())
    def test_match_that_fails_makes_no_claim(self, site: Site, data: Path, body: str) -> None:
        site.install("bad", GOOD.replace('return Match("anything", 0.5)', body))
        store = str(data / "mlflow_2_22" / "mlruns")
        assert [one.name for one, _ in claims(store, load_all())] == ["mlflow"]

    def test_surest_comes_first(self, site: Site, data: Path) -> None:
        site.install("unsure", GOOD)
        site.install("surer", GOOD.replace("0.5", "0.6"))
        store = str(data / "mlflow_2_22" / "mlruns")
        assert [one.name for one, _ in claims(store, load_all())] == ["mlflow", "surer", "unsure"]
        (found,) = find([store])
        assert found.adapter.name == "mlflow"
        assert found.others == ("surer", "unsure")


@pytest.fixture
def asked(site: Site) -> Callable[[str], object]:
    site.install("good", GOOD)
    return lambda location: find([location], adapter="good")


def test_adapter_asked_for_is_not_argued_with(asked: Callable[[str], object], tmp_path: Path) -> None:
    (found,) = asked(str(tmp_path))  # type: ignore[misc]
    assert found.match.reason == "anything"


def test_adapter_asked_for_may_say_no(site: Site, tmp_path: Path) -> None:
    site.install("good", GOOD.replace('return Match("anything", 0.5)', "return None"))
    (found,) = find([str(tmp_path)], adapter="good")
    assert "--adapter good" in found.match.reason


class TestOddities:
    """What strangers' packages and directories have brought."""

    @pytest.mark.parametrize("body", ["return True", "return Match('x', 'sure')", "return Match('x', None)"])
    def test_match_that_answers_with_something_else_makes_no_claim(self, site: Site, data: Path, body: str) -> None:
        site.install("bad", GOOD.replace('return Match("anything", 0.5)', body))
        assert [one.name for one, _ in claims(str(data / "mlflow_2_22" / "mlruns"), load_all())] == ["mlflow"]

    def test_match_that_exits_makes_no_claim(self, site: Site, data: Path) -> None:
        site.install("bad", GOOD.replace('return Match("anything", 0.5)', "raise SystemExit(3)"))
        assert [one.name for one, _ in claims(str(data / "mlflow_2_22" / "mlruns"), load_all())] == ["mlflow"]

    def test_second_adapter_of_a_name_does_not_take_the_place_of_the_first(self, site: Site) -> None:
        """sys.path says which comes first; here the stranger does, and ours is lost without a word."""
        site.install("stranger", GOOD, points="[tui_runs.adapters]\nmlflow = adapter_0_of_a_test:Good\n")
        assert len([one for one in load_all() if one.name == "mlflow"]) == 2

    def test_adapter_that_prints_as_it_is_imported_spoils_no_data(
        self, site: Site, capsys: pytest.CaptureFixture[str]
    ) -> None:
        site.install("loud", "print('Welcome to loud 3.1!')\n" + GOOD)
        load_all()
        assert capsys.readouterr().out == ""

    def test_distribution_without_metadata(self, site: Site) -> None:
        """What the backport, which many packages import, puts among the finders raises for its version."""
        pytest.importorskip("importlib_metadata")
        site.install("good", GOOD, metadata=False)
        (good,) = (one for one in load_all() if one.name == "good")
        assert good.adapter is not None

    def test_malformed_entry_points_of_one_distribution_lose_no_other(self, site: Site) -> None:
        site.install("odd", "", points="[tui_runs.adapters]\nno equals sign\n")
        assert "mlflow" in installed_names()
