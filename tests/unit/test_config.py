"""The config file: what is right in it counts, and what is wrong says where."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from tui_runs.analysis.health_rules import HealthRules
from tui_runs.config import AlertSettings, Config, config_path, load_config, read_config

PATH = Path("/home/me/config.toml")
NOTHING_COUNTS = "Correct it: until then everything is as if there were no such file."


def read(text: str) -> tuple[Config, list[tuple[str, str, str]]]:
    config, problems = read_config(text, PATH)
    return config, [(one.uri.removeprefix(str(PATH)), one.what, one.remedy) for one in problems]


def test_no_file_is_no_problem(tmp_path: Path) -> None:
    config, problems = load_config(tmp_path / "config.toml")
    assert not problems
    assert not config.exists
    assert (config.health, config.alerts) == (HealthRules(), AlertSettings())


def test_everything_at_once() -> None:
    config, problems = read("""
        [health]
        stale_after = "1h 30m"
        plateau = false
        disk_gb = 5
        [health.sources."./mlruns"]
        stale_after = 30
        [health.sources."/data/*"]
        nan = false
        [alerts]
        bell = true
        notify = "both"
        on_alert = "notify-send 'a run' --urgency=low"
        [keys]
        "runs.sort" = "o"
        runs.filter = "ctrl+f"
    """)
    assert not problems
    assert config.health == HealthRules(stale_after=5400, plateau=False, disk_gb=5)
    assert config.alerts == AlertSettings(True, "both", ("notify-send", "a run", "--urgency=low"))
    assert config.keys == {"runs.sort": "o", "runs.filter": "ctrl+f"}
    assert config.rules_for("./mlruns", "/srv/mlruns").stale_after == 30
    assert config.rules_for("./x", "/data/x") == HealthRules(stale_after=5400, plateau=False, disk_gb=5, nan=False)
    assert config.rules_for("./x", "/other/x") == config.health


def test_a_source_is_named_by_its_path_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for pattern in ("runs", "./runs/", str(tmp_path / "runs"), "~/runs"):
        config, _ = read(f'[health.sources."{pattern}"]\nnan = false')
        assert not config.rules_for("elsewhere", str(tmp_path / "runs")).nan, pattern
        assert config.rules_for("elsewhere", "http://h/runs").nan


@pytest.mark.parametrize(
    ("text", "where", "what", "remedy"),
    [
        ("[health]\n\nstale = 3", ":3", "stale is 3, and should be true or false.", "Correct it"),
        ("[health]\nstale_aftr = 3", ":2", "There is no stale_aftr in [health].", "Did you mean stale_after?"),
        ('[health]\nstale_after = "soon"', ":2", "stale_after is 'soon', and should be a time such as", "Correct it"),
        ("[health]\nstale_after = 0", ":2", "stale_after is 0, and should be a time such as", "Correct it"),
        ("[health]\nplateau_share = 1.5", ":2", "plateau_share is 1.5, and should be a number from 0 to 0.8.", "Corr"),
        ("[health]\ndisk_gb = inf", ":2", "disk_gb is inf, and should be a number, 0 at least.", "Correct it"),
        (f"[health]\ndisk_gb = {10**400}", ":2", "disk_gb is a number of many digits", "Correct it"),
        ("health = 1", ":1", "health is 1, and should be a table: [health].", "Correct it"),
        ('[health.sources."a b"]\nnan = 1', ":2", "nan is 1, and should be true or false.", "Correct it"),
        ("[health.sources]\nx = 1", ":2", "x is 1, and should be a table: [health.sources.x].", "Correct it"),
        ("[alert]\nbell = true", ":1", "There is no alert.", "Did you mean alerts?"),
        ('[alerts]\nnotify = "mail"', ":2", "notify is 'mail', and should be one of off, auto,", "Correct it"),
        ('[alerts]\non_alert = "a \'b"', ":2", "should be a command such as", "Correct it"),
        ("[alerts]\non_alert = [1]", ":2", "on_alert is a list, and should be a command", "Correct it"),
        ("[keys]\nruns.sort = 3", ":2", 'runs.sort is 3, and should be a key such as "ctrl+g".', "Correct it"),
        ("[health]\nnan = = 3\n", ":2", "This is no TOML: invalid value: nan = = 3.", "Correct it"),
        ("x\x1b[31m = 1", ":1", "This is no TOML", "Correct it"),
    ],
)
def test_what_is_wrong_says_where(text: str, where: str, what: str, remedy: str) -> None:
    config, problems = read(text)
    assert len(problems) == 1, problems
    assert problems[0][0] == where
    assert what in problems[0][1]
    assert problems[0][2].startswith(remedy)
    assert "\x1b" not in "".join(problems[0])
    assert config.health == HealthRules()


def test_what_is_right_beside_it_counts() -> None:
    config, problems = read('[health]\nnan = "no"\nstale = false\nbroken\n[alerts]\nbell = true\n')
    assert [where for where, _, _ in problems] == [":4", ":2"]
    assert config.health == HealthRules(stale=False)
    assert config.alerts.bell


def test_notify_may_be_true() -> None:
    assert read("[alerts]\nnotify = true")[0].alerts.notify == "auto"
    assert read("[alerts]\nnotify = false")[0].alerts.notify == "off"


def test_a_command_in_the_home_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert read('[alerts]\non_alert = ["~/bin/tell", "~"]')[0].alerts.on_alert == ("/home/me/bin/tell", "~")


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("TUI_RUNS_CONFIG", raising=False)
    assert config_path() == tmp_path / "tui-runs" / "config.toml"
    named = tmp_path / "mine.toml"
    monkeypatch.setenv("TUI_RUNS_CONFIG", str(named))
    assert config_path() == named
    config, problems = load_config()
    assert not config.exists
    assert [one.what for one in problems] == [f"There is no {named}."]
    named.write_text("[alerts]\nbell = true\n")
    config, problems = load_config()
    assert config.exists
    assert config.alerts.bell
    assert not problems


def test_files_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xff\xfe")
    assert "UTF-8" in load_config(path)[1][0].what
    path.write_bytes("é".encode() * 600_000)
    assert "megabyte" in load_config(path)[1][0].what
    path.write_bytes(b"#" + "é".encode() * 600_000)  # cut within a letter
    assert "megabyte" in load_config(path)[1][0].what
    os.remove(path)
    path.mkdir()
    assert "is a directory" in load_config(path)[1][0].what


def test_a_file_that_no_one_would_write() -> None:
    _, problems = read("a = " + "[" * 100_000)
    assert 1 <= len(problems) <= 25
    _, problems = read("a = " + "9" * 10_000)
    assert len(problems) == 1
    _, problems = read("\n".join("?" for _ in range(1000)))
    assert problems == [(":1", "This is no TOML from here on, and nothing of the file counts.", NOTHING_COUNTS)]
    for digits in ("9" * 4000, "0x" + "f" * 5000):
        (problem,) = read(f"[health]\nstale_after = {digits}")[1]
        assert problem[1].startswith("stale_after is a number of many digits, and should be a time")
    deep = ".".join("a" * 3000)
    (problem,) = read(f"[keys]\n{deep} = 1")[1]
    assert "should be a key" in problem[1]
    (problem,) = read(f"[health]\nstale.{deep} = 1")[1]
    assert problem[1] == "stale is a table, and should be true or false."
    (problem,) = read(f"[alerts]\non_alert = [{{{deep} = 1}}]")[1]
    assert problem[1].startswith("on_alert is a list, and should be a command")


def test_the_section_below_a_broken_header_counts_for_no_other() -> None:
    config, problems = read(
        '[health]\nstale = false\n[health.sources."x"\nnan = false\n\nplateau = false\n[alerts]\nbell = true\n'
    )
    assert config.health == HealthRules(stale=False)
    assert not config.of_sources
    assert config.alerts.bell
    ((where, what, _),) = problems
    assert where == ":3"
    assert what.endswith('[health.sources."x"; its section, up to line 6, is left out.')


@pytest.mark.parametrize("opening", ['on_alert = """notify', "on_alert = '''notify"])
def test_what_is_never_closed_is_said_where_it_was_opened(opening: str) -> None:
    lines = [f"# line {at}" for at in range(30)]
    config, problems = read("\n".join(["[alerts]", "bell = true", opening, *lines, "", "[health]", "nan = false"]))
    assert [where for where, _, _ in problems] == [":3"]
    assert config.alerts.bell
    assert not config.health.nan


