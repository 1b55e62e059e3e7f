"""The text of a meta.yaml, in little time and without trusting it.

MLflow writes these files flat, one plain `key: value` a line, and a reader of just that is nine times faster than
the YAML library's in C; anything else in the file (quotes with escapes, folded lines) goes to that library. From it
only the events are taken: building the document is where nested merges fill the memory and 50,000 brackets the C
stack, which ends the process.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

_DEPTH_LIMIT: Final = 32


class MetaError(Exception):
    """A meta.yaml that says nothing usable; the message completes the sentence "meta.yaml …"."""


def parse_meta(data: bytes) -> dict[str, str | int | None]:
    """The scalars of a meta.yaml: text, whole numbers, None.

    Raises:
        MetaError: the bytes are empty, not text, or not a YAML mapping.
    """
    if not data.strip(b"\0 \t\r\n"):
        raise MetaError("is empty")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise MetaError("is not UTF-8 text") from None
    values: dict[str, str | int | None] = {}
    for line in text.splitlines():
        key, colon, value = line.partition(": ")
        if not colon or not key.isidentifier():
            if line.endswith(":") and line[:-1].isidentifier():
                values[line[:-1]] = None
                continue
            return _parse_yaml(text)
        if value.isdigit() and (value == "0" or value[0] != "0") and value.isascii() and len(value) < 19:
            values[key] = int(value)
        elif value in ("null", "~", "[]", "{}"):
            values[key] = None
        elif value[:1] == "'" and value[-1:] == "'" and len(value) > 1 and "'" not in value[1:-1]:
            values[key] = value[1:-1]
        elif (value[:1].isalpha() and " #" not in value and ": " not in value) or _is_hex_id(value):
            values[key] = value
        else:
            return _parse_yaml(text)
    return values


def _is_hex_id(value: str) -> bool:
    """A run id that begins with a digit; YAML's own numbers of letters and digits begin with 0x or 0b."""
    return value.isalnum() and value.isascii() and value[:2] not in ("0x", "0b") and not value.isdigit()


def _parse_yaml(text: str) -> dict[str, str | int | None]:
    import yaml  # noqa: PLC0415  rare, and 15 ms of start-up

    values: dict[str, str | int | None] = {}
    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
        nodes = _top_nodes(loader, yaml)
        for key, value in zip(nodes, nodes, strict=True):  # a generator of keys and values in turn
            if key is not None and value is not None:
                tag = value.tag or loader.resolve(yaml.ScalarNode, value.value, value.implicit)
                values[key.value] = _scalar(loader, yaml.ScalarNode(tag, value.value))
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise MetaError(f"is not valid YAML{where}") from None
    return values


def _top_nodes(loader: Any, yaml: Any) -> Iterator[Any]:
    """The keys and values of the mapping that a YAML text is: the event of a scalar, None for anything else."""
    depth = 0
    while not isinstance(event := loader.get_event(), yaml.StreamEndEvent):
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
            if depth == 1:
                yield None
        elif isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth == 1 and not isinstance(event, yaml.MappingStartEvent):
                raise MetaError("is not a YAML mapping")
            if depth > _DEPTH_LIMIT:
                raise MetaError("is nested too deeply")
        elif isinstance(event, yaml.NodeEvent):
            if depth == 0:
                raise MetaError("is not a YAML mapping")
            if depth == 1:
                yield event if isinstance(event, yaml.ScalarEvent) else None


def _scalar(loader: Any, node: Any) -> str | int | None:
    """A YAML scalar as MLflow means it: dates, numbers with a point, `yes` and the like are the text that they were."""
    try:
        value = loader.construct_object(node)
    except Exception:  # `!!int x` and the like raise what int() and its like raise
        return str(node.value)
    if value is None or isinstance(value, str):
        return value
    whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63
    return value if whole else str(node.value)
