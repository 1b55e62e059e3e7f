"""The command line. Data goes to stdout, narration to stderr; exit codes: 0 done, 1 it failed, 2 wrong usage.

Every command imports what it needs when it runs: `--version` and `--help` load neither polars nor textual.
"""

from __future__ import annotations

from collections.abc import Sequence

import click

from tui_runs.cli import app, plot, runs, stores  # noqa: F401  each adds its commands to the program
from tui_runs.cli.program import INTERRUPTED, program
from tui_runs.headless.narration import tell_error

__all__ = ["main", "program"]


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
        return INTERRUPTED
    except OSError as error:  # the help text does not go to where stdout goes
        return tell_error(error)
    return code if isinstance(code, int) else 0
