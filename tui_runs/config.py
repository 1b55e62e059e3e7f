"""The user's config file: `config.toml` in the user's config directory, or what TUI_RUNS_CONFIG names.

Every table is a frozen dataclass whose fields are the keys, so that a setting is said once: name, default, and what is
allowed. A mistake in the file becomes a `Problem` that says where; everything else in the file still counts.
"""

from __future__ import annotations

import dataclasses
import math
import os
import re
import shlex
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, TypeVar

from tui_runs.adapter import Problem
from tui_runs.analysis.health_rules import HealthRules
from tui_runs.display import printable

VARIABLE: Final = "TUI_RUNS_CONFIG"
_LARGEST: Final = 1_000_000
"""Bytes of a file that is read as a config."""
_MOST_MISTAKES: Final = 20
"""Lines that are no TOML before a file is given up."""
_REMEDY: Final = "Correct it; everything else in the file counts."
_NOTHING_COUNTS: Final = "Correct it: until then everything is as if there were no such file."
_HUGE: Final = 1e300
_LONG: Final = 10**40
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION: Final = re.compile(r"\s*(?:\d+(?:\.\d+)?\s*[smhd]\s*)+")
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")
_Path = tuple[str, ...]
_Settings = TypeVar("_Settings")


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """How the user is told of what turns while the app is open.

    Args:
        bell: ring the terminal's bell.
        notify: have the terminal show a desktop notification: "auto" by the sequence that it most likely knows, "osc9",
            "osc777", "both", or "off".
        on_alert: a command and its arguments, run without a shell; none for no command.
    """

    bell: bool = False
    notify: str = field(default="off", metadata={"choices": ("off", "auto", "osc9", "osc777", "both")})
    on_alert: tuple[str, ...] = field(default=(), metadata={"unit": "command"})


@dataclass(frozen=True, slots=True)
class Config:
    """All that the file says.

    Args:
        path: where it is, or would be.
        exists: whether there is one.
        health: the rules for every source.
        of_sources: what is otherwise for some sources, by a path or a glob; later ones overrule earlier ones.
        alerts: how the user is told.
        keys: key strings as Textual spells them, by the id of a binding.
    """

    path: Path = Path()
    exists: bool = False
    health: HealthRules = HealthRules()  # noqa: RUF009  frozen, like this
    of_sources: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    alerts: AlertSettings = AlertSettings()
    keys: Mapping[str, str] = field(default_factory=dict)

    def rules_for(self, name: str, uri: str) -> HealthRules:
        """The health rules of a source.

        Args:
            name: the location as the user wrote it.
            uri: the location in full.
        """
        rules = self.health
        for pattern, settings in self.of_sources:
            wanted = os.path.expanduser(pattern)
            if any(fnmatchcase(place, wanted) for place in (name, uri)) or _same_path(wanted, uri):
                rules = dataclasses.replace(rules, **settings)
        return rules


def _same_path(pattern: str, uri: str) -> bool:
    """Whether a path, relative ones and those that end with a slash too, leads to a source."""
    return "://" not in uri and os.path.abspath(pattern) == os.path.abspath(uri)


def config_path() -> Path:
    """Where the config file is, or would be."""
    if named := os.environ.get(VARIABLE):
        return Path(os.path.expanduser(named))  # of a user that is not known it leaves the name as it is
    from platformdirs import user_config_path  # noqa: PLC0415  `--help` does not need it

    return user_config_path("tui-runs") / "config.toml"


def load_config(path: Path | None = None) -> tuple[Config, list[Problem]]:
    """Read the config file; no file is no problem, unless TUI_RUNS_CONFIG names it.

    Returns:
        What is right in it, and what is not.
    """
    named = path is None and bool(os.environ.get(VARIABLE))
    path = config_path() if path is None else path
    shown = printable(str(path))
    try:
        with open(path, "rb") as file:
            data = file.read(_LARGEST + 1)
    except FileNotFoundError:
        missing = Problem(shown, f"There is no {shown}.", f"Write it, or unset {VARIABLE}.")
        return Config(path), [missing] if named else []
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        return Config(path), [Problem(shown, f"The config file cannot be read: {why}.", "Make it readable for you.")]
    if len(data) > _LARGEST:
        return Config(path, True), [Problem(shown, "The config file is larger than a megabyte.", "Shorten it.")]
    try:
        text = data.decode("utf-8-sig")  # some editors begin a file with a mark of its encoding
    except UnicodeDecodeError:
        return Config(path, True), [Problem(shown, "The config file is no text in UTF-8.", "Save it as UTF-8.")]
    return read_config(text, path)


