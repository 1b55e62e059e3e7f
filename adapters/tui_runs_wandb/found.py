"""What the records of a stretch of a log say of histories and of the summary, as it is found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tui_runs_wandb.keys import Keys
from tui_runs_wandb.points import Floats, Whole
from tui_runs_wandb.records import Item, Path
from tui_runs_wandb.values import float_of, leaves, number_of, parse


@dataclass(slots=True)
class Found:
    """Points, and changes of the summary, each with its position in the buffer; they need not come in order.

    Args:
        key: of points, in parts.
        row: of points.
        value: of points.
        at: of points.
        summary: (position, record, change).
        with_points: points are wanted; False leaves them out.
    """

    key: list[NDArray[np.int32]] = field(default_factory=list)
    row: list[NDArray[np.int32]] = field(default_factory=list)
    value: list[Floats] = field(default_factory=list)
    at: list[Whole] = field(default_factory=list)
    summary: list[tuple[int, int, Item]] = field(default_factory=list)
    with_points: bool = True

    def add(self, points: Sequence[tuple[int, int, float, int]]) -> None:
        """Add some points: key, row, value, position."""
        if points:
            key, row, value, at = zip(*points, strict=True)
            self.key.append(np.array(key, np.int32))
            self.row.append(np.array(row, np.int32))
            self.value.append(np.array(value, np.float64))
            self.at.append(np.array(at, np.int64))


def numbers_in(item: Item, keys: Keys) -> Iterator[tuple[int, float]]:
    """The numbers of one item of a history, each with its key: one, or those inside of an object."""
    text = item.json or b""
    if text[:1] != b"{":
        number = keys.number(item.path)
        if (value := number_of(text)) is not None:
            yield number, value
        return
    path: Path
    for path, leaf in leaves(item.path, parse(text)):
        number = keys.number(path)
        if (value := float_of(leaf)) is not None:
            yield number, value
