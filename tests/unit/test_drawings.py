"""Drawings that are kept: found again while they are among the latest."""

from __future__ import annotations

from textual.strip import Strip

from tui_runs.tui.widgets.drawings import Drawings, Sketch


def sketch(width: int, height: int) -> Sketch:
    return Sketch([Strip.blank(width)] * height, None)


def test_what_was_looked_at_longest_ago_goes_first() -> None:
    drawings = Drawings()
    kept = {number: sketch(200, 100) for number in range(3)}
    for number, one in kept.items():
        drawings.keep(number, one)
    assert drawings.get(0) is kept[0]
    drawings.keep(3, sketch(200, 100))
    assert drawings.get(1) is None
    assert drawings.get(0) is kept[0]
    assert drawings.get(2) is kept[2]


def test_one_that_is_too_large_is_kept_until_the_next() -> None:
    drawings = Drawings()
    drawings.keep("large", sketch(1000, 500))
    assert drawings.get("large") is not None
    drawings.keep("small", sketch(10, 10))
    assert drawings.get("large") is None
    for number in range(600):
        drawings.keep(number, sketch(10, 10))
    assert drawings.get("small") is None
    assert drawings.get(599) is not None
