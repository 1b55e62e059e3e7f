"""Layouts made by hand: a file of settings, and tables or JSON of metrics beside it or one level below.

models/experiments/<name>/{hyperparameters.yaml, metrics_logs/{training,evaluation}_metrics.csv},
runs/<name>/{config.json, log.jsonl, summary.json}, results/seed<N>/progress.csv, and their usual variants. What the
tools of other layouts wrote is left to those: claims of this one have the lowest rank.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from tui_runs_dirs.layout import Claim, FactFile
from tui_runs_dirs.metric_files import HEAD_BYTES, MetricFile, header_in, prefixes, reader_of
from tui_runs_dirs.readers.event_file import is_event_file
from tui_runs_dirs.readers.settings import SettingsFile, as_results, number_of
from tui_runs_dirs.walk import Directory

_SETTINGS: Final = (".yaml", ".yml", ".json", ".toml")
_SURE_SETTINGS: Final = frozenset({"hyperparameters", "hyper_parameters", "hyperparams", "hparams"})
"""A file of this name makes a run of its directory, before there is any metric."""
_MAYBE_SETTINGS: Final = frozenset({
    "config", "params", "parameters", "args", "arguments", "options", "settings", "configuration", "train_config",
    "training_config", "training_args", "experiment_config", "experiment", "variant",
})  # fmt: skip
"""One of these belongs to a run where metrics lie there, too."""
_RESULTS: Final = frozenset(
    {"summary", "results", "result", "final_metrics", "test_results", "eval_results", "metrics"}
)
_METRIC_DIRS: Final = frozenset({
    "metrics_logs", "metric_logs", "metrics", "logs", "log", "history", "training_logs", "train_logs",
})  # fmt: skip
"""Directories in a run's own."""
_INNER_DIRS: Final = _METRIC_DIRS | {"results", "evaluation", "eval", "train", "training", "validation", "val", "test"}
"""... where a file of settings lies beside them."""
_EVENT_DIRS: Final = frozenset({
    "tensorboard", "tensorboard_logs", "tb", "tb_logs", "tblogs", "summaries", "summary", "events", "logs", "log",
})  # fmt: skip
_METRIC_NAME: Final = re.compile(
    r"metric|log|history|progress|train|eval|val|test|loss|score|curve|monitor|epoch|result"
)
_TABLES: Final = (".csv", ".tsv", ".txt", ".log")
_LINES: Final = (".jsonl", ".ndjson")
_COUNTING: Final = frozenset({
    "step", "global_step", "_step", "training_iteration", "iteration", "iter", "timestep", "timesteps",
    "total_timesteps", "total_steps", "env_steps", "totalenvinteracts", "nupdates", "n_updates", "epoch", "epochs",
    "_epoch",
})  # fmt: skip
"""Columns by which a table is one run's over time; a table of runs or of data has none."""
_SEED: Final = re.compile(r"(seed|fold|run|rep|repeat|trial|split)[-_=]?\d+", re.IGNORECASE)
_FILES: Final = 16
"""Files of a directory whose beginning is looked at."""
_DIRECTORY_FILES: Final = 5_000
"""A directory of more files holds data."""
_LISTS: Final = re.compile(rb'\s*(\[\s*\{|\{\s*"[^"]{1,100}"\s*:\s*\[\s*(-?[\d.NI]|\{))')
_FAILED: Final = frozenset(
    {"error.txt", "exception.txt", "traceback.txt", "failed", "failed.txt", ".failed", "crash.log"}
)
_DONE: Final = frozenset({"done", "done.txt", ".done", "finished", "finished.txt", "completed", "success", "_success"})


class PlainLayout:
    """See the module."""

    name = "plain"
    title = "plain files"

    def recognise(self, directory: Directory) -> Sequence[Claim]:
        """See `tui_runs_dirs.layout.Layout`."""
        if len(directory.files) > _DIRECTORY_FILES or (directory.relative and not directory.files):
            return ()
        if directory.is_all_taken and not _SEED.fullmatch(directory.name):
            return ()
        sure = _settings_in(directory, _SURE_SETTINGS)
        settings = sure or _settings_in(directory, _MAYBE_SETTINGS)
        files = _metric_files_in(directory)
        if settings:
            for name in directory.directories:
                if name.lower() in _INNER_DIRS and (inner := directory.child(name)) is not None:
                    files += _metric_files_in(inner)
        if not files and not directory.is_run:  # nothing is a run by its settings alone, unless they say so
            is_told_below = settings and _has_events_below(directory)
            return _claims(directory, settings, files) if sure or is_told_below else ()
        if not settings and directory.parent is not None:
            above = directory.parent
            its_own = _settings_in(above, _SURE_SETTINGS | _MAYBE_SETTINGS)
            if its_own and directory.name.lower() in _INNER_DIRS:
                return ()  # told with the run above
            if files and directory.name.lower() in _METRIC_DIRS and above.parent is not None:
                return _claims(above, [], files)
            if its_own and _SEED.fullmatch(directory.name) and not _metric_files_in(above):
                settings = its_own
        return _claims(directory, settings, files)


