"""The colours that grow with a metric: each tells from its neighbours and from the ground, for every eye."""

from itertools import pairwise

import numpy as np
import pytest
from rich.color import ColorSystem
from rich.style import Style

from tui_runs.drawing.colours import VISIONS, least_difference
from tui_runs.drawing.ramp import SHADES, layer_runs, ramp

GROUNDS = {True: "#0f1318", False: "#fbfcfd"}


def light(colour, vision):
    """Relative luminance (WCAG 2) as eyes of a kind see it (Machado et al. 2009)."""
    parts = [part / 255 for part in bytes.fromhex(colour[1:])]
    linear = np.array([part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts])
    return float(np.clip(np.array(VISIONS[vision]) @ linear, 0, 1) @ [0.2126, 0.7152, 0.0722])


def contrast(one, other, vision="normal"):
    low, high = sorted((light(one, vision), light(other, vision)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [True, False])
@pytest.mark.parametrize("vision", VISIONS)
def test_the_further_on_the_more_it_stands_out(dark, vision):
    contrasts = [contrast(colour, GROUNDS[dark], vision) for colour in ramp(dark=dark)]
    assert len(contrasts) == SHADES
    assert all(after > 1.1 * before for before, after in pairwise(contrasts))
    assert contrasts[-1] > 10


@pytest.mark.parametrize("dark", [True, False])
def test_every_one_is_seen_and_no_two_are_alike(dark):
    colours = ramp(dark=dark)
    assert min(contrast(colour, GROUNDS[dark]) for colour in colours) > 1.5
    assert least_difference(colours) > 0.03


@pytest.mark.parametrize("dark", [True, False])
@pytest.mark.parametrize("vision", VISIONS)
def test_few_colours(dark, vision):
    contrasts = [contrast(colour, GROUNDS[dark], vision) for colour in ramp(dark=dark, system=ColorSystem.STANDARD)]
    assert contrasts == sorted(contrasts)
    assert contrasts[-1] > 4


def test_layers_from_the_back():
    metric = np.array([1.0, 2.0, 3.0, np.nan, 0.5, 4.0])
    shades = [Style(color=colour) for colour in ("#000001", "#000002")]
    muted, own = Style(color="#111111"), Style(bold=True)
    context = np.array([False, False, False, False, True, False])
    layers, lines = layer_runs(metric, "lower", shades, muted, context, [(1, own)])
    assert [lines[at].style for at in layers] == [shades[1], own, shades[0], muted, muted, shades[0]]
    assert layers[4] < layers[3] < layers[5] < layers[0] < layers[1]
    assert [line.alone for line in lines] == [False] * 4 + [True]
