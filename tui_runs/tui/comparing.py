"""The marked runs taken from the catalog for the comparison."""

from __future__ import annotations

from collections.abc import Sequence

from tui_runs.analysis.diff import DiffRow, diff_rows
from tui_runs.analysis.ranking import by_interest
from tui_runs.frames.catalog import Catalog, RunKey

_OWN_TAGS = "mlflow."
"""Tags that trackers set by themselves: what they say of the run stands in the run pane."""


def diff_runs(catalog: Catalog, runs: Sequence[RunKey]) -> list[DiffRow]:
    """Params, metrics (last values; those of most interest first) and the user's own tags of some runs."""
    params = diff_rows("param", [dict(catalog.texts_of("params", run).iter_rows()) for run in runs])
    lasts = [dict(catalog.metrics_of(run).select("key", "last").iter_rows()) for run in runs]
    metrics = {row.key: row for row in diff_rows("metric", lasts)}
    tags = diff_rows("tag", [dict(catalog.texts_of("tags", run).iter_rows()) for run in runs])
    own = [row for row in tags if not row.key.startswith(_OWN_TAGS)]
    return [*params, *(metrics[key] for key in by_interest(metrics)), *own]
