"""How Ray's trials went: the experiment's newest `experiment_state-<date>.json`, and the error that a trial left.

Source: ray 2.60, `ray/tune/execution/experiment_state.py`. A trial is a pair of JSON texts in there: what it is, and
how it goes. Pickles stand among them as texts; they are not looked at.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tui_runs_dirs.files import read_whole, stamp_of, unreadable
from tui_runs_dirs.layout import Facts, Stamp
from tui_runs_dirs.readers.json_file import parse_json
from tui_runs_dirs.readers.json_text import parse_text
from tui_runs_dirs.readers.settings import text_of
from tui_runs_dirs.readers.times import utc_of_epoch

_STATE: Final = "experiment_state-"
_ERROR: Final = "error.txt"
_STATE_BYTES: Final = 128 << 20
"""13 kB a trial: of so many trials how they went is told; it is read once for all of them."""
_STATUS: Final = {
    "TERMINATED": "finished",
    "ERROR": "failed",
    "RUNNING": "running",
    "PENDING": "scheduled",
    "PAUSED": "scheduled",
}
_OF_TRIAL: Final = ("status", "evaluated_params")
_OF_RUNTIME: Final = ("start_time", "last_result_time", "num_failures")


@dataclass(frozen=True, slots=True)
class TrialState:
    """How a trial went, by the experiment's state; and the error that it left.

    Args:
        path: the trial's directory.
        experiment: the directory above; None where that is not to be looked at.
    """

    path: str
    experiment: str | None = None

    def stamp(self) -> Stamp:
        """Of the newest state, and of the error."""
        newest = _newest_state(self.experiment)
        return stamp_of(*([newest] if newest else []), os.path.join(self.path, _ERROR))

    def read(self) -> Facts:
        """Read both; see `FactFile.read`."""
        details = []
        problems = []
        failed = False
        error = os.path.join(self.path, _ERROR)
        try:
            details.append(("error", _ERROR, "text", text_of(read_whole(error).decode(errors="replace"))))
            failed = True
        except FileNotFoundError:
            pass
        except OSError as caught:
            problems.append(unreadable(error, caught))
        state: Mapping[str, Any] = {}
        runtime: Mapping[str, Any] = {}
        newest = _newest_state(self.experiment)
        try:
            trials = _trials_in(newest) if newest is not None else {}
            state, runtime = trials.get(os.path.basename(self.path), ({}, {}))
        except OSError as caught:
            problems.append(unreadable(newest or self.path, caught))
        fields: dict[str, Any] = {}
        status = _STATUS.get(text_of(state.get("status", "")))
        if status is None and failed:
            status = "failed"
        if status is not None:
            fields["status"] = status
        if (started := utc_of_epoch(runtime.get("start_time"))) is not None:
            fields["started"] = started
        if status in ("finished", "failed") and (ended := utc_of_epoch(runtime.get("last_result_time"))) is not None:
            fields["ended"] = ended
        searched = state.get("evaluated_params")
        if isinstance(searched, dict):
            details += [("ray", "searched", text_of(key), text_of(value)) for key, value in searched.items()]
        if failures := runtime.get("num_failures"):
            details.append(("ray", "trial", "num_failures", text_of(failures)))
        return Facts({}, {}, fields, {}, details, problems)


def _newest_state(directory: str | None) -> str | None:
    if directory is None:
        return None
    try:
        names = [entry.name for entry in os.scandir(directory) if entry.name.startswith(_STATE)]
    except OSError:
        return None
    names = [name for name in names if name.endswith(".json")]
    return os.path.join(directory, max(names)) if names else None


_Trials = Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]]
_read: dict[str, tuple[Stamp, _Trials]] = {}
"""What was read last: the trials of an experiment ask for the same file one after the other."""


def _trials_in(path: str) -> _Trials:
    """What the state of an experiment says of its trials, by the names of their directories.

    Raises:
        OSError: it cannot be read.
    """
    stamp = stamp_of(path)
    known = _read.get(path)
    if known is not None and known[0] == stamp:
        return known[1]
    state = parse_json(read_whole(path, _STATE_BYTES))
    said = state.get("trial_data") if isinstance(state, dict) else None
    trials: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {}
    for pair in said if isinstance(said, list) else []:
        if isinstance(pair, list) and len(pair) == 2:
            trial, runtime = (parse_text(text) if isinstance(text, str) else text for text in pair)
            name = trial.get("relative_logdir") if isinstance(trial, dict) else None
            if isinstance(name, str) and isinstance(runtime, dict):
                trials[name] = (
                    {key: trial[key] for key in _OF_TRIAL if key in trial},
                    {key: runtime[key] for key in _OF_RUNTIME if key in runtime},
                )
    _read.clear()
    _read[path] = stamp, trials
    return trials
