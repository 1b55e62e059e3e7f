"""`tui-runs diff`: what differs between runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from tui_runs.analysis.diff import Delta, DiffRow, compare, deltas
from tui_runs.analysis.direction import direction_of
from tui_runs.analysis.ranking import by_interest, is_system
from tui_runs.display import printable
from tui_runs.drawing import run_looks
from tui_runs.errors import UsageError
from tui_runs.export.csv_rows import csv_text
from tui_runs.export.html import HtmlCharts, HtmlTable, Part
from tui_runs.export.json_text import json_lines, json_text
from tui_runs.export.parquet import parquet_bytes
from tui_runs.export.svg import SvgCurve, curves_svg
from tui_runs.export.text_table import Layout, lay_out, styled, table_lines
from tui_runs.export.values import JsonValue, json_value
from tui_runs.frames.catalog import RunKey
from tui_runs.frames.comparison import facts_of, read_details
from tui_runs.frames.histories import SeriesKey
from tui_runs.frames.selection import DERIVED, wide
from tui_runs.frames.workspace import Workspace
from tui_runs.headless.diff_table import Compared, diff_table, transposed
from tui_runs.headless.documents import folded, write_document
from tui_runs.headless.narration import say
from tui_runs.headless.output import DOCUMENT_FORMATS, Output, open_output
from tui_runs.headless.run_table import candidates, default_columns, table_columns
from tui_runs.headless.runs import names_apart, run_named
from tui_runs.headless.stores import Stores
from tui_runs.schema import RUNS
from tui_runs.sources.repository import CodeChange, code_change

_CHARTS: Final = 12
"""Metrics of which the page of HTML has a chart, those of most interest."""


@dataclass(frozen=True, slots=True)
class DiffQuestion:
    """What is asked.

    Args:
        runs: as `find_run` takes them.
        baseline: the run that the others are held against, likewise; None for the first.
        each_before: hold each run against the one before instead.
        everything: show what is the same, too.
        exact: params that mean the same, but are stored otherwise, differ.
        ignore: regular expressions; rows in whose full name, such as `params.seed`, one is found are left out.
        patch: show what git says of the runs' commits.
        repository: a directory in their repository.
    """

    runs: Sequence[str]
    baseline: str | None = None
    each_before: bool = False
    everything: bool = False
    exact: bool = False
    ignore: Sequence[str] = ()
    patch: bool = False
    repository: str = "."


def diff_runs(stores: Stores, question: DiffQuestion, format_name: str, path: str | None) -> None:
    """Print what differs between runs.

    Args:
        stores: where the runs are looked for.
        question: which, and what of them.
        format_name: one of `RUNS_FORMATS`.
        path: a file to write to instead of stdout.

    Raises:
        UnknownRunError: a text fits no run, or several.
        UsageError: there are fewer than two runs, an expression cannot be understood, or the file cannot be written.
        TuiRunsError: a store cannot be read.
    """
    ignore = [_expression(text) for text in question.ignore]
    with stores.read() as workspace:
        runs = list(dict.fromkeys(run_named(workspace.catalog, text) for text in question.runs))
        base = run_named(workspace.catalog, question.baseline) if question.baseline is not None else None
        if base is not None and base not in runs:
            runs.insert(0, base)
        if len(runs) < 2:
            raise UsageError("A diff needs two runs or more.", "`tui-runs ls` lists them; `tui-runs show` shows one.")
        baseline = None if question.each_before else runs.index(base) if base is not None else 0
        details, problems = read_details({name: one.source for name, one in workspace.sources.items()}, runs)
        for problem in problems:
            say(f"{printable(problem.uri)}: {problem.what} {problem.remedy}")
        facts = facts_of(workspace, runs, details)
        rows = compare(facts, ignore=ignore, exact=question.exact, differing=not question.everything)
        commits = [_commit(one["run"].get("git_commit")) for one in facts]
        changes = _code_changes(commits, baseline, question)
        distances = {place: change.distance for place, change in changes.items() if change.distance}
        compared = Compared(list(names_apart(workspace.catalog, runs).values()), rows, baseline, distances)
        _tell_troubles(changes, commits, question.patch, format_name)
        with open_output(path) as output:
            if format_name == "json":
                output.write(_json(_run_objects(workspace, runs), compared, changes, commits))
            elif format_name == "jsonl":
                output.write(json_lines(_row_object(row, baseline) for row in rows))
            elif format_name == "csv":
                output.write([csv_text(_frame(compared))])
            elif format_name == "parquet":
                output.write_bytes(parquet_bytes(_frame(compared)))
            elif format_name in DOCUMENT_FORMATS:
                _write_document(workspace, runs, compared, output, format_name)
            else:
                _print_table(compared, output)
                output.write_lines(_patch_lines(changes, compared.names, output.colour))


def _expression(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise UsageError(
            f"--ignore {printable(text)} is no regular expression: {error}.", "For instance: --ignore '^params.seed$'"
        ) from None


# --- code -------------------------------------------------------------------------------------------------------------


def _commit(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _code_changes(commits: Sequence[str | None], baseline: int | None, question: DiffQuestion) -> dict[int, CodeChange]:
    """What git says of each run whose commit is another than that of the run it is held against, by its place."""
    changes: dict[int, CodeChange] = {}
    known: dict[tuple[str, str], CodeChange] = {}
    for place, commit in enumerate(commits):
        other = baseline if baseline is not None else place - 1
        old = commits[other] if other >= 0 else None
        if commit is None or old is None or commit == old:
            continue
        if (old, commit) not in known:
            known[old, commit] = code_change(old, commit, question.repository, patch=question.patch)
        changes[place] = known[old, commit]
        if changes[place].trouble and not question.patch:
            break  # the others' distances would be of no more use
    return changes


def _tell_troubles(
    changes: dict[int, CodeChange], commits: Sequence[str | None], asked: bool, format_name: str
) -> None:
    if not asked:
        return
    if format_name not in ("table", "json"):
        say("--patch is for the formats table and json.")
    if not changes:
        say("There is no patch: " + ("the runs tell no commits." if not any(commits) else "the commit is the same."))
    for trouble in dict.fromkeys(change.trouble for change in changes.values() if change.trouble):
        say(f"There is no patch: {trouble} --repository names another directory.")


def _patch_lines(changes: dict[int, CodeChange], names: Sequence[str], colour: bool) -> Iterator[str]:
    """The patches, each once, as git writes them, but for control characters."""
    shown: set[str] = set()
    for place, change in changes.items():
        if not change.patch or change.patch in shown:
            continue
        shown.add(change.patch)
        yield ""
        yield styled(f"{names[place]}: {change.distance}", "strong", colour)
        for line in change.patch.removesuffix("\n").split("\n"):
            text = printable(line.expandtabs(4))
            header = text.startswith(("diff ", "index ", "--- ", "+++ ", "@@"))
            yield styled(text, "muted" if header else {"+": "good", "-": "bad"}.get(text[:1], ""), colour)
        if not change.complete:
            yield "… and more"


# --- for programs -----------------------------------------------------------------------------------------------------


def _run_objects(workspace: Workspace, runs: Sequence[RunKey]) -> list[dict[str, JsonValue]]:
    """The runs' columns, in their order."""
    frame = wide(workspace, [*RUNS, *DERIVED[:2]])
    found = {(row["source"], row["run_id"]): row for row in frame.iter_rows(named=True)}
    return [{name: json_value(value) for name, value in found[run].items()} for run in runs]


