"""Files given to programs of the user's: never through a shell, never the store's own to an editor."""

from __future__ import annotations

import errno
import os
import signal
import stat
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tui_runs.capabilities import Artifacts
from tui_runs.errors import ArtifactError
from tui_runs.schema import ARTIFACTS, empty
from tui_runs.tui import opening
from tui_runs.tui.opening import Opening, ProgramError, command, prepare, run


@dataclass
class Remote:
    content: bytes = b"text"

    def artifacts(self, run_id: str, directory: str = "") -> Artifacts:
        return Artifacts(empty(ARTIFACTS))

    def read_artifact(self, run_id: str, path: str, limit: int) -> bytes:
        return self.content[:limit]


class Local(Remote):
    def artifact_path(self, run_id: str, path: str) -> str:
        return f"/store/{run_id}/{path}"


def program(folder: Path, name: str, says: str = "") -> Path:
    """A program that writes what it was given, and the file's mode and text, into seen.txt beside it."""
    script = folder / name
    script.write_text(
        f"#!{sys.executable}\nimport os, sys\n"
        f"text = open(sys.argv[-1]).read()\n"
        f"seen = [*sys.argv[1:], oct(os.stat(sys.argv[-1]).st_mode & 0o777), text]\n"
        f"open({str(folder / 'seen.txt')!r}, 'w').write(chr(10).join(seen))\n{says}\n"
    )
    script.chmod(0o755)
    return script


def test_the_variable_is_split_into_words_and_no_shell_takes_part(tmp_path: Path) -> None:
    script = program(tmp_path, "my pager")
    words = command("pager", {"PAGER": f"'{script}' -R '$(touch {tmp_path}/hacked)' ';' ls"})
    assert words == [str(script), "-R", f"$(touch {tmp_path}/hacked)", ";", "ls"]
    run(words, prepare(Remote(), "run", "-x.txt", "pager"))
    assert not (tmp_path / "hacked").exists()
    assert (tmp_path / "seen.txt").read_text().splitlines()[:4] == words[1:]


def test_the_usual_programs_and_those_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "more").write_text("#!/bin/sh\n")
    (tmp_path / "more").chmod(0o755)
    assert command("pager", {"PATH": str(tmp_path)}) == [str(tmp_path / "more")]
    with pytest.raises(ProgramError, match=r"There is no editor\."):
        command("editor", {"PATH": str(tmp_path)})
    with pytest.raises(ProgramError, match=r"\$VISUAL is nosuch -x, and there is no such program\."):
        command("editor", {"PATH": str(tmp_path), "VISUAL": "nosuch -x", "EDITOR": "more"})
    with pytest.raises(ProgramError, match=r"\$PAGER cannot be understood"):
        command("pager", {"PAGER": "less '"})
    assert command("pager", {"PATH": str(tmp_path), "PAGER": " "}) == [str(tmp_path / "more")]


def test_a_pager_gets_the_file_where_it_lies_and_an_editor_a_copy() -> None:
    assert prepare(Local(), "run", "a.txt", "pager") == Opening("/store/run/a.txt")
    for source, kind in ((Local(), "editor"), (Remote(), "pager"), (Remote(), "editor")):
        copied = prepare(source, "run", "deep/a.txt", kind)  # type: ignore[arg-type]
        path = Path(copied.path)
        assert (path.name, path.read_bytes()) == ("a.txt", b"text")
        assert stat.S_IMODE(path.stat().st_mode) == 0o400
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        opening.discard(copied)
        assert not path.parent.exists()


def test_a_copy_goes_when_the_program_ends_whether_it_failed_or_not(tmp_path: Path) -> None:
    script = program(tmp_path, "editor", "sys.exit(3)")
    copied = prepare(Remote(b"content"), "run", "a.txt", "editor")
    with pytest.raises(ProgramError, match="editor ended with exit code 3"):
        run([str(script)], copied)
    path, mode, text = (tmp_path / "seen.txt").read_text().splitlines()
    assert (path, mode, text) == (copied.path, "0o400", "content")
    assert not os.path.exists(path)
    copied = prepare(Remote(), "run", "a.txt", "editor")
    with pytest.raises(ProgramError, match="did not start"):
        run([str(tmp_path)], copied)
    assert not os.path.exists(copied.path)


@pytest.mark.parametrize("name", ["../../../etc/passwd", "-rf", "a\x1b[31m\n.txt", ".", "ü" * 300, "$(ls).md", ""])
def test_odd_names_become_plain_ones(name: str) -> None:
    copied = prepare(Remote(), "run", name, "editor")
    path = Path(copied.path)
    assert path.parent == Path(copied.copy.name if copied.copy else "")
    assert path.name.isascii()
    assert path.name[0].isalnum() or path.name[0] == "_"
    opening.discard(copied)


def test_what_is_too_large_is_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "MOST_COPIED", 10)
    with pytest.raises(ArtifactError, match="larger than 10 B"):
        prepare(Remote(bytes(11)), "run", "a.bin", "editor")


def test_ctrl_c_is_for_the_program_and_not_for_the_app(tmp_path: Path) -> None:
    """`less` ends with it what it follows; the terminal sends it to both."""
    script = program(
        tmp_path,
        "pager",
        "import signal\n"
        "usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler\n"
        "os.kill(os.getppid(), signal.SIGINT)\nsys.exit(0 if usual else 7)",
    )
    before = signal.getsignal(signal.SIGINT)
    run([str(script)], prepare(Remote(), "run", "a.txt", "pager"))
    assert signal.getsignal(signal.SIGINT) is before
    with pytest.raises(ProgramError, match="did not start"):
        run([str(tmp_path)], prepare(Remote(), "run", "a.txt", "pager"))
    assert signal.getsignal(signal.SIGINT) is before


def test_no_room_for_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def full(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(ProgramError, match=r"^A copy cannot be written: no space left on device\.$") as caught:
            prepare(Remote(), "run", "a.txt", "editor")
        assert caught.value.remedy
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(ProgramError, match="no such file or directory"):
        prepare(Remote(), "run", "a.txt", "editor")
