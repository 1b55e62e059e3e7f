"""`tui-runs doctor`: what is at a location, which adapter reads it and why, and what cannot be read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tui_runs.adapter import Problem
from tui_runs.config import load_config
from tui_runs.display import STATUS_GLYPHS, printable
from tui_runs.errors import LocationError, TuiRunsError
from tui_runs.export.text_table import styled
from tui_runs.headless.output import Output, open_output
from tui_runs.headless.stores import Stores

if TYPE_CHECKING:
    from tui_runs.frames.workspace import Workspace
    from tui_runs.sources.discover import Found


def examine(stores: Stores) -> int:
    """Print a report on each location.

    Returns:
        The exit code: 0 where all can be read, problems or not; 2 where one cannot be opened.
    """
    all_can_be_read = True
    with open_output() as output:
        before: list[str] = []
        for location in stores.locations or (None,):
            one = Stores((location,) if location is not None else (), stores.adapter, stores.options)
            try:
                found = one.find()
            except TuiRunsError as error:
                output.write_lines([*before, _title(location or ".", output), *_trouble(error, output)])
                found, all_can_be_read = [], False
            for store in found:
                lines = [*before, _title(store.location, output)]
                all_can_be_read = _report(store, stores, output, lines) and all_can_be_read
                output.write_lines(lines)
                before = [""]
            before = [""]
        output.write_lines(["", *_config(output)])
    return 0 if all_can_be_read else LocationError.exit_code


def _title(location: str, output: Output) -> str:
    return styled(printable(location), "strong", output.colour)


def _trouble(error: TuiRunsError, output: Output) -> Iterator[str]:
    yield _fact("trouble", f"{error.title}: {error.message}", output, "bad")
    if error.remedy:
        yield _fact("remedy", error.remedy, output)


def _fact(name: str, text: str, output: Output, style: str = "") -> str:
    return f"  {styled(f'{name:<8}', 'muted', output.colour)}  {styled(printable(text), style, output.colour)}"


def _report(store: Found, stores: Stores, output: Output, lines: list[str]) -> bool:
    """Add what is known of a store to the lines; False where it cannot be read."""
    from tui_runs.frames.workspace import Workspace  # noqa: PLC0415  a wrong path is reported without polars

    lines.append(_fact("adapter", f"{store.adapter.name}, because of {store.match.reason}", output))
    if store.others:
        lines.append(_fact("also", f"{', '.join(store.others)}; --adapter chooses", output))
    workspace = Workspace()
    try:
        workspace.open([store], stores.options)
        (opened,) = workspace.sources.values()
        workspace.read_all()
        # Some sources know what they are when they have been read.
        lines.append(_fact("store", f"{opened.source.kind} at {opened.source.uri}", output))
        lines.append(_fact("runs", _counts(workspace), output))
        lines += _polled(opened.source.uri, output)
        lines += _problems([problem for _, problem in workspace.problems], output)
    except TuiRunsError as error:
        lines += _trouble(error, output)
        return False
    except Exception as error:  # an adapter's, which may be a stranger's: the other locations are still reported
        reason = f"{type(error).__name__}: {error}".split("\n")[0]
        remedy = f"This is a bug of the adapter {store.adapter.name}: please report it."
        lines += _trouble(LocationError(reason, remedy), output)
        return False
    finally:
        workspace.close()
    return True


def _polled(uri: str, output: Output) -> Iterator[str]:
    """Why changes of a place on a disk are only found by looking now and then, where that is so."""
    from tui_runs.follow import FileWatch  # noqa: PLC0415  a wrong path is reported without it

    place = uri if os.path.isdir(uri) else os.path.dirname(uri)
    if os.path.isdir(place):  # not an address
        watch = FileWatch()
        watch.watch([place])
        if watch.polling:
            limit = f" (fs.inotify.{watch.limit})" if watch.limit else ""
            yield _fact("followed", f"by looking now and then; {watch.reason}{limit}", output)
        watch.close()


def _counts(workspace: Workspace) -> str:
    runs = workspace.catalog.runs
    if runs.is_empty():
        return "none"
    counted = runs["status"].fill_null("unknown").value_counts(sort=True, name="runs")
    kinds = [f"{STATUS_GLYPHS[status]} {count:,} {status}" for status, count in counted.iter_rows()]
    experiments = runs["experiment"].n_unique()
    inside = f" in {experiments:,} experiments" if experiments > 1 else ""
    return f"{runs.height:,}{inside}: {', '.join(kinds)}"


def _config(output: Output) -> Iterator[str]:
    """Which config file the app uses, and what is wrong with it."""
    config, problems = load_config()
    yield _title("config file", output)
    yield _fact("file", f"{config.path}{'' if config.exists else '; there is none'}", output)
    if config.exists or problems:
        yield from _problems(problems, output)


def _problems(problems: list[Problem], output: Output) -> Iterator[str]:
    if not problems:
        yield _fact("problems", "none", output, "good")
        return
    yield _fact("problems", f"{len(problems):,}", output, "warn")
    for problem in problems:
        yield f"    {styled(printable(problem.uri), 'strong', output.colour)}"
        yield f"      {printable(problem.what)}"
        yield f"      {styled(printable(problem.remedy), 'muted', output.colour)}"
