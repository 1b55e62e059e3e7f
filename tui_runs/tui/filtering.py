"""The filter as it is typed, what it means with the columns that there are, and what could be typed next."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from tui_runs.conditions import All, Condition
from tui_runs.errors import QueryError
from tui_runs.frames.selection import known_columns, wide
from tui_runs.tui.run_columns import default_columns

if TYPE_CHECKING:
    from tui_runs.analysis.completion import Suggestion
    from tui_runs.frames.catalog import Catalog
    from tui_runs.frames.workspace import Workspace

_MOST: Final = 8
"""Suggestions that are looked for."""

_BEGUN: Final = re.compile(r"(?:^|(?<=[\s(]))(?:metrics?|params?|tags?)\.[^\s<>=!~'\"]*$")
"""A column at the end of a filter, with nothing said of it yet."""

_AGO: Final = re.compile(r"(?<![\w.])-\d+(?:\.\d+)?(?:ms|[smhdw])")
"""A time that is told from now back; what else looks like one costs no more than a minute's reading anew."""

# The grammar (lark, 60 ms) is not needed for the first screen, so it is imported when something is typed.


class Filter:
    """Reads the text anew when it, or the columns, are others; where it tells a time from now back, every minute.

    Args:
        workspace: whose columns.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._read: object = None
        self._condition: Condition = All(())
        self.mistake: QueryError | None = None
        """Why the text is not understood, or not yet."""

    def condition(self, text: str) -> Condition:
        """What the text means. While it is half typed: what it meant before, unless that was words alone.

        The first word of a comparison is the name of a column, which no run need have in its texts.
        """
        catalog = self._workspace.catalog
        minute = self._workspace.now().replace(second=0, microsecond=0) if _AGO.search(text) else None
        read = (text, catalog.runs_version, minute)
        if read != self._read:
            self._read = read
            self.mistake = None
            if not text.strip():
                self._condition = All(())
                return self._condition
            from tui_runs.analysis.evaluation import columns_of  # noqa: PLC0415
            from tui_runs.analysis.query import parse  # noqa: PLC0415

            # The name of a column that is being typed is no word to look for in the runs.
            begun = _BEGUN.search(text)
            if begun is not None and (not begun.start() or not text[: begun.start()].strip()):
                self._condition = All(())
                return self._condition
            try:
                whole = text if begun is None else text[: begun.start()]
                self._condition = parse(whole, known_columns(catalog), self._workspace.now())
            except QueryError as error:
                self.mistake = error
                if not columns_of(self._condition):
                    self._condition = All(())
        return self._condition


class Completer:
    """Says what could be typed next, with the columns and values that there are.

    Args:
        columns: the columns that a filter may name, most used first.
        values: the values that a column has.
    """

    def __init__(self, columns: Callable[[], Sequence[str]], values: Callable[[str], Sequence[str]]) -> None:
        self._columns, self._values = columns, values

    def __call__(self, text: str, cursor: int) -> Sequence[Suggestion]:
        """The likeliest ways on at a place of a text."""
        from tui_runs.analysis.completion import complete  # noqa: PLC0415

        return complete(text, cursor, self._columns(), self._values, limit=_MOST)


def filter_columns(catalog: Catalog) -> list[str]:
    """The columns that a filter may name, for completion: those that the table shows first, as it has them."""
    known = known_columns(catalog)
    return list(dict.fromkeys([*filter(known.__contains__, default_columns(catalog)), *sorted(known)]))


def values_of(workspace: Workspace, column: str) -> list[str]:
    """The commonest values of a column, for completion."""
    values = wide(workspace, [column])[column].drop_nulls()
    counted = values.value_counts(sort=True)
    return [str(value) for value in counted[column].head(50)]
