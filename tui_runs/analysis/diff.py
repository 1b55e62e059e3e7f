"""What differs between runs: one row a key, the values of all runs side by side.

Missing, the empty string and NaN are three values that differ from each other, and each equals itself.

Params are compared by what they mean: `1e-3` and `0.001` are one number, and `True` and `true`, `None` and `null` one
value that two trackers write each in its way. All else is compared as it is stored, for the Python versions `3.1` and
`3.10` are two.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, NamedTuple, TypeAlias

from tui_runs.analysis.direction import Direction, is_better
from tui_runs.analysis.literals import number
from tui_runs.analysis.ranking import by_interest

Kind: TypeAlias = str
"""What a key is of: one of KINDS, or a group of details that a source has beyond them."""
Value: TypeAlias = str | float | None
Facts: TypeAlias = Mapping[Kind, Mapping[str, Value]]
"""What is known of one run: values by key, by kind."""

KINDS: Final = ("param", "metric", "tag", "run", "dataset", "code", "environment")
"""In the order in which they are shown; others follow."""
_COLUMNS: Final = {"run": "", "param": "params.", "metric": "metrics.", "tag": "tags."}
"""How the wide frame begins the names of columns of a kind."""
_WORDS: Final = {"True": "true", "False": "false", "None": "null"}
_WHOLE: Final = re.compile(r"[+-]?\d{1,400}", re.ASCII)
_SEPARATOR: Final = re.compile(r"[./]")


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

    @property
    def name(self) -> str:
        """The row's full name, as that of a column: `params.lr`, `host`, `dataset.train.digest`."""
        return _COLUMNS.get(self.kind, f"{self.kind}.") + self.key


@dataclass(frozen=True, slots=True)
class Section:
    """Rows that belong together.

    Args:
        kind: of all of them.
        parent: what their keys begin with, without the separator at its end; "" for those that stand alone.
        rows: one at least.
    """

    kind: Kind
    parent: str
    rows: tuple[DiffRow, ...]

    def leaf(self, row: DiffRow) -> str:
        """A row's key without the parent."""
        return row.key[len(self.parent) + 1 :] if self.parent else row.key


class Delta(NamedTuple):
    """How a number differs from a baseline.

    Args:
        difference: value - baseline.
        ratio: value / baseline; None where the baseline is zero.
        share: the difference as a share of the baseline's size; None where the baseline is zero.
        better: None where that is not known, or the two are equal.
    """

    difference: float
    ratio: float | None
    share: float | None
    better: bool | None


def compare(
    runs: Sequence[Facts], *, ignore: Sequence[re.Pattern[str]] = (), exact: bool = False, differing: bool = False
) -> list[DiffRow]:
    """Every key that any of some runs has, by kind; metrics begin with those of most interest.

    50 runs x 1,000 params take 45 ms.

    Args:
        runs: two or more; one is compared with nothing.
        ignore: rows in whose full name one of these is found are left out.
        exact: compare params as they are stored, too.
        differing: leave out what is the same in all runs.
    """
    kinds = [*KINDS, *sorted({kind for run in runs for kind in run}.difference(KINDS))]
    rows: list[DiffRow] = []
    for kind in kinds:
        found = diff_rows(kind, [run.get(kind, {}) for run in runs], exact=exact)
        if kind == "metric":
            by_key = {row.key: row for row in found}
            found = [by_key[key] for key in by_interest(by_key)]
        rows += [row for row in found if row.differs or not differing]
    return [row for row in rows if not any(pattern.search(row.name) for pattern in ignore)] if ignore else rows


def diff_rows(kind: Kind, runs: Sequence[Mapping[str, Value]], *, exact: bool = False) -> list[DiffRow]:
    """Every key of one kind that any of the runs has, in reading order.

    Args:
        kind: what the keys are of.
        runs: the values by key, one mapping a run.
        exact: compare params as they are stored, too.
    """
    keys = sorted({key for run in runs for key in run}, key=lambda key: (key.lower(), key))
    counts = meaning if kind == "param" and not exact else _stored
    columns = [list(map(run.get, keys)) for run in runs]
    return [
        DiffRow(kind, key, values, _differ(values, counts))
        for key, values in zip(keys, zip(*columns, strict=True), strict=True)
    ]


