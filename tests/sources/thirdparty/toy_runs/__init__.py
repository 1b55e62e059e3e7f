"""Reads toy stores, as a third party's adapter would: an example, and the proof that the contract is not MLflow's own.

A store is a directory with a file `toy.txt`; a run is a directory in it with `run.json` (name, status, params, tags)
and a file `points/<key>` for each metric, with lines `ms value step`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tui_runs.adapter import Match, Option, OptionValue
from tui_runs.errors import LocationError

if TYPE_CHECKING:
    from tui_runs.adapter import Source


class ToyAdapter:
    """Made without arguments; imports its reader when a store is opened."""

    name = "toy"
    options = (Option("shout", "Show the names in capitals.", default=False),)

    def match(self, location: str) -> Match | None:
        """A store is known by its toy.txt."""
        try:
            return Match("a toy.txt", certainty=0.9) if os.path.exists(os.path.join(location, "toy.txt")) else None
        except ValueError:
            return None

    def open(self, location: str, options: Mapping[str, OptionValue]) -> Source:
        """Open a store.

        Raises:
            LocationError: there is none.
        """
        from toy_runs.store import ToyStore

        if self.match(location) is None:
            raise LocationError(f"{location!r} is no toy store.", "Give a directory with a toy.txt.")
        return ToyStore(location, shout=bool(options.get("shout", False)))
