"""Reads JSON files as their writers mean them: with NaN and Infinity, which are no JSON."""

from __future__ import annotations

import json
from typing import Any, Final

from tui_runs_dirs.files import BOM, NotReadError, read_whole
from tui_runs_dirs.readers.yaml_file import Plain

_REMEDY: Final = "If it is still being written it will be read again; else mend it."


def load_json(path: str, *, numbers_as_text: bool = False) -> Any:
    """The value in a JSON file.

    Args:
        path: of the file.
        numbers_as_text: numbers are `Plain`, as they were written.

    Raises:
        OSError: it cannot be read, is no JSON (perhaps half written), or too long; NotReadError says which, and where.
    """
    return parse_json(read_whole(path), numbers_as_text=numbers_as_text)


def parse_json(data: bytes, *, numbers_as_text: bool = False) -> Any:
    """As `load_json`, of a file's bytes.

    Raises:
        NotReadError: see there.
    """
    as_text = {"parse_float": Plain, "parse_int": Plain, "parse_constant": Plain} if numbers_as_text else {}
    try:
        return json.loads(data.removeprefix(BOM).decode(errors="replace"), **as_text)  # type: ignore[arg-type]
    except json.JSONDecodeError as error:
        raise NotReadError(
            f"Line {error.lineno:,} is no JSON: {error.msg} at column {error.colno:,}.", _REMEDY
        ) from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, a thousand brackets
        why = "it is nested too deep" if isinstance(error, RecursionError) else "a number in it has too many digits"
        raise NotReadError(f"It cannot be read as JSON: {why}.", _REMEDY) from None
