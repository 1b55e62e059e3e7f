"""Finds the run, or the column, that a person means by a few characters."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

import polars as pl
from rich.cells import cell_len

from tui_runs.analysis.columns import split_aggregate, with_aggregate
from tui_runs.display import MISSING, STATUS_GLYPHS, clip, moment, printable
from tui_runs.errors import UnknownRunError, UsageError
from tui_runs.frames.catalog import Catalog, Column, RunKey
from tui_runs.schema import RUNS

KINDS: Final = ("params", "metrics", "tags")
_CANDIDATES: Final = 10


def find_run(catalog: Catalog, text: str) -> RunKey:
    """The run that a text names: its id, else its name, else the beginning of its id.

    Args:
        catalog: the runs.
        text: as typed. A name with control characters may also be written as it is shown.

    Raises:
        UnknownRunError: no run fits, or several; it lists the candidates.
    """
    runs = catalog.runs
    ids, names = pl.col("run_id"), pl.col("name")
    for fits in (ids == text, names == text, ids.str.starts_with(text)):
        found = runs.filter(fits) if text else runs.clear()
        if found.height == 1:
            return RunKey(*found.select("source", "run_id").row(0))
        if found.height:
            raise _ambiguous(text, found, runs)
    shown = [i for i, name in enumerate(runs["name"]) if name is not None and name != text and printable(name) == text]
    if len(shown) == 1:
        return RunKey(*runs[shown].select("source", "run_id").row(0))
    raise _unknown(text, runs)


def _ambiguous(text: str, found: pl.DataFrame, runs: pl.DataFrame) -> UnknownRunError:
    remedy = "Give the whole id, or more of it."
    if found["run_id"].n_unique() < found.height:
        remedy = "Name the one source that is meant."
    return UnknownRunError(f"{printable(text)!r} fits {found.height:,} runs:{_listed(found, runs)}", remedy)


def _unknown(text: str, runs: pl.DataFrame) -> UnknownRunError:
    if runs.is_empty():
        return UnknownRunError(f"There is no run {printable(text)!r}: there are no runs at all.")
    near = _near(text, runs)
    message = f"None of {runs.height:,} runs has the id or the name {printable(text)!r}."
    if near.is_empty():
        return UnknownRunError(message, "`tui-runs ls` lists them all.")
    return UnknownRunError(f"{message} Candidates:{_listed(near, runs)}", "`tui-runs ls` lists them all.")


def _near(text: str, runs: pl.DataFrame) -> pl.DataFrame:
    """Runs that look like what was typed; all of them where they are few."""
    inside = pl.col("name").fill_null("").str.to_lowercase().str.contains(text.lower(), literal=True)
    if runs.height <= _CANDIDATES:
        return runs.sort(inside, descending=True, maintain_order=True)
    named = runs.filter(inside)
    if not named.is_empty():
        return named
    known = runs["name"].drop_nulls().unique(maintain_order=True).to_list()
    close = [*get_close_matches(text, known, 5), *get_close_matches(text, runs["run_id"].to_list(), 2, 0.8)]
    return runs.filter(pl.col("name").is_in(close) | pl.col("run_id").is_in(close))


def _listed(some: pl.DataFrame, runs: pl.DataFrame) -> str:
    """Up to ten of the runs, one a line, as they look to a person; of the ids as much as tells all runs apart."""
    columns = ["run_id", "name", "status", "started"]
    columns += [name for name in ("experiment", "source") if some[name].n_unique() > 1]
    ids = runs["run_id"].unique()
    length = next((size for size in (8, 12, 16, 24) if ids.str.slice(0, size).n_unique() == len(ids)), 1000)
    rows = [
        [printable(run_id[:length]), clip(printable(name or MISSING), 30), _status(status), moment(started)]
        + [clip(printable(text or MISSING), 24) for text in texts]
        for run_id, name, status, started, *texts in some.head(_CANDIDATES).select(columns).iter_rows()
    ]
    widths = [max(map(cell_len, cells)) for cells in zip(*rows, strict=True)]
    lines = [
        "\n  "
        + "  ".join(cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    if some.height > _CANDIDATES:
        lines.append(f"\n  … and {some.height - _CANDIDATES:,} more")
    return "".join(lines)


def _status(status: str | None) -> str:
    return f"{STATUS_GLYPHS[status or 'unknown']} {status or 'unknown'}"


def find_column(catalog: Catalog, text: str, derived: Sequence[str] = ()) -> str:
    """The full name of the column that a text names: `params.lr` for itself, and for `lr` where only one fits.

    Args:
        catalog: the runs; while it holds none, every name with a kind in front is taken as it is.
        text: as typed; `min(metrics.loss)` and the like too, see `tui_runs.analysis.columns.AGGREGATES`.
        derived: names that exist beside those of the catalog.

    Raises:
        UsageError: there is no such column, or several.
    """
    if text in RUNS or text in derived:
        return text
    aggregate, metric = split_aggregate(text)
    if aggregate != "last":
        return with_aggregate(aggregate, find_column(catalog, metric, derived))
    kind, key = Column.of(text)
    keys = {kind: set(catalog.keys(kind)) for kind in KINDS}
    if kind in keys and (key in keys[kind] or not len(catalog)):
        return text
    fits = [f"{kind}.{text}" for kind in KINDS if text in keys[kind]]
    if len(fits) == 1:
        return fits[0]
    if fits:
        raise UsageError(f"{printable(text)!r} is both {' and '.join(map(printable, fits))}.", "Write it in full.")
    known = [*RUNS, *derived, *(f"{kind}.{key}" for kind in KINDS for key in keys[kind])]
    bare = {key: f"{kind}.{key}" for kind in KINDS for key in keys[kind]}
    near = get_close_matches(text, known, 1) or [bare[key] for key in get_close_matches(text, bare, 1)]
    remedy = (
        f"Did you mean {printable(near[0])!r}?" if near else f"There are {', '.join(list(RUNS)[1:6])}, … and the keys."
    )
    raise UsageError(f"There is no column {printable(text)!r}.", remedy)
