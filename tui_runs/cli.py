"""The command line. Data goes to stdout, narration to stderr; exit codes: 0 done, 1 it failed, 2 wrong usage.

Every command imports what it needs when it runs: `--version` and `--help` load neither polars nor textual.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import click
from click.core import ParameterSource

from tui_runs import __version__
from tui_runs.errors import UsageError
from tui_runs.headless.adapter_flags import AdapterCommand, given_options
from tui_runs.headless.narration import is_terminal, tell_error
from tui_runs.headless.output import HISTORY_FORMATS, OBJECT_FORMATS, RUNS_FORMATS, ReaderGoneError, format_of
from tui_runs.headless.sorting import split_sorting
from tui_runs.headless.stores import Stores

_INTERRUPTED: Final = 130
_Function = TypeVar("_Function", bound=Callable[..., Any])


class _Program(click.Group):
    """The group of all commands; turns every error into a few lines and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, SystemExit):
            raise
        except ReaderGoneError:
            # Python flushes stdout once more at its end, and would complain again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            ctx.exit(0)
        except (KeyboardInterrupt, click.Abort):
            ctx.exit(_INTERRUPTED)
        except BaseException as error:  # a panic of polars is no Exception
            ctx.exit(tell_error(error))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program.

    Args:
        arguments: those of the command line, without the program's name.

    Returns:
        The exit code: 0 done (also where a reader such as `head` wanted no more), 1 it failed, 2 wrong usage or a
        location that cannot be opened, 130 interrupted.
    """
    try:
        code = program.main(arguments, prog_name="tui-runs", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except KeyboardInterrupt:
        return _INTERRUPTED
    except OSError as error:  # the help text does not go to where stdout goes
        return tell_error(error)
    return code if isinstance(code, int) else 0


@click.group(cls=_Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
def program() -> None:
    """Training runs in the terminal: table, diff and live curves, read straight from where trainings left them.

    SOURCE is a path or a URL, such as ./mlruns; without any the working directory is searched.
    RUN is a run id, the beginning of one, or a name.
    """


def _sources(function: _Function) -> _Function:
    """Take any number of SOURCEs, and --adapter."""
    return click.argument("sources", metavar="[SOURCE]...", nargs=-1)(_adapter(function))


def _source_options(function: _Function) -> _Function:
    """Take any number of -s SOURCE, and --adapter."""
    text = "Where to look; may be given several times. Default: what lies in the working directory."
    return click.option("-s", "--source", "sources", metavar="SOURCE", multiple=True, help=text)(_adapter(function))


def _adapter(function: _Function) -> _Function:
    return click.option("--adapter", metavar="NAME", help="Read every SOURCE with this adapter.")(function)


def _format(*formats: str) -> Callable[[_Function], _Function]:
    return click.option("--format", "format_name", type=click.Choice(formats), help=f"Default: {formats[0]}.")


_out: Final = click.option("-o", "--output", "path", metavar="FILE", help="Write there; the ending names the format.")


@program.command("open", cls=AdapterCommand)
@_sources
@click.option("--where", default="", metavar="FILTER", help="Show the runs that pass; see `ls --help`.")
@click.option("--sort", metavar="COLUMN[:asc|:desc],...", help="Sort by a column, or by several.")
@click.option("--columns", metavar="NAME,...", help="Columns of the table, such as name,status,params.lr.")
@click.option("--view", "saved", default="", metavar="NAME|FILE", help="Begin with a view that was saved with V.")
@click.option("--poll", type=click.FloatRange(min=0.05), metavar="SECONDS", help="Look at files this often.")
@click.pass_context
def open_app(
    ctx: click.Context,
    sources: tuple[str, ...],
    adapter: str | None,
    where: str,
    sort: str | None,
    columns: str | None,
    saved: str,
    poll: float | None,
) -> None:
    """Open the app."""
    stores = Stores(sources, adapter, given_options(ctx))
    names = [name.strip() for name in columns.split(",") if name.strip()] if columns else []
    order = [split_sorting(part) for part in sort.split(",") if part.strip()] if sort else []
    ctx.exit(_run_app(stores, poll=poll, where=where, sort=order, columns=names, saved=saved))


def _run_app(stores: Stores, **view: Any) -> int:
    if not (is_terminal(sys.stdin) and is_terminal(sys.__stderr__)):
        raise UsageError("The app needs a terminal.", "Without one there are `tui-runs ls`, `show` and `history`.")
    from tui_runs.tui import run_app  # noqa: PLC0415  0.4 s

    return run_app(stores.find(), stores.options, **view)


@program.command(cls=AdapterCommand)
@_sources
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
@_format(*RUNS_FORMATS)
@_out
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
@_source_options
@_format(*OBJECT_FORMATS)
@click.pass_context
def show(ctx: click.Context, run: str, sources: tuple[str, ...], adapter: str | None, format_name: str | None) -> None:
    """Show one RUN whole: facts, metrics, params, tags, notes.

    On a terminal a long value ends with the number of characters that are not shown; in a pipe it is whole.
    """
    from tui_runs.headless.show import show_run  # noqa: PLC0415

    show_run(Stores(sources, adapter, given_options(ctx)), run, format_name or "table")


@program.command(cls=AdapterCommand)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@_source_options
@click.option("--baseline", metavar="RUN", help="Hold the others against this run. Default: the first.")
@click.option("--each-before", is_flag=True, help="Hold each run against the one before it.")
@click.option("--all", "everything", is_flag=True, help="Show what is the same in all runs, too.")
@click.option("--ignore", metavar="REGEX", multiple=True, help="Leave out what has this in its name, such as "
              "^params.seed$; may be given several times.")  # fmt: skip
@click.option("--exact", is_flag=True, help="Let params differ that are written in two ways, as 1e-3 and 0.001.")
@click.option("--patch", is_flag=True, help="Show what git says of the runs' commits, where the repository is here.")
@click.option("--repository", default=".", metavar="DIR", help="The repository of the runs' code. Default: the "
              "working directory's.")  # fmt: skip
@_format(*RUNS_FORMATS)
@_out
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
@_source_options
@click.option("-m", "--metric", "metrics", metavar="METRIC", multiple=True, help="Only this metric; may be given "
              "several times.")  # fmt: skip
@_format(*HISTORY_FORMATS)
@_out
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


_KINDS: Final = ("scatter", "box", "histogram")
_OPTIONS_OF_KINDS: Final = {
    **dict.fromkeys(("x", "smooth", "symlog_y", "ignore_outliers"), ("curve",)),
    "where": _KINDS,
    "against": ("scatter", "box"),
    "log_x": ("curve", "scatter", "histogram"),
    "log_y": ("curve", "scatter", "box"),
}


@program.command(cls=AdapterCommand)
@click.argument("runs", metavar="[RUN]...", nargs=-1)
@_source_options
@click.option("-m", "--metric", "metrics", metavar="METRIC", multiple=True, help="What to draw; may be given several "
              "times. Default: the metric that people look at first.")  # fmt: skip
@click.option("--kind", type=click.Choice(["curve", *_KINDS]), default="curve", show_default=True, help="Curves of "
              "RUNs; or what runs have in common: a metric against a column, its spread by category, how often it has "
              "which value.")  # fmt: skip
@click.option("--against", metavar="COLUMN", help="What a scatter or boxes hold the metric against, such as params.lr, "
              "duration or another metric.")  # fmt: skip
@click.option("--where", default="", metavar="FILTER", help="Of a scatter, boxes or a histogram: only runs that pass; "
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

    A scatter, boxes and a histogram show the last values of METRIC, or min(metrics.loss) and the like, of every run
    where none is named. A digit in a scatter is so many runs in one place.
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


@program.command(cls=AdapterCommand)
@click.argument("source", metavar="[SOURCE]", required=False)
@click.argument("run", metavar="[RUN]", required=False)
@_adapter
@click.option("-m", "--metric", "metrics", metavar="METRIC", multiple=True, help="Only this metric; may be given "
              "several times.")  # fmt: skip
@click.option("--every", type=click.FloatRange(min=0), default=0.0, metavar="SECONDS", help="Write no more often, and "
              "then the newest value of each metric only. Default: every point, at once.")  # fmt: skip
@click.option("--until-done", is_flag=True, help="End when the run ends, with exit code 0 where it finished, 1 where "
              "it failed, was killed or was deleted.")  # fmt: skip
@_format("lines", "jsonl")
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
    from the first on, once, and {"run_id": ..., "status": ..., "time": ...} where the status of a run turns. A run
    whose store does not tell how it ended is followed until ctrl+c.
    """
    from tui_runs.headless.tail import TailWish, is_source, tail_runs  # noqa: PLC0415

    if source is not None and run is None and not is_source(source):
        source, run = None, source
    stores = Stores((source,) if source is not None else (), adapter, given_options(ctx))
    ctx.exit(tail_runs(stores, TailWish(run, as_json=format_name == "jsonl", **asked)))


@program.command(cls=AdapterCommand)
@_sources
@click.pass_context
def doctor(ctx: click.Context, sources: tuple[str, ...], adapter: str | None) -> None:
    """Say what is there, what reads it, and what cannot be read."""
    from tui_runs.headless.doctor import examine  # noqa: PLC0415

    ctx.exit(examine(Stores(sources, adapter, given_options(ctx))))


@program.command()
@_format(*OBJECT_FORMATS)
def adapters(format_name: str | None) -> None:
    """List the installed adapters and their options.

    A broken one is listed with the reason.
    """
    from tui_runs.headless.adapters import list_adapters  # noqa: PLC0415

    list_adapters(format_name or "table")


@program.command()
@click.option("--runs", type=click.IntRange(min=1), default=36, show_default=True, metavar="N", help="How many runs.")
@click.option("--directory", metavar="DIR", help="Make them there and keep them. Default: a temporary folder.")
@click.pass_context
def demo(ctx: click.Context, runs: int, directory: str | None) -> None:
    """Make a store of realistic runs and open it.

    Three of them are still training.
    """
    from tui_runs.demo import run_demo  # noqa: PLC0415

    ctx.exit(run_demo(lambda location: _run_app(Stores((location,))), runs=runs, directory=directory))
