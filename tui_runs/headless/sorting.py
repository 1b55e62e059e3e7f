"""What `--sort` says."""

from __future__ import annotations

import csv

from tui_runs.conditions import Order


def split_orders(text: str) -> list[Order]:
    """Take a list of `COLUMN:asc` and the like, separated by commas, apart; a name with a comma stands in quotes."""
    parts = next(csv.reader([text], skipinitialspace=True), [])
    return [split_sorting(part.strip()) for part in parts if part.strip()]


def split_sorting(text: str) -> Order:
    """Take `COLUMN`, `COLUMN:asc` or `COLUMN:desc` apart; ascending unless it says otherwise."""
    name, colon, direction = text.rpartition(":")
    if colon and direction.lower() in ("asc", "desc"):
        return Order(name, direction.lower() == "desc")
    return Order(text)