def alike(kind: Kind, value: Value, other: Value) -> bool:
    """Whether two values of a kind count as the same."""
    return not _differ((value, other), meaning if kind == "param" else _stored)


def _differ(values: tuple[Value, ...], counts: Callable[[Value], object]) -> bool:
    distinct = iter(dict.fromkeys(values))
    first = counts(next(distinct))
    return any(counts(value) != first for value in distinct)


def _stored(value: Value) -> object:
    """What is equal for values that are shown alike."""
    return "NaN" if isinstance(value, float) and math.isnan(value) else (type(value), value)


def meaning(value: Value) -> object:
    """What is equal for values of params that mean the same.

    Whole numbers are compared as such: seeds of 64 bits are beyond what a float tells apart.
    """
    if not isinstance(value, str):
        return _stored(value)
    if _WHOLE.fullmatch(value):
        return int(value)
    meant = number(value)
    if meant is None:
        return _WORDS.get(value, value)
    if math.isinf(meant) and not value[-1].isalpha():  # too large for a float
        return value
    return "NaN" if math.isnan(meant) else meant


def delta(value: Value, baseline: Value, direction: Direction | None = None) -> Delta | None:
    """How a number differs from a baseline; None where one of them is no finite number.

    Args:
        value: a number, or text that reads as one.
        baseline: the same.
        direction: which way is better.
    """
    return _delta(_finite(value), _finite(baseline), direction)


def _delta(new: float | None, old: float | None, direction: Direction | None) -> Delta | None:
    if new is None or old is None:
        return None
    better = is_better(new, old, direction) if direction is not None else None
    if old == 0:
        return Delta(new, None, None, better)
    return Delta(new - old, new / old, (new - old) / abs(old), better)


def deltas(row: DiffRow, baseline: int | None = 0, direction: Direction | None = None) -> tuple[Delta | None, ...]:
    """How each value of a row differs from the baseline's.

    Args:
        row: of params or metrics; numbers in other texts are names and versions, of which no difference is taken.
        baseline: which run is the baseline; None compares each run with the one before.
        direction: which way is better.

    Returns:
        One a run; None for the baseline itself, and where there are no two numbers.
    """
    if row.kind not in ("param", "metric") and not any(isinstance(value, float) for value in row.values):
        return (None,) * len(row.values)
    numbers = list(map(_finite, row.values))
    before = [None, *numbers[:-1]] if baseline is None else [numbers[baseline]] * len(numbers)
    return tuple(
        None if at == baseline else _delta(value, old, direction)
        for at, (value, old) in enumerate(zip(numbers, before, strict=True))
    )


def _finite(value: Value) -> float | None:
    meant = number(value) if isinstance(value, str) else value
    return meant if meant is not None and math.isfinite(meant) else None


def sections(rows: Sequence[DiffRow]) -> list[Section]:
    """Rows by kind and, within a kind, below the parent that their keys have in common.

    `model.depth` and `model.width` stand below `model`; a key that shares no parent with another stands alone, before
    the others. Separators are the dot and the slash. Rows of metrics stay in their order, and stand alone.

    Args:
        rows: those of a kind next to each other, as `compare` gives them.
    """
    found: list[Section] = []
    for kind, some in groupby(rows, key=lambda row: row.kind):
        of_kind = tuple(some)
        if kind == "metric":
            found.append(Section(kind, "", of_kind))
            continue
        shared = Counter(parent for row in of_kind for parent in _parents(row.key))
        below: dict[str, list[DiffRow]] = {}
        for row in of_kind:
            parent = next((parent for parent in _parents(row.key) if shared[parent] > 1), "")
            below.setdefault(parent, []).append(row)
        ordered = sorted(below, key=lambda parent: (parent.lower(), parent))
        found += [Section(kind, parent, tuple(below[parent])) for parent in ordered]
    return found


def _parents(key: str) -> Iterator[str]:
    """What stands before each separator of a key, the longest first; neither it nor what is left is empty."""
    for match in reversed(list(_SEPARATOR.finditer(key))):
        if 0 < match.start() < len(key) - 1:
            yield key[: match.start()]
