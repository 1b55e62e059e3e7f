"""What the beginning of a file looks like on the screen: text as text, anything else by its kind and size."""

from __future__ import annotations

import json
from typing import Final

from tui_runs.display import file_size, printable

MOST_BYTES: Final = 1 << 18
"""Bytes of a file that are read for its preview."""
_MOST_LINES: Final = 2000
_LONGEST_LINE: Final = 2000
_KINDS: Final = (
    (b"\x89PNG\r\n\x1a\n", "PNG image"),
    (b"\xff\xd8\xff", "JPEG image"),
    (b"GIF8", "GIF image"),
    (b"%PDF-", "PDF document"),
    (b"PK\x03\x04", "ZIP archive (PyTorch, NumPy and Office files are such)"),
    (b"\x1f\x8b", "gzip archive"),
    (b"\x93NUMPY", "NumPy array"),
    (b"\x89HDF", "HDF5 file"),
    (b"SQLite format 3\0", "SQLite database"),
    (b"PAR1", "Parquet file"),
    (b"\x7fELF", "ELF binary"),
    (b"\x80", "pickle, which is never loaded"),
)
"""How files begin, and what they are called."""


def preview_lines(path: str, content: bytes, size: int | None) -> list[str]:
    """Lines that are safe to print.

    Args:
        path: the file's name tells JSON.
        content: its first bytes, at most MOST_BYTES.
        size: of the whole file in bytes, where that is known.
    """
    if not content:
        return ["The file is empty."]
    whole = len(content) < MOST_BYTES if size is None else len(content) >= size
    text = _as_text(content, whole=whole)
    if text is None:
        kind = next((name for magic, name in _KINDS if content.startswith(magic)), "binary file")
        return [f"{kind}, {file_size(size)}" if size is not None else kind]
    if whole and path.lower().endswith(".json"):
        text = _laid_out(text)
    lines = text.splitlines()
    shown = [printable(line.expandtabs(4)[:_LONGEST_LINE]) for line in lines[:_MOST_LINES]]
    if not whole or len(lines) > _MOST_LINES:
        of = f" of {file_size(size)}" if size is not None else ""
        shown.append(f"… the first {file_size(len(content))}{of}, {len(shown):,} lines" if not whole else "… and more")
    return shown


def _as_text(content: bytes, *, whole: bool) -> str | None:
    if b"\0" in content:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        # Cut within a character, not undecodable.
        cut = not whole and error.start >= len(content) - 3
        return content[: error.start].decode() if cut else None


def _laid_out(text: str) -> str:
    """JSON with one value a line where it is all on one."""
    if "\n" in text.strip():
        return text
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
