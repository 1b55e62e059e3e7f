"""The keys of one run's history: a small number stands for each, and some are not metrics."""

from __future__ import annotations

from typing import Final

from tui_runs_wandb.records import Path
from tui_runs_wandb.values import dotted

STEP, RUNTIME, TIMESTAMP = 0, 1, 2
INTERNAL: Final = ("_step", "_runtime", "_timestamp")
"""Keys that W&B adds to every row, by their numbers above: what the x axis can be."""
SYSTEM: Final = "system/"
"""Stands before the names of system metrics, as MLflow writes them."""
TYPE: Final = "_type"
"""An object with this key is an image, a table, a histogram, …, and its numbers are no metrics."""


class Keys:
    """Numbers keys in the order in which they are met.

    Attributes:
        names: by number; nested keys are joined by dots.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self._numbers: dict[str, int] = {}
        self._of_path: dict[Path, int] = {}
        self._media: set[str] = set()
        for name in INTERNAL:
            self.number((name,))

    def number(self, path: Path) -> int:
        """The number of a key."""
        known = self._of_path.get(path)
        if known is not None:
            return known
        name = dotted(path)
        number = self._numbers.setdefault(name, len(self.names))
        if number == len(self.names):
            self.names.append(name)
        if len(path) > 1 and path[-1] == TYPE:
            self._media.add(dotted(path[:-1]))
        self._of_path[path] = number
        return number

    def find(self, name: str) -> int | None:
        """The number of a metric by its name; None where there is none of that name."""
        number = self._numbers.get(name)
        return number if number is not None and self.is_metric(number) else None

    def is_metric(self, number: int) -> bool:
        """Whether the values of a key are to be shown: not W&B's own keys, nor the numbers of an image or a table."""
        name = self.names[number]
        if number <= TIMESTAMP or name == "_wandb" or name.startswith("_wandb."):
            return False
        if not self._media:
            return True
        return not any(name.startswith(f"{prefix}.") or name == prefix for prefix in self._prefixes(name))

    def _prefixes(self, name: str) -> list[str]:
        parts = name.split(".")
        return [prefix for end in range(1, len(parts) + 1) if (prefix := ".".join(parts[:end])) in self._media]
