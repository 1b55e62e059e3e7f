"""Reads the many small meta.yaml of a file store: the scalars of one, its tags, and whose the directories are."""

from __future__ import annotations

import os
import re
import textwrap
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, TypeGuard

from tui_runs.adapter import Problem
from tui_runs.display import encodable
from tui_runs_mlflow.meta_yaml import MetaError, parse_meta
from tui_runs_mlflow.run_files import META_REMEDY, problem_with, read_file, unreadable

_SETTLED: Final = 10.0
"""Seconds after which a directory's time of change is believed: file systems' clocks are coarse."""
_TAGS: Final = re.compile(rb"^tags:\n((?:(?: .*)?\n)+)", re.MULTILINE)

Meta = Mapping[str, str | int | None]


class MetaIndex:
    """Which run the directories in a directory belong to, by an entry of their meta.yaml that is never rewritten.

    A directory is listed again when its time of change is another, and only what is new in it is opened.

    Args:
        prefix: how the names of these directories begin.
        entry: the entry's name.
    """

    def __init__(self, prefix: str, entry: str) -> None:
        self._prefix = prefix
        self._entry = entry
        self._plain = re.compile(rf"^{entry}: (null|[0-9a-f]*[a-f][0-9a-f]*)$".encode(), re.MULTILINE)
        self._listed: dict[str, tuple[int, dict[str, str]]] = {}

    def find(self, directory: str, run_id: str, problems: dict[str, Problem]) -> list[str]:
        """Paths of the directories in `directory` whose meta.yaml names this run."""
        return [path for path, owner in self._owners(directory, problems).items() if owner == run_id]

    def _owners(self, directory: str, problems: dict[str, Problem]) -> dict[str, str]:
        try:
            changed = os.stat(directory).st_mtime_ns
        except OSError:
            return {}
        before, known = self._listed.get(directory, (0, {}))
        if before == changed:
            return known
        owners: dict[str, str] = {}
        settled = time.time() - changed / 1e9 > _SETTLED
        for path in directories_in(directory, problems, self._prefix):
            owner = known[path] if path in known else self._owner(os.path.join(path, "meta.yaml"), problems)
            if owner is None:
                settled = False  # it may be written yet
            else:
                owners[path] = owner
        self._listed[directory] = (changed if settled else 0, owners)
        return owners

    def _owner(self, path: str, problems: dict[str, Problem]) -> str | None:
        """What a meta.yaml says; "" for no run, None where there is no telling."""
        with suppress(OSError):
            # Parsing all of it takes ten times as long, and there may be thousands.
            if (plain := self._plain.search(read_file(path))) is not None:
                return plain[1].decode() if plain[1] != b"null" else ""
        meta = read_meta(path, problems)
        return None if meta is None else text_of(meta, self._entry) or ""


def directories_in(directory: str, problems: dict[str, Problem], prefix: str = "") -> list[str]:
    """Paths of the real directories in a directory, sorted; none where it is not there, or is a link."""
    try:
        if os.path.islink(directory):
            return []
        with os.scandir(directory) as entries:
            return sorted(
                entry.path for entry in entries if entry.name.startswith(prefix) and entry.is_dir(follow_symlinks=False)
            )
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        problem = unreadable(directory, error)
        problems[problem.uri] = problem
        return []


def read_meta(path: str, problems: dict[str, Problem]) -> Meta | None:
    """The scalars of a meta.yaml; None where there is none, or where it cannot be used."""
    try:
        return parse_meta(read_file(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except MetaError as error:
        problem = problem_with(path, f"The meta.yaml {error}.", META_REMEDY)
    except OSError as error:
        problem = unreadable(path, error)
    problems[problem.uri] = problem
    return None


def read_meta_tags(path: str) -> dict[str, str]:
    """The tags in the meta.yaml of an input, which are a mapping inside of the mapping; the rest has been read."""
    try:
        block = _TAGS.search(read_file(path))
        if block is None:
            return {}
        tags = parse_meta(textwrap.dedent(block[1].decode()).encode())
    except (OSError, UnicodeDecodeError, MetaError):
        return {}
    return {encodable(key): encodable(str(value)) for key, value in tags.items() if value is not None}


def is_plain(name: str | None) -> TypeGuard[str]:
    """Whether a text out of a file is the name of something in a directory, and not a way out of it."""
    return name not in (None, "", ".", "..") and "\0" not in name and os.path.basename(name) == name


def text_of(meta: Meta, name: str) -> str | None:
    """An entry as text; None where it is missing or empty."""
    value = meta.get(name)
    return None if value is None or value == "" else encodable(str(value))


def whole_of(meta: Meta, name: str) -> int | None:
    """An entry that is a whole number."""
    value = meta.get(name)
    return value if isinstance(value, int) else None
