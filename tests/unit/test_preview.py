"""The beginning of a file as it is shown: text safely, anything else by its kind."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_runs.display import HOSTILE
from tui_runs.tui.preview import MOST_BYTES, preview_lines


def test_text_is_shown_line_by_line() -> None:
    text = "läuft\n\tunter\r\nend".encode()
    assert preview_lines("a.txt", text, len(text)) == ["läuft", "    unter", "end"]


def test_an_empty_file_says_so() -> None:
    assert preview_lines("a.txt", b"", 0) == ["The file is empty."]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", "PNG image"),
        (b"\x80\x04\x95\0", "pickle, which is never loaded"),
        (b"PK\x03\x04\0", "ZIP archive"),
        (b"\xff\xfe\x00", "binary file"),
    ],
)
def test_what_is_no_text_is_named(content: bytes, kind: str) -> None:
    (line,) = preview_lines("model", content, 3_400_000)
    assert line.startswith(kind)
    assert line.endswith(", 3.4 MB")


def test_json_on_one_line_is_laid_out() -> None:
    value = {"lr": 0.1, "layers": [1, 2], "name": "ü"}
    lines = preview_lines("conf.json", json.dumps(value).encode(), None)
    assert len(lines) > 5
    assert json.loads("\n".join(lines)) == value
    assert preview_lines("conf.json", b'{"broken": ', None) == ['{"broken": ']
    assert preview_lines("a.txt", b'{"a": 1}', None) == ['{"a": 1}']


def test_a_long_file_says_that_there_is_more() -> None:
    content = b"x\n" * (MOST_BYTES // 2)
    lines = preview_lines("log.txt", content, 10 * MOST_BYTES)
    assert lines[0] == "x"
    assert "of 2.6 MB" in lines[-1]
    # A character that the limit cut in two does not make the file binary.
    cut = ("ü" * MOST_BYTES).encode()[: MOST_BYTES - 1]
    assert preview_lines("log.txt", cut, 2 * MOST_BYTES)[0].startswith("üü")


@given(st.binary(max_size=300), st.sampled_from(["a.txt", "b.json"]))
def test_nothing_hostile_reaches_the_screen(content: bytes, path: str) -> None:
    for line in preview_lines(path, content, len(content)):
        assert not HOSTILE.search(line)
