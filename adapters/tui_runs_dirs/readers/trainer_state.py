"""The states of Hugging Face's Trainer: `trainer_state.json` in an output directory and in its checkpoints.

Source: transformers 5.23, `trainer_callback.py` (TrainerState), `trainer_pt_utils.py` (save_metrics).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tui_runs.display import encodable
from tui_runs_dirs.files import stamp_of
from tui_runs_dirs.layout import Facts, Stamp
from tui_runs_dirs.readers.event_file import event_files
from tui_runs_dirs.readers.json_file import load_json
from tui_runs_dirs.readers.json_text import texts
from tui_runs_dirs.readers.settings import number_of, text_of

STATE: Final = "trainer_state.json"
RESULTS: Final = "all_results.json"
CHECKPOINT: Final = re.compile(r"checkpoint-(\d+)")
_PARAMS: Final = ("num_train_epochs", "train_batch_size", "trial_name")
_DETAILS: Final = (
    "global_step", "max_steps", "best_metric", "best_global_step", "best_model_checkpoint", "total_flos",
    "is_hyper_param_search",
)  # fmt: skip
_SECONDS: Final = re.compile(r"tfevents\.(\d+)\.")


def checkpoints_in(names: Sequence[str]) -> list[str]:
    """The names that are those of checkpoints, the farthest first."""
    found = [(int(match[1]), name) for name in names if (match := CHECKPOINT.fullmatch(name)) and len(name) < 40]
    return [name for _, name in sorted(found, reverse=True)]


def state_files(directory: str) -> list[str]:
    """The state in the output directory, and that of the farthest checkpoint; those that are there."""
    try:
        names = [entry.name for entry in os.scandir(directory) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        names = []
    inner = (os.path.join(directory, name, STATE) for name in checkpoints_in(names))
    farthest = next((path for path in inner if os.path.isfile(path)), None)
    return [os.path.join(directory, STATE), *([farthest] if farthest else [])]


def load_state(directory: str) -> tuple[Mapping[str, Any], str]:
    """The state that has come farthest, and its file; nothing where there is none.

    Raises:
        OSError: there are some, and none can be read.
    """
    best: tuple[Mapping[str, Any], str] = {}, ""
    error: OSError | None = None
    for path in state_files(directory):
        try:
            state = load_json(path)
        except FileNotFoundError:
            continue
        except OSError as caught:  # half written; the other one is whole
            error = caught
            continue
        if isinstance(state, dict) and (not best[0] or _step_of(state) > _step_of(best[0])):
            best = state, path
    if not best[0] and error is not None:
        raise error
    return best


def _step_of(state: Mapping[str, Any]) -> float:
    return number_of(state.get("global_step")) or 0.0


def rows_of_state(state: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What was logged, in order: each with `step` and `epoch`, and the numbers of one kind."""
    history = state.get("log_history")
    return [row for row in history if isinstance(row, dict)] if isinstance(history, list) else []


@dataclass(frozen=True, slots=True)
class StateFacts:
    """What the states of an output directory say beside points.

    Args:
        path: the directory.
        logs: those with event files.
    """

    path: str
    logs: tuple[str, ...] = ()

    def stamp(self) -> Stamp:
        """Of the states and the results."""
        return stamp_of(*state_files(self.path), os.path.join(self.path, RESULTS))

    def read(self) -> Facts:
        """Read the farthest; see `FactFile.read`."""
        state, path = load_state(self.path)
        summary = self._results()
        if not state:
            return Facts(summary=summary)
        params = {key: text_of(state[key]) for key in _PARAMS if state.get(key) is not None}
        params |= texts(state.get("trial_params"))
        details = [("trainer", "state", key, text_of(state[key])) for key in _DETAILS if state.get(key) is not None]
        ended = any(
            "train_runtime" in row and row.get("step") == state.get("global_step") for row in rows_of_state(state)
        )
        finished = ended and not self._began_again(path)
        return Facts(params, {}, {"status": "finished" if finished else "running"}, summary, details)

    def _results(self) -> dict[str, float]:
        try:
            results = load_json(os.path.join(self.path, RESULTS))
        except OSError:
            return {}
        found = results.items() if isinstance(results, dict) else ()
        return {encodable(key): value for key, text in found if (value := number_of(text)) is not None}

    def _began_again(self, path: str) -> bool:
        """Whether a training was begun after this state was written."""
        if not self.logs:
            return False
        try:
            names = event_files(self.logs[-1])
        except OSError:
            return False
        begun = min((int(found[1]) for name in names if (found := _SECONDS.search(name))), default=0)
        stamps = stamp_of(path)
        return bool(stamps) and begun > stamps[0].mtime_ns / 1e9
