"""Runs below the runs that made them: sweeps and their trials, pipelines and their steps."""

from __future__ import annotations

from typing import Final

import polars as pl

BRANCH: Final = "branch"
"""The column with the lines that are drawn before a run's name."""
_DEEPEST: Final = 8
"""Levels that are drawn; deeper ones stand below each other."""


def nest(frame: pl.DataFrame) -> pl.DataFrame:
    """Put every run right below its parent, siblings in the order that they have.

    A run whose parent is not in the frame stands at the top level, as do runs that are each other's ancestors.

    Args:
        frame: sorted rows with `source`, `run_id` and `parent_id`; a parent is of the same source.

    Returns:
        The rows in their new order, with the column BRANCH (String): "" at the top level, else as in "│ └ ".
    """
    flat = frame.with_columns(pl.lit("").alias(BRANCH))
    if frame["parent_id"].null_count() == frame.height:
        return flat
    keys = list(zip(frame["source"], frame["run_id"], strict=True))
    row_of = {key: row for row, key in enumerate(keys)}
    children: dict[int, list[int]] = {}
    roots: list[int] = []
    for row, (source, parent) in enumerate(zip(frame["source"], frame["parent_id"], strict=True)):
        above = row_of.get((source, parent), row) if parent is not None else row
        if above == row:
            roots.append(row)
        else:
            children.setdefault(above, []).append(row)
    if not children:
        return flat
    order, branches = _walk(roots, children)
    # What no root leads to are circles of runs that name each other.
    for row in sorted(set(range(len(keys))).difference(order)):
        order.append(row)
        branches.append("")
    return frame[order].with_columns(pl.Series(BRANCH, branches, dtype=pl.String))


def _walk(roots: list[int], children: dict[int, list[int]]) -> tuple[list[int], list[str]]:
    order: list[int] = []
    branches: list[str] = []
    todo = [(root, "", "", 0) for root in reversed(roots)]
    while todo:
        row, own, below, depth = todo.pop()
        order.append(row)
        branches.append(own)
        siblings = children.get(row, [])
        for place, child in enumerate(reversed(siblings)):
            last = place == 0
            if depth < _DEEPEST:
                todo.append((child, below + ("└ " if last else "├ "), below + ("  " if last else "│ "), depth + 1))
            else:
                todo.append((child, own, below, depth))
    return order, branches
