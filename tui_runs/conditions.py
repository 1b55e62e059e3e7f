"""What a person asks of the runs, as plain data: which ones, in what order, how many.

`analysis.query` makes conditions out of text and evaluates them on frames; a source that can narrow down by itself
(a database, a server) reads them and sends less. Columns are named as in the wide runs frame: `params.lr`,
`metrics.val_loss`, `tags.team`, and plain names such as `status` for the columns of RUNS.

Logic has two values: a comparison with something that is missing is false, and `Not` of it is true.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

Operand: TypeAlias = str | float | datetime
Operator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">=", "like", "ilike", "~"]


@dataclass(frozen=True, slots=True)
class Compare:
    """A column stands in a relation to a value; false where the column is missing.

    Args:
        column: its name in the wide frame.
        operator: `like` and `ilike` know `%` and `_`, the second in any case of letters; `~` is a regular expression
            that is found anywhere in the text.
        value: a number compares as a number (a param then counts where it reads as one), a text as text.
    """

    column: str
    operator: Operator
    value: Operand


@dataclass(frozen=True, slots=True)
class OneOf:
    """A column equals one of these values; false where it is missing."""

    column: str
    values: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Has:
    """A column is not missing. The empty text and NaN are there."""

    column: str


@dataclass(frozen=True, slots=True)
class Word:
    """A text occurs, in any case of letters, in the name, id, experiment, notes, or in a param or tag of the run."""

    text: str


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds; of no parts: true."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """At least one part holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Condition


Condition: TypeAlias = Compare | OneOf | Has | Word | All | Either | Not


@dataclass(frozen=True, slots=True)
class Order:
    """Sort by a column; what is missing comes last, whichever the direction.

    Args:
        column: its name in the wide frame.
        descending: the largest first.
    """

    column: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs somebody asks for.

    Args:
        where: what must hold; `All(())` for every run.
        order: the first decides, later ones break ties.
        limit: how many at most, the first in this order; None for all.
    """

    where: Condition = All(())
    order: Sequence[Order] = ()
    limit: int | None = None
