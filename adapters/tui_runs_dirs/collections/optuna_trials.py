"""Optuna's trials as runs, whatever storage they are in.

A run is named by its study and number, for Optuna gives it no name. Objectives are metrics by the names that the study
gives them, else "value" (or "values_0", …, as in `Study.trials_dataframe`); what was reported on the way is the curve
"intermediate_value".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from tui_runs_dirs.collections.gathering import Gathered
from tui_runs_dirs.readers.json_text import whole_of
from tui_runs_dirs.readers.settings import number_of, text_of

INTERMEDIATE: Final = "intermediate_value"
"""The metric that `Trial.report` writes."""
METRIC_NAMES: Final = "study:metric_names"
"""The system attribute of a study that names its objectives."""
_STATUS: Final = {
    "RUNNING": "running", "COMPLETE": "finished", "PRUNED": "killed", "FAIL": "failed", "WAITING": "scheduled",
}  # fmt: skip


@dataclass(slots=True)
class Trial:
    """One trial; `values` by objective, NaN and the infinities included."""

    study: int
    number: int
    state: str = "RUNNING"
    started: datetime | None = None
    ended: datetime | None = None
    params: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    values: dict[int, float] = field(default_factory=dict)


@dataclass(slots=True)
class Study:
    """One study; `directions` by objective: "MINIMIZE"."""

    name: str
    directions: dict[int, str] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    metric_names: Sequence[object] = ()

    def metric(self, objective: int) -> str:
        """What an objective is called."""
        if objective < len(self.metric_names):
            return text_of(self.metric_names[objective])
        return "value" if len(self.directions) < 2 else f"values_{objective}"


def gather(
    studies: Mapping[int, Study], trials: Mapping[int, Trial], written: datetime | None
) -> tuple[Gathered, dict[int, str]]:
    """The runs, and the run id of each trial."""
    gathered = Gathered()
    run_ids: dict[int, str] = {}
    for trial_id, trial in sorted(trials.items(), reverse=True):
        study = studies.get(trial.study)
        if study is None:
            continue
        run_id = run_ids[trial_id] = f"{study.name}/{trial.number}"
        running = trial.state == "RUNNING"
        gathered.runs[run_id] = {
            "name": f"trial {trial.number}",
            "experiment": study.name,
            "status": _STATUS.get(trial.state, "unknown"),
            "started": trial.started,
            "ended": trial.ended,
            "updated": written if running else trial.ended or trial.started,
        }
        gathered.params |= {(run_id, key): value for key, value in trial.params.items()}
        gathered.tags |= {(run_id, key): value for key, value in trial.attributes.items()}
        gathered.tags[run_id, "optuna.state"] = trial.state
        gathered.summary |= {(run_id, study.metric(objective)): value for objective, value in trial.values.items()}
        for objective, direction in sorted(study.directions.items()):
            row = ("study", study.name, f"direction.{study.metric(objective)}", direction.lower())
            gathered.details.append((run_id, *row))
        gathered.details += [(run_id, "study", study.name, key, value) for key, value in study.attributes.items()]
    return gathered, run_ids


def param_text(value: object, distribution: object) -> str:
    """A param as it was suggested; see `to_external_repr` in optuna/distributions.py.

    Args:
        value: as stored: a number, of a categorical one the index of the choice.
        distribution: {"name": "CategoricalDistribution", "attributes": {"choices": ["sgd", "adam"]}}.
    """
    number = number_of(value)
    name = distribution.get("name") if isinstance(distribution, dict) else None
    if name == "CategoricalDistribution" and isinstance(distribution, dict):
        attributes = distribution.get("attributes")
        choices = attributes.get("choices") if isinstance(attributes, dict) else None
        index = whole_of(value)
        if isinstance(choices, list) and index is not None and 0 <= index < len(choices):
            return text_of(choices[index])
        return f"choice {text_of(value)}"
    if number is not None and isinstance(name, str) and name.startswith("Int") and math.isfinite(number):
        return str(int(number))
    return repr(value) if type(value) is float and math.isfinite(value) else text_of(value)
