"""Which metric is another one's x axis, by what `define_metric` said: `define_metric("val/*", step_metric="epoch")`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from tui_runs_wandb.keys import SYSTEM
from tui_runs_wandb.records import MetricDefinition

_ANY: Final = "*"
_NEVER_MEANT: Final = ("_", SYSTEM)
"""What the names begin with that no pattern fits: W&B's own keys, and samples of the system."""


def axes_by_pattern(definitions: Mapping[str, MetricDefinition], keys: Collection[str]) -> Iterator[tuple[str, str]]:
    """The metrics that patterns give an x axis, each with the metric that is it.

    A metric that is defined by its own name keeps to that, as in wandb-core. Of several patterns that fit the longest
    counts: wandb-core takes any one of them, another one each time.

    Args:
        definitions: by name or pattern, which has a * at its end.
        keys: metrics that have points; only these have, and are, an x axis.
    """
    patterns = sorted(
        (name[:-1] for name, said in definitions.items() if name.endswith(_ANY) and said.step_metric), key=len
    )
    for key in keys if patterns else ():
        if key in definitions or key.startswith(_NEVER_MEANT):
            continue
        fitting = [pattern for pattern in patterns if key.startswith(pattern)]
        if fitting and (axis := definitions[fitting[-1] + _ANY].step_metric) != key and axis in keys:
            yield key, axis
