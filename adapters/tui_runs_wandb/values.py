"""What W&B stores of config and summary: JSON texts under keys, set one after the other, and what they add up to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from tui_runs.display import encodable
from tui_runs_wandb.records import Item, Path

_NUMBER_STARTS: Final = b"-0123456789NI"


class Number(str):
    """A number of a JSON text, as it is written there: 1e-05 stays 1e-05, and no digit of 2**60 is lost."""

    __slots__ = ()


Leaf: TypeAlias = Number | str | bool | list[object] | dict[str, object] | None
"""An object is a leaf only where it is empty."""


def number_of(text: bytes) -> float | None:
    """A JSON text as a number: NaN and the infinities are some, true is 1; None for everything else."""
    if text[:1] and text[0] in _NUMBER_STARTS:
        try:
            return float(text) if b"_" not in text else None
        except ValueError:
            return None
    return {b"true": 1.0, b"false": 0.0}.get(text)


def parse(text: bytes) -> object:
    """A JSON text with numbers as `Number`; what is no JSON is taken as a text itself."""
    try:
        return json.loads(text, parse_float=Number, parse_int=Number, parse_constant=Number)
    except (ValueError, RecursionError):
        return text.decode(errors="replace")


def leaves(path: Path, value: object) -> Iterator[tuple[Path, Leaf]]:
    """What stands at the ends of nested objects, each with its path."""
    todo: list[tuple[Path, object]] = [(path, value)]
    while todo:
        path, value = todo.pop()
        if isinstance(value, dict) and value:
            todo += [((*path, key), inner) for key, inner in reversed(value.items())]
        else:
            yield path, value  # type: ignore[misc]


def float_of(leaf: Leaf) -> float | None:
    """The same as `number_of`, of a leaf."""
    if isinstance(leaf, bool):
        return float(leaf)
    return number_of(leaf.encode()) if isinstance(leaf, Number) else None


def text_of(leaf: Leaf) -> str:
    """A leaf as text: a text without quotes, everything else as JSON."""
    try:
        return encodable(leaf if isinstance(leaf, str) else _json_of(leaf))
    except RecursionError:
        return "[…]"


def _json_of(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_json_of, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key, ensure_ascii=False)}: {_json_of(value[key])}" for key in value) + "}"
    return str(value) if isinstance(value, Number) else json.dumps(value, ensure_ascii=False)


def dotted(path: Path) -> str:
    """A nested key as one: its parts joined by dots."""
    return encodable(".".join(path))


class Tree:
    """Keys with values, set and removed one after the other.

    Only the last word on each key is kept, in the order said: that is enough to tell what there is in the end, for a
    value replaces all that lies below its key, and what it lies below.
    """

    def __init__(self) -> None:
        self._said: dict[Path, bytes | None] = {}
        self._at: dict[Path, int] = {}

    def apply(self, changes: Sequence[Item], at: Sequence[int] = ()) -> None:
        """Take in what was set or removed; and, if that is of interest, where each stands in the file."""
        for path, value in changes:
            self._said.pop(path, None)
            self._said[path] = value
        self._at.update(zip((path for path, _ in changes), at, strict=False))

    def said_at(self, path: Path) -> int:
        """Where in the file what stands at a path was said last; 0 where that is not known."""
        return max((self._at.get(path[:end], 0) for end in range(1, len(path) + 1)), default=0)

    def leaves(self) -> Iterator[tuple[Path, Leaf]]:
        """What there is, nothing twice."""
        top = self._nested()
        return leaves((), top) if top else iter(())

    def _nested(self) -> dict[str, object]:
        top: dict[str, object] = {}
        for path, text in self._said.items():
            where = top
            for part in path[:-1]:
                inner = where.get(part)
                if not isinstance(inner, dict):
                    if text is None:
                        break  # nothing there to be removed
                    inner = where[part] = {}
                where = inner
            else:
                if text is None:
                    where.pop(path[-1], None)
                else:
                    where[path[-1]] = parse(text)
        return top
