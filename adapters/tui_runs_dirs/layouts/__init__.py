"""How tools leave their runs behind, one module a tool; each has a `LAYOUT` (see `tui_runs_dirs.layout.Layout`)."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Final

from tui_runs_dirs.layout import Layout

MODULES: Final[tuple[str, ...]] = (
    "tui_runs_dirs.layouts.lightning",
    "tui_runs_dirs.layouts.keras",
    "tui_runs_dirs.layouts.hydra",
    "tui_runs_dirs.layouts.ray",
    "tui_runs_dirs.layouts.hf_trainer",
    "tui_runs_dirs.layouts.sacred",
    "tui_runs_dirs.layouts.dvclive",
    "tui_runs_dirs.layouts.ultralytics",
    "tui_runs_dirs.layouts.guild",
    "tui_runs_dirs.layouts.tensorboard",
    "tui_runs_dirs.collections.optuna",
    "tui_runs_dirs.collections.trackio",
    "tui_runs_dirs.collections.zenml",
    "tui_runs_dirs.collections.comet",
    "tui_runs_dirs.collections.tuning_table",
    "tui_runs_dirs.layouts.plain",
)
"""The modules with a `LAYOUT`, in the order in which they look at a directory."""


@cache
def built_in() -> tuple[Layout, ...]:
    """The layouts of all tools."""
    return tuple(import_module(module).LAYOUT for module in MODULES)