def read_config(text: str, path: Path) -> tuple[Config, list[Problem]]:
    """Read the text of a config file.

    Args:
        text: the file's.
        path: where it is; problems name it.
    """
    reading = _Reading(text, printable(str(path)))
    table = reading.table
    reading.refuse_others((), table, ("health", "alerts", "keys"))
    health = reading.mapping((), table, "health")
    sources = reading.mapping(("health",), health, "sources")
    rules = reading.settings(("health",), {key: health[key] for key in health if key != "sources"}, HealthRules)
    of_sources = []
    for pattern in sources:
        of_one = reading.mapping(("health", "sources"), sources, pattern)
        of_sources.append((pattern, reading.settings(("health", "sources", pattern), of_one, HealthRules)))
    alerts = reading.settings(("alerts",), reading.mapping((), table, "alerts"), AlertSettings)
    keys = {}
    for path_of_key, key in _leaves(reading.mapping((), table, "keys")):
        name = ".".join(path_of_key)
        if isinstance(key, str) and key.strip():
            keys[name] = key
        else:
            what = f'{name} is {_said(key)}, and should be a key such as "ctrl+g"'
            reading.refuse(("keys", *path_of_key), what)
    config = Config(path, True, HealthRules(**rules), tuple(of_sources), AlertSettings(**alerts), keys)
    return config, reading.problems


def nearest(name: str, known: Iterable[str]) -> str:
    """A remedy for a name that is not known: the one that was meant, most likely, or all that there are."""
    names = sorted(known)
    close = get_close_matches(name, names, 1)
    if close:
        return f"Did you mean {close[0]}?"
    return f"There are {', '.join(names)}." if len(names) <= 20 else "See the README for what there is."