def _claims(directory: Directory, settings: Sequence[str], files: Sequence[MetricFile]) -> list[Claim]:
    facts: list[FactFile] = [SettingsFile(path) for path in settings]
    read = {file.name for file in files}
    for name in directory.named(*_SETTINGS):
        if name.lower().rpartition(".")[0] in _RESULTS and name not in read and not _LISTS.match(directory.head(name)):
            facts.append(SettingsFile(directory.join(name), as_results))
    lower = {name.lower() for name in directory.files}
    fields: dict[str, Any] = {}
    if not lower.isdisjoint(_FAILED):
        fields["status"] = "failed"
    elif not lower.isdisjoint(_DONE):
        fields["status"] = "finished"
    told: dict[str, list[MetricFile]] = {}
    for file, prefix in zip(files, prefixes(files), strict=True):
        told.setdefault(prefix, []).append(file)
    made = [
        Claim("plain", directory.path, series=list(map(reader_of, group)), rank=-10, prefix=prefix, reach=2)
        for prefix, group in told.items()
    ]
    own_run = bool(files) or not directory.is_run  # else this only says more of another tool's run, if anything
    if not own_run and not facts and not fields:
        return []
    return [Claim("plain", directory.path, facts, rank=-10, fields=fields, own_run=own_run, reach=2), *made]


def _has_events_below(directory: Directory) -> bool:
    """Whether the event files of a run lie in a directory that is called after them: they join what is claimed here."""
    inner = (directory.child(name) for name in directory.directories if name.lower() in _EVENT_DIRS)
    return any(one is not None and any(map(is_event_file, one.files)) for one in inner)


def _settings_in(directory: Directory, stems: frozenset[str]) -> list[str]:
    return [
        directory.join(name)
        for name in directory.named(*_SETTINGS)
        if name.lower().rpartition(".")[0] in stems and directory.join(name) not in directory.taken
    ]


def _metric_files_in(directory: Directory) -> list[MetricFile]:
    """The files with points; of those that differ in their suffix only, the first."""
    found: dict[str, MetricFile] = {}
    for name in _candidates(directory):
        file = MetricFile(directory, name)
        stem, _, suffix = name.lower().rpartition(".")
        if stem not in found and _has_points(file, f".{suffix}", named=bool(_METRIC_NAME.search(stem))):
            found[stem] = file
    return list(found.values())


def _candidates(directory: Directory) -> list[str]:
    """Names that may be files of metrics, those named so first; tables before JSON."""
    names = [
        *directory.named(*_TABLES[:2]),
        *directory.named(*_LINES),
        *directory.named(".json", ".parquet"),
        *(name for name in directory.named(*_TABLES[2:]) if _METRIC_NAME.search(name.lower())),
    ]
    if not names:
        return []
    names = [name for name in names if directory.join(name) not in directory.taken]
    names.sort(key=lambda name: not _METRIC_NAME.search(name.lower()))
    return names[:_FILES]


def _has_points(file: MetricFile, suffix: str, *, named: bool) -> bool:
    if suffix in _TABLES:
        header = header_in(file)
        return header is not None and bool(header.metrics) and any(name.lower() in _COUNTING for name in header.names)
    if suffix in _LINES:
        return _is_line_of_metrics(file.directory.head(file.name, HEAD_BYTES))
    if suffix == ".json":
        head = file.directory.head(file.name, HEAD_BYTES) if named else b""
        return _LISTS.match(head) is not None or (b"}\n{" in head and _is_line_of_metrics(head))
    return named and file.directory.head(file.name, 4) == b"PAR1"


def _is_line_of_metrics(head: bytes) -> bool:
    """Whether the first line is an object with a number beside one that counts; data sets are JSON lines, too."""
    line, end, _ = head.partition(b"\n")
    if not end or not line.lstrip().startswith(b"{"):
        return False
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return False
    counts = [key for key in said if key.lower() in _COUNTING and number_of(said[key]) is not None]
    others = [key for key, value in said.items() if isinstance(value, dict) or number_of(value) is not None]
    return bool(counts) and len(others) > len(counts)


LAYOUT: Final = PlainLayout()
