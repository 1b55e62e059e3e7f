"""The commands that open the app."""

from __future__ import annotations

import sys
from typing import Any

import click

from tui_runs.cli.program import poll_option, program, sources_argument
from tui_runs.errors import UsageError
from tui_runs.headless.adapter_flags import AdapterCommand, given_options
from tui_runs.headless.narration import is_terminal
from tui_runs.headless.sorting import split_names, split_orders
from tui_runs.headless.stores import Stores


@program.command("open", cls=AdapterCommand)
@sources_argument
@click.option("--where", default="", metavar="FILTER", help="Show the runs that pass; see `ls --help`.")
@click.option("--sort", metavar="COLUMN[:asc|:desc],...", help="Sort by a column, or by several.")
@click.option("--columns", metavar="NAME,...", help="Columns of the table, such as name,status,params.lr.")
@click.option("--view", "saved", default="", metavar="NAME|FILE", help="Begin with a view that was saved with V.")
@poll_option
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
    names, orders = split_names(columns or ""), split_orders(sort or "")
    ctx.exit(_run_app(stores, poll=poll, where=where, sort=orders, columns=names, saved=saved))


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


def _run_app(stores: Stores, **view: Any) -> int:
    if not (is_terminal(sys.stdin) and is_terminal(sys.__stderr__)):
        raise UsageError("The app needs a terminal.", "Without one there are `tui-runs ls`, `show` and `history`.")
    from tui_runs.tui import run_app  # noqa: PLC0415  0.4 s

    return run_app(stores.find(), stores.options, **view)
