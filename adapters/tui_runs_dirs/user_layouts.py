"""Layouts that the user describes in `tui-runs.toml`, in what is opened or in a directory above it.

    [[layouts]]
    name = "ours"
    run = "experiments/*"                   # directories of runs, from the file's own; ** is any number of levels
    params = ["hyperparameters.yaml"]       # files in a run's directory, * and ? as in a shell
    metrics = ["metrics_logs/*.csv"]
    step = "epoch"

More keys: `tags` and `summary` (files as `params`), `time` (a column), `finished` and `failed` (files whose being there
tells how it went), `experiment` and `group` (texts).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from tui_runs_dirs.files import NotReadError
from tui_runs_dirs.layout import Claim, FactFile, Layout
from tui_runs_dirs.metric_files import MetricFile, prefixes, reader_of
from tui_runs_dirs.readers.settings import SettingsFile, as_params, as_results, as_tags
from tui_runs_dirs.walk import Directory

FILE_NAME: Final = "tui-runs.toml"
_LEVELS_ABOVE: Final = 8
_LISTS: Final = ("params", "tags", "summary", "metrics", "finished", "failed")
_TEXTS: Final = ("name", "run", "step", "time", "experiment", "group")
_FILES: Final = 256
"""Files of one run that one pattern may name."""


class BadLayoutError(ValueError):
    """`tui-runs.toml` cannot be followed; the text says why, one sentence."""


@dataclass(frozen=True, slots=True)
class UserLayout:
    """One `[[layouts]]` of a `tui-runs.toml`.

    Args:
        title: its name.
        name: its name, marked as the user's.
        base: the directory of the file.
        run: the names of directories from there to a run, as patterns.
        files: patterns of files by what they are for.
        step: the column or key that counts.
        time: the column or key of the time.
        fields: texts for columns of RUNS.
    """

    title: str
    name: str
    base: str
    run: tuple[str, ...]
    files: Mapping[str, Sequence[str]]
    step: str | None
    time: str | None
    fields: Mapping[str, str]

    def recognise(self, directory: Directory) -> Sequence[Claim]:
        """See `tui_runs_dirs.layout.Layout`."""
        place = os.path.relpath(directory.path, self.base).split(os.sep)
        if place[0] == ".." or not _fits([] if place == ["."] else place, self.run):
            return ()
        facts: list[FactFile] = []
        for kind, facts_of in (("params", as_params), ("tags", as_tags), ("summary", as_results)):
            facts += [SettingsFile(file.directory.join(file.name), facts_of) for file in self._files(directory, kind)]
        fields: dict[str, Any] = dict(self.fields)
        for status in ("failed", "finished"):
            if "status" not in fields and self._files(directory, status):
                fields["status"] = status
        files = self._files(directory, "metrics")
        claims = [Claim(self.name, directory.path, facts=facts, rank=100, fields=fields)]
        for file, prefix in zip(files, prefixes(files), strict=True):
            reader = reader_of(file, self.step, self.time)
            claims.append(Claim(self.name, directory.path, series=[reader], rank=100, prefix=prefix))
        return claims

    def _files(self, directory: Directory, kind: str) -> list[MetricFile]:
        found: dict[tuple[str, str], MetricFile] = {}
        for pattern in self.files.get(kind, ()):
            for file in _matching(directory, pattern.split("/")):
                found[file.directory.path, file.name] = file
                if len(found) >= _FILES:
                    break
        return list(found.values())


def has_layouts(path: str) -> bool:
    """Whether a `tui-runs.toml` lies in this very directory."""
    return os.path.isfile(os.path.join(path, FILE_NAME))


def layouts_at(path: str) -> list[Layout]:
    """The layouts of the `tui-runs.toml` that holds for a place; none where it cannot be followed."""
    try:
        return load_layouts(path)
    except (BadLayoutError, OSError):
        return []


def load_layouts(path: str) -> list[Layout]:
    """The layouts of the nearest `tui-runs.toml`, in a directory or up to 8 levels above.

    Raises:
        BadLayoutError: the file cannot be followed.
        OSError: it cannot be read.
    """
    directory = path
    for _ in range(_LEVELS_ABOVE + 1):
        if has_layouts(directory):
            return _load(os.path.join(directory, FILE_NAME))
        above = os.path.dirname(directory)
        if above == directory or os.path.exists(os.path.join(directory, ".git")):
            break
        directory = above
    return []


def _load(path: str) -> list[Layout]:
    from tui_runs_dirs.readers.toml_file import load_toml  # noqa: PLC0415

    try:
        said = load_toml(path)
    except NotReadError as error:
        raise BadLayoutError(error.what.rstrip(".")) from None
    tables = said.get("layouts", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise BadLayoutError("layouts are written as tables, each under [[layouts]]")
    return [_layout_of(table, os.path.dirname(path), number) for number, table in enumerate(tables, 1)]


def _layout_of(table: Mapping[str, Any], base: str, number: int) -> Layout:
    """One table as a layout.

    Raises:
        BadLayoutError: it cannot be followed.
    """
    where = f"layout {number}"
    for key, value in table.items():
        if key in _LISTS:
            if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
                raise BadLayoutError(f"{where}: {key} is a list of texts")
        elif key not in _TEXTS:
            raise BadLayoutError(f"{where}: there is no key {key!r}; there are {', '.join((*_TEXTS, *_LISTS))}")
        elif not isinstance(value, str) or not value:
            raise BadLayoutError(f"{where}: {key} is a text")
    for key in ("name", "run"):
        if key not in table:
            raise BadLayoutError(f"{where} has no {key!r}")
    patterns = [table["run"], *(pattern for key in _LISTS for pattern in table.get(key, []))]
    for pattern in patterns:
        if pattern.startswith("/") or ".." in pattern.split("/") or "\0" in pattern:
            raise BadLayoutError(f"{where}: {pattern!r} leads out of the directory")
    return UserLayout(
        title=table["name"],
        name=f"user:{table['name']}",
        base=os.path.realpath(base),
        run=tuple(part for part in table["run"].split("/") if part not in ("", ".")),
        files={key: table[key] for key in _LISTS if key in table},
        step=table.get("step"),
        time=table.get("time"),
        fields={key: table[key] for key in ("experiment", "group") if key in table},
    )


def _fits(place: Sequence[str], patterns: Sequence[str]) -> bool:
    """Whether names match patterns one by one; ** stands for any number of names."""
    if not patterns:
        return not place
    if patterns[0] == "**":
        return any(_fits(place[skipped:], patterns[1:]) for skipped in range(len(place) + 1))
    return bool(place) and fnmatchcase(place[0], patterns[0]) and _fits(place[1:], patterns[1:])


def _matching(directory: Directory, patterns: Sequence[str]) -> Iterator[MetricFile]:
    first, *rest = patterns
    if not rest:
        yield from (MetricFile(directory, name) for name in sorted(directory.files) if fnmatchcase(name, first))
        return
    for name in sorted(directory.directories):
        if fnmatchcase(name, first) and (inner := directory.child(name)) is not None:
            yield from _matching(inner, rest)
