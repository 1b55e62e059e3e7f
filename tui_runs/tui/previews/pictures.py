"""Previews of images: decoded and scaled in the worker thread, drawn as the terminal can.

textual-image asks the terminal what it can when `textual_image.widget` or `.renderable` is imported, and would take
keys from the app for the answer. So nothing of these is imported: the environment says which terminal it is, and half
blocks are what every terminal can, through SSH and tmux. Of textual-image comes what is hard, the encoding of Sixels.
"""

from __future__ import annotations

import base64
import importlib
import io
import itertools
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui_runs.display import file_size
from tui_runs.tui.previews.page import ImageMode, Page, Room, TextPreview

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_PIXELS: Final = 1 << 26
"""Pixels that are decoded: 8,192 x 8,192 of four bytes each are 256 MB for a moment."""
_HELD: Final = (1600, 1200)
"""Width and height of what is kept of an image, at most: what a large terminal can show."""
_MODES: Final[Mapping[str, ImageMode]] = {"kitty": "kitty", "sixel": "sixel", "blocks": "blocks", "none": "none"}
_SIXEL_TERMINALS: Final = ("WezTerm", "iTerm.app", "contour", "mintty", "mlterm", "WarpTerminal")
_PLUGINS: Final = {"PNG": "Png", "JPEG": "Jpeg", "GIF": "Gif", "WEBP": "WebP", "BMP": "Bmp"}
"""Formats, and the module of Pillow that reads each. No other is imported, and no other is tried."""
_SAID: Final = {
    "kitty": "in kitty's protocol", "sixel": "as Sixel", "blocks": "in half blocks", "none": "not drawn",
}  # fmt: skip

# The first of the marks that say which row of an image stands in a cell, as kitty's protocol counts them.
# Source: rowcolumn-diacritics.txt of kitty.
_ROWS: Final = (
    "\u0305\u030d\u030e\u0310\u0312\u033d\u033e\u033f\u0346\u034a\u034b\u034c\u0350\u0351\u0352\u0357\u035b\u0363"
    "\u0364\u0365\u0366\u0367\u0368\u0369\u036a\u036b\u036c\u036d\u036e\u036f\u0483\u0484\u0485\u0486\u0487\u0592"
    "\u0593\u0594\u0595\u0597\u0598\u0599\u059c\u059d\u059e\u059f\u05a0\u05a1\u05a8\u05a9\u05ab\u05ac\u05af\u05c4"
    "\u0610\u0611\u0612\u0613\u0614\u0615\u0616\u0617\u0657\u0658\u0659\u065a\u065b\u065d\u065e\u06d6\u06d7\u06d8"
    "\u06d9\u06da\u06db\u06dc\u06df\u06e0\u06e1\u06e2\u06e4\u06e7\u06e8\u06eb\u06ec\u0730\u0732\u0733\u0735\u0736"
)
_PLACEHOLDER: Final = "\U0010eeee"
_CHUNK: Final = 4096
_ids = itertools.count(os.getpid() % 251 * 256 + 1)
"""Numbers of images in the terminal, which may show those of other programs, too."""


def image_mode(environment: Mapping[str, str]) -> ImageMode:
    """How images are drawn: as TUI_RUNS_IMAGES says, else as the terminal is known to be able to.

    A terminal that is known by TERM alone is known through SSH as well; tmux and screen pass neither protocol on.
    """
    wanted = _MODES.get(environment.get("TUI_RUNS_IMAGES", "").strip().lower())
    if wanted is not None:
        return wanted
    term = environment.get("TERM", "")
    if environment.get("NO_COLOR") or term == "dumb":
        return "none"
    if "TMUX" in environment or "STY" in environment or term.startswith(("tmux", "screen")):
        return "blocks"
    if term in ("xterm-kitty", "xterm-ghostty") or "KITTY_WINDOW_ID" in environment:
        return "kitty"
    if term.startswith(("foot", "mlterm", "contour")) or environment.get("TERM_PROGRAM") in _SIXEL_TERMINALS:
        return "sixel"
    return "blocks"


class PicturePreview(NamedTuple):
    """An image.

    Args:
        title: its format, size and mode.
        image: what is kept of it, RGB or RGBA; never changed.
    """

    title: str
    image: Image

    def page(self, room: Room) -> Page:
        """Scale it to the room, as large as fits but not larger than it is; see `Preview`."""
        if room.images == "none":
            note = "Images are not drawn here; TUI_RUNS_IMAGES=blocks, kitty or sixel draws them."
            return TextPreview(self.title, note=note).page(room)
        cell = room.cell if room.images != "blocks" else (1, 2)
        columns, rows = self._cells(room, cell)
        if columns < 1 or rows < 1:
            return Page((), (), 0)
        if room.images == "blocks":
            return Page((), list(_half_blocks(self._scaled(columns, 2 * rows, room.ground))), columns)
        image = self._scaled(columns * cell[0], rows * cell[1], room.ground)
        if room.images == "kitty":
            return _kitty(image, columns, rows)
        from textual_image._sixel import image_to_sixels  # noqa: PLC0415  see above; the version is capped

        blank = Strip([Segment(" " * columns)], columns)
        return Page((), [blank] * rows, columns, over=image_to_sixels(image))

    def _cells(self, room: Room, cell: tuple[int, int]) -> tuple[int, int]:
        """Columns and rows in the proportion of the image; a pixel of a small image is not larger than a half block."""
        width, height = self.image.size
        most_rows = min(room.height, len(_ROWS))
        # In pixels of the terminal, or in half blocks.
        scale = min(room.width * cell[0] / width, most_rows * cell[1] / height, max(1.0, _small(room, width, height)))
        columns = min(max(round(width * scale / cell[0]), 1), room.width)
        return columns, min(max(round(height * scale / cell[1]), 1), most_rows)

    def _scaled(self, width: int, height: int, ground: str) -> Image:
        """In RGB, at exactly this size; what shines through is the pane's own ground."""
        from PIL import Image as Pillow  # noqa: PLC0415  only images need it

        method = Pillow.Resampling.LANCZOS if width < self.image.width else Pillow.Resampling.NEAREST
        image = self.image.resize((width, height), method)
        if image.mode == "RGBA":
            below = Pillow.new("RGBA", image.size, ground)
            image = Pillow.alpha_composite(below, image)
        return image.convert("RGB")


