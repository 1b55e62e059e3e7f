"""What a file of a run looks like: read and laid out in a worker thread, shown by `PreviewView`.

Everything is bounded: the bytes that are read and unpacked, the rows, the pixels, the time. A file is told by its first
bytes, and only where those say nothing by its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tui_runs.capabilities import WithArtifacts
from tui_runs.display import file_size
from tui_runs.tui.previews.page import Preview, TextPreview
from tui_runs.tui.previews.text import MOST_BYTES, as_text, preview_text

if TYPE_CHECKING:
    from tui_runs.tui.previews.tables import TablePreview

WHOLE_BYTES: Final = 32 << 20
"""Bytes of a file that is previewed whole or not at all: an image, a Parquet file, an archive."""

_IMAGES: Final = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
)
_OTHERS: Final = (
    (b"%PDF-", "PDF document"),
    (b"\x89HDF", "HDF5 file"),
    (b"SQLite format 3\0", "SQLite database"),
    (b"\x7fELF", "ELF binary"),
    (b"BZh", "bzip2 archive"),
    (b"\xfd7zXZ\0", "xz archive"),
    (b"(\xb5/\xfd", "Zstandard archive"),
    (b"ARROW1", "Arrow file"),
    (b"\x80", "pickle, which is never loaded"),
)
"""How files begin, and what they are called."""
_TABLES: Final = (".csv", ".tsv")


def read_preview(source: WithArtifacts, run_id: str, path: str, size: int | None) -> Preview:
    """Read the beginning of a file, or all of it where that is needed, and make of it what can be shown.

    Args:
        source: of the run.
        run_id: whose file.
        path: as listed.
        size: bytes, as listed; None where that is not known.

    Raises:
        ArtifactError: it cannot be read.
    """
    content = source.read_artifact(run_id, path, MOST_BYTES)
    whole = len(content) < MOST_BYTES or len(content) == size
    if whole:
        size = len(content)  # whatever it was when it was listed
    elif size is not None and size < len(content):
        size = None  # it has grown since
    kind = image_kind(content)
    if kind is not None:
        found = _whole(source, run_id, path, content, size, f"{kind} image")
        if isinstance(found, TextPreview):
            return found
        from tui_runs.tui.previews.pictures import preview_picture  # noqa: PLC0415  only images need it

        return preview_picture(found, kind)
    if content.startswith((b"PAR1", b"PK\3\4", b"PK\5\6")):
        name = "Parquet file" if content.startswith(b"PAR1") else "ZIP archive"
        found = _whole(source, run_id, path, content, size, name)
        return found if isinstance(found, TextPreview) else _of_whole(found)
    if path.lower().endswith(".safetensors"):
        return _weights(source, run_id, path, content, size)
    if content.startswith(b"\x1f\x8b"):
        return _unpacked(path, content, size, whole=whole)
    return preview(path, content, size, whole=whole)


def preview(path: str, content: bytes, size: int | None, *, whole: bool) -> TextPreview | TablePreview:
    """What the first bytes of a file can show.

    Args:
        path: the file's name tells the language of a text.
        content: its first bytes, at most MOST_BYTES.
        size: of the whole file in bytes, where that is known.
        whole: nothing follows.
    """
    if not content:
        return TextPreview("empty file", note="The file is empty.")
    if content.startswith(b"\x93NUMPY"):
        from tui_runs.tui.previews.binaries import preview_array  # noqa: PLC0415  only some files need it

        return preview_array(content, size)
    text = as_text(content, whole=whole)
    if text is None:
        name = next((name for magic, name in _OTHERS if content.startswith(magic)), "binary file")
        return TextPreview(_title(name, size), note="There is no preview of this kind of file.")
    if path.lower().endswith(_TABLES):
        from tui_runs.tui.previews.tables import preview_csv  # noqa: PLC0415  as above

        table = preview_csv(path, text, size, whole=whole)
        if table is not None:
            return table
    return preview_text(path, text, len(content), size, whole=whole)


def image_kind(content: bytes) -> str | None:
    """The format of an image by its first bytes, as Pillow calls it."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    if content[:2] == b"BM" and content[6:10] == b"\0\0\0\0":
        return "BMP"
    return next((kind for magic, kind in _IMAGES if content.startswith(magic)), None)


def _whole(
    source: WithArtifacts, run_id: str, path: str, content: bytes, size: int | None, kind: str
) -> bytes | TextPreview:
    """All of a file; or what is said of one that is too large."""
    if len(content) >= MOST_BYTES and (size is None or size <= WHOLE_BYTES):
        content = source.read_artifact(run_id, path, WHOLE_BYTES + 1)
    if len(content) > WHOLE_BYTES or (size is not None and size > WHOLE_BYTES):
        note = f"There is no preview: it would have to be read whole, and is larger than {file_size(WHOLE_BYTES)}."
        return TextPreview(_title(kind, size), note=note)
    return content


def _of_whole(content: bytes) -> Preview:
    if content.startswith(b"PAR1"):
        from tui_runs.tui.previews.tables import preview_parquet  # noqa: PLC0415  only some files need it

        found = preview_parquet(content)
        return TextPreview(_title("Parquet file", len(content)), note=found) if isinstance(found, str) else found
    from tui_runs.tui.previews.binaries import preview_archive  # noqa: PLC0415  as above

    return preview_archive(content)


def _weights(source: WithArtifacts, run_id: str, path: str, content: bytes, size: int | None) -> Preview:
    from tui_runs.tui.previews.binaries import HEADER_BYTES, preview_safetensors  # noqa: PLC0415  as above

    length = 8 + int.from_bytes(content[:8], "little")
    if len(content) < length <= HEADER_BYTES:
        content = source.read_artifact(run_id, path, length)
    return preview_safetensors(content, size)


def _unpacked(path: str, content: bytes, size: int | None, *, whole: bool) -> Preview:
    """What is in a gzip file, by the name that it has without its ending."""
    from tui_runs.tui.previews.binaries import unpacked  # noqa: PLC0415  as above

    packed = _title("gzip", size)
    found = unpacked(content, MOST_BYTES)
    if found is None:
        return TextPreview(packed, note="It is damaged and cannot be unpacked.")
    data, complete = found
    inner = path[: -len(".gz")] if path.lower().endswith(".gz") else path
    shown = preview(inner, data, None, whole=complete and whole)
    return shown._replace(title=f"{packed}: {shown.title}")


def _title(kind: str, size: int | None) -> str:
    return kind if size is None else f"{kind} · {file_size(size)}"
