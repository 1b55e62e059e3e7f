"""The files of a run: a tree at the left, what the file under the cursor holds at the right."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

from textual import events, on
from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Tree

from tui_runs.capabilities import Artifacts, LocalArtifacts, WithArtifacts
from tui_runs.display import printable
from tui_runs.errors import TuiRunsError
from tui_runs.frames.catalog import RunKey
from tui_runs.tui.keymap import shown_keys
from tui_runs.tui.opening import Opening, Program, ProgramError, command, discard, prepare, run
from tui_runs.tui.previews import read_preview
from tui_runs.tui.previews.page import Page, Preview, Room, TextPreview
from tui_runs.tui.widgets.bars import Bar, Piece
from tui_runs.tui.widgets.file_tree import Entry, FileTree
from tui_runs.tui.widgets.preview_view import PreviewView

if TYPE_CHECKING:
    from tui_runs.tui.app import TuiRunsApp

_LONGEST_ADDRESS: Final = 60
_NARROW: Final = 100
_HINTS: Final = (
    (("files.step_before", "files.next_step"), "other steps"),
    (("files.copy_path",), "copy path"),
    (("files.pager",), "$PAGER"),
    (("files.editor",), "$EDITOR, a copy"),
    (("files.find",), "find"),
    (("files.wrap",), "wrap"),
)
"""What the last line says, and the keys that do it."""
_Answer = TypeVar("_Answer")


class FilesPane(Vertical):
    """Shows the files of one run; what it needs it asks for by messages."""

    app: TuiRunsApp

    DEFAULT_CSS = """
    FilesPane {
        height: 1fr;
        #files-and-preview { height: 1fr; }
        FileTree { width: 1fr; max-width: 48; }
        #preview { width: 2fr; }
        Input { height: 1; border: none; padding: 0 1; background: $panel; display: none; }
        &.-typing Input { display: block; }
        &.-typing #files-keys { display: none; }
        #files-keys { background: $background; padding: 0 1; }
        &.-narrow #files-and-preview { layout: vertical; }
        &.-narrow FileTree { width: 1fr; max-width: 100%; height: 1fr; }
        &.-narrow #preview { width: 1fr; height: 2fr; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy_path", "copy path", id="files.copy_path", tooltip="Copy the path of the file"),
        Binding("o", "open_with('pager')", "pager", id="files.pager", tooltip="Open the file in $PAGER"),
        Binding(
            "e",
            "open_with('editor')",
            "editor",
            id="files.editor",
            tooltip="Open a copy of the file in $EDITOR; it is thrown away, stores are never written to",
        ),
        Binding("slash", "find", "find", id="files.find", tooltip="Find a file by its name, among those listed"),
        Binding("n", "find_next(1)", "find next", id="files.find_next", tooltip="The next file with that name"),
        Binding("N", "find_next(-1)", "find before", id="files.find_before", tooltip="The one before"),
        Binding("w", "wrap", "wrap", id="files.wrap", tooltip="Wrap long lines, or scroll to their ends"),
        Binding(
            "right_square_bracket",
            "step(1)",
            "next step",
            id="files.next_step",
            tooltip="The next of the files whose names differ in a number: an image logged over steps",
        ),
        Binding("left_square_bracket", "step(-1)", "step before", id="files.step_before", tooltip="The one before"),
        Binding("escape", "back", "back", id="files.back", tooltip="From the preview back to the files"),
    ]

    class Wanted(Message):
        """Something is to be read of a run's files.

        Args:
            run: whose.
            what_for: of what is wanted for the same, only the latest is read.
            question: number of the question, which comes back with the answer.
            read: reads it, in a thread.
        """

        def __init__(self, run: RunKey, what_for: str, question: int, read: Callable[[WithArtifacts], object]) -> None:
            super().__init__()
            self.run = run
            self.what_for = what_for
            self.question = question
            self.read = read

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._run: RunKey | None = None
        self._shown: Entry | None = None
        self._preview: Preview = TextPreview("")
        self._room: Room | None = None
        self._question = 0
        self._takes: dict[str, tuple[int, Callable[[Any], None]]] = {}
        self._needle = ""
        # Held rather than looked for: what was read may arrive while the app is being taken down.
        self.file_tree = FileTree(id="files-tree")
        self.view = PreviewView(id="preview")

    def compose(self) -> ComposeResult:
        """The tree and the preview, the keys, and a field to find a file."""
        with Horizontal(id="files-and-preview"):
            yield self.file_tree
            yield self.view
        yield Bar(id="files-keys")
        yield Input(placeholder="find a file by its name, among those listed", id="files-search")

    def on_mount(self) -> None:
        """Say the keys."""
        self._show_keys()

    def on_resize(self, event: events.Resize) -> None:
        """Where there is no room beside each other, one stands above the other."""
        self.set_class(event.size.width < _NARROW, "-narrow")

    # --- what is shown --------------------------------------------------------------------------------------------

    def show(self, run: RunKey | None) -> None:
        """Show the files of a run; those of the same run as before stay as they are."""
        if run == self._run:
            return
        self._run, self._shown = run, None
        self._takes.clear()
        self.file_tree.forget()
        if run is None:
            self.say("No run under the cursor.")
            return
        self.say("Listing …")
        self._list("")

    def say(self, text: str) -> None:
        """Show sentences where a file would be shown."""
        self._preview = TextPreview("", [((line, "muted"),) for line in text.split("\n")])
        self._room = self.view.room
        self.view.show_page("", self._preview.page(self._room))

    def _show_keys(self) -> None:
        pieces = [Piece("enter", "key"), Piece(" look   ", "muted")]
        bindings = {one.id: one for one in self.BINDINGS if isinstance(one, Binding)}
        for ids, says in _HINTS:
            if "files.next_step" in ids and not self.file_tree.in_series:
                continue
            keys = " ".join(shown_keys(bindings[name], self.app) for name in ids)
            action = bindings[ids[-1]].action
            pieces += [Piece(keys, "key", action), Piece(f" {says}   ", "muted", action)]
        self.query_one("#files-keys", Bar).show(pieces)

    @on(Bar.Pressed)
    async def _hint_pressed(self, event: Bar.Pressed) -> None:
        event.stop()
        await self.run_action(event.action)

    # --- questions and answers ------------------------------------------------------------------------------------

    def _ask(self, what_for: str, read: Callable[[WithArtifacts], _Answer], take: Callable[[_Answer], None]) -> None:
        """Have something read; what was asked for the same and is not answered yet is not wanted any more."""
        if self._run is not None:
            self._question += 1
            self._takes[what_for] = self._question, take
            self.post_message(self.Wanted(self._run, what_for, self._question, read))

    def take_answer(self, what_for: str, question: int, answer: object) -> None:
        """Take in what was read, or why it could not be."""
        asked, take = self._takes.get(what_for, (0, None))
        if question != asked or take is None:
            if isinstance(answer, Opening):
                discard(answer)
            return
        del self._takes[what_for]
        if not isinstance(answer, TuiRunsError):
            take(answer)
        elif what_for == "preview":
            self.say(f"{answer.message} {answer.remedy}")
        else:
            self._complain(answer)

    def _complain(self, error: TuiRunsError) -> None:
        self.app.notify(printable(f"{error.message} {error.remedy}"), severity="warning", markup=False)

    def _list(self, directory: str) -> None:
        run_id = self._run.run_id if self._run else ""

        def take(artifacts: Artifacts) -> None:
            found = self.file_tree.take_listing(directory, artifacts)
            if artifacts.problems:
                told = (f"{_tail(problem.uri)}: {problem.what} {problem.remedy}" for problem in artifacts.problems)
                self.say("\n".join(map(printable, told)))
            elif directory == "":
                self.say("Choose a file." if found else "This run has no files.")
                if self.file_tree.has_focus:
                    self.file_tree.on_focus()

        self._ask(f"listing {directory}", lambda source: source.artifacts(run_id, directory), take)

    @on(Tree.NodeExpanded)
    def _expanded(self, event: Tree.NodeExpanded[Entry]) -> None:
        entry = event.node.data
        if entry is not None and entry.path and self._run is not None:
            self._list(entry.path)

    @on(Tree.NodeHighlighted)
    def _highlighted(self, event: Tree.NodeHighlighted[Entry]) -> None:
        entry = event.node.data
        self._show_keys()
        if entry is None or entry.directory or self._run is None or entry == self._shown:
            return
        self._shown = entry
        self.say(f"Reading {printable(entry.path)} …")
        run_id, room = self._run.run_id, self.view.room

        def read(source: WithArtifacts) -> tuple[Preview, Page]:
            preview = read_preview(source, run_id, entry.path, entry.size)
            return preview, preview.page(room)

        def take(answer: tuple[Preview, Page]) -> None:
            self._preview, self._room = answer[0], room
            self.view.show_page(answer[0].title, answer[1])
            self._fit()

        self._ask("preview", read, take)

    @on(PreviewView.RoomChanged)
    def _fit(self) -> None:
        """Have what is shown laid out anew if there is another room for it."""
        room, preview = self.view.room, self._preview
        if room == self._room:
            return
        self._room = room
        if not preview.title:
            self.view.show_page("", preview.page(room))
            return

        def take(page: Page) -> None:
            if preview is self._preview:
                self.view.show_page(preview.title, page)

        self._ask("page", lambda source: preview.page(room), take)

    # --- actions --------------------------------------------------------------------------------------------------

    @on(Tree.NodeSelected)
    def _look(self, event: Tree.NodeSelected[Entry]) -> None:
        if event.node.data is not None and not event.node.data.directory:
            self.view.focus()

    def action_back(self) -> None:
        """Close the field, or go back to the tree."""
        self.remove_class("-typing")
        self.file_tree.focus()

    def action_wrap(self) -> None:
        """Wrap long lines, or let them reach out to the right."""
        self.view.wrapped = not self.view.wrapped
        self._fit()

    def action_step(self, by: int) -> None:
        """The same at another step."""
        self.file_tree.step(by)

    def action_find(self) -> None:
        """Type a name."""
        self.add_class("-typing")
        self.query_one(Input).focus()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._needle = event.value
        self.file_tree.find(self._needle)

    @on(Input.Submitted)
    def _found(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_back()
        self.action_find_next(0)

    def action_find_next(self, by: int) -> None:
        """Go to the next file that was searched for."""
        if self._needle and not self.file_tree.find(self._needle, by=by):
            self.app.notify(f"No file that is listed has {printable(self._needle)!r} in its path.", markup=False)

    def action_copy_path(self) -> None:
        """Copy the path of what is under the cursor."""
        entry, key = self.file_tree.entry, self._run
        if entry is None or key is None:
            return

        def read(source: WithArtifacts) -> str:
            return source.artifact_path(key.run_id, entry.path) if isinstance(source, LocalArtifacts) else entry.path

        def take(path: str) -> None:
            self.app.copy_to_clipboard(printable(path))
            self.app.notify(f"Copied {printable(path)}", markup=False)

        self._ask("path", read, take)

    def action_open_with(self, program: Program) -> None:
        """Give the file under the cursor to the user's pager or editor."""
        entry, key = self.file_tree.entry, self._run
        if entry is None or entry.directory or key is None:
            return
        try:
            words = command(program, os.environ)
        except ProgramError as error:
            self._complain(error)
            return
        self._ask(
            "opening",
            lambda source: prepare(source, key.run_id, entry.path, program),
            lambda opening: self._open(words, opening),
        )

    def _open(self, words: list[str], opening: Opening) -> None:
        following = self.app.following
        # Nobody takes messages until the program ends: the readers are to hold what they have, not to pile it up.
        self.app.follow(False)
        try:
            with self.app.suspend():
                try:
                    run(words, opening)
                except ProgramError as error:
                    self._complain(error)
        except SuspendNotSupported:
            discard(opening)
            self._complain(ProgramError("Another program cannot have the screen here.", "Open the file elsewhere."))
        finally:
            self.app.follow(following)
        self.view.show_again()


def _tail(uri: str) -> str:
    """The end of an address, which says more than its beginning."""
    text = printable(uri)
    return text if len(text) <= _LONGEST_ADDRESS else f"…{text[-_LONGEST_ADDRESS:]}"
