"""Files of settings in JSON, YAML or TOML: params, tags and last values of a run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Any, Final

from tui_runs.display import encodable
from tui_runs_dirs.files import FileStamp, NotReadError, stamp_of
from tui_runs_dirs.layout import Facts
from tui_runs_dirs.readers.json_file import load_json
from tui_runs_dirs.readers.yaml_file import Plain, load_yaml

LEAVES: Final = 10_000
"""Values of one file that are read; aliases may make more of a short file."""
_LISTED: Final = 2_000
"""Values of one list that are shown."""
_TEXT: Final = 65_536
"""Characters of one value that are kept."""
_JSON_LITERAL: Final = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?|true|false|null|NaN|-?Infinity")
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
STATUS_WORDS: Final = {
    **dict.fromkeys(("finished", "completed", "complete", "success", "succeeded", "done", "ok"), "finished"),
    **dict.fromkeys(("failed", "failure", "error", "errored", "crashed", "exception", "diverged"), "failed"),
    **dict.fromkeys(("killed", "interrupted", "cancelled", "canceled", "aborted", "stopped", "preempted"), "killed"),
    **dict.fromkeys(("running", "started", "training", "in_progress"), "running"),
    **dict.fromkeys(("queued", "pending", "scheduled"), "scheduled"),
}
"""What programs write when they say how it went, in lower case, and the status that it is."""


def load_settings(path: str) -> Any:
    """The tree in a file, by its suffix: .json, .toml, else YAML. Leaves are str, `Plain`, or None, bool, dates.

    Raises:
        OSError: it cannot be read or understood; NotReadError says why and where.
    """
    if path.endswith(".json"):
        return load_json(path, numbers_as_text=True)
    if path.endswith(".toml"):
        from tui_runs_dirs.readers.toml_file import load_toml  # noqa: PLC0415

        return load_toml(path)
    return load_yaml(path)


def flat(tree: Any, joint: str = ".") -> dict[str, str]:
    """The leaves of a tree of mappings as text, by their path; a list is one leaf, as JSON.

    Args:
        tree: as `load_settings` gives it; what is no mapping has no leaves.
        joint: between the keys of a path.

    Raises:
        NotReadError: there are more than LEAVES.
    """
    found: dict[str, str] = {}
    for path, leaf in _leaves(tree, joint, ""):
        if len(found) >= LEAVES:
            raise NotReadError(f"It holds more than {LEAVES:,} values.", "Only smaller files are taken for settings.")
        found[encodable(path)] = text_of(leaf)
    return found


def _leaves(tree: Any, joint: str, path: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(tree, dict):
        return
    for key, value in tree.items():
        inner = f"{path}{key}"
        if isinstance(value, dict) and value:
            yield from _leaves(value, joint, inner + joint)
        else:
            yield inner, value


def text_of(leaf: Any) -> str:
    """A leaf as it was stored: numbers and texts as they are written, null, true and false, lists as JSON."""
    if isinstance(leaf, Plain):
        return "null" if leaf in _NULLS else encodable(str(leaf)[:_TEXT])
    if isinstance(leaf, str):
        return encodable(leaf[:_TEXT])
    parts: list[str] = []
    _add_json(leaf, parts, [_LISTED])
    return encodable("".join(parts)[:_TEXT])


def _add_json(value: Any, parts: list[str], left: list[int]) -> None:
    """A value as JSON; numbers that were `Plain` stay as they were written.

    Args:
        value: of a tree.
        parts: gets the text.
        left: how many values may still come, of all that one leaf holds: aliases may make many of few.
    """
    left[0] -= 1
    if left[0] < 0:
        parts.append("…")
    elif isinstance(value, dict):
        for number, (key, inner) in enumerate(value.items()):
            if left[0] < 0:
                return
            parts.append(f"{', ' if number else '{'}{json.dumps(str(key), ensure_ascii=False)}: ")
            _add_json(inner, parts, left)
        parts.append("}" if value else "{}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            if left[0] < 0:
                return
            parts.append(", " if number else "[")
            _add_json(inner, parts, left)
        parts.append("]" if value else "[]")
    elif isinstance(value, Plain) and (value in _NULLS or _JSON_LITERAL.fullmatch(value)):
        parts.append("null" if value in _NULLS else str(value))
    elif isinstance(value, str):
        parts.append(json.dumps(str(value), ensure_ascii=False))
    elif isinstance(value, date | time):
        parts.append(value.isoformat())
    else:
        parts.append(json.dumps(value, default=str))


def number_of(leaf: Any) -> float | None:
    """A leaf as a number; None where it is none. A text counts where it spells NaN or an infinity, as JSON cannot."""
    if isinstance(leaf, bool) or leaf is None:
        return None
    if isinstance(leaf, int | float):
        try:
            return float(leaf)
        except OverflowError:
            return None
    if not isinstance(leaf, str) or "_" in leaf:
        return None
    if not isinstance(leaf, Plain) and leaf.strip().lower().lstrip("+-") not in {"nan", "inf", "infinity"}:
        return None
    try:
        return float(leaf)
    except ValueError:
        return None


def as_params(tree: Any) -> Facts:
    """Every leaf is a param."""
    return Facts(params=flat(tree))


def as_tags(tree: Any) -> Facts:
    """Every leaf is a tag."""
    return Facts(tags=flat(tree))


def as_results(tree: Any) -> Facts:
    """Numbers are last values, a known word under "status" tells how it went, and other leaves are tags."""
    summary: dict[str, float] = {}
    tags: dict[str, str] = {}
    fields: dict[str, Any] = {}
    for path, leaf in _leaves(tree, "/", ""):
        if len(summary) + len(tags) > LEAVES:
            break
        value = number_of(leaf)
        word = STATUS_WORDS.get(leaf.lower()) if isinstance(leaf, str) and path.lower() in ("status", "state") else None
        if value is not None:
            summary[encodable(path)] = value
        elif word is not None:
            fields["status"] = word
        elif not isinstance(leaf, list):
            tags[encodable(path)] = text_of(leaf)
    return Facts(tags=tags, fields=fields, summary=summary)


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A file of settings, and what its tree says of the run.

    Args:
        path: of the file.
        facts_of: makes facts of the tree: `as_params`, `as_tags`, `as_results`, or a layout's own function.
    """

    path: str
    facts_of: Callable[[Any], Facts] = as_params

    def stamp(self) -> tuple[FileStamp, ...]:
        """See `tui_runs_dirs.layout.FactFile`."""
        return stamp_of(self.path)

    def read(self) -> Facts:
        """See `tui_runs_dirs.layout.FactFile`."""
        tree = load_settings(self.path)
        if tree is not None and not isinstance(tree, dict):
            raise NotReadError("It holds no names with values.", "Settings are a mapping, such as lr: 0.1.")
        try:
            return self.facts_of(tree or {})
        except RecursionError:
            raise NotReadError("It is nested too deep.", "Only flatter files are taken for settings.") from None


def mapping_at(tree: Any, *keys: str) -> Mapping[str, Any]:
    """The mapping that lies under these keys of a tree; an empty one where there is none."""
    for key in keys:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree if isinstance(tree, dict) else {}
