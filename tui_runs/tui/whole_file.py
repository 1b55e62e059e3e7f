"""Writes the user's own files whole, or not at all: exports, saved views, the history of filters."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Put a file in the place of another, if there is one; call it from a thread.

    Raises:
        OSError: it cannot be written; nothing is left behind, and what was there is there.
    """
    part = path.parent / f".{secrets.token_hex(8)}.part"
    # Not by `tempfile`, whose files are for their owner alone: so the system itself applies the umask, which nobody can
    # ask for without changing it for all threads.
    with part.open("xb") as file:
        try:
            file.write(data)
            file.flush()
            os.replace(part, path)
        except OSError:
            with suppress(OSError):
                part.unlink()
            raise