def _json(
    runs: Sequence[dict[str, JsonValue]],
    compared: Compared,
    changes: dict[int, CodeChange],
    commits: Sequence[str | None],
) -> Iterator[str]:
    """One object, with a line for each run and each row."""
    code = [
        {
            "run": place,
            "commit": commits[place],
            "ahead": change.ahead,
            "behind": change.behind,
            "patch": change.patch or None,
            "complete": change.complete,
            "trouble": change.trouble or None,
        }
        for place, change in changes.items()
    ]
    yield '{"runs": [\n' + ",\n".join(map(json_text, runs)) + "\n],\n"
    yield f'"baseline": {json_text(compared.baseline)},\n"code": {json_text(code)},\n"rows": [\n'
    yield ",\n".join(json_text(_row_object(row, compared.baseline)) for row in compared.rows)
    yield "\n]}\n"


def _row_object(row: DiffRow, baseline: int | None) -> dict[str, object]:
    direction = direction_of(row.key) if row.kind == "metric" else None
    changes = deltas(row, baseline, direction)
    return {
        "kind": row.kind,
        "key": row.key,
        "values": [json_value(value) for value in row.values],
        "differs": row.differs,
        "direction": direction,
        "deltas": [_delta_object(change) for change in changes] if any(changes) else None,
    }


def _delta_object(change: Delta | None) -> dict[str, object] | None:
    if change is None:
        return None
    return {
        "difference": json_value(change.difference),
        "ratio": json_value(change.ratio),
        "percent": None if change.share is None else json_value(change.share * 100),
        "better": change.better,
    }