def _leaves(table: Mapping[str, Any]) -> Iterator[tuple[_Path, Any]]:
    """The values of nested tables with their paths: `runs.sort = "o"` may be written with quotes or without."""
    waiting: list[tuple[_Path, Any]] = [((), table)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [((*path, key), inner) for key, inner in reversed(value.items())]
        else:
            yield path, value


class _Reading:
    """A config file that is being read, and what is wrong with it."""

    def __init__(self, text: str, shown: str) -> None:
        # Only these end a line of TOML; `splitlines` knows more.
        self._lines, self._shown = text.replace("\r\n", "\n").split("\n"), shown
        self.problems: list[Problem] = []
        self.table = self._parse()

    def _parse(self) -> dict[str, Any]:
        """The file as a table; lines that are no TOML are left out one after the other.

        With a header that is none its whole section is left out: its settings would count for the section before it.
        """
        lines = list(self._lines)
        for _ in range(_MOST_MISTAKES):
            try:
                return tomllib.loads("\n".join(lines))
            except RecursionError:
                self._add(None, "This is no TOML that anyone would write: it is nested too deeply", _NOTHING_COUNTS)
                return {}
            except ValueError as error:  # a number of thousands of digits is one, and no TOMLDecodeError
                what, _, place = str(error).partition(" (at ")
                found = re.match(r"line (\d+)", place)
                at = int(found[1]) if found else _last_opening(lines)
                end = at
                if lines[at - 1].lstrip().startswith("["):
                    while end < len(lines) and not lines[end].lstrip().startswith("["):
                        end += 1
                left_out = f"; its section, up to line {end:,}, is left out" if end > at else ""
                self._add(at, f"This is no TOML: {what[:1].lower()}{what[1:]}: {lines[at - 1].strip()[:60]}{left_out}")
                lines[at - 1 : end] = [""] * (end - at + 1)
        first = self.problems[0].uri.rpartition(":")[2]
        self.problems.clear()
        self._add(int(first), "This is no TOML from here on, and nothing of the file counts", _NOTHING_COUNTS)
        return {}

    def _add(self, line: int | None, what: str, remedy: str = _REMEDY) -> None:
        where = self._shown if line is None else f"{self._shown}:{line}"
        self.problems.append(Problem(where, f"{printable(what)}.", remedy))

    def refuse(self, path: _Path, what: str, remedy: str = _REMEDY) -> None:
        """Note that something is wrong with a key."""
        line = next((number for number, one in self._keys() if one == path), None)
        self._add(line, what, remedy)

    def _keys(self) -> Iterator[tuple[int, _Path]]:
        """The lines that begin a table or set a key, and which."""
        section: _Path = ()
        for number, line in enumerate(self._lines, 1):
            if line.lstrip().startswith("["):
                section = _path_of(line)
                yield number, section
            elif "=" in line:
                yield number, section + _path_of(f"{line.partition('=')[0]} = 0")

    def refuse_others(self, path: _Path, table: Mapping[str, Any], known: Iterable[str]) -> None:
        """Note the keys that are not known."""
        names = list(known)
        for key in table:
            if key not in names:
                inside = f" in [{_joined(path)}]" if path else ""
                self.refuse((*path, key), f"There is no {_joined((key,))}{inside}", nearest(key, names))

    def mapping(self, path: _Path, table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        """The table under a key; empty where there is none."""
        value = table.get(key, {})
        if isinstance(value, dict):
            return value
        self.refuse((*path, key), f"{key} is {_said(value)}, and should be a table: [{_joined((*path, key))}]")
        return {}

    def settings(self, path: _Path, table: Mapping[str, Any], kind: type[_Settings]) -> dict[str, Any]:
        """The values that a table gives to the fields of a dataclass; those that are wrong are left out."""
        fields = {one.name: one for one in dataclasses.fields(kind)}  # type: ignore[arg-type]
        self.refuse_others(path, table, fields)
        found = {}
        for key, value in table.items():
            if (one := fields.get(key)) is None:
                continue
            try:
                found[key] = _checked(value, one)
            except ValueError as error:
                self.refuse((*path, key), f"{key} is {_said(value)}, and should be {error}")
        return found


def _last_opening(lines: Sequence[str]) -> int:
    """The number of the last line that opens what need not end with it: what the file ends within was opened there."""
    open_ones = [number for number, line in enumerate(lines, 1) if re.search(r"\"\"\"|\'\'\'|=\s*[\[{]", line)]
    written = [number for number, line in enumerate(lines, 1) if line.strip()]
    return max(open_ones or written, default=1)


def _path_of(line: str) -> _Path:
    """The keys that a line of TOML names, from the outermost in; none where it is no TOML by itself."""
    try:
        table: Any = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return ()
    path = []
    while isinstance(table, dict | list) and table:
        if isinstance(table, list):
            table = table[0]
        else:
            key, table = next(iter(table.items()))
            path.append(key)
    return tuple(path)


def _joined(path: _Path) -> str:
    return ".".join(key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else f'"{key}"' for key in path)


def _said(value: object) -> str:
    if isinstance(value, dict | list):  # of any depth
        return "a table" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and abs(value) > _LONG:  # Python itself refuses to write thousands of digits
        return "a number of many digits"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _checked(value: Any, one: dataclasses.Field[Any]) -> Any:
    """A value as the field of a dataclass has it.

    Raises:
        ValueError: it is not of the field's kind; says what would be.
    """
    allowed = one.metadata
    if "choices" in allowed:
        return _choice(value, allowed["choices"])
    if allowed.get("unit") == "command":
        return _command(value)
    if isinstance(one.default, bool):
        if not isinstance(value, bool):
            raise ValueError("true or false")
        return value
    least, most = allowed.get("least", -math.inf), allowed.get("most", math.inf)
    is_time = allowed.get("unit") == "duration"
    if is_time and isinstance(value, str) and _DURATION.fullmatch(value):
        value = sum(float(size) * _UNITS[unit] for size, unit in _PART.findall(value))
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # An integer of TOML may be larger than any float.
    if is_number and -_HUGE < value < _HUGE and least <= value <= most:
        return float(value)
    if is_time:
        raise ValueError(f'a time such as "10m", or seconds, {least:g} at least')
    raise ValueError(f"a number from {least:g} to {most:g}" if most < math.inf else f"a number, {least:g} at least")


def _choice(value: object, choices: tuple[str, ...]) -> str:
    if isinstance(value, bool):  # `notify = true` is what people write
        return "auto" if value else "off"
    if value not in choices:
        raise ValueError(f"one of {', '.join(choices)}")
    return str(value)


def _command(value: object) -> tuple[str, ...]:
    expected = 'a command such as "notify-send training", or a list of its words'
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        words = list(value)
    elif isinstance(value, str):
        try:
            words = shlex.split(value)
        except ValueError as error:
            raise ValueError(f"{expected}: {str(error).lower()}") from None
    else:
        raise ValueError(expected)
    if any("\0" in word for word in words):
        raise ValueError(f"{expected}, without NUL")
    return (os.path.expanduser(words[0]), *words[1:]) if words else ()
