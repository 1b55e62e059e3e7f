"""Where on this machine something lies."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit


def local_path(uri: str) -> str | None:
    """The file or directory that the address of a store or a run leads to, as it is written, relative ones too.

    Returns:
        None where it leads to another machine, or nowhere: no path has a NUL.
    """
    path = uri
    if "://" in uri or uri.startswith("file:"):
        try:
            parts = urlsplit(uri)
        except ValueError:
            return None
        path = unquote(parts.path) if parts.scheme == "file" and parts.netloc in ("", "localhost") else ""
    return path if path and "\0" not in path else None