def test_a_file_is_given_up_as_a_whole() -> None:
    config, problems = read("\n".join(["[alerts]", "bell = true", *("?" for _ in range(30))]))
    assert config.alerts == AlertSettings()
    assert [where for where, _, _ in problems] == [":3"]
    assert "nothing of the file counts" in problems[0][1]
    assert problems[0][2] == NOTHING_COUNTS


def test_what_ends_a_line_elsewhere_ends_none_of_toml() -> None:
    command = "tell a\u2028b\x85c"
    config, problems = read(f'[alerts] # \u2028 \u2029 \x85\r\non_alert = ["{command}"]\r\nbell = true\r\nx = 1')
    assert config.alerts == AlertSettings(bell=True, on_alert=(command,))
    assert [where for where, _, _ in problems] == [":4"]


def test_a_mark_of_the_encoding_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes("[alerts]\nbell = true\n".encode("utf-8-sig"))
    config, problems = load_config(path)
    assert not problems
    assert config.alerts.bell


def test_the_home_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUI_RUNS_CONFIG", "~nobody-at-all/x.toml")
    config, problems = load_config()
    assert not config.exists
    assert [one.what for one in problems] == ["There is no ~nobody-at-all/x.toml."]


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    config, _ = read(text)
    assert isinstance(config.health, HealthRules)


values = st.recursive(
    st.one_of(st.booleans(), st.integers(-5, 5), st.floats(allow_nan=False), st.text("abc10ms %", max_size=5)),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=2),
    max_leaves=4,
)
names = st.sampled_from([one.name for one in dataclasses.fields(HealthRules)])


@given(st.dictionaries(names, values))
def test_each_value_is_taken_or_refused_by_name(table: dict[str, object]) -> None:
    config, problems = read(tomli_w.dumps({"health": table}))
    refused = {what.split(" ")[0] for _, what, _ in problems}
    assert refused <= table.keys()
    for one in dataclasses.fields(HealthRules):
        value = getattr(config.health, one.name)
        assert isinstance(value, type(one.default))
        if one.name not in table or one.name in refused:
            assert value == one.default
        elif isinstance(table[one.name], int | float):
            assert value == table[one.name]
