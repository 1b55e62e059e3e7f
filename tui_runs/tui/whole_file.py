"""Writes the user's own files whole, or not at all: exports, saved views, the history of filters."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Put a file in the place of another, if there is one; call it from a thread.

    Raises:
        OSError: it cannot be written; nothing is left behind, and what was there is there.
    """
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".part", delete=False) as file:
        part = Path(file.name)
        try:
            file.write(data)
            file.flush()
            part.chmod(0o666 & ~_umask())
            os.replace(part, path)
        except OSError:
            with suppress(OSError):
                part.unlink()
            raise


def _umask() -> int:
    """What a file of the user's is not to be; a temporary file is for its owner alone."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
