"""What `--sort` and `--columns` say, before it is known which columns there are."""

from __future__ import annotations

import csv

from tui_runs.conditions import Order
from tui_runs.errors import UsageError


def split_names(text: str) -> list[str]:
    """Take a list of names separated by commas apart; one with a comma stands in double quotes.

    Raises:
        UsageError: there is a line break in it, outside of quotes.
    """
    try:
        parts = next(csv.reader([text], skipinitialspace=True), [])
    except csv.Error:
        raise UsageError(
            "A list of columns is one line.", 'A name with a line break in it stands in double quotes: "a\nb",name'
        ) from None
    return list(dict.fromkeys(name for part in parts if (name := part.strip())))


def split_orders(text: str) -> list[Order]:
    """Take a list of `COLUMN:asc` and the like apart; see `split_names`."""
    return [split_sorting(part) for part in split_names(text)]


def split_sorting(text: str) -> Order:
    """Take `COLUMN`, `COLUMN:asc` or `COLUMN:desc` apart; ascending unless it says otherwise."""
    name, colon, direction = text.rpartition(":")
    if colon and direction.lower() in ("asc", "desc"):
        return Order(name, direction.lower() == "desc")
    return Order(text)
