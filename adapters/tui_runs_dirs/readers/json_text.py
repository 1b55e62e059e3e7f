"""JSON texts that a file holds many of: rows of a database, lines of a journal. One that is broken loses no other."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, Final

from tui_runs_dirs.readers.settings import LEAVES, number_of, text_of
from tui_runs_dirs.readers.yaml_file import Plain

_DEEPEST: Final = 32
_DECODER: Final = json.JSONDecoder()
_EXACT: Final = json.JSONDecoder(parse_float=Plain, parse_int=Plain, parse_constant=Plain)


def parse_text(text: str | bytes | None) -> Any:
    """The value of a JSON text with its numbers as `Plain`, NaN and Infinity among them; None where it is none."""
    return _decoded(_EXACT, text)


def parse_numbers(text: str | bytes | None) -> Any:
    """As `parse_text`, with numbers that are numbers: for points, at half the cost."""
    return _decoded(_DECODER, text)


def _decoded(decoder: json.JSONDecoder, text: str | bytes | None) -> Any:
    try:
        return decoder.decode(text if isinstance(text, str) else text.decode(errors="replace")) if text else None
    except (ValueError, RecursionError):
        return None


def leaves(tree: Any, joint: str = ".") -> Iterator[tuple[str, Any]]:
    """What stands at the ends of nested mappings, with the keys on the way joined; the first LEAVES of them.

    A list is such an end, and so are an empty mapping and one that lies very deep.
    """
    todo: list[tuple[str, Any, int]] = [("", tree, 0)]
    count = 0
    while todo and count < LEAVES:
        path, value, depth = todo.pop()
        if isinstance(value, dict) and value and depth < _DEEPEST:
            prefix = path + joint if path else ""
            todo += [(f"{prefix}{key}", inner, depth + 1) for key, inner in reversed([*value.items()])]
        elif path:
            yield path, value
            count += 1


def texts(tree: Any, joint: str = ".") -> dict[str, str]:
    """The same as `leaves`, as text."""
    return {path: text_of(leaf) for path, leaf in leaves(tree, joint)}


def whole_of(leaf: Any) -> int | None:
    """A leaf as a step: a whole number that 64 bits can hold."""
    if type(leaf) is int:
        return leaf if -(1 << 63) <= leaf < 1 << 63 else None
    number = number_of(leaf)
    if number is None or not math.isfinite(number) or number != int(number) or abs(number) >= 1 << 63:
        return None
    try:
        return int(leaf)  # exact where a float is rounded
    except ValueError:  # "1e3"
        return int(number)
