"""The command that draws."""

from __future__ import annotations

from typing import Any, Final

import click
from click.core import ParameterSource

from tui_runs.cli.program import program, source_options
from tui_runs.errors import UsageError
from tui_runs.headless.adapter_flags import AdapterCommand, given_options
from tui_runs.headless.stores import Stores

_KINDS: Final = ("scatter", "parallel", "box", "histogram")
_OPTIONS_OF_KINDS: Final = {
    **dict.fromkeys(("x", "smooth", "symlog_y", "ignore_outliers"), ("curve",)),
    "where": _KINDS,
    "against": ("scatter", "parallel", "box"),
    "log_x": ("curve", "scatter", "histogram"),
    "log_y": ("curve", "scatter", "parallel", "box"),
}


@program.command(cls=AdapterCommand)
@click.argument("runs", metavar="[RUN]...", nargs=-1)
@source_options
@click.option("-m", "--metric", "metrics", metavar="METRIC", multiple=True, help="What to draw; may be given several "
              "times. Default: the metric that people look at first.")  # fmt: skip
@click.option("--kind", type=click.Choice(["curve", *_KINDS]), default="curve", show_default=True, help="Curves of "
              "RUNs; or what runs have in common: a metric against a column, a line for each across columns, the "
              "spread by category, how often there is which value.")  # fmt: skip
@click.option("--against", metavar="COLUMN", help="What a scatter or boxes hold the metric against, such as params.lr, "
              "duration or another metric; several, separated by commas, for parallel coordinates: default those in "
              "which runs differ, what has most to do with the metric first.")  # fmt: skip
@click.option("--where", default="", metavar="FILTER", help="Of all kinds but curves: only runs that pass; "
              "see `ls --help`.")  # fmt: skip
@click.option("--x", metavar="step|time|relative|METRIC", help="What over. Default: the step, or what the metric "
              "itself was logged over.")  # fmt: skip
@click.option("--smooth", metavar="HOW", default="none", help="0.9 or ema:0.9 (as TensorBoard and W&B), time-ema:0.9, "
              "mean:21, gaussian:3; the raw curve stays behind.")  # fmt: skip
@click.option("--log-x", is_flag=True, help="A logarithmic x axis.")
@click.option("--log-y", is_flag=True, help="A logarithmic y axis.")
@click.option("--symlog-y", is_flag=True, help="A y axis that is logarithmic to both sides of 0.")
@click.option("--ignore-outliers", is_flag=True, help="A y axis where most values lie; says how many are beyond it.")
@click.option("--width", type=click.IntRange(min=10), metavar="CELLS", help="Default: the terminal's.")
@click.option("--height", type=click.IntRange(min=3), default=18, show_default=True, metavar="LINES", help="Of each.")
@click.option("--data", is_flag=True, help="Write the points that would be drawn, as CSV.")
@click.option("-o", "--output", "path", metavar="FILE", help="Write there.")
@click.pass_context
def plot(
    ctx: click.Context,
    /,
    runs: tuple[str, ...],
    sources: tuple[str, ...],
    adapter: str | None,
    metrics: tuple[str, ...],
    kind: Any,
    smooth: str,
    data: bool,
    path: str | None,
    **wish: Any,
) -> None:
    """Draw the curves of RUNs, or what runs have in common.

    There is a chart for each METRIC. Every spike is seen, however long the curves are; what is not finite is a gap with
    a mark, and counted in the title.

    The other kinds show the last values of METRIC, or min(metrics.loss) and the like, of every run where none is named.
    A digit in a scatter is so many runs in one place. Parallel coordinates have an axis for each column, logarithmic
    where numbers span more than two powers of ten, and a lane below it for runs that have no value there.
    """
    stores = Stores(sources, adapter, given_options(ctx))
    _refuse_others(ctx, kind)
    if kind == "curve":
        from tui_runs.analysis.chart_choices import parse_smoothing  # noqa: PLC0415
        from tui_runs.headless.plot import Wish, plot_runs  # noqa: PLC0415

        if not runs:
            raise click.MissingParameter(ctx=ctx, param_hint="'RUN...'", param_type="argument")
        curves = {name: value for name, value in wish.items() if name not in ("where", "against")}
        plot_runs(stores, runs, metrics, Wish(smoothing=parse_smoothing(smooth), **curves), data=data, path=path)
    else:
        from tui_runs.headless.figures import FigureWish, plot_figures  # noqa: PLC0415

        own = {name: value for name, value in wish.items() if name not in ("x", "symlog_y", "ignore_outliers")}
        plot_figures(stores, runs, metrics, FigureWish(kind, **own), data=data, path=path)


def _refuse_others(ctx: click.Context, kind: str) -> None:
    """Refuse the options of `plot` that do nothing for a kind: silence would look as if they had done it."""
    for name, kinds in _OPTIONS_OF_KINDS.items():
        if kind not in kinds and ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            flag = "--" + name.replace("_", "-")
            raise UsageError(f"{flag} is not for --kind {kind}.", f"It is for {', '.join(kinds)}.")
