"""Reads YAML as text: no tag is ever constructed, and neither aliases nor depth can make much of little."""

from __future__ import annotations

import re
from typing import Any, Final

from tui_runs_dirs.files import read_whole

YAML_BYTES: Final = 2 << 20
"""Longer files are not read: a megabyte takes about a second."""


_SIMPLE_LINE: Final = re.compile(
    rb"( *)([A-Za-z_][\w./-]*):(?: +((?:[A-Za-z0-9_./+]|-[0-9.])[\w./+-]*(?: [\w./+-]+)*))? *", re.ASCII
)
_SIMPLE_DEPTH: Final = 20


class Plain(str):
    """A scalar that was written without quotes, as it was written: it may be a number, true, or null."""

    __slots__ = ()


def load_yaml(path: str) -> Any:
    """The first document of a YAML file.

    Returns:
        A tree of dicts (keys are str), lists, `Plain` and str. A tag changes nothing: `!!python/object` is the mapping
        or text that follows it. An alias is the very object of its anchor. None where the file is empty.

    Raises:
        OSError: it cannot be read, is no YAML, or too long, deep or branched; NotReadError says which, and where.
    """
    return parse_yaml(read_whole(path, YAML_BYTES))


def parse_yaml(data: bytes) -> Any:
    """As `load_yaml`, of a file's bytes.

    Raises:
        NotReadError: see there.
    """
    simple = _simple(data)
    if simple is not None:
        return simple
    from tui_runs_dirs.readers.yaml_tree import tree_of  # noqa: PLC0415  yaml takes 20 ms, and not every run has any

    return tree_of(data)


def _simple(data: bytes) -> dict[str, Any] | None:
    """A file of mappings of plain words and numbers alone, ten times faster; None where anything else is in it."""
    top: dict[str, Any] = {}
    levels: list[tuple[int, dict[str, Any]]] = [(0, top)]
    waiting: tuple[int, dict[str, Any], str] | None = None  # a key without a value: its mapping may follow
    for line in data.splitlines():
        match = _SIMPLE_LINE.fullmatch(line)
        if match is None:
            return None
        indent, key, text = len(match[1]), match[2].decode(), match[3]
        if waiting is not None and indent > waiting[0]:
            inner: dict[str, Any] = {}
            waiting[1][waiting[2]] = inner
            levels.append((indent, inner))
        while levels[-1][0] > indent:
            levels.pop()
        level, mapping = levels[-1]
        if level != indent or len(levels) > _SIMPLE_DEPTH:
            return None
        mapping[key] = Plain((text or b"").decode())
        waiting = (indent, mapping, key) if text is None else None
    return top or None
