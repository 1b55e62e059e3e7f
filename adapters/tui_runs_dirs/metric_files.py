"""Which reader reads a file of metrics, and how the metrics of several files of one run are told apart."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from tui_runs_dirs.layout import SeriesFile
from tui_runs_dirs.readers.json_lines import JsonLines
from tui_runs_dirs.readers.rewritten_file import RewrittenFile
from tui_runs_dirs.readers.table_file import TableFile
from tui_runs_dirs.readers.table_header import TableHeader, header_of
from tui_runs_dirs.walk import Directory

HEAD_BYTES: Final = 1 << 15
"""Of a file, to tell what is in it."""
_SPLITS: Final = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("eval", "evaluation", "evaluating"), "eval"),
    **dict.fromkeys(("val", "valid", "validation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_FILLING: Final = frozenset({"metrics", "metric", "log", "logs", "history", "results", "result", "progress", "scores"})
_WORDS: Final = re.compile(r"[^A-Za-z0-9]+")


class MetricFile(NamedTuple):
    """A file of metrics in some directory.

    Args:
        directory: where it lies.
        name: of the file.
    """

    directory: Directory
    name: str


def reader_of(file: MetricFile, step: str | None = None, time: str | None = None) -> SeriesFile:
    """What reads a file of metrics: JSON lines, JSON, Parquet, or else a table."""
    path = file.directory.join(file.name)
    if _has_json_lines(file):
        return JsonLines(path, step, time)
    if file.name.lower().endswith((".json", ".parquet")):
        return RewrittenFile(path, step, time)
    return TableFile(path, step, time)


def _has_json_lines(file: MetricFile) -> bool:
    """By its suffix; or because a second object follows on the first line's, as in Detectron2's metrics.json."""
    name = file.name.lower()
    if name.endswith(".json"):
        _, _, rest = file.directory.head(file.name, HEAD_BYTES).partition(b"}\n")
        return rest.startswith(b"{")
    return name.endswith((".jsonl", ".ndjson"))


def header_in(file: MetricFile) -> TableHeader | None:
    """The columns of a table, by its first line; None where it is none, or has no whole first line yet."""
    head = file.directory.head(file.name, HEAD_BYTES)
    end = head.find(b"\n")
    return header_of(head[:end]) if end >= 0 else None


def prefixes(files: Sequence[MetricFile]) -> list[str]:
    """What is put before the metrics of each file of one run, so that none hides another's.

    Nothing where no two files have a metric of the same name; else what the file's name says: "train/" for
    training_metrics.csv, "eval/" for evaluation_metrics.csv.
    """
    names = [_metrics_in(file) for file in files]
    seen: set[str] = set()
    clash = False
    for said in names:
        clash = clash or not seen.isdisjoint(said)
        seen |= said
    if not clash:
        return [""] * len(files)
    return [_label(file) for file in files]


def _metrics_in(file: MetricFile) -> frozenset[str]:
    if _has_json_lines(file):
        try:
            said = json.loads(file.directory.head(file.name, HEAD_BYTES).split(b"\n", 1)[0])
        except (ValueError, RecursionError):
            return frozenset()
        return frozenset(said) - {"step", "epoch", "time"} if isinstance(said, dict) else frozenset()
    header = header_in(file)
    return frozenset(header.names[number] for number in header.metrics) if header else frozenset()


def _label(file: MetricFile) -> str:
    words = [word for word in _WORDS.split(file.name.rsplit(".", 1)[0].lower()) if word]
    told = next((_SPLITS[word] for word in words if word in _SPLITS), None)
    if told is None and file.directory.name.lower() in _SPLITS:
        told = _SPLITS[file.directory.name.lower()]
    return f"{told or '_'.join(word for word in words if word not in _FILLING) or file.name}/"
