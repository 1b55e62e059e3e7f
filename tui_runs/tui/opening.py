"""Gives a file of a run to a program of the user's: $PAGER or $EDITOR.

tui-runs never writes into a store, and what it starts is not led into doing so: an editor gets a copy that is thrown
away afterwards. A pager gets the file itself where it lies on this machine, so that it can follow one that grows; else
a copy, too.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, NamedTuple

from tui_runs.capabilities import LocalArtifacts, WithArtifacts
from tui_runs.display import file_size, printable
from tui_runs.errors import ArtifactError, TuiRunsError

Program = Literal["pager", "editor"]
MOST_COPIED: Final = 64 << 20
"""Bytes of a file that are copied for a program."""
_VARIABLES: Final = {"pager": ("PAGER",), "editor": ("VISUAL", "EDITOR")}
_USUAL: Final = {"pager": ("less", "more"), "editor": ("vi", "nano")}
_ODD: Final = re.compile(r"[^A-Za-z0-9._-]+")


class Opening(NamedTuple):
    """A file that is about to be opened.

    Args:
        path: absolute, so that no program takes it for an option.
        copy: the folder of the copy, which goes with it; None for the file itself.
    """

    path: str
    copy: tempfile.TemporaryDirectory[str] | None = None


class ProgramError(TuiRunsError):
    """A program of the user's cannot be started, or failed."""

    title = "Not opened"


def prepare(source: WithArtifacts, run_id: str, path: str, program: Program) -> Opening:
    """Find the file, or copy it; in a worker thread.

    Raises:
        ArtifactError: it cannot be read, is not in the run's own directory, or is too large to be copied.
        ProgramError: there is no room for a copy.
    """
    if program == "pager" and isinstance(source, LocalArtifacts):
        return Opening(source.artifact_path(run_id, path))
    content = source.read_artifact(run_id, path, MOST_COPIED + 1)
    if len(content) > MOST_COPIED:
        raise ArtifactError(
            f"{printable(path)} is larger than {file_size(MOST_COPIED)} and is not copied to be opened."
        )
    name = _ODD.sub("_", path.rpartition("/")[2])[-80:].lstrip(".-_") or "file"
    try:
        return _copied(content, name)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise ProgramError(f"A copy cannot be written: {why}.", "Make room in the temporary directory.") from None


def _copied(content: bytes, name: str) -> Opening:
    """A copy in a folder of its own.

    Raises:
        OSError: it cannot be written; nothing is left behind.
    """
    folder = tempfile.TemporaryDirectory(prefix="tui-runs-")  # for its owner alone
    try:
        copy = Path(folder.name, name)
        copy.touch(0o600)
        copy.write_bytes(content)
        copy.chmod(0o400)
    except OSError:
        folder.cleanup()
        raise
    return Opening(str(copy), folder)


def command(program: Program, environment: Mapping[str, str]) -> list[str]:
    """The words of the command, found on this machine. No shell takes part.

    Raises:
        ProgramError: the variable names no program, or none that is there.
    """
    variables = _VARIABLES[program]
    for variable in variables:
        if text := environment.get(variable, "").strip():
            try:
                words = shlex.split(text)
            except ValueError as error:
                raise ProgramError(f"${variable} cannot be understood: {error}.", "Mend its quotes.") from None
            if words and (found := shutil.which(words[0], path=environment.get("PATH"))):
                return [found, *words[1:]]
            what = f"${variable} is {printable(text)}, and there is no such program."
            raise ProgramError(what, "Install it, or set the variable to another one.")
    for name in _USUAL[program]:
        if found := shutil.which(name, path=environment.get("PATH")):
            return [found]
    raise ProgramError(f"There is no {program}.", f"Set ${variables[-1]} to the one you like.")


def run(words: list[str], opening: Opening) -> None:
    """Run the program in the terminal until it ends, and throw a copy away; in the main thread, the app suspended.

    Ctrl-C is for the program: `less` ends with it what it follows. It reaches this process as well, where nothing comes
    of it; it is not ignored, for the program would inherit that.

    Raises:
        ProgramError: it did not start, or said that it failed.
    """
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        done = subprocess.run([*words, opening.path], check=False)
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ProgramError(f"{printable(words[0])} did not start: {printable(said)}.") from None
    finally:
        signal.signal(signal.SIGINT, before)
        discard(opening)
    if done.returncode > 0:
        raise ProgramError(f"{printable(os.path.basename(words[0]))} ended with exit code {done.returncode}.")


def discard(opening: Opening) -> None:
    """Throw a copy away."""
    if opening.copy is not None:
        opening.copy.cleanup()
