"""What is drawn with on terminals of all kinds."""

import pytest

from tui_runs.drawing import ASCII, BRAILLE, FEW_COLOURS, HALVES, RUN_COLOURS
from tui_runs.drawing.terminals import colours_for, glyphs_for


@pytest.mark.parametrize(
    ("environ", "encoding", "glyphs"),
    [
        ({"TERM": "xterm-256color"}, "utf-8", BRAILLE),
        ({}, "utf-8", BRAILLE),
        ({"TERM": "linux"}, "utf-8", HALVES),
        ({"TERM": "vt220"}, "utf-8", ASCII),
        ({"TERM": "xterm-256color"}, "ascii", ASCII),
        ({"TERM": "xterm"}, "latin-1", ASCII),
        ({}, "no such encoding", ASCII),
    ],
)
def test_glyphs(environ, encoding, glyphs):
    assert glyphs_for(environ, encoding) is glyphs


@pytest.mark.parametrize(
    ("environ", "colours"),
    [
        ({"TERM": "xterm-256color"}, RUN_COLOURS),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, RUN_COLOURS),
        ({"TERM": "xterm-kitty"}, RUN_COLOURS),
        ({"TERM": "linux"}, FEW_COLOURS),
        ({"TERM": "xterm-16color"}, FEW_COLOURS),
    ],
)
def test_colours(environ, colours):
    assert colours_for(environ) == colours
    assert len(colours_for({**environ, "NO_COLOR": "1"})) == 1
    assert colours_for({**environ, "NO_COLOR": ""}) == colours
