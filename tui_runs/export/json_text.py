"""JSON, as one array or as one object a line. Always UTF-8; characters that could harm a terminal are escaped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from tui_runs.display import HOSTILE


def json_text(value: object) -> str:
    r"""A value as JSON on one line; control and direction characters are written as \u escapes."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return text if text.isascii() and text.isprintable() else HOSTILE.sub(lambda one: json.dumps(one[0])[1:-1], text)


def json_lines(objects: Iterable[Mapping[str, object] | str]) -> Iterator[str]:
    """One object a line, each with its newline; text is taken for an object that is JSON already."""
    for one in objects:
        yield (one if isinstance(one, str) else json_text(one)) + "\n"


def json_array(objects: Iterable[Mapping[str, object] | str]) -> Iterator[str]:
    """An array, one object a line, written as it comes."""
    before = "[\n"
    for line in json_lines(objects):
        yield before + line[:-1]
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"
