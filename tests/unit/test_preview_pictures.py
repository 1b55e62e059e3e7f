"""Images in cells of a terminal, decoded again as a terminal would."""

from __future__ import annotations

import base64
import io
import re
import struct
import subprocess
import sys
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from rich.color import ColorType
from textual.strip import Strip

from tests.conftest import ROOT
from tui_runs.tui.previews import image_kind
from tui_runs.tui.previews.page import Page, Room, TextPreview
from tui_runs.tui.previews.pictures import PicturePreview, image_mode, preview_picture

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")
RED, BLUE, GREEN, YELLOW = (255, 0, 0), (0, 0, 255), (0, 255, 0), (255, 255, 0)


def quarters(width: int = 200, height: int = 100) -> Image.Image:
    """Red and blue above green and yellow."""
    image = Image.new("RGB", (width, height), RED)
    draw = ImageDraw.Draw(image)
    draw.rectangle((width // 2, 0, width, height // 2 - 1), fill=BLUE)
    draw.rectangle((0, height // 2, width // 2 - 1, height), fill=GREEN)
    draw.rectangle((width // 2, height // 2, width, height), fill=YELLOW)
    return image


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def picture(content: bytes, kind: str = "PNG") -> PicturePreview:
    found = preview_picture(content, kind)
    assert isinstance(found, PicturePreview), found
    return found


def pixels(page: Page) -> list[list[tuple[int, int, int]]]:
    """What half blocks show, two rows of pixels a line."""
    rows: list[list[tuple[int, int, int]]] = []
    for strip in page.rows:
        assert isinstance(strip, Strip)
        for part in ("color", "bgcolor"):
            row = []
            for segment in strip:
                colour = getattr(segment.style, part)
                assert colour.type is ColorType.TRUECOLOR
                assert set(segment.text) == {"▀"}
                row += [tuple(colour.triplet)] * len(segment.text)
            rows.append(row)
    return rows


def near(one: tuple[int, int, int], other: tuple[int, int, int], by: int = 12) -> bool:
    return all(abs(a - b) <= by for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("kind", FORMATS)
def test_each_format_in_half_blocks(kind: str) -> None:
    content = saved(quarters(), kind, **({"lossless": True} if kind == "WEBP" else {}))
    assert image_kind(content) == kind
    found = picture(content, kind)
    assert found.title.startswith(f"{kind} image · 200 × 100 pixels · ")
    shown = pixels(found.page(Room(60, 40)))
    # Twice as wide as high, and a half block is as wide as high.
    assert (len(shown[0]), len(shown)) == (60, 30)
    corners = shown[3][5], shown[3][-5], shown[-4][5], shown[-4][-5]
    assert all(near(one, other) for one, other in zip(corners, (RED, BLUE, GREEN, YELLOW), strict=True)), corners


def test_it_fits_the_room_and_small_ones_are_not_enlarged() -> None:
    tall = pixels(picture(saved(quarters(100, 400))).page(Room(60, 20)))
    assert (len(tall[0]), len(tall)) == (10, 40)
    small = pixels(picture(saved(quarters(8, 8))).page(Room(60, 20)))
    assert (len(small[0]), len(small)) == (8, 8)
    for room in (Room(0, 5), Room(5, 0), Room(1, 1)):
        picture(saved(quarters())).page(room)


def test_what_is_transparent_shows_the_ground() -> None:
    image = Image.new("RGBA", (20, 20), (255, 0, 0, 0))
    for mode in ("RGBA", "P"):
        shown = pixels(picture(saved(image.convert(mode))).page(Room(20, 10, ground="#0f1318")))
        assert {pixel for row in shown for pixel in row} == {(0x0F, 0x13, 0x18)}


def test_sixteen_bits_are_stretched_from_the_least_to_the_greatest() -> None:
    image = Image.new("I;16", (2, 2))
    for x, value in enumerate((1000, 1100)):
        image.putpixel((x, 0), value)
        image.putpixel((x, 1), value)
    shown = pixels(picture(saved(image)).page(Room(20, 10)))
    assert shown[0] == [(0, 0, 0), (255, 255, 255)]


def test_a_photo_that_was_taken_sideways_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    found = picture(saved(quarters(200, 100), "JPEG", exif=exif), "JPEG")
    assert found.image.size == (100, 200)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_photo_whose_notes_are_damaged_is_shown_as_it_is(kind: str) -> None:
    exif = b"Exif\0\0II*\0"  # and nothing where it is to go on
    assert picture(saved(quarters(200, 100), kind, exif=exif), kind).image.size == (200, 100)


def said(content: bytes, kind: str = "PNG") -> str:
    found = preview_picture(content, kind)
    assert isinstance(found, TextPreview), found
    return found.note


def test_one_that_is_none_or_cut_off_is_a_sentence() -> None:
    content = saved(quarters())
    assert "damaged or cut off" in said(content[: len(content) // 2])
    assert "damaged or cut off" in said(b"\x89PNG\r\n\x1a\nno image at all")
    assert "damaged or cut off" in said(b"GIF89a", "GIF")


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


@pytest.mark.parametrize("side", [9000, 20_000, 200_000])
def test_a_bomb_is_not_decoded(side: int) -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    content = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    note = said(content)
    assert "are more than the" in note or "exceeds limit" in note


@settings(max_examples=80, deadline=None)
@given(st.data(), st.sampled_from(FORMATS))
def test_bytes_changed_never_fail(data: st.DataObject, kind: str) -> None:
    content = bytearray(saved(quarters(40, 20), kind))
    for _ in range(4):
        content[data.draw(st.integers(2, len(content) - 1))] = data.draw(st.integers(0, 255))
    found = preview_picture(bytes(content), kind)
    found.page(Room(40, 20))


def test_kitty_gets_the_image_in_pieces_and_cells_that_stand_for_it() -> None:
    page = picture(saved(quarters(640, 320))).page(Room(40, 30, images="kitty", cell=(10, 20)))
    commands = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", page.before)
    assert "".join(f"\x1b_G{keys};{data}\x1b\\" for keys, data in commands) == page.before
    keys = dict(pair.split("=") for pair in commands[0][0].split(","))
    assert (keys["a"], keys["U"], keys["f"], keys["q"]) == ("T", "1", "100", "2")
    assert [dict(pair.split("=") for pair in said.split(","))["m"] for said, _ in commands][-1] == "0"
    assert all(len(data) <= 4096 for _, data in commands)
    sent = Image.open(io.BytesIO(base64.b64decode("".join(data for _, data in commands))))
    assert sent.size == (400, 200)
    assert near(sent.getpixel((5, 5)), RED)  # type: ignore[arg-type]
    assert (len(page.rows), page.width) == (int(keys["r"]), int(keys["c"])) == (10, 40)
    for strip in page.rows:
        assert isinstance(strip, Strip)
        (segment,) = strip
        assert segment.text.count("\U0010eeee") == strip.cell_length == 40
        assert segment.style is not None
        assert segment.style.color is not None
        red, green, blue = segment.style.color.triplet or (0, 0, 0)
        assert (red << 16) + (green << 8) + blue == int(keys["i"])
    assert f"i={keys['i']}" in page.after
    assert "a=d" in page.after


def test_the_marks_of_rows_are_those_of_the_protocol() -> None:
    program = (
        "from textual_image.renderable.tgp import _NUMBER_TO_DIACRITIC as marks;"
        "from tui_runs.tui.previews.pictures import _ROWS;"
        "assert [ord(mark) for mark in _ROWS] == marks[:len(_ROWS)], 'others'; print(len(_ROWS))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 80


def decoded(sixels: str) -> Image.Image:
    """An image as a terminal decodes it: colours, repeats, and six rows a band."""
    width, height = map(int, re.match(r'\x1bP[0-9;]*q"1;1;(\d+);(\d+)', sixels).groups())  # type: ignore[union-attr]
    image = Image.new("RGB", (width, height))
    colours: dict[str, tuple[int, int, int]] = {}
    x, y, colour = 0, 0, (0, 0, 0)
    body = sixels[sixels.index("q") + 1 :].removesuffix("\x1b\\")
    body = re.sub(r'^"[\d;]*', "", body)
    for token in re.findall(r"#\d+(?:;\d+){4}|#\d+|!\d+.|[?-~]|[$-]", body):
        if token[0] == "#":
            number, *parts = token[1:].split(";")
            if parts:
                colours[number] = tuple(round(int(one) * 2.55) for one in parts[1:])  # type: ignore[assignment]
            colour = colours[number]
        elif token == "$":
            x = 0
        elif token == "-":
            x, y = 0, y + 6
        else:
            count = int(token[1:-1]) if token[0] == "!" else 1
            bits = ord(token[-1]) - 63
            for column in range(x, x + count):
                for bit in range(6):
                    if bits >> bit & 1 and y + bit < height and column < width:
                        image.putpixel((column, y + bit), colour)
            x += count
    return image


def test_sixels_are_the_image() -> None:
    page = picture(saved(quarters(640, 320))).page(Room(40, 30, images="sixel", cell=(10, 20)))
    image = decoded(page.over)
    assert image.size == (400, 200)
    corners = [image.getpixel(at) for at in ((5, 5), (395, 5), (5, 195), (395, 195))]
    assert all(near(one, other) for one, other in zip(corners, (RED, BLUE, GREEN, YELLOW), strict=True)), corners  # type: ignore[arg-type]
    assert (len(page.rows), page.width) == (10, 40)


def test_no_module_that_asks_the_terminal_is_imported() -> None:
    program = (
        "import sys, io; from PIL import Image; from tui_runs.tui.previews.page import Room;"
        "from tui_runs.tui.previews.pictures import preview_picture; file = io.BytesIO();"
        "Image.new('RGB', (50, 50)).save(file, 'PNG'); shown = preview_picture(file.getvalue(), 'PNG');"
        "[shown.page(Room(20, 20, images=mode)) for mode in ('kitty', 'sixel', 'blocks', 'none')];"
        "print([name for name in sys.modules if name.startswith('textual_image')])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "renderable" not in done.stdout
    assert "_terminal" not in done.stdout
    assert "textual_image._sixel" in done.stdout


@pytest.mark.parametrize(
    ("environment", "mode"),
    [
        ({"TERM": "xterm-256color"}, "blocks"),
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-kitty", "SSH_TTY": "/dev/pts/1"}, "kitty"),
        ({"TERM": "tmux-256color", "TMUX": "/tmp/x", "KITTY_WINDOW_ID": "1"}, "blocks"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "sixel"),
        ({"TERM": "foot"}, "sixel"),
        ({"TERM": "xterm-kitty", "TUI_RUNS_IMAGES": "blocks"}, "blocks"),
        ({"TERM": "dumb"}, "none"),
        ({"TERM": "xterm-kitty", "TUI_RUNS_IMAGES": "none"}, "none"),
        ({"TERM": "xterm-256color", "TUI_RUNS_IMAGES": "what"}, "blocks"),
        ({}, "blocks"),
    ],
)
def test_the_environment_says_how_images_are_drawn(environment: dict[str, str], mode: str) -> None:
    assert image_mode(environment) == mode
