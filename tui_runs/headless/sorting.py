"""What `--sort` says."""

from __future__ import annotations

from typing import NamedTuple


class Sorting(NamedTuple):
    """An order of runs."""

    column: str
    descending: bool = False


def split_sorting(text: str) -> Sorting:
    """Take `COLUMN`, `COLUMN:asc` or `COLUMN:desc` apart; ascending unless it says otherwise."""
    name, colon, direction = text.rpartition(":")
    if colon and direction.lower() in ("asc", "desc"):
        return Sorting(name, direction.lower() == "desc")
    return Sorting(text)
