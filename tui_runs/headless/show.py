"""`tui-runs show`: one run whole."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

import polars as pl

from tui_runs.adapter import Problem
from tui_runs.analysis.progress import best_so_far, progress_parts
from tui_runs.analysis.ranking import is_system
from tui_runs.capabilities import Artifacts, Detailed, WithArtifacts
from tui_runs.display import MISSING, age, duration, file_size, moment, number, percent, printable
from tui_runs.export.json_text import json_lines
from tui_runs.export.text_table import TextColumn, cells_of, lay_out, styled, table_lines
from tui_runs.export.values import json_value
from tui_runs.frames.catalog import RunKey
from tui_runs.frames.exactness import make_exact
from tui_runs.frames.histories import SeriesKey
from tui_runs.frames.progress import progress_of
from tui_runs.frames.selection import wide
from tui_runs.frames.workspace import Workspace
from tui_runs.headless.narration import say
from tui_runs.headless.output import Output, open_output
from tui_runs.headless.run_table import STATUS_STYLES, status_cell, text_cell
from tui_runs.headless.runs import every_column, run_named, run_objects
from tui_runs.headless.stores import Stores
from tui_runs.strokes import bar, strokes_for

_FACTS: Final = (
    "experiment", "user", "host", "group", "job_type", "parent_id", "git_commit", "command", "source", "uri",
)  # fmt: skip
_LABEL_WIDTH: Final = 28
_BAR: Final = 10
"""Cells of the bar of progress."""
_MOST_LINES: Final = 8
"""Lines of one value on a terminal."""


def show_run(stores: Stores, text: str, format_name: str) -> None:
    """Print one run whole.

    Args:
        stores: where it is looked for.
        text: its id, the beginning of it, or its name.
        format_name: one of `OBJECT_FORMATS`.

    Raises:
        UnknownRunError: no run fits, or several.
        TuiRunsError: a store cannot be read.
    """
    with stores.read() as workspace, open_output() as output:
        run = run_named(workspace.catalog, text)
        make_exact(workspace, run)
        if format_name == "json":
            output.write(json_lines([_run_object(workspace, run)]))
        else:
            output.write_lines(_lines(workspace, run, output))


def _run_object(workspace: Workspace, run: RunKey) -> dict[str, object]:
    """The object that `ls` gives of it, and all that is known of each metric."""
    frame = wide(workspace, every_column(workspace.catalog))
    facts = next(run_objects(_only(frame, run)))
    metrics = workspace.catalog.metrics_of(run).iter_rows(named=True)
    stats = {row.pop("key"): {name: json_value(value) for name, value in row.items()} for row in metrics}
    more = _details(workspace, run)
    found = _files(workspace, run)
    return {
        **facts,
        "metric_stats": stats,
        "details": _nested(more) if more is not None else {},
        "artifacts": [
            {name: json_value(value) for name, value in row.items()} for row in found.frame.iter_rows(named=True)
        ]
        if found is not None
        else [],
    }


def _details(workspace: Workspace, run: RunKey) -> pl.DataFrame | None:
    source = workspace.sources[run.source].source
    if not isinstance(source, Detailed):
        return None
    details = source.details([run.run_id])
    _tell(details.problems)
    return details.frame


def _files(workspace: Workspace, run: RunKey) -> Artifacts | None:
    """What lies right in the run's artifact directory; directories are not gone through."""
    source = workspace.sources[run.source].source
    if not isinstance(source, WithArtifacts):
        return None
    found = source.artifacts(run.run_id)
    _tell(found.problems)
    return found


def _tell(problems: Iterable[Problem]) -> None:
    for problem in problems:
        say(f"{printable(problem.uri)}: {problem.what} {problem.remedy}")


def _nested(details: pl.DataFrame) -> dict[str, dict[str, dict[str, str | None]]]:
    """{group: {item: {key: value}}}."""
    nested: dict[str, dict[str, dict[str, str | None]]] = {}
    for group, item, key, value in details.select("group", "item", "key", "value").iter_rows():
        nested.setdefault(group, {}).setdefault(item, {})[key] = value
    return nested


def _only(frame: pl.DataFrame, run: RunKey) -> pl.DataFrame:
    return frame.filter(source=run.source, run_id=run.run_id)


def _lines(workspace: Workspace, run: RunKey, output: Output) -> Iterator[str]:
    facts = _only(workspace.catalog.runs, run).row(0, named=True)
    now = workspace.now()
    name = printable(facts["name"] or facts["run_id"])
    status = facts["status"] or "unknown"
    style = STATUS_STYLES.get(status, "")
    yield f"{styled(name, 'strong', output.colour)}  {styled(status_cell(status), style, output.colour)}"
    metrics = workspace.catalog.metrics_of(run)
    far = _far(workspace, run, metrics, output, running=status == "running")
    yield from _pairs([*_facts(facts, now), *([("progress", far)] if far else [])], output)
    of_the_machine = pl.Series([is_system(key) for key in metrics["key"]], dtype=pl.Boolean)
    for title, some in (("metrics", ~of_the_machine), ("system metrics", of_the_machine)):
        shown = metrics.filter(some)
        if not shown.is_empty():
            yield from _heading(title, shown.height, output)
            yield from _metric_lines(shown, output)
    for kind in ("params", "tags"):
        texts = workspace.catalog.texts_of(kind, run)
        if not texts.is_empty():
            yield from _heading(kind, texts.height, output)
            yield from _pairs(texts.iter_rows(), output)
    yield from _more_lines(workspace, run, output)
    if facts["notes"]:
        yield from _heading("notes", None, output)
        for line in facts["notes"].rstrip().splitlines():
            yield from _folded(printable(line), 2, output.width, "  ")


