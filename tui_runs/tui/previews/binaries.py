"""Previews of files for programs, told by their headers alone: arrays, weights, archives. Nothing is unpickled."""

from __future__ import annotations

import io
import json
import math
import struct
import zipfile
import zlib
from typing import IO, TYPE_CHECKING, Final

from tui_runs.display import file_size, printable
from tui_runs.tui.previews.page import TextPreview
from tui_runs.tui.previews.tables import MOST_ROWS, TablePreview, table_of

if TYPE_CHECKING:
    import numpy as np

HEADER_BYTES: Final = 8 << 20
"""Bytes of a header of safetensors that are read: names and shapes of some 60,000 tensors."""
_MOST_MEMBERS_BYTES: Final = 1 << 20
"""Bytes of an archive's list of members that are read: some 15,000 of them."""
_SHOWN_VALUES: Final = 60
_INSPECTED: Final = 100
"""Members of an archive of arrays whose headers are read."""
_ARRAY_HEADER_BYTES: Final = 1 << 16
"""Bytes of a member that are unpacked for its header: NumPy itself reads none that is longer than 10,000."""
_LARGEST: Final = 1 << 63


def preview_array(content: bytes, size: int | None) -> TablePreview | TextPreview:
    """A NumPy array: its header, and its first values where they are numbers or text.

    Args:
        content: the beginning of the file.
        size: of the whole file in bytes, where that is known.
    """
    file = io.BytesIO(content)
    try:
        shape, fortran, dtype = _array_header(file)
        count = math.prod(shape)
        rows = [
            ["dtype", _dtype(dtype)],
            ["shape", _shape(shape)],
            ["values", f"{count:,}"],
            ["order", "Fortran (columns first)" if fortran else "C (rows first)"],
        ]
        if dtype.hasobject:
            rows.append(["first values", "Python objects, which are never loaded"])
        elif count and dtype.itemsize:
            rows.append(["first values", _first_values(content[file.tell() :], dtype, count)])
    except Exception as error:  # the header is a literal of Python, and each way to break one has an error of its own
        return TextPreview("NumPy array", note=f"Its header cannot be read: {_said(error)}.")
    title = "NumPy array" if size is None else f"NumPy array · {file_size(size)}"
    return table_of(title, ["", ""], rows)


