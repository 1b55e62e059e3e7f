"""What differs between runs: one row a key, the values of all runs side by side.

Missing, the empty string and NaN are three values that differ from each other, and each equals itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["param", "metric", "tag"]
Value: TypeAlias = str | float | None


@dataclass(frozen=True, slots=True)
class DiffRow:
    """One key of the compared runs.

    Args:
        kind: what it is a key of.
        key: as stored.
        values: one a run, in their order; None where a run does not have it.
        differs: not all of the values are the same.
    """

    kind: Kind
    key: str
    values: tuple[Value, ...]
    differs: bool


def diff_rows(kind: Kind, runs: Sequence[Mapping[str, Value]]) -> list[DiffRow]:
    """Every key that any of the runs has, in reading order.

    Args:
        kind: what the keys are of.
        runs: the values by key, one mapping a run.
    """
    keys = sorted({key for run in runs for key in run}, key=lambda key: (key.lower(), key))
    rows = []
    for key in keys:
        values = tuple(run.get(key) for run in runs)
        rows.append(DiffRow(kind, key, values, len({_same(value) for value in values}) > 1))
    return rows


def _same(value: Value) -> object:
    """Equal for values that are shown alike: "3e-4" and "0.0003" are not, 1.0 and 1.0 and NaN and NaN are."""
    return "NaN" if isinstance(value, float) and math.isnan(value) else (type(value), value)


def relative_change(value: Value, baseline: Value) -> float | None:
    """How much more than the baseline a number is, as a share of the baseline's size; None where that says nothing."""
    if not isinstance(value, int | float) or not isinstance(baseline, int | float):
        return None
    if not math.isfinite(value) or not math.isfinite(baseline) or baseline == 0:
        return None
    return (value - baseline) / abs(baseline)
