"""Reads TOML; numbers as they were written."""

from __future__ import annotations

import tomllib
from typing import Any, Final

from tui_runs_dirs.files import BOM, NotReadError, read_whole
from tui_runs_dirs.readers.yaml_file import Plain

_BYTES: Final = 2 << 20


def load_toml(path: str) -> dict[str, Any]:
    """The tables of a TOML file; real numbers are `Plain`.

    Raises:
        OSError: it cannot be read, is no TOML, or too long; NotReadError says which, and where.
    """
    try:
        return tomllib.loads(read_whole(path, _BYTES).removeprefix(BOM).decode(), parse_float=Plain)
    except UnicodeDecodeError:
        raise NotReadError("It is not UTF-8.", "Save it as UTF-8.") from None
    except (ValueError, RecursionError) as error:
        why = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
        raise NotReadError(f"It is no TOML: {why}.", "Mend the file, or leave it: the rest is shown.") from None
