"""How the code of two runs differs: the commits between them, `git diff`, and what was not committed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

import polars as pl
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Static

from tui_runs.adapter import Source
from tui_runs.capabilities import WithArtifacts
from tui_runs.display import printable
from tui_runs.errors import ArtifactError
from tui_runs.frames.catalog import RunKey
from tui_runs.sources.repository import PATCH_LIMIT, code_change
from tui_runs.tui.widgets.columns import Cell, TableColumn
from tui_runs.tui.widgets.frame_table import MOVES, FrameTable

if TYPE_CHECKING:
    from tui_runs.frames.workspace import Workspace

_SAVED_PATCH: Final = "diff.patch"
"""The file in which W&B keeps what was not committed; MLflow has a tag for it."""
_PATCH_TAG: Final = "mlflow.git.diff"
_WIDEST: Final = 400
_MOST_LINES: Final = 200_000


@dataclass(frozen=True, slots=True)
class RunCode:
    """What is known of the code that one run was made with.

    Args:
        run: which.
        name: what to call it.
        commit: hash, where that is known.
        patch: what was not committed, where that is known without reading.
        source: where it may be read otherwise.
    """

    run: RunKey
    name: str
    commit: str | None
    patch: str | None
    source: Source

    @classmethod
    def of(cls, workspace: Workspace, run: RunKey) -> RunCode:
        """What a workspace knows of it."""
        catalog = workspace.catalog
        facts, tags = catalog.run(run), dict(catalog.texts_of("tags", run).iter_rows())
        commit = facts["git_commit"]
        return cls(
            run,
            catalog.names([run])[run],
            commit if isinstance(commit, str) and commit else None,
            tags.get(_PATCH_TAG),
            workspace.sources[run.source].source,
        )

    def uncommitted(self) -> str:
        """What was not committed when the run was started; "" where nothing is known of that. May read a file."""
        if self.patch is not None or not isinstance(self.source, WithArtifacts):
            return self.patch or ""
        try:
            return self.source.read_artifact(self.run.run_id, _SAVED_PATCH, PATCH_LIMIT).decode("utf-8", "replace")
        except ArtifactError:
            return ""


def compare_code(old: RunCode, new: RunCode) -> list[str]:
    """What there is to say of the code of two runs, line by line. Runs git in the working directory, reads files."""
    return list(_compare_code(old, new))[:_MOST_LINES]


def _compare_code(old: RunCode, new: RunCode) -> Iterator[str]:
    unknown = [run.name for run in (old, new) if run.commit is None]
    if unknown:
        yield f"The commit of {' and of '.join(unknown)} was not noted."
    elif old.commit == new.commit:
        yield f"Both were made at commit {new.commit}."
    elif old.commit is not None and new.commit is not None:
        change = code_change(old.commit, new.commit, patch=True)
        yield f"{new.name} is at {new.commit[:12]}, {old.name} at {old.commit[:12]}."
        if change.trouble:
            yield change.trouble
            yield "Start tui-runs in the repository of this training to see what was changed between the two."
        else:
            yield f"{new.name}: {change.distance}."
            yield ""
            yield from change.patch.splitlines()
            if not change.complete:
                yield "… and more; `git diff` shows all of it."
    for run in (old, new):
        patch = run.uncommitted()
        if patch.strip():
            yield ""
            yield f"Not committed when {run.name} was started:"
            yield ""
            yield from patch.splitlines()


class PatchView(FrameTable, inherit_bindings=False):
    """Lines of a patch, of any number; only those on the screen are drawn."""

    BINDINGS: ClassVar[list[BindingType]] = list(MOVES)

    def __init__(self) -> None:
        super().__init__(key=("line",), fixed=0)
        self.empty_message = "Reading …"

    def show_lines(self, lines: Sequence[str]) -> None:
        """Show other lines."""
        frame = pl.DataFrame({"line": range(len(lines)), "text": lines}, schema={"line": pl.Int64, "text": pl.String})
        self.show(frame, [TableColumn("text", "", _patch_cells, max_width=_WIDEST)])
        self.move_cursor(row=0)


def _patch_cells(window: pl.DataFrame) -> list[Cell]:
    return [Cell(printable(line.expandtabs(4)), _look_of(line)) for line in window["text"]]


def _look_of(line: str) -> str:
    if line.startswith(("+++", "---", "diff ", "index ")):
        return "strong"
    return {"+": "good", "-": "bad", "@": "accent"}.get(line[:1], "")


class CodeScreen(ModalScreen[None]):
    """Asks git in a thread, and shows what it says.

    Args:
        old: the run that is the baseline.
        new: the run that is held against it.
    """

    CSS_PATH = "dialog.tcss"
    DEFAULT_CSS = """
    CodeScreen .dialog { width: 94%; height: 90%; }
    CodeScreen PatchView { background: $panel; height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,D,q,enter", "dismiss", "close", id="code.close", tooltip="Close the code")
    ]

    class Read(Message):
        """git has answered."""

        def __init__(self, lines: Sequence[str]) -> None:
            super().__init__()
            self.lines = lines

    def __init__(self, old: RunCode, new: RunCode) -> None:
        super().__init__()
        self._old, self._new = old, new

    def compose(self) -> ComposeResult:
        """Title, lines, keys."""
        with Vertical(classes="dialog"):
            title = f"Code: {printable(self._old.name)} → {printable(self._new.name)}"
            yield Static(title, classes="dialog-title", markup=False)
            yield PatchView()
            yield Static("esc closes", classes="dialog-keys", markup=False)

    def on_mount(self) -> None:
        """Ask."""
        self.query_one(PatchView).focus()
        self.run_worker(lambda: self.post_message(self.Read(compare_code(self._old, self._new))), thread=True)

    @on(Read)
    def _show(self, event: Read) -> None:
        event.stop()
        self.query_one(PatchView).show_lines(event.lines)
