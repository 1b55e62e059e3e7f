"""Builds trees out of the events of PyYAML's parser; see `yaml_file`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import yaml

from tui_runs_dirs.files import NotReadError
from tui_runs_dirs.readers.yaml_file import Plain

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEPTH: Final = 100
_MERGED: Final = 100_000
_REMEDY: Final = "Mend the file, or leave it: the rest of the run is shown."


def tree_of(data: bytes) -> Any:
    """See `yaml_file.parse_yaml`.

    Raises:
        NotReadError: see there.
    """
    try:
        # The parser's events come one by one, so that depth costs no stack; a loader's recursion in C would.
        return _Tree().build(yaml.parse(data, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"Line {mark.line + 1:,} is no YAML" if mark else "It is no YAML"
        raise NotReadError(f"{line}: {error.problem or error.context}.", _REMEDY) from None
    except (yaml.YAMLError, ValueError) as error:  # an odd character, half a surrogate
        text = " ".join(str(error).split())[:200]
        raise NotReadError(f"It is no YAML: {text}.", _REMEDY) from None


class _Tree:
    """Builds the tree of a document from the parser's events."""

    def __init__(self) -> None:
        self._anchors: dict[str, Any] = {}
        self._merged = 0

    def build(self, events: Iterator[Any]) -> Any:
        top: list[Any] = []
        open_nodes: list[Any] = [top]
        keys: list[Any] = [None]  # the key that waits for its value, of each open mapping
        for event in events:
            kind = type(event)
            if kind is yaml.ScalarEvent:
                text = event.value
                self._add(
                    open_nodes, keys, Plain(text) if event.implicit[0] and not event.style else text, event.anchor
                )
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                node: Any = {} if kind is yaml.MappingStartEvent else []
                if len(open_nodes) > _DEPTH:
                    raise NotReadError(f"It is nested deeper than {_DEPTH} levels.", _REMEDY)
                if event.anchor:
                    self._anchors[event.anchor] = node
                open_nodes.append(node)
                keys.append(None)
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                node = open_nodes.pop()
                keys.pop()
                self._add(open_nodes, keys, node, None)
            elif kind is yaml.AliasEvent:
                # An alias within its own anchor would be a tree without end.
                node = self._anchors.get(event.anchor)
                inside = any(node is one for one in open_nodes)
                self._add(open_nodes, keys, Plain(f"*{event.anchor}") if inside or node is None else node, None)
            elif kind is yaml.DocumentEndEvent:
                break
        return top[0] if top else None

    def _add(self, open_nodes: list[Any], keys: list[Any], value: Any, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = value
        node = open_nodes[-1]
        if isinstance(node, list):
            node.append(value)
        elif keys[-1] is None:
            keys[-1] = value if isinstance(value, str) else Plain("?")
        else:
            key, keys[-1] = keys[-1], None
            if key == "<<" and isinstance(key, Plain):
                self._merge(node, value)
            else:
                node[str(key)] = value

    def _merge(self, node: dict[str, Any], value: Any) -> None:
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                self._merged += len(one)
                if self._merged > _MERGED:
                    raise NotReadError(f"It merges more than {_MERGED:,} keys into others.", _REMEDY)
                for key, inner in one.items():
                    node.setdefault(key, inner)
