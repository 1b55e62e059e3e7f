"""The commands that tell what can be read, and by what."""

from __future__ import annotations

import click

from tui_runs.cli.program import format_option, program, sources_argument
from tui_runs.headless.adapter_flags import AdapterCommand, given_options
from tui_runs.headless.output import OBJECT_FORMATS
from tui_runs.headless.stores import Stores


@program.command(cls=AdapterCommand)
@sources_argument
@click.pass_context
def doctor(ctx: click.Context, sources: tuple[str, ...], adapter: str | None) -> None:
    """Say what is there, what reads it, and what cannot be read."""
    from tui_runs.headless.doctor import examine  # noqa: PLC0415

    ctx.exit(examine(Stores(sources, adapter, given_options(ctx))))


@program.command()
@format_option(*OBJECT_FORMATS)
def adapters(format_name: str | None) -> None:
    """List the installed adapters and their options.

    A broken one is listed with the reason.
    """
    from tui_runs.headless.adapters import list_adapters  # noqa: PLC0415

    list_adapters(format_name or "table")
