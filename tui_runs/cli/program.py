"""The group of all commands, and the options that several of them take."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from tui_runs import __version__
from tui_runs.headless.narration import tell_error
from tui_runs.headless.output import ReaderGoneError

INTERRUPTED: Final = 130
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
            ctx.exit(INTERRUPTED)
        except BaseException as error:  # a panic of polars is no Exception
            ctx.exit(tell_error(error))


@click.group(cls=_Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
def program() -> None:
    """Training runs in the terminal: table, diff and live curves, read straight from where trainings left them.

    SOURCE is a path or a URL, such as ./mlruns; without any the working directory is searched.
    RUN is a run id, the beginning of one, or a name.
    """


def sources_argument(function: _Function) -> _Function:
    """Take any number of SOURCEs, and --adapter."""
    return click.argument("sources", metavar="[SOURCE]...", nargs=-1)(adapter_option(function))


def source_options(function: _Function) -> _Function:
    """Take any number of -s SOURCE, and --adapter."""
    text = "Where to look; may be given several times. Default: what lies in the working directory."
    return click.option("-s", "--source", "sources", metavar="SOURCE", multiple=True, help=text)(
        adapter_option(function)
    )


def adapter_option(function: _Function) -> _Function:
    """Take --adapter."""
    return click.option("--adapter", metavar="NAME", help="Read every SOURCE with this adapter.")(function)


def format_option(*formats: str) -> Callable[[_Function], _Function]:
    """Take --format, one of these; the first is what there is without."""
    return click.option("--format", "format_name", type=click.Choice(formats), help=f"Default: {formats[0]}.")


poll_option: Final = click.option(
    "--poll", type=click.FloatRange(min=0.05), metavar="SECONDS", help="Look at files this often."
)
output_option: Final = click.option(
    "-o", "--output", "path", metavar="FILE", help="Write there; the ending names the format."
)
