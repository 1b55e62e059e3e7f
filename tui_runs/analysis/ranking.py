"""Which metrics a person most likely wants to see first, and which way is better; guessed from the names alone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_WORDS: Final = re.compile(r"[a-z]+\d*")
_HELD_OUT: Final = frozenset({"val", "valid", "validation", "eval", "test", "dev"})
_GOALS: Final = {
    **dict.fromkeys(("loss", "nll", "perplexity", "ppl", "bpb"), 6),
    **dict.fromkeys(("acc", "accuracy", "f1", "auc", "auroc", "map", "iou", "dice", "bleu", "rouge", "reward"), 5),
    **dict.fromkeys(("error", "err", "rmse", "mse", "mae", "r2", "score", "precision", "recall", "top1", "return"), 4),
}
_ASIDE: Final = frozenset(
    {"lr", "epoch", "step", "time", "throughput", "grad", "norm", "memory", "gpu", "cpu", "system", "sys", "seconds"}
)


def _words(key: str) -> list[str]:
    return _WORDS.findall(key.lower())


def by_interest(metrics: Iterable[str]) -> list[str]:
    """Metric keys, those that people compare runs by first: held-out losses and scores, then training ones."""
    return sorted(metrics, key=lambda key: (-_interest(key), key.lower(), key))


def counts(metric: str) -> bool:
    """Whether runs are judged by a metric: its name tells of a loss or a score."""
    return _interest(metric) > 0


def is_system(metric: str) -> bool:
    """Whether a metric is of the machine and not of the model: trackers log those under `system/`."""
    return metric.startswith("system/")


def _interest(key: str) -> int:
    words = _words(key)
    if is_system(key):
        return -10
    interest = max((_GOALS.get(word, 0) for word in words), default=0)
    if interest and not _HELD_OUT.isdisjoint(words):
        interest += 10
    if not _ASIDE.isdisjoint(words):
        interest -= 8
    return interest