def _small(room: Room, width: int, height: int) -> float:
    """How much an image is enlarged: digits of 28 x 28 pixels are too small to be seen, in pixels of a terminal."""
    return 1.0 if room.images == "blocks" else 320 / max(width, height)


def preview_picture(content: bytes, kind: str) -> PicturePreview | TextPreview:
    """Decode an image, or say why not.

    Args:
        content: all of it.
        kind: its format by Pillow's name.
    """
    from PIL import Image as Pillow  # noqa: PLC0415  40 ms, and only images need it
    from PIL import ImageOps  # noqa: PLC0415

    importlib.import_module(f"PIL.{_PLUGINS[kind]}ImagePlugin")
    try:
        with Pillow.open(io.BytesIO(content), formats=(kind,)) as image:
            width, height = image.size
            title = f"{kind} image · {width:,} × {height:,} pixels · {image.mode} · {file_size(len(content))}"
            if width * height > MOST_PIXELS:
                note = f"It is not drawn: {width * height:,} pixels are more than the {MOST_PIXELS:,} that are decoded."
                return TextPreview(title, note=note)
            image.draft("RGB", _HELD)
            held = _eight_bits(image)
            held.thumbnail(_HELD, reducing_gap=2.0)
    except Exception as error:  # each way in which a file can be damaged has an error of its own
        return TextPreview(f"{kind} image · {file_size(len(content))}", note=_why_not(error))
    with suppress(Exception):  # as above; who cannot tell which side is up still sees the image
        held = ImageOps.exif_transpose(held)
    return PicturePreview(title, held)


def _why_not(error: Exception) -> str:
    said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return f"It begins as an image does, but it is damaged or cut off: {said}."


def _eight_bits(image: Image) -> Image:
    """An image as RGB or RGBA; depths and other numbers of many bits are stretched from the least to the greatest."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        least, most = (float(end) for end in image.getextrema())  # type: ignore[arg-type]
        scale = 255 / (most - least) if most > least else 0.0
        return image.convert("F").point(lambda value: value * scale - least * scale).convert("L").convert("RGB")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _half_blocks(image: Image) -> Iterator[Strip]:
    """Rows of upper half blocks: two pixels above one another in each cell."""
    width, height = image.size
    pixels = image.tobytes()
    colours = [Color.from_rgb(*pixels[at : at + 3]) for at in range(0, len(pixels), 3)]
    for top in range(0, height, 2):
        upper, lower = colours[top * width : (top + 1) * width], colours[(top + 1) * width : (top + 2) * width]
        segments: list[Segment] = []
        for (above, below), cells in itertools.groupby(zip(upper, lower, strict=True)):
            segments.append(Segment("▀" * len(list(cells)), Style(color=above, bgcolor=below)))
        yield Strip(segments, width)


def _kitty(image: Image, columns: int, rows: int) -> Page:
    """What sends an image to the terminal, and the cells that show it.

    Source: "Unicode placeholders" in the description of the terminal graphics protocol of kitty.
    """
    number = next(_ids) % 0xFFFFFF or 1
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=2)
    payload = base64.b64encode(file.getvalue()).decode("ascii")
    chunks = [payload[at : at + _CHUNK] for at in range(0, len(payload), _CHUNK)]
    first = f"a=T,U=1,q=2,f=100,i={number},c={columns},r={rows},"
    before = "".join(
        f"\x1b_G{first if at == 0 else 'q=2,'}m={int(at < len(chunks) - 1)};{chunk}\x1b\\"
        for at, chunk in enumerate(chunks)
    )
    style = Style(color=Color.from_rgb(number >> 16, number >> 8 & 255, number & 255))
    lines = []
    for mark in _ROWS[:rows]:
        # The marks of a row and a column; a cell that has that of the row alone is the next in the row.
        text = f"{_PLACEHOLDER}{mark}{_ROWS[0]}" + f"{_PLACEHOLDER}{mark}" * (columns - 1)
        lines.append(Strip([Segment(text, style)], columns))
    return Page((), lines, columns, before, f"\x1b_Ga=d,d=I,q=2,i={number}\x1b\\")
