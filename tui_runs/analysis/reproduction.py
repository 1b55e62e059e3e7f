"""The line that runs a training again, as far as its tracker noted how it was started."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from tui_runs.display import printable

_COMMIT: Final = re.compile(r"[0-9a-f]{7,64}", re.IGNORECASE)


def reproducing_line(run: Mapping[str, object]) -> str | None:
    """A line for a shell: the commit is checked out, and the command is given again.

    It comes from a store that anybody may have written, so it is one line whatever stands in there: nothing that is
    pasted runs before the user has seen it and pressed enter.

    Args:
        run: the columns of RUNS.

    Returns:
        None where the tracker did not note the command.
    """
    command = run.get("command")
    if not isinstance(command, str) or not command.strip():
        return None
    line = printable(command.strip())
    commit = run.get("git_commit")
    if isinstance(commit, str) and _COMMIT.fullmatch(commit):
        return f"git checkout {commit} && {line}"
    return line
