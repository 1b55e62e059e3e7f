"""Hugging Face's Trainer: `trainer_state.json` in the output directory and in its checkpoints, which make one run.

Source: transformers 5.23, `trainer_callback.py` (TrainerState) and `integrations/integration_utils.py` (rewrite_logs).
Each state repeats the history up to its step, so the one that has come farthest is read. It is written with the
checkpoints only: what was logged since, the times of all points, and the arguments are in event files, under `runs/`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from tui_runs_dirs.layout import Claim, FactFile
from tui_runs_dirs.readers.event_facts import EventFacts
from tui_runs_dirs.readers.event_file import is_event_file
from tui_runs_dirs.readers.trainer_series import TrainerSeries
from tui_runs_dirs.readers.trainer_state import CHECKPOINT, RESULTS, STATE, StateFacts, checkpoints_in

if TYPE_CHECKING:
    from tui_runs_dirs.walk import Directory

_SUMMARIES: Final = (RESULTS, "train_results.json", "eval_results.json", "predict_results.json", "test_results.json")
"""Last values; the first of these files has those of the others as well."""
_ARGUMENTS: Final = b"args/text_summary"
_HEAD: Final = 4096
_RANK: Final = 20


class HfTrainerLayout:
    """See the module."""

    name = "hf_trainer"
    title = "Hugging Face Trainer"

    def recognise(self, directory: Directory) -> Sequence[Claim]:
        """See `tui_runs_dirs.layout.Layout`."""
        has_state = STATE in directory.files
        if not has_state and "runs" not in directory.directories and not checkpoints_in(directory.directories):
            return ()
        above = directory.parent
        if has_state and above is not None and CHECKPOINT.fullmatch(directory.name):
            return ()  # it belongs to the directory above
        logs = list(_log_directories(directory))
        checkpoints = [directory.child(name) for name in checkpoints_in(directory.directories)]
        has_state = has_state or any(found and STATE in found.files for found in checkpoints)
        if not has_state and not any(_has_arguments(log) for log in logs):
            return ()
        paths = tuple(log.path for log in logs)
        facts: list[FactFile] = [EventFacts(path) for path in reversed(paths)]  # a resumed training's own arguments
        facts.append(StateFacts(directory.path, paths))
        series = [TrainerSeries(directory.path, paths)]
        covers = [*paths, *(directory.join(name) for name in (STATE, *_SUMMARIES))]
        return [Claim(self.name, directory.path, facts, series, _RANK, covers=covers)]


def _log_directories(directory: Directory) -> Iterator[Directory]:
    """The directories with the event files of a Trainer, in the order of their names, which are times."""
    if any(map(is_event_file, directory.files)):
        yield directory
    runs = directory.child("runs")
    if runs is None:
        return
    for one in (runs, *(runs.child(name) for name in sorted(runs.directories))):
        if one is not None and any(map(is_event_file, one.files)):
            yield one


def _has_arguments(log: Directory) -> bool:
    return any(_ARGUMENTS in log.head(name, _HEAD) for name in log.files if is_event_file(name))


LAYOUT: Final = HfTrainerLayout()
