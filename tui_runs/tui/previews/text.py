"""Text as text, with colours where its language is known. It is split into tokens, never parsed or run."""

from __future__ import annotations

import codecs
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from tui_runs.analysis.log_text import Piece
from tui_runs.display import file_size, printable
from tui_runs.tui.previews.page import TextPreview

MOST_BYTES: Final = 1 << 18
"""Bytes of a file that are read for its preview, where that does not need all of it."""
_MOST_LINES: Final = 2000
_LONGEST_LINE: Final = 2000
_LONG_LINE: Final = 300
"""JSON with a line longer than this was written for programs, and is laid out."""
_DEEPEST: Final = 24
"""Levels of JSON that are indented; what is deeper stands where these end."""
_COLOURED: Final = 1 << 16
"""Characters of a text that get colours."""
_COLOUR_SECONDS: Final = 0.5

_LANGUAGES: Final = {
    "json": ("JSON", "pygments.lexers.data:JsonLexer"),
    "jsonl": ("JSON lines", "pygments.lexers.data:JsonLexer"),
    "ndjson": ("JSON lines", "pygments.lexers.data:JsonLexer"),
    "ipynb": ("Jupyter notebook", "pygments.lexers.data:JsonLexer"),
    "yaml": ("YAML", "pygments.lexers.data:YamlLexer"),
    "yml": ("YAML", "pygments.lexers.data:YamlLexer"),
    "toml": ("TOML", "pygments.lexers.configs:TOMLLexer"),
    "ini": ("INI", "pygments.lexers.configs:IniLexer"),
    "cfg": ("INI", "pygments.lexers.configs:IniLexer"),
    "md": ("Markdown", "pygments.lexers.markup:MarkdownLexer"),
    "py": ("Python", "pygments.lexers.python:PythonLexer"),
    "sh": ("shell script", "pygments.lexers.shell:BashLexer"),
    "diff": ("patch", "pygments.lexers.diff:DiffLexer"),
    "patch": ("patch", "pygments.lexers.diff:DiffLexer"),
}
"""What files are by the ends of their names, and the lexer that knows where their words begin."""
_NAMES: Final = {"MLmodel": "yaml"}
_STYLES: Final = (
    ("Name.Tag", "key"),
    ("Name.Attribute", "key"),
    ("Keyword.Constant", "number"),
    ("Keyword", "keyword"),
    ("Generic.Heading", "keyword"),
    ("Generic.Subheading", "keyword"),
    ("Generic.Inserted", "string"),
    ("Generic.Deleted", "deleted"),
    ("Generic.Strong", "keyword"),
    ("Operator.Word", "keyword"),
    ("Literal.String", "string"),
    ("Literal.Scalar", "string"),
    ("Literal.Number", "number"),
    ("Comment", "muted"),
    ("Punctuation", "muted"),
)
"""What words are to pygments, and the style they get."""


def as_text(content: bytes, *, whole: bool) -> str | None:
    """Bytes as text; None where they are something else.

    Args:
        content: the beginning of a file, UTF-8 or UTF-16 with a mark.
        whole: nothing follows. Else the last character may be cut in two.
    """
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff")) and not content.startswith(b"\xff\xfe\0\0")
    if b"\0" in content and not wide:
        return None
    try:
        return codecs.getincrementaldecoder("utf-16" if wide else "utf-8-sig")().decode(content, final=whole)
    except UnicodeDecodeError:
        return None


def preview_text(path: str, text: str, held: int, size: int | None, *, whole: bool) -> TextPreview:
    """A text by lines.

    Args:
        path: its name tells the language.
        text: its beginning.
        held: bytes that it was made of.
        size: of the whole file in bytes, where that is known.
        whole: nothing follows.
    """
    name = path.rpartition("/")[2]
    ending = _NAMES.get(name) or name.rpartition(".")[2].lower()
    kind, lexer = _LANGUAGES.get(ending, ("text", ""))
    if ending in ("json", "ipynb"):
        text = laid_out(text)
    lines = _lines(text)
    shown = [_line(line) for line in lines[:_MOST_LINES]]
    title = f"{kind} · {file_size(size if size is not None else held)}"
    note, of = "", f" of {file_size(size)}" if size is not None else ""
    if len(lines) > _MOST_LINES and whole:
        note = f"… the first {_MOST_LINES:,} of {len(lines):,} lines"
    elif len(lines) > _MOST_LINES:
        note = f"… the first {_MOST_LINES:,} lines{of}"
    elif not whole:
        note = f"… the first {file_size(held)}{of}, {len(lines):,} lines"
    return TextPreview(title, _coloured(shown, lexer), note)


def _lines(text: str) -> list[str]:
    """Lines as editors see them; `str.splitlines` breaks at form feeds and separators too, and swallows them."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]


def _line(line: str) -> str:
    text = printable(line[:_LONGEST_LINE].expandtabs(4)[:_LONGEST_LINE])
    return text if len(line) <= _LONGEST_LINE else f"{text} …"


_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{},:]|[^\s"\[\]{},:]+', re.DOTALL)


def laid_out(text: str) -> str:
    r"""JSON that was written without line breaks, with one value a line; the values stay as they are written.

    Token by token, so that neither depth nor size matters, and what is broken or cut off is laid out as far as it goes.
    """
    if max(map(len, _lines(text)), default=0) <= _LONG_LINE and "\n" in text.strip():
        return text
    parts: list[str] = []
    depth, opened = 0, False

    def begin_line() -> None:
        parts.append("\n" + "  " * min(depth, _DEEPEST))

    for token in _TOKEN.findall(text):
        closes = token in "]}"
        if closes:
            depth = max(depth - 1, 0)
        if opened != closes:  # an empty list or object stays on its line
            begin_line()
        opened = token in "[{"
        depth += opened
        parts.append(token if token != ":" else ": ")
        if token == ",":
            begin_line()
    return "".join(parts)


def _coloured(lines: Sequence[str], lexer: str) -> list[tuple[Piece, ...]]:
    """Lines in pieces, in colours as far as there is time for them."""
    text = "".join([f"{line}\n" for line in lines])
    if not lexer:
        return [((line, ""),) for line in lines]
    tokens = list(_tokens(text[:_COLOURED], lexer))
    done = "".join([piece for piece, _ in tokens])
    if not text.startswith(done):  # a lexer that changes what it reads
        tokens, done = [], ""
    return list(_by_line([*tokens, (text[len(done) :], "")]))[: len(lines)]


def _tokens(text: str, lexer: str) -> Iterator[Piece]:
    from importlib import import_module  # noqa: PLC0415  lexers are not needed for the first screen

    module, _, name = lexer.partition(":")
    made = getattr(import_module(module), name)(stripnl=False, ensurenl=False)
    deadline = time.monotonic() + _COLOUR_SECONDS
    for kind, piece in made.get_tokens(text):
        if time.monotonic() > deadline:
            return
        spelt = str(kind).removeprefix("Token.")
        yield piece, next((style for start, style in _STYLES if spelt.startswith(start)), "")


def _by_line(pieces: Iterable[Piece]) -> Iterator[tuple[Piece, ...]]:
    line: list[Piece] = []
    for text, style in pieces:
        first, *others = text.split("\n")
        if first and line and line[-1][1] == style:
            line[-1] = line[-1][0] + first, style
        elif first:
            line.append((first, style))
        for other in others:
            yield tuple(line) or (("", ""),)
            line = [(other, style)] if other else []
    yield tuple(line) or (("", ""),)
