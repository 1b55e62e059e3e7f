"""The colours of runs: which run gets which, and what is done where a terminal has few of them."""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final, Literal

from tui_runs.drawing.raster import DASHES

Rgb = tuple[float, float, float]

RUN_COLOURS: Final = ("#1d9ec1", "#aa8c03", "#18844d", "#ef6281", "#da188a", "#ab72f4", "#7270c0", "#a95e07")
"""Eight colours for runs. Every two differ by 0.074 or more in OKLab for normal, protanopic, deuteranopic and
tritanopic eyes (Machado et al. 2009); contrast is 3.8 or more on #0f1318, 3.0 or more on #fbfcfd (the two themes).
They are for where the ground is not known: one colour cannot be vivid on both."""

DARK_COLOURS: Final = ("#60cffd", "#f4d100", "#aef3aa", "#fa0120", "#c45e90", "#ab47ff", "#9890e3", "#ed9753")
LIGHT_COLOURS: Final = ("#1996ba", "#9e8f01", "#107600", "#c74668", "#9b0285", "#8f40f6", "#2309ca", "#683015")
"""The same eight, blue to orange, on a dark ground and on a light one: distances of 0.11 or more, contrasts of 4.5 on
#0f1318 and 3.2 on #fbfcfd."""

Ground = Literal["dark", "light", "unknown"]
DRAWN_ON: Final[Mapping[Ground, Sequence[str]]] = {
    "dark": DARK_COLOURS,
    "light": LIGHT_COLOURS,
    "unknown": RUN_COLOURS,
}

FEW_COLOURS: Final = ("#5555ff", "#ffff55", "#ff5555", "#55ffff", "#ff55ff", "#55ff55")
"""Six that a terminal of 16 colours has (rich's standard palette maps them to its bright ones)."""

_WELL_APART: Final = (0.11, 0.09, 0.075)
"""Distances in OKLab that a new run's colour should have from those before it; what can be had is taken."""

VISIONS: Final[Mapping[str, tuple[Rgb, Rgb, Rgb]]] = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
"""How linear RGB looks to others. Source: Machado, Oliveira and Fernandes 2009, severity 1.0."""


def colour_slot(run_id: str, colours: int = len(RUN_COLOURS)) -> int:
    """Which of so many colours a run would like, the same in every process.

    Two runs may like the same one, or two that look alike; `run_looks` settles it.
    """
    return zlib.crc32(run_id.encode()) % colours


def run_looks(
    run_ids: Sequence[str], *, colours: Sequence[str] = RUN_COLOURS, ground: Ground = "unknown"
) -> list[tuple[str, int]]:
    """A colour and a dash for each run, no two alike up to len(colours) * len(DASHES) runs.

    A run gets the colour of its `colour_slot`, or the next that nobody could take for one of a run before it; a run
    more than there are colours begins the dashes. A run keeps its look when others are added after it.

    Args:
        run_ids: in the order in which they were chosen.
        colours: what there is; of fewer than two colours, every run gets the next dash instead.
        ground: what the runs are drawn on. A run has the same of `RUN_COLOURS` everywhere, for each ground mixed anew.
    """
    drawn = DRAWN_ON[ground] if colours is RUN_COLOURS else colours
    looks = []
    taken: list[list[int]] = [[] for _ in range(len(run_ids) // len(colours) + 1)]
    for order, run_id in enumerate(run_ids):
        row = order // len(colours)
        slot = _free_slot(colour_slot(run_id, len(colours)), taken[row], colours)
        taken[row].append(slot)
        looks.append((drawn[slot], row % len(DASHES)))
    return looks


def _free_slot(wish: int, taken: Sequence[int], colours: Sequence[str]) -> int:
    free = [slot for step in range(len(colours)) if (slot := (wish + step) % len(colours)) not in taken]
    apart = {slot: min((_apart(colours[slot], colours[other]) for other in taken), default=1.0) for slot in free}
    for enough in _WELL_APART:
        for slot in free:
            if apart[slot] >= enough:
                return slot
    return max(free, key=lambda slot: apart[slot])


@cache
def _apart(one: str, other: str) -> float:
    """How different thin lines of two colours look to those who tell them apart worst: a distance in OKLab.

    For normal eyes lightness does not count: a light and a dark blue are two colours side by side, and one in a legend.
    """
    seen = [[_oklab(_seen_by(_linear(colour), vision)) for colour in (one, other)] for vision in VISIONS.values()]
    (_, *hue), (_, *other_hue) = seen[0]
    return min(math.dist(hue, other_hue), *(math.dist(*pair) for pair in seen[1:]))


def _linear(colour: str) -> Rgb:
    """Red, green and blue of `#rrggbb` from 0 to 1, as amounts of light (IEC 61966-2-1)."""
    red, green, blue = (part / 255 for part in bytes.fromhex(colour.removeprefix("#")))

    def light(part: float) -> float:
        return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)

    return light(red), light(green), light(blue)


def _seen_by(light: Rgb, vision: tuple[Rgb, Rgb, Rgb]) -> Rgb:
    mixed = (sum(m * part for m, part in zip(row, light, strict=True)) for row in vision)
    red, green, blue = (min(max(part, 0.0), 1.0) for part in mixed)
    return red, green, blue


def _oklab(light: Rgb) -> Rgb:
    """Source: Ottosson 2020, "A perceptual color space for image processing"."""
    r, g, b = light
    l_, m_, s_ = (
        cone ** (1 / 3)
        for cone in (
            0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b,
            0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b,
            0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b,
        )
    )
    return (
        0.2104542553 * l_ + 0.7936177850 * m_ - 0.0040720468 * s_,
        1.9779984951 * l_ - 2.4285922050 * m_ + 0.4505937099 * s_,
        0.0259040371 * l_ + 0.7827717662 * m_ - 0.8086757660 * s_,
    )


def blended(colour: str, ground: str, share: float) -> str:
    """A colour on its way to that of the ground: `share` of it is left."""
    pairs = zip(bytes.fromhex(colour.removeprefix("#")), bytes.fromhex(ground.removeprefix("#")), strict=True)
    return "#" + "".join(f"{round(one * share + other * (1 - share)):02x}" for one, other in pairs)


def least_difference(colours: Sequence[str]) -> float:
    """The distance in OKLab between the two colours that look most alike to the eyes that tell them apart worst."""
    return min(_apart(*pair) for pair in itertools.combinations(colours, 2))
