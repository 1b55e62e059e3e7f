"""Which way a metric is better, guessed from its name unless somebody says, and which of some values is the best."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

Direction: TypeAlias = Literal["lower", "higher"]

_PART: Final = re.compile(r"[A-Za-z0-9]+")
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*")
"""Words of a name in camel case: `valLoss`, `microF1`, `ROCAuc`."""

_LOWER: Final = frozenset((
    "loss", "nll", "perplexity", "ppl", "bpb", "bpc", "logloss", "crossentropy", "xent", "bce", "error", "err",
    "errors", "rmse", "mse", "mae", "mape", "smape", "mase", "rmsle", "msle", "wer", "cer", "ter", "mer", "eer",
    "fid", "kid", "lpips", "ece", "brier", "regret", "time", "runtime", "latency", "seconds", "duration", "fpr",
    "fnr",
))  # fmt: skip
_HIGHER: Final = frozenset((
    "acc", "accuracy", "f1", "auc", "auroc", "auprc", "roc", "map", "ap", "iou", "miou", "dice", "bleu", "rouge",
    "meteor", "reward", "return", "r2", "precision", "recall", "sensitivity", "specificity", "tpr", "tnr", "top1",
    "top5", "psnr", "ssim", "ndcg", "mrr", "mcc", "kappa", "hits", "elbo", "success", "throughput",
))  # fmt: skip
_PAIRS: Final[Mapping[tuple[str, str], Direction]] = {
    ("cross", "entropy"): "lower",
    ("false", "positive"): "lower",
    ("false", "negative"): "lower",
    ("log", "likelihood"): "higher",
    ("explained", "variance"): "higher",
    ("exact", "match"): "higher",
    ("per", "second"): "higher",
    ("per", "sec"): "higher",
}
_SCORES: Final = frozenset(["score", "scores"])
"""Say up only where no other word says anything: a `fid_score` is a FID."""
_NO_GOAL: Final = frozenset(["std", "stddev", "var", "scale", "weight", "coef", "size", "count", "threshold"])
"""At a name's end these make it a property of a metric, or a setting: `loss_scale`, `reward_std`."""


def direction_of(metric: str, said: Mapping[str, Direction | None] = MappingProxyType({})) -> Direction | None:
    """Which way a metric is better.

    Names are read word by word, parted by anything that is no letter or digit, and by camel case. Of several words
    that tell, the last one does: `reward_loss` is a loss.

    Args:
        metric: its key, without `metrics.`.
        said: what somebody knows better, by key; None there means neither way.

    Returns:
        None where the name does not tell.
    """
    if metric in said:
        return said[metric]
    words = _words(metric)
    if not words or words[-1] in _NO_GOAL:
        return None
    for at in range(len(words) - 1, -1, -1):
        pair = _PAIRS.get((words[at - 1], words[at])) if at else None
        told = pair or _told(words[at])
        if told:
            return told
    return None if _SCORES.isdisjoint(words) else "higher"


def _words(metric: str) -> list[str]:
    words: list[str] = []
    for part in _PART.findall(metric):
        whole = part.lower()
        # "mAP" and "IoU" are one word, whatever their capitals say.
        words += [whole] if _told(whole) else [word.lower() for word in _WORD.findall(part)]
    return words


def _told(word: str) -> Direction | None:
    """What a word says, and if nothing what it says without the number or the s at its end: loss2, rewards."""
    for form in (word, bare := word.rstrip("0123456789"), bare.removesuffix("s"), bare.removesuffix("es")):
        if form in _LOWER:
            return "lower"
        if form in _HIGHER:
            return "higher"
    return None


def is_better(value: float, than: float, direction: Direction | None) -> bool | None:
    """Whether a value is better than another; None where the direction is not known or the two are equal.

    A number is better than NaN.
    """
    if direction is None or value == than or (math.isnan(value) and math.isnan(than)):
        return None
    if math.isnan(value) or math.isnan(than):
        return math.isnan(than)
    return (value < than) == (direction == "lower")


def best_places(values: Sequence[float | None], direction: Direction | None) -> frozenset[int]:
    """Where the best values stand, all of those that are equal.

    Args:
        values: missing ones, NaN and the infinities are never the best.
        direction: None has no best.

    Returns:
        Nothing where fewer than two numbers differ: that would mark everything, and say nothing.
    """
    numbers = [value for value in values if value is not None and math.isfinite(value)]
    if direction is None or len(set(numbers)) < 2:
        return frozenset()
    best = min(numbers) if direction == "lower" else max(numbers)
    return frozenset(place for place, value in enumerate(values) if value == best)
