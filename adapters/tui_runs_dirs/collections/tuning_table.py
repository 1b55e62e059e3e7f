"""A CSV or TSV whose rows are runs: what a hyperparameter search wrote, a row a trial.

It differs from a run's own table in its name ("tuning_results.csv", "cv_results.csv"), or in a first column that names
or numbers runs; and in that nothing in it counts steps. Columns with a metric's words in their names ("val_loss",
"mean_test_score") are last values, the others params.
"""

from __future__ import annotations

import csv
import io
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tui_runs_dirs.collections.gathering import Gathered, last_write
from tui_runs_dirs.files import NotReadError, problem_with, read_whole, stamp_of
from tui_runs_dirs.layout import Collection, CollectionReading, Stamp
from tui_runs_dirs.readers.settings import STATUS_WORDS
from tui_runs_dirs.readers.table_header import LONGEST_HEADER, TableHeader, header_of
from tui_runs_dirs.readers.times import utc

if TYPE_CHECKING:
    from tui_runs_dirs.walk import Directory

_SUFFIXES: Final = (".csv", ".tsv")
_NAME: Final = re.compile(
    r"(^|[^a-z])(tun(e|ing)|trials?|sweeps?|(grid|random)[-_]?search|search_results|hyper_?params?(eters?)?|hpo|"
    r"leaderboard|cv_results|runs_(table|summary))([^a-z]|$)"
)
_RUN_NAMES: Final = frozenset({
    "trial", "trial_id", "trial_name", "trial_number", "number", "run", "run_id", "run_name", "runid", "experiment",
    "experiment_id", "experiment_name", "exp", "exp_id", "exp_name", "config_id", "job_id",
})  # fmt: skip
_METRIC_WORDS: Final = frozenset({
    "loss", "acc", "accuracy", "auc", "auroc", "auprc", "f1", "score", "error", "err", "mse", "mae", "rmse", "mape",
    "r2", "precision", "recall", "specificity", "sensitivity", "perplexity", "ppl", "bleu", "rouge", "wer", "cer",
    "map", "map50", "iou", "miou", "dice", "psnr", "ssim", "fid", "reward", "return", "fitness", "value", "values",
    "objective", "rank", "val", "valid", "validation", "eval", "test", "best", "time", "duration", "seconds",
    "runtime", "logloss", "nll", "kappa", "mcc",
})  # fmt: skip
_PARAM_WORDS: Final = frozenset(
    {"split", "size", "ratio", "frac", "fraction", "function", "fn", "type", "name", "params"}
)
"""Of "val_size" or "loss_function": a param, whatever the other word says."""
_PARAM_PREFIX: Final = re.compile(r"^(params?|config|hparams?|hyperparameters?)[_./]")
_STATUS_NAMES: Final = ("status", "state")
_STATES: Final = {**STATUS_WORDS, "pruned": "killed", "fail": "failed", "waiting": "scheduled"}
_STARTED: Final = frozenset({"datetime_start", "start_time", "started", "started_at", "created_at", "created"})
_ENDED: Final = frozenset({"datetime_complete", "end_time", "ended", "ended_at", "finished_at"})
_MISSING: Final = frozenset({"", "na", "n/a", "none", "null", "-"})
_MOST_TABLES: Final = 50
"""Of a directory with more tables only those with a telling name are looked into: it holds data."""
_MOST_ROWS: Final = 100_000
_LIVE_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class _Columns:
    """Which columns say what; numbers of columns.

    Args:
        run: names or numbers the run; None where none does.
        status: how it went.
        started: when it began.
        ended: when it ended.
        metrics: last values.
        params: all others, with the names that they are shown by.
    """

    run: int | None
    status: int | None
    started: int | None
    ended: int | None
    metrics: tuple[int, ...]
    params: tuple[tuple[int, str], ...]


def _columns(header: TableHeader) -> _Columns:
    lower = [name.lower() for name in header.names]
    run = next((number for number, name in enumerate(lower) if name in _RUN_NAMES), None)
    status = next((number for number, name in enumerate(lower) if name in _STATUS_NAMES), None)
    started = next((number for number, name in enumerate(lower) if name in _STARTED), None)
    ended = next((number for number, name in enumerate(lower) if name in _ENDED), None)
    rest = [number for number in range(len(lower)) if number not in (run, status, started, ended) and lower[number]]
    metrics = tuple(number for number in rest if _is_metric(lower[number]))
    params = tuple((number, _PARAM_PREFIX.sub("", header.names[number])) for number in rest if number not in metrics)
    return _Columns(run, status, started, ended, metrics, params)


def _is_metric(name: str) -> bool:
    if _PARAM_PREFIX.match(name):
        return False
    words = set(re.split(r"[^a-z0-9]+", name))
    return bool(words & _METRIC_WORDS) and not words & _PARAM_WORDS


