"""How much each param has to do with a metric, over the runs in view.

Both measures are of ranks, so that one diverged run does not decide, and neither do a logarithm's or a loss's units:

- numbers: Spearman's rank correlation, Pearson's of the ranks, where equal values share the mean of their ranks
  (Spearman, "The proof and measurement of association between two things", Am. J. Psychol. 15, 1904; with ties as in
  Kendall and Gibbons, "Rank Correlation Methods", 1990, chapter 3);
- words: the share of the variance of the metric's ranks that lies between the groups of equal words, eta squared of H
  = (H - k + 1) / (n - k) with the statistic H of Kruskal and Wallis, corrected for ties, k groups and n runs (Tomczak
  and Tomczak, "The need to report effect size estimates revisited", Trends in Sport Sciences 1(21), 2014). What chance
  alone would give is taken off, so that a param of many words is not ahead.

An association is no cause: params that were changed together share it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import polars as pl

from tui_runs.analysis.ordering import as_numbers

FEW_RUNS: Final = 10
FEW_A_WORD: Final = 3
"""With fewer runs, or fewer for each different word, an association says little."""


@dataclass(frozen=True, slots=True)
class Association:
    """What a param has to do with a metric.

    Args:
        column: the param's, as in the wide frame.
        correlation: -1 to 1 for numbers: above zero the metric is higher where the param is; None for words.
        share: 0 to 1: how much of the variance of the metric's ranks goes with the param; of numbers it is the square
            of the correlation.
        runs: how many have both a value of the param and a finite one of the metric.
        distinct: how many different values of the param those have.
        small: too few runs to say much.
    """

    column: str
    correlation: float | None
    share: float
    runs: int
    distinct: int
    small: bool


def associations(frame: pl.DataFrame, metric: str, columns: Iterable[str]) -> list[Association]:
    """The associations of columns with a metric, the strongest first.

    100 params of 10,000 runs take 0.3 s.

    Args:
        frame: runs, with the metric and the columns among theirs.
        metric: a column of numbers; runs where it is missing, NaN or infinite are left out.
        columns: of text, numbers or statuses; runs where one is missing (or NaN) are left out for it.

    Returns:
        One for each column that has two different values among runs whose metric differs; a column of words that are
        all different says nothing, and is left out too.
    """
    finite = frame.filter(pl.col(metric).is_finite())
    found = [_association(finite[column], finite[metric]) for column in columns]
    return sorted((one for one in found if one is not None), key=lambda one: -one.share)


def _association(values: pl.Series, metric: pl.Series) -> Association | None:
    numbers = as_numbers(values)
    pairs = pl.DataFrame([(numbers.fill_nan(None) if numbers is not None else values).alias("x"), metric.alias("y")])
    pairs = pairs.drop_nulls()
    runs, distinct = pairs.height, pairs["x"].n_unique()
    if distinct < 2 or pairs["y"].n_unique() < 2:
        return None
    if numbers is not None:
        ranks = pairs.select(pl.all().rank("average"))
        correlation = float(ranks.select(pl.corr("x", "y")).item())
        return Association(values.name, correlation, correlation**2, runs, distinct, runs < FEW_RUNS)
    if distinct == runs:
        return None
    share = max(0.0, _share_between(pairs.with_columns(pl.col("y").rank("average")), distinct))
    return Association(values.name, None, share, runs, distinct, runs < max(FEW_RUNS, FEW_A_WORD * distinct))


def _share_between(ranks: pl.DataFrame, groups: int) -> float:
    """Eta squared of H; H is (n - 1) times the share of the ranks' variance that lies between the groups."""
    runs = ranks.height
    mean = (runs + 1) / 2
    parts = ranks.group_by("x").agg(((pl.col("y").mean() - mean) ** 2 * pl.len()).alias("part"))
    total = float(((ranks["y"] - mean) ** 2).sum())
    h = (runs - 1) * float(parts["part"].sum()) / total
    return float((h - groups + 1) / (runs - groups))
