"""The commands that print runs: list, show, compare, write their points, follow them."""

from __future__ import annotations

from typing import Any

import click

from tui_runs.cli.program import (
    adapter_option,
    format_option,
    output_option,
    poll_option,
    program,
    source_options,
    sources_argument,
)
from tui_runs.headless.adapter_flags import AdapterCommand, given_options
from tui_runs.headless.output import HISTORY_FORMATS, OBJECT_FORMATS, RUNS_FORMATS, format_of
from tui_runs.headless.stores import Stores


@program.command(cls=AdapterCommand)
@sources_argument
@click.option("--where", default="", metavar="FILTER", help="Only runs that pass, such as \"metrics.loss < 0.3 and "
              "params.opt = adam\" or \"status = running\"; words alone must occur in a run's texts.")  # fmt: skip
@click.option("--sort", default="started:desc", show_default=True, metavar="COLUMN[:asc|:desc],...",
              help="Sort by a column, ascending unless it says :desc, and by others where it is the same; what is "
              "missing comes last.")  # fmt: skip
@click.option("--columns", metavar="NAME,...", help="Columns, such as name,status,params.lr,metrics.val_loss; lr alone "
              "will do where it is the only one. Default: a choice for the table, else all.")  # fmt: skip
@click.option("--group-by", metavar="NAME,...", help="One row for all runs that are the same there, with the mean ± "
              "standard deviation of metrics; all-but-seed groups by every param but seeds.")  # fmt: skip
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="The first N only.")
@format_option(*RUNS_FORMATS)
@output_option
@click.pass_context
def ls(
    ctx: click.Context,
    /,
    sources: tuple[str, ...],
    adapter: str | None,
    format_name: str | None,
    path: str | None,
    **asked: Any,
) -> None:
    """List runs.

    The table is for people: on a terminal it fits the width, in a pipe nothing is cut. For programs there are json,
    jsonl and csv, with everything that is known of each run; with --columns, with these columns only.

    FILTER takes what MLflow's search_runs takes, and or, not, parentheses, in (...), between, like, ~ for a regular
    expression, is null, has params.lr, times such as started > -2h, and words that occur in name, id, experiment,
    notes, params or tags. A database or a server is asked for the runs that pass, and sends no others.
    """
    from tui_runs.headless.ls import list_runs  # noqa: PLC0415

    chosen = format_of(format_name, path, RUNS_FORMATS)
    stores = Stores(sources, adapter, given_options(ctx))
    list_runs(stores, format_name=chosen, path=path, **asked)


@program.command(cls=AdapterCommand)
@click.argument("run")
@source_options
@format_option(*OBJECT_FORMATS)
@click.pass_context
def show(ctx: click.Context, run: str, sources: tuple[str, ...], adapter: str | None, format_name: str | None) -> None:
    """Show one RUN whole: facts, metrics, params, tags, notes.

    On a terminal a long value ends with the number of characters that are not shown; in a pipe it is whole.
    """
    from tui_runs.headless.show import show_run  # noqa: PLC0415

    show_run(Stores(sources, adapter, given_options(ctx)), run, format_name or "table")


@program.command(cls=AdapterCommand)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@source_options
@click.option("--baseline", metavar="RUN", help="Hold the others against this run. Default: the first.")
@click.option("--each-before", is_flag=True, help="Hold each run against the one before it.")
@click.option("--all", "everything", is_flag=True, help="Show what is the same in all runs, too.")
@click.option("--ignore", metavar="REGEX", multiple=True, help="Leave out what has this in its name, such as "
              "^params.seed$; may be given several times.")  # fmt: skip
@click.option("--exact", is_flag=True, help="Let params differ that are written in two ways, as 1e-3 and 0.001.")
@click.option("--patch", is_flag=True, help="Show what git says of the runs' commits, where the repository is here.")
@click.option("--repository", default=".", metavar="DIR", help="The repository of the runs' code. Default: the "
              "working directory's.")  # fmt: skip
@format_option(*RUNS_FORMATS)
@output_option
@click.pass_context
def diff(
    ctx: click.Context,
    /,
    runs: tuple[str, ...],
    sources: tuple[str, ...],
    adapter: str | None,
    format_name: str | None,
    path: str | None,
    **asked: Any,
) -> None:
    """Show what differs between RUNs.

    Compared are params, the last values of metrics, tags, datasets, environment and code. A number's change is that
    against the baseline; on a terminal green is better and red is worse, where a metric's name tells which way that
    is. Missing, empty and NaN are three values. The page that --format html makes has the curves, too.
    """
    from tui_runs.headless.diff import DiffQuestion, diff_runs  # noqa: PLC0415

    chosen = format_of(format_name, path, RUNS_FORMATS)
    diff_runs(Stores(sources, adapter, given_options(ctx)), DiffQuestion(runs, **asked), chosen, path)


@program.command(cls=AdapterCommand)
@click.argument("runs", metavar="[RUN]...", nargs=-1)
@source_options
@click.option("-m", "--metric", "metrics", metavar="METRIC", multiple=True, help="Only this metric; may be given "
              "several times.")  # fmt: skip
@format_option(*HISTORY_FORMATS)
@output_option
@click.pass_context
def history(
    ctx: click.Context,
    runs: tuple[str, ...],
    sources: tuple[str, ...],
    adapter: str | None,
    metrics: tuple[str, ...],
    format_name: str | None,
    path: str | None,
) -> None:
    """Write the points of RUNs, of every run where none is named.

    Columns: run_id, metric, step, time, value; the points of a metric in the order in which they were logged.
    """
    from tui_runs.headless.history import write_history  # noqa: PLC0415

    chosen = format_of(format_name, path, HISTORY_FORMATS)
    write_history(Stores(sources, adapter, given_options(ctx)), runs, metrics, chosen, path)


@program.command(cls=AdapterCommand)
@click.argument("source", metavar="[SOURCE]", required=False)
@click.argument("run", metavar="[RUN]", required=False)
@adapter_option
@click.option("-m", "--metric", "metrics", metavar="METRIC", multiple=True, help="Only this metric; may be given "
              "several times.")  # fmt: skip
@click.option("--every", type=click.FloatRange(min=0), default=0.0, metavar="SECONDS", help="Write no more often, and "
              "then the newest value of each metric only. Default: every point, at once.")  # fmt: skip
@poll_option
@click.option("--until-done", is_flag=True, help="End when the run ends, with exit code 0 where it finished, 1 where "
              "it failed, was killed or was deleted.")  # fmt: skip
@format_option("lines", "jsonl")
@click.pass_context
def tail(
    ctx: click.Context,
    /,
    source: str | None,
    run: str | None,
    adapter: str | None,
    format_name: str | None,
    **asked: Any,
) -> None:
    """Write the points of RUN as they are logged.

    Without RUN: of every run that is running, and of those that begin; where none is running, of the latest. A lone
    argument is a SOURCE where there is such a path, or where it looks like a path or a URL; else it is a RUN.

    The lines are for people: one a step, the last ten of what was logged before. jsonl is for programs: every point
    from the first on, once, and {"run_id": ..., "status": ..., "time": ...} where the status of a run turns; where
    several stores are followed each object names its "source", too. A run whose store does not tell how it ended is
    followed until ctrl+c.
    """
    from tui_runs.headless.tail import TailWish, is_source, tail_runs  # noqa: PLC0415

    if source is not None and run is None and not is_source(source):
        source, run = None, source
    stores = Stores((source,) if source is not None else (), adapter, given_options(ctx))
    ctx.exit(tail_runs(stores, TailWish(run, as_json=format_name == "jsonl", **asked)))