def _frame(compared: Compared) -> pl.DataFrame:
    """Columns kind, key and one a run (all String; numbers as they read back), one row a key."""
    columns: dict[str, list[str | None]] = {
        "kind": [row.kind for row in compared.rows],
        "key": [row.key for row in compared.rows],
    }
    for place, name in enumerate(compared.names):
        values = [row.values[place] for row in compared.rows]
        title = name if name not in columns else f"run {name}"
        columns[title] = [value if value is None else str(json_value(value)) for value in values]
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))


# --- for people -------------------------------------------------------------------------------------------------------


def _print_table(compared: Compared, output: Output) -> None:
    if not compared.rows:
        say("Nothing differs. --all shows what these runs have in common.")
        return
    table = diff_table(compared, "change")
    layout, headings = lay_out(folded(table), output.width), table.headings
    if layout.left_out:
        turned = lay_out(transposed(compared, "change"), output.width)
        if not turned.left_out:
            layout, headings = turned, {}
    output.write_lines(_table_lines(layout, headings, output))
    if layout.left_out:
        count = len(layout.left_out)
        say(f"… {count} more run{'s' if count > 1 else ''} for which the terminal is too narrow.")


def _table_lines(layout: Layout, headings: Mapping[int, str], output: Output) -> Iterator[str]:
    lines = table_lines(layout, cut=output.width is not None, colour=output.colour)
    yield next(lines)
    for at, line in enumerate(lines):
        if at in headings:
            yield styled(headings[at], "strong", output.colour)
        yield line


def _write_document(
    workspace: Workspace, runs: Sequence[RunKey], compared: Compared, output: Output, format_name: str
) -> None:
    if format_name != "html":
        write_document(output, format_name, diff_table(compared, "best"), "", "")
        return
    looks = run_looks([run.run_id for run in runs])
    colours = [colour for colour, _ in looks]
    table = diff_table(compared, "change")
    page = HtmlTable(
        table.title,
        table.columns,
        table.headings,
        table.notes,
        column_colours=dict(enumerate(colours, 1)),
        note=table.note if compared.rows else "Nothing differs.",
    )
    parts: list[Part] = [_facts_table(workspace, runs, compared, colours), page]
    charts = _charts(workspace, runs, compared, looks)
    if charts.charts:
        parts.append(charts)
    title = " · ".join(compared.names) if len(runs) <= 3 else f"{len(runs)} runs compared"
    where = ", ".join(dict.fromkeys(run.source for run in runs))
    subtitle = f"{len(runs)} runs of {where}, {workspace.now():%Y-%m-%d %H:%M} UTC"
    write_document(output, format_name, page, title, subtitle, parts)


def _facts_table(workspace: Workspace, runs: Sequence[RunKey], compared: Compared, colours: Sequence[str]) -> HtmlTable:
    """The runs and their metrics; what else `ls` would say of them stands in the diff."""
    frame = wide(workspace, [*candidates(workspace.catalog), "started", "duration_s"])
    places = {run: place for place, run in enumerate(runs)}
    here = [places.get(RunKey(*key)) for key in frame.select("source", "run_id").iter_rows()]
    frame = frame.with_columns(pl.Series("name", here, dtype=pl.UInt32).alias("place")).drop_nulls("place")
    frame = frame.sort("place").with_columns(pl.Series("name", list(compared.names)))
    chosen = [name for name in default_columns(frame) if name != "age_s" and not name.startswith("params.")]
    shown = dict.fromkeys([*chosen, "started", "duration_s"], 0)
    return HtmlTable("Runs", table_columns(frame, shown, in_full=False), row_colours=colours)


def _charts(
    workspace: Workspace, runs: Sequence[RunKey], compared: Compared, looks: Sequence[tuple[str, int]]
) -> HtmlCharts:
    """The curves of the metrics of most interest, by step."""
    curves = {run: set(workspace.catalog.curves_of(run)) for run in runs}
    metrics = [key for key in by_interest(set().union(*curves.values())) if not is_system(key)]
    charts = []
    for metric in metrics[:_CHARTS]:
        series = [(SeriesKey(*run, metric), place) for place, run in enumerate(runs) if metric in curves[run]]
        workspace.read_history([one for one, _ in series])
        drawn = []
        for one, place in series:
            points = workspace.histories.points(one).select(pl.col("step").cast(pl.Float64), "value")
            x, y = (points[name].to_numpy().astype(np.float64) for name in ("step", "value"))
            drawn.append(SvgCurve(compared.names[place], looks[place][0], x, y, looks[place][1]))
        charts.append(curves_svg(metric, drawn))
    legend = [(name, colour) for name, (colour, _) in zip(compared.names, looks, strict=True)]
    return HtmlCharts("Curves, by step", legend, charts)
