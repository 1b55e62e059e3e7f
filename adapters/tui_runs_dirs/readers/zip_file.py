"""Members of zip archives, read with every size bounded before anything is unpacked."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Final

from tui_runs_dirs.files import NotReadError, open_regular

if TYPE_CHECKING:
    import zipfile

END: Final = b"PK\5\6"
"""Begins the last record of an archive, which alone is an empty one of 22 bytes."""
EMPTY_BYTES: Final = 22
_BIG: Final = b"PK\6\7"
"""Stands 20 bytes before the last record where another record says the sizes, in 64 bits."""
_DIRECTORY_LIMIT: Final = 4 << 20
_RATIO: Final = 200
"""Of a member that is bigger than a megabyte; texts of logs shrink to a tenth or twentieth."""
_REMEDY: Final = "Leave it, or unpack it by hand if you know where it is from."


def names_in(path: str) -> bytes:
    """The archive's table of contents as bytes: a name that is in there is in here. Empty where it cannot be read."""
    try:
        descriptor = open_regular(path)
    except OSError:
        return b""
    try:
        size = os.fstat(descriptor).st_size
        tail = os.pread(descriptor, 1 << 16, max(0, size - (1 << 16)))
        at = tail.rfind(END)
        if at < 0 or len(tail) - at < EMPTY_BYTES:
            return b""
        length, start = struct.unpack_from("<II", tail, at + 12)
        return os.pread(descriptor, min(length, _DIRECTORY_LIMIT), start)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


@contextmanager
def opened_zip(path: str) -> Iterator[zipfile.ZipFile]:
    """Open an archive; what goes wrong inside of the `with` is said in the same way.

    Raises:
        OSError: it cannot be read; NotReadError, which is one: it is no archive, damaged, or encrypted.
    """
    import zipfile  # noqa: PLC0415  10 ms, and few trees have archives

    descriptor = open_regular(path)
    try:
        with os.fdopen(descriptor, "rb") as file:
            _check_end(file)
            with zipfile.ZipFile(file) as archive:
                yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        reason = "it is cut off" if isinstance(error, EOFError) else " ".join(str(error).split())[:200]
        raise NotReadError(
            f"It is no zip archive that can be read: {reason}.", "Copy it anew; the rest is shown."
        ) from None


def _check_end(file: IO[bytes]) -> None:
    """See to it that `zipfile`, which reads the table of contents whole, does not read much."""
    file.seek(max(0, os.fstat(file.fileno()).st_size - (1 << 16)))
    tail = file.read()
    at = tail.rfind(END)
    if at < 0 or len(tail) - at < EMPTY_BYTES:
        return  # `zipfile` says what it is
    (length,) = struct.unpack_from("<I", tail, at + 12)
    if length > _DIRECTORY_LIMIT or tail[: at - 16].endswith(_BIG):
        raise NotReadError("Its table of contents is too long, or it is a zip64 archive for very big files.", _REMEDY)


@contextmanager
def opened_member(archive: zipfile.ZipFile, name: str, limit: int) -> Iterator[IO[bytes]]:
    """Open a member; it gives no more bytes than its entry says, and that is no more than `limit`.

    Raises:
        OSError: as `opened_zip`, in whose `with` this stands; NotReadError if it is too big, or not there.
    """
    try:
        entry = archive.getinfo(name)
    except KeyError:
        raise NotReadError(
            f"It has no {name}.", "Its writer did not get to its end, or it is another tool's."
        ) from None
    packed, size = entry.compress_size, entry.file_size
    if size > limit:
        raise NotReadError(f"{name} in it would have {size:,} bytes; {limit:,} are read.", _REMEDY)
    if size > 1 << 20 and size > packed * _RATIO:
        raise NotReadError(f"{name} in it would grow from {packed:,} to {size:,} bytes.", _REMEDY)
    with archive.open(entry) as file:
        yield io.BufferedReader(file)  # type: ignore[type-var]  # its own readline takes one byte after the other
