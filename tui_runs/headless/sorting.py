"""What `--sort` says."""

from __future__ import annotations

from tui_runs.conditions import Order


def split_sorting(text: str) -> Order:
    """Take `COLUMN`, `COLUMN:asc` or `COLUMN:desc` apart; ascending unless it says otherwise."""
    name, colon, direction = text.rpartition(":")
    if colon and direction.lower() in ("asc", "desc"):
        return Order(name, direction.lower() == "desc")
    return Order(text)
