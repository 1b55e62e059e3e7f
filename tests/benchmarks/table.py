"""The table that a benchmark prints, and how its numbers are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, NamedTuple

NOTHING: Final = "–"
_COLUMNS: Final = ("figure", "ours", "peer", "ratio", "wanted")


class Took(NamedTuple):
    """What something took, in seconds: by the clock, and of CPU in all threads."""

    wall: float
    cpu: float

    def times(self, factor: float) -> Took:
        """So many times as long."""
        return Took(self.wall * factor, self.cpu * factor)

    def __str__(self) -> str:
        return f"{seconds(self.wall)} (CPU {seconds(self.cpu)})"


@dataclass(frozen=True)
class Row:
    """One figure.

    Args:
        figure: what was measured.
        ours: of tui-runs.
        peer: of the tool that it is compared with, named.
        ratio: how they compare.
        wanted: the target; empty where there is none.
        reached: whether the target was reached; None where that cannot be said.
        note: what else there is to say; it stands below the table.
    """

    figure: str
    ours: str
    peer: str = NOTHING
    ratio: str = NOTHING
    wanted: str = ""
    reached: bool | None = None
    note: str = ""

    def cells(self, mark: str) -> tuple[str, ...]:
        """As they stand in the table; the mark leads to the note."""
        verdict = "" if self.reached is None else ": reached" if self.reached else ": MISSED"
        return self.figure + mark, self.ours, self.peer, self.ratio, (self.wanted + verdict) or NOTHING


def middle(taken: Sequence[Took]) -> Took:
    """The median of the wall times, and that of the CPU times."""
    return Took(median(one.wall for one in taken), median(one.cpu for one in taken))


def seconds(value: float) -> str:
    """A duration in three digits, with its unit."""
    if value < 0.001:
        return f"{value * 1e6:.0f} us"
    if value < 1:
        return f"{value * 1000:.3g} ms"
    return f"{value:.3g} s" if value < 999.5 else f"{value:,.0f} s"


def faster(ours: Took, peer: Took) -> str:
    """How many times as fast as the peer, by the clock and in CPU."""
    return f"{peer.wall / ours.wall:.3g}x (CPU {peer.cpu / ours.cpu:.3g}x)"


def spread(values: Sequence[float]) -> str:
    """The range of some durations."""
    return f"{seconds(min(values))} to {seconds(max(values))}"


def markdown(rows: Sequence[Row]) -> str:
    """The table as Markdown, its columns aligned so that it can be read as it is; the notes follow."""
    notes = [row.note for row in rows if row.note]
    marks = {note: f" [{number}]" for number, note in enumerate(notes, 1)}
    lines = [_COLUMNS, *(row.cells(marks.get(row.note, "")) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(_COLUMNS))]
    texts = [" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    table = [f"| {text} |" for text in texts]
    table.insert(1, f"|-{'-|-'.join('-' * width for width in widths)}-|")
    return "\n".join([*table, "", *(f"{mark.strip()} {note}" for note, mark in marks.items())])
