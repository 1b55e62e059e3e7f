"""$PAGER and $EDITOR in a real pseudo-terminal: they get the screen, and the app has it back afterwards."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.tui.conftest import NOW
from tests.tui.terminal import Terminal
from tui_runs.demo import write_store

_PROGRAM = """#!{python}
import os, sys
seen = [*sys.argv[1:], oct(os.stat(sys.argv[-1]).st_mode & 0o777), open(sys.argv[-1]).read()]
open({seen!r}, "w").write("|".join(seen))
print("PROGRAM HAS THE SCREEN", flush=True)
sys.stdin.readline()
try:
    open(sys.argv[-1], "a").write("changed")
except OSError:
    pass
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store whose newest run has one file."""
    root = tmp_path / "mlruns"
    write_store(str(root), now=NOW.timestamp(), seed=7, runs=3)
    run = max((path.parent for path in root.glob("*/*/meta.yaml")), key=_started)
    shutil.rmtree(run / "artifacts")
    (run / "artifacts").mkdir()
    (run / "artifacts" / "notes.txt").write_text("what was logged")
    return root


def _started(run: Path) -> int:
    lines = (run / "meta.yaml").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("start_time:")))


@pytest.mark.parametrize(("key", "variable"), [("o", "PAGER"), ("e", "EDITOR")])
def test_a_program_gets_the_screen(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, variable: str
) -> None:
    seen, script = tmp_path / "seen", tmp_path / "program"
    script.write_text(_PROGRAM.format(python=sys.executable, seen=str(seen)))
    script.chmod(0o755)
    monkeypatch.setenv(variable, f"{script} -a 'two words'")
    monkeypatch.delenv("VISUAL", raising=False)
    (file,) = store.glob("*/*/artifacts/notes.txt")

    with Terminal(["open", str(store)]) as terminal:
        terminal.until(lambda text: "3 runs" in text and "Charts" in text)
        terminal.press("4")
        terminal.until(lambda text: "notes.txt" in text)
        terminal.press("\t")
        terminal.until(lambda text: "what was logged" in text)
        terminal.press(key)
        terminal.until(lambda text: "PROGRAM HAS THE SCREEN" in text)
        option, words, path, mode, content = seen.read_text().split("|")
        assert (option, words, content) == ("-a", "two words", "what was logged")
        if variable == "PAGER":
            assert path == str(file)
        else:
            assert mode == "0o400"
            assert not path.startswith(str(tmp_path))
            assert os.path.exists(path)
        terminal.press("\r")
        terminal.until(lambda text: "notes.txt" in text and "PROGRAM" not in text)
        if variable == "EDITOR":
            assert not os.path.exists(path)
            assert file.read_text() == "what was logged"
        terminal.quit()