@dataclass(slots=True)
class TuningTable:
    """A table with a row a run. See `tui_runs_dirs.layout.Collection`."""

    path: str
    layout: str = "tuning_table"

    def stamp(self) -> Stamp:
        """Of the file."""
        return stamp_of(self.path)

    def read(self) -> CollectionReading:
        """Read it whole.

        Raises:
            OSError: it cannot be read; NotReadError says why.
        """
        written = last_write(self.stamp())
        data = read_whole(self.path)
        if written is not None and time.time() - written.timestamp() < _LIVE_SECONDS:
            data = data[: data.rfind(b"\n") + 1]  # the last line may not have its end yet
        first, _, rest = data.partition(b"\n")
        header = header_of(first)
        if header is None:
            raise NotReadError("Its first line names no columns.", "The first line of a table has the columns' names.")
        columns = _columns(header)
        gathered = Gathered()
        ragged: list[int] = []
        of_all = {"experiment": os.path.splitext(os.path.basename(self.path))[0], "updated": written}
        for line, cells in _rows(rest, header.separator):
            if len(cells) != len(header.names):
                ragged.append(line)
                continue
            if len(gathered.runs) >= _MOST_ROWS:
                what = f"It has more than {_MOST_ROWS:,} rows."
                gathered.problems.append(problem_with(f"{self.path}#rows", what, "The first ones are shown."))
                break
            _take(gathered, header, columns, line, cells, of_all)
        if ragged:
            what = f"Line {ragged[0]} has not as many cells as there are columns"
            what += f", and so it is with {len(ragged) - 1} more." if len(ragged) > 1 else "."
            gathered.problems.append(problem_with(self.path, what, "They are left out; the others are shown."))
        return gathered.reading()


def _take(
    gathered: Gathered,
    header: TableHeader,
    columns: _Columns,
    line: int,
    cells: Sequence[str],
    of_all: Mapping[str, object],
) -> None:
    """Add the run of one row; `of_all` is what all of them share."""
    run_id, name = _named(header, columns, cells, line, gathered)
    word = cells[columns.status].lower().rpartition(".")[2] if columns.status is not None else "finished"
    gathered.runs[run_id] = {
        **of_all,
        "name": name,
        "status": _STATES.get(word, "unknown"),
        "started": utc(cells[columns.started]) if columns.started is not None else None,
        "ended": utc(cells[columns.ended]) if columns.ended is not None else None,
    }
    for number, key in columns.params:
        if cells[number].lower() not in _MISSING:
            gathered.params[run_id, key] = cells[number]
    for number in columns.metrics:
        value = _number(cells[number], header.separator)
        if value is not None:
            gathered.summary[run_id, header.names[number]] = value
        elif cells[number].lower() not in _MISSING:
            gathered.tags[run_id, header.names[number]] = cells[number]


def _rows(data: bytes, separator: str) -> Iterator[tuple[int, list[str]]]:
    """The cells of each row, with the number of its line; empty lines are passed over."""
    text = io.StringIO(data.decode("utf-8", errors="replace"), newline="")
    reader = csv.reader(text, delimiter=separator)
    while True:
        try:
            cells = next(reader, None)
        except csv.Error:  # a cell of more than 128 kB, a stray carriage return
            yield reader.line_num + 1, []
            continue
        if cells is None:
            return
        if any(cells):
            yield reader.line_num + 1, [cell.strip() for cell in cells]


def _named(
    header: TableHeader, columns: _Columns, cells: Sequence[str], line: int, gathered: Gathered
) -> tuple[str, str]:
    """The id and name of a row's run: what names it, else the number of its line."""
    said = cells[columns.run] if columns.run is not None else ""
    if columns.run is None or not said:
        return f"line {line}", f"line {line}"
    word = header.names[columns.run].removesuffix("_id").removesuffix("_number")
    name = f"{'trial' if word == 'number' else word} {said}" if said.isdecimal() else said
    return (said if said not in gathered.runs else f"{said} (line {line})"), name


def _number(cell: str, separator: str) -> float | None:
    """A cell as a number; with a decimal comma where commas do not separate cells."""
    if "_" in cell:
        return None
    try:
        return float(cell if separator == "," else cell.replace(",", "."))
    except ValueError:
        return None


class TuningTableLayout:
    """Finds such tables. See `tui_runs_dirs.layout.Layout`."""

    name = "tuning_table"
    title = "Table of trials"

    def recognise(self, directory: Directory) -> Sequence[Collection]:
        """Tables with a telling name, or whose first column names runs; not those in which something counts steps."""
        tables = directory.named(*_SUFFIXES)
        few = len(tables) <= _MOST_TABLES
        return [
            TuningTable(directory.join(name))
            for name in tables
            if (few or _NAME.search(name.lower())) and _is_of_runs(name, directory.head(name, 1 << 16))
        ]


def _is_of_runs(name: str, head: bytes) -> bool:
    first, end, rest = head.partition(b"\n")
    header = header_of(first) if end and len(first) < LONGEST_HEADER else None
    if header is None or not rest.strip() or len(header.names) < 2:
        return False
    tells = header.names[0].lower() in _RUN_NAMES or _NAME.search(name.lower()) is not None
    return tells and not _counts_steps(header) and bool(_columns(header).metrics)


def _counts_steps(header: TableHeader) -> bool:
    """Whether a column is one that trainings count by; "epochs" and "batch" are params as well."""
    return header.has_numbers_of_steps and header.names[header.step or 0].lower() not in ("epochs", "batch", "iter")


LAYOUT: Final = TuningTableLayout()
