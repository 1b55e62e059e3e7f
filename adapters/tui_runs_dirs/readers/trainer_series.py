"""The points of Hugging Face's Trainer: the history in its states, and what its event files have beyond that.

Source: transformers 5.23, `integrations/integration_utils.py` (rewrite_logs): `eval_loss` is `eval/loss` in event files
and `loss` is `train/loss`. States have numbers as they were logged, but no times; event files have times, and floats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tui_runs_dirs.files import NotReadError, stamp_of
from tui_runs_dirs.layout import Stamp, Stretch
from tui_runs_dirs.readers.event_file import EventSeries
from tui_runs_dirs.readers.trainer_state import load_state, rows_of_state, state_files

if TYPE_CHECKING:
    import polars as pl


@dataclass(slots=True)
class TrainerSeries:
    """The history in the states, and what event files have beyond it.

    Args:
        path: the output directory.
        logs: those with event files, in the order in which they were written.
    """

    path: str
    logs: tuple[str, ...] = ()
    _events: dict[str, _Log] = field(default_factory=dict, compare=False, repr=False)
    _given: dict[int, pl.DataFrame] = field(default_factory=dict, compare=False, repr=False)
    """By turn, what was given out last; there is one."""

    def stamp(self) -> Stamp:
        """Of the states and the event files."""
        found = stamp_of(*state_files(self.path))
        for log in self.logs:
            found += EventSeries(log).stamp()
        return found

    def read(self, start: int, limit: int) -> Stretch:
        """Read all that there is: the history is short. See `SeriesFile.read`."""
        problems = []
        frames = []
        for log in self.logs:
            events = self._events.setdefault(log, _Log(EventSeries(log)))
            problems += events.read_on(limit)
            frames.append(events.frame)
        try:
            rows = rows_of_state(load_state(self.path)[0])
        except NotReadError:
            if not self._given:
                raise
            rows = []
        points = _joined(rows, frames)
        goes_on = self._goes_on(start, points)
        self._given = {points.height: points}
        return Stretch(points[start:] if goes_on else points, points.height, True, not goes_on, problems)

    def _goes_on(self, start: int, points: pl.DataFrame) -> bool:
        """Whether what was given out is as it was, and these points follow it."""
        if start == 0:
            return True
        before = self._given.get(start)
        return before is not None and before.height <= points.height and before.equals(points[: before.height])


@dataclass(slots=True)
class _Log:
    """What was read of one directory's event files."""

    series: EventSeries
    frame: pl.DataFrame | None = None
    end: int = 0

    def read_on(self, limit: int) -> list[Any]:
        import polars as pl  # noqa: PLC0415

        while True:
            try:
                stretch = self.series.read(self.end, limit)
            except FileNotFoundError:
                self.frame = None
                return []
            held = None if stretch.restarted else self.frame
            self.frame = stretch.frame if held is None else pl.concat([held, stretch.frame])
            self.end = stretch.end
            if stretch.complete:
                return list(stretch.problems)


def _joined(rows: Sequence[Mapping[str, Any]], logs: Sequence[pl.DataFrame | None]) -> pl.DataFrame:
    """The points of a history, with the times that event files have for them; then what only these have."""
    import polars as pl  # noqa: PLC0415

    from tui_runs_dirs.readers.json_lines import frame_of, points_of  # noqa: PLC0415

    history = frame_of(points_of(rows, 0, "step", None, frozenset()))
    # Epochs stand in every row: one a step is enough.
    epochs = pl.col("key") == "epoch"
    history = history.filter(~epochs | pl.struct("key", "step").is_first_distinct())
    events = [log for log in logs if log is not None and log.height]
    if not events:
        return history
    key = pl.col("key").str.replace("^train/", "").str.replace("^(eval|test)/", "${1}_")
    logged = pl.concat(events).with_columns(key).unique(["key", "step"], keep="last", maintain_order=True)
    timed = history.drop("time").join(
        logged.select("key", "step", "time"), ["key", "step"], "left", maintain_order="left"
    )
    last = history["step"].max() if history.height else None
    known = history["key"].unique()
    more = logged if last is None else logged.filter(~pl.col("key").is_in(known.implode()) | (pl.col("step") > last))
    return pl.concat([timed.select(history.columns), more.select(history.columns)])