def _more_lines(workspace: Workspace, run: RunKey, output: Output) -> Iterator[str]:
    """What the store knows beyond params, tags and metrics, and the names of the run's files."""
    more = _details(workspace, run)
    for group, items in (_nested(more) if more is not None else {}).items():
        yield from _heading(printable(group), None, output)
        for item, pairs in items.items():
            yield "  " + styled(printable(item), "strong", output.colour)
            yield from _pairs(((f"  {key}", value) for key, value in pairs.items()), output)
    found = _files(workspace, run)
    if found is not None and not found.frame.is_empty():
        yield from _heading("artifacts", found.frame.height, output)
        rows = found.frame.select("path", "directory", "size").iter_rows()
        yield from _pairs(
            ((f"{path}/", "") if folder else (path, file_size(size)) for path, folder, size in rows), output
        )
        if not found.complete:
            yield "  … and more"


def _heading(title: str, count: int | None, output: Output) -> Iterator[str]:
    yield ""
    yield styled(title, "strong", output.colour) + (f" ({count:,})" if count is not None else "")


def _facts(facts: dict[str, object], now: datetime) -> Iterator[tuple[str, str | None]]:
    started, ended = facts["started"], facts["ended"]
    yield "id", str(facts["run_id"])
    if isinstance(started, datetime):
        yield "started", f"{moment(started)}  ({_ago(started, now)})"
    if isinstance(ended, datetime):
        yield "ended", f"{moment(ended)}  ({_ago(ended, now)})"
    until = ended or (now if facts["status"] == "running" else None)
    if isinstance(started, datetime) and isinstance(until, datetime):
        yield "duration", duration((until - started).total_seconds()) + ("" if ended else " so far")
    for name in _FACTS:
        value = facts[name]
        if value is not None and not (name == "source" and value == facts["uri"]):
            yield name.replace("_", " "), str(value)


def _far(workspace: Workspace, run: RunKey, metrics: pl.DataFrame, output: Output, *, running: bool) -> str:
    """How far the run is, as far as that is known: a bar, and what else there is to say."""
    progress = progress_of(workspace, run)
    if progress is None:
        return ""
    best = best_so_far(metrics, {}, lambda metric: workspace.histories.points(SeriesKey(*run, metric)))
    parts = progress_parts(progress, best, workspace.now(), running=running)
    if progress.fraction is not None:
        strokes = strokes_for(os.environ if output.width is not None else {}, output.encoding)
        drawn = "".join(bar(progress.fraction, _BAR, strokes))
        parts = [f"{drawn} {percent(progress.fraction)}  {parts[0]}", *parts[1:]]
    return " · ".join(parts)


def _ago(then: datetime, now: datetime) -> str:
    text = age(then, now)
    return text if text == "now" else f"in {text[1:]}" if text.startswith("-") else f"{text} ago"


def _pairs(pairs: Iterable[tuple[str, str | None]], output: Output) -> Iterator[str]:
    """Names and values, each value whole: on a terminal it goes on below itself."""
    rows = [(printable(name), text_cell(value)) for name, value in pairs]
    width = min(max((cells_of(name) for name, _ in rows), default=0), _LABEL_WIDTH)
    for name, value in rows:
        label = f"  {styled(name, 'muted', output.colour)}{' ' * max(width - cells_of(name), 0)}  "
        yield from _folded(value, 4 + max(width, cells_of(name)), output.width, label)


def _folded(text: str, indent: int, room: int | None, label: str) -> Iterator[str]:
    """Text behind a label, folded between characters so that it fits; what follows stands below its start.

    Where nothing may be cut (`room` None) it is one line, however long.
    """
    if room is None or indent + cells_of(text) <= room:
        yield label + text
        return
    from rich.cells import chop_cells  # noqa: PLC0415

    width = max(room - indent, 16)
    start = text[: width * _MOST_LINES]
    first, *others = chop_cells(start, width)
    yield label + first
    for part in others:
        yield " " * indent + part
    if len(start) < len(text):
        yield f"{' ' * indent}… {len(text) - len(start):,} more"


def _metric_lines(metrics: pl.DataFrame, output: Output) -> Iterator[str]:
    rows = list(metrics.iter_rows(named=True))
    columns = [
        TextColumn("  metric", [f"  {printable(row['key'])}" for row in rows], least=14),
        TextColumn("last", [number(row["last"], 6) for row in rows], right=True),
        TextColumn("step", [_whole(row["last_step"]) for row in rows], right=True, rank=1),
        TextColumn("min", [_extreme(row, "min") for row in rows], right=True),
        TextColumn("max", [_extreme(row, "max") for row in rows], right=True),
        TextColumn("points", [_whole(row["count"]) for row in rows], right=True),
        TextColumn("logged", [moment(row["last_time"]) for row in rows], rank=2),
    ]
    layout = lay_out(columns, output.width)
    yield from table_lines(layout, cut=output.width is not None, colour=output.colour)


def _whole(value: int | None) -> str:
    return MISSING if value is None else str(value)


def _extreme(row: dict[str, object], which: str) -> str:
    """The lowest or the highest value and its step: 0.2128 @ 400."""
    value, step = row[which], row[f"{which}_step"]
    if not isinstance(value, float):
        return MISSING
    return number(value, 6) + (f" @ {step}" if step is not None else "")
