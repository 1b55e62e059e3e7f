"""Makes lines of a `Figure`: for the scrollback with plotext, for the screen without it.

Both write the same characters, which a test holds them to. plotext takes 0.4 s to be imported and 50 ms a figure, with
the interpreter locked: nothing for a command, but too long beside an app that answers keys. It has but one figure, so
`plotext_lines` is for one thread at a time; `screen_lines` is for any.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from tui_runs.drawing.figures import Figure

Lines = list[list[Segment]]

_IN_ASCII: Final = str.maketrans("─━│┌┐└┘├┤┬┴┼┝┥┍┑┕┙•█…●◆", "-=|" + 15 * "+" + "*#.o@")


def plotext_lines(figure: Figure, frame: Style, inks: Sequence[Style]) -> Lines:
    """A figure as plotext draws it.

    Args:
        figure: what stands where.
        frame: the style of the frame and the texts.
        inks: by number.
    """
    import plotext  # noqa: PLC0415  0.4 s, and most commands draw no figure

    sheet = plotext.figure
    plotext.terminal.limit(width=False, height=False)
    sheet.clear()
    sheet.theme("colorless")
    sheet.plot_size(figure.width, figure.height)
    for name, size, ticks in (("x", figure.columns, figure.x_ticks), ("y", figure.rows, figure.y_ticks)):
        sheet.ruler(name).lim(0, size - 1)
        sheet.ruler(name).ticks([at for at, _ in ticks], labels=[text for _, text in ticks])
    cells: dict[str, list[tuple[int, int]]] = {}
    for cell, sign in figure.signs.items():
        cells.setdefault(sign, []).append(cell)
    for sign, places in cells.items():
        columns, rows = zip(*places, strict=True)
        sheet.draw(sheet.signal(columns, rows, marker=plotext.marker(sign)))
    return _coloured(sheet.build().string(colorless=True).splitlines(), figure, frame, inks)


def screen_lines(figure: Figure, frame: Style, inks: Sequence[Style]) -> Lines:
    """The same without plotext: 1 ms for 3,000 cells.

    Args:
        figure: what stands where.
        frame: the style of the frame and the texts.
        inks: by number.
    """
    signs, columns = figure.signs, range(figure.columns)
    beside, below = dict(figure.y_ticks), dict(figure.x_ticks)
    room = figure.left - 1
    lines = [f"{'':{room}}┌{'─' * figure.columns}┐"]
    for row in reversed(range(figure.rows)):
        edge = "┤" if row in beside else "│"
        inside = "".join([signs.get((column, row), " ") for column in columns])
        lines.append(f"{beside.get(row, ''):>{room}}{edge}{inside}│")
    lines.append(f"{'':{room}}└{''.join('┬' if column in below else '─' for column in columns)}┘")
    return _coloured([*lines, _texts_below(figure)], figure, frame, inks)


def _texts_below(figure: Figure) -> str:
    """The line of texts below the x axis, each in the middle below its tick, as far as the frame allows."""
    line, end = "", 0
    for column, text in figure.x_ticks:
        size = cell_len(text)
        start = max(min(figure.left + column - (size - 1) // 2, figure.width - 1 - size), figure.left, end)
        line += " " * (start - end) + text
        end = start + size
    return line + " " * (figure.width - end)


def _coloured(lines: Sequence[str], figure: Figure, frame: Style, inks: Sequence[Style]) -> Lines:
    if figure.ascii_only:
        lines = [line.translate(_IN_ASCII) for line in lines]
    upper, *inside, lower, texts = lines
    left, end = figure.left, figure.left + figure.columns
    made = [[Segment(upper, frame)]]
    by_row: dict[int, dict[int, int]] = {}
    for (column, row), ink in figure.inks.items():
        by_row.setdefault(row, {})[column] = ink
    for row, line in zip(reversed(range(figure.rows)), inside, strict=True):
        own = by_row.get(row, {})
        cells = [(own.get(column, 0), line[left + column]) for column in range(figure.columns)]
        parts = [
            Segment("".join(sign for _, sign in stretch), inks[ink]) for ink, stretch in groupby(cells, itemgetter(0))
        ]
        made.append([Segment(line[:left], frame), *parts, Segment(line[end:], frame)])
    return [*made, [Segment(lower, frame)], [Segment(texts, frame)]]
