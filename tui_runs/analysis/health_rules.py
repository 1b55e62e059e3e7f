"""What counts as trouble in a run: the rules, as data that a user can set. It needs neither polars nor numpy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

Kind: TypeAlias = Literal["nan", "diverging", "crashed", "stale", "plateau", "disk"]
KINDS: Final[tuple[Kind, ...]] = ("nan", "diverging", "crashed", "stale", "plateau", "disk")
"""The worst first: where a run has several troubles, its status shows the first."""
OF_POINTS: Final[tuple[Kind, ...]] = ("nan", "diverging", "plateau")
"""What the points of a run tell."""


def _seconds(default: float) -> Any:
    return field(default=default, metadata={"unit": "duration", "least": 1.0})


def _share(default: float, most: float = 1.0) -> Any:
    return field(default=default, metadata={"least": 0.0, "most": most})


def _amount(default: float, least: float = 0.0) -> Any:
    return field(default=default, metadata={"least": least})


@dataclass(frozen=True, slots=True)
class HealthRules:
    """Each rule, on or off, and its thresholds; `tui_runs.analysis.health` says what they mean exactly.

    Args:
        stale: a run that is running writes nothing any more.
        stale_after: for so many seconds.
        nan: a metric is NaN or infinite.
        diverging: a metric becomes worse for good.
        diverging_loss: by this share of what it had gained since its beginning, at least.
        diverging_noise: and by so many standard deviations of its noise.
        diverging_growth: or, where it never gained anything, by so many times the size that it began with.
        plateau: the metric that counts most, of those with enough points, does not become better any more.
        plateau_share: for this share of its points; at 0 never. Of more than 0.8 too few others remain to compare with.
        plateau_improvement: by this share of what it had gained before.
        crashed: a run failed, or was killed.
        disk: the file system of a store is nearly full.
        disk_share: when less than this share of it is free.
        disk_gb: and less than so many gigabytes (of 10**9 bytes).
    """

    stale: bool = True
    stale_after: float = _seconds(600.0)
    nan: bool = True
    diverging: bool = True
    diverging_loss: float = _share(0.5)
    diverging_noise: float = _amount(6.0)
    diverging_growth: float = _amount(10.0, 1.0)
    plateau: bool = True
    plateau_share: float = _share(0.5, 0.8)
    plateau_improvement: float = _share(0.01)
    crashed: bool = True
    disk: bool = True
    disk_share: float = _share(0.05)
    disk_gb: float = _amount(20.0)