def _array_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, order and dtype.

    Raises:
        ValueError: it is none, and some other errors of NumPy's.
    """
    from numpy.lib import format as npy  # noqa: PLC0415  only some files need it

    version = npy.read_magic(file)
    if version == (1, 0):
        shape, fortran, dtype = npy.read_array_header_1_0(file)
    elif version in ((2, 0), (3, 0)):
        shape, fortran, dtype = npy.read_array_header_2_0(file)
    else:
        raise ValueError(f"version {version[0]}.{version[1]} is not known")
    if any(not 0 <= length < _LARGEST for length in shape):
        raise ValueError("a length is out of range")
    return shape, fortran, dtype


def _first_values(data: bytes, dtype: np.dtype, count: int) -> str:
    import numpy as np  # noqa: PLC0415  as above

    shown = min(count, _SHOWN_VALUES, len(data) // dtype.itemsize)
    values = np.frombuffer(data, dtype, shown)
    text = ", ".join(str(value) for value in values.tolist())
    return text if shown == count else f"{text}, …"


def _said(error: Exception) -> str:
    """What an error says in one line that is not long."""
    return printable((str(error) or type(error).__name__).splitlines()[0])[:120].rstrip(".")


def _dtype(dtype: np.dtype) -> str:
    return dtype.name if dtype.names is None else str(dtype.descr)[:200]


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(str(length) for length in shape) or "one value"


def preview_safetensors(header: bytes, size: int | None) -> TablePreview | TextPreview:
    """Names, types and shapes of tensors.

    Args:
        header: the file from its first byte to the end of its header at least.
        size: of the whole file in bytes, where that is known.

    Source: the format's description in the README of huggingface/safetensors: eight bytes of length, then JSON.
    """
    try:
        (length,) = struct.unpack_from("<Q", header)
        if length > len(header) - 8:
            raise ValueError(f"it is said to be {file_size(length)} long")
        known = json.loads(header[8 : 8 + length].decode())
        metadata = known.pop("__metadata__", None) or {}
        tensors = [_tensor(str(name), known[name]) for name in known]
        notes = [f"{printable(str(key))[:80]} = {printable(str(metadata[key]))[:200]}" for key in list(metadata)[:20]]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, struct.error) as error:
        return TextPreview("safetensors", note=f"Its header cannot be read: {_said(error)}.")
    count = sum(one[2] for one in tensors)
    rows = [[name, dtype, shape, f"{values:,}"] for name, dtype, values, shape in tensors[:MOST_ROWS]]
    if len(tensors) > MOST_ROWS:
        notes.insert(0, f"… the first {MOST_ROWS:,} of {len(tensors):,} tensors")
    told = [f"safetensors · {len(tensors):,} tensors, {count:,} parameters"]
    title = " · ".join(told if size is None else [*told, file_size(size)])
    return table_of(title, ["tensor", "dtype", "shape", "parameters"], rows, " · ".join(notes))


def _tensor(name: str, said: dict[str, object]) -> tuple[str, str, int, str]:
    """Name, type, number of values and shape.

    Raises:
        ValueError: it is not described as the format wants it.
    """
    shape = said["shape"]
    if not isinstance(shape, list) or len(shape) > 32:
        raise ValueError(f"the shape of {name[:80]} is none")
    lengths = [length for length in shape if isinstance(length, int) and 0 <= length < _LARGEST]
    if len(lengths) < len(shape):
        raise ValueError(f"the shape of {name[:80]} is none")
    return name, str(said["dtype"])[:40], math.prod(lengths), _shape(tuple(lengths))


def preview_archive(content: bytes) -> TablePreview | TextPreview:
    """The members of a ZIP archive, and the headers of those that are arrays. None is unpacked whole.

    Args:
        content: all of it.
    """
    end = content.rfind(b"PK\5\6", max(0, len(content) - (1 << 16) - 22))
    if end < 0 or end + 22 > len(content):
        return TextPreview("ZIP archive", note="It is cut off or damaged: the list of its members is not at its end.")
    try:
        with zipfile.ZipFile(_Archive(content)) as archive:
            members = archive.infolist()
            names = [member.filename for member in members]
            arrays = bool(names) and all(name.endswith(".npy") for name in names)
            unknown = (None, None) if arrays else ()
            rows = [
                [
                    member.filename,
                    *(_described(archive, member) if arrays and at < _INSPECTED else unknown),
                    f"{member.file_size:,}",
                ]
                for at, member in enumerate(members[:MOST_ROWS])
            ]
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, UnicodeError, struct.error) as error:
        return TextPreview("ZIP archive", note=f"It cannot be read: {_said(error)}.")
    torch = any(name.endswith("/data.pkl") for name in names)
    kind = "NumPy arrays" if arrays else "PyTorch file" if torch else "ZIP archive"
    note = f"… the first {MOST_ROWS:,} of {len(members):,} members" if len(members) > MOST_ROWS else ""
    noun = "array" if arrays else "member"
    total = sum(member.file_size for member in members)
    title = (
        f"{kind} · {len(members):,} {noun}{'' if len(members) == 1 else 's'}, "
        f"{file_size(total)} unpacked · {file_size(len(content))}"
    )
    return table_of(title, ["name", *(["dtype", "shape"] if arrays else []), "bytes"], rows, note)


class _Archive(io.BytesIO):
    """An archive whose list of members is not read where it is too long.

    The list is read at once, and nothing else is that is as long. How long it is says one of several records: which of
    them is believed is up to `zipfile`.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if len(data) > _MOST_MEMBERS_BYTES:
            raise ValueError(f"it has too many members to list them, {file_size(len(data))} of names")
        return data


def _described(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[str | None, str | None]:
    """Type and shape of an array, of which no more is unpacked than its header."""
    try:
        with archive.open(member) as file:
            # NumPy would read as many bytes as the header says that it has, before it looks whether that can be.
            shape, _, dtype = _array_header(io.BytesIO(file.read(_ARRAY_HEADER_BYTES)))
    except Exception as error:  # as above, and the archive may be damaged there, too
        return f"unreadable: {_said(error)[:60]}", None
    return _dtype(dtype), _shape(shape)


def unpacked(content: bytes, limit: int) -> tuple[bytes, bool] | None:
    """The beginning of what a gzip file holds, and whether that is all of it; None where it is damaged.

    Args:
        content: its beginning; it may have several members, one after the other, as logs have that were appended to.
        limit: bytes at most, however well they were packed.
    """
    parts: list[bytes] = []
    room, rest, ended = limit, content, True
    while rest and room and ended:
        unpacker = zlib.decompressobj(wbits=31)
        try:
            part = unpacker.decompress(rest, room)
        except zlib.error:
            return (b"".join(parts), False) if parts else None
        parts.append(part)
        room -= len(part)
        rest, ended = unpacker.unused_data.lstrip(b"\0"), unpacker.eof  # members may be filled up with zeros
    return b"".join(parts), ended and not rest
