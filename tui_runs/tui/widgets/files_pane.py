"""The files of a run: a tree at the left, the beginning of the file under the cursor at the right."""

from __future__ import annotations

from typing import Final, NamedTuple

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Static, Tree
from textual.widgets.tree import TreeNode

from tui_runs.capabilities import Artifacts
from tui_runs.display import file_size, printable
from tui_runs.errors import ArtifactError
from tui_runs.frames.catalog import RunKey
from tui_runs.tui.preview import preview_lines
from tui_runs.tui.widgets.text_pane import TextPane

_LONGEST_ADDRESS: Final = 60


class Entry(NamedTuple):
    """A file or a directory of a run.

    Args:
        path: from the run's artifact directory.
        directory: it is one.
        size: bytes, or None.
    """

    path: str
    directory: bool
    size: int | None = None


class FilesPane(Horizontal):
    """Shows what it is given; what it needs it asks for by messages."""

    DEFAULT_CSS = """
    FilesPane {
        height: 1fr;
        Tree {
            width: 2fr; max-width: 64; padding: 0 1; background: $background;
            scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0;
        }
        #preview { width: 3fr; }
        &.-narrow { layout: vertical; }
        &.-narrow Tree { width: 1fr; max-width: 100%; height: 1fr; }
        &.-narrow #preview { width: 1fr; height: 1fr; }
    }
    """

    class ListingWanted(Message):
        """A directory is to be listed."""

        def __init__(self, run: RunKey, directory: str) -> None:
            super().__init__()
            self.run = run
            self.directory = directory

    class ContentWanted(Message):
        """The beginning of a file is to be read."""

        def __init__(self, run: RunKey, path: str) -> None:
            super().__init__()
            self.run = run
            self.path = path

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._run: RunKey | None = None
        self._shown: Entry | None = None
        self._by_path: dict[str, TreeNode[Entry]] = {}
        # Held rather than looked for: what was read may arrive while the app is being taken down.
        self.file_tree: Tree[Entry] = Tree("", Entry("", directory=True), id="files-tree")
        self.file_tree.show_root = False
        self.file_tree.guide_depth = 2
        self._preview, self._text = TextPane(id="preview"), Static(id="preview-text", markup=False)

    def compose(self) -> ComposeResult:
        """The tree and the preview."""
        yield self.file_tree
        with self._preview:
            yield self._text

    def show(self, run: RunKey | None) -> None:
        """Show the files of a run; those of the same run as before stay as they are."""
        if run == self._run:
            return
        self._run, self._shown = run, None
        self.file_tree.clear()
        self._by_path = {"": self.file_tree.root}
        if run is None:
            self.say("No run under the cursor.")
            return
        self.say("Listing …")
        self.post_message(self.ListingWanted(run, ""))

    def say(self, text: str) -> None:
        """Show a sentence where a file would be shown."""
        self._text.update(Text(text, self._muted))

    @property
    def _muted(self) -> str:
        return self.app.theme_variables.get("muted", "")

    def take_listing(self, run: RunKey, directory: str, artifacts: Artifacts) -> None:
        """Take in what is in a directory; entries that are gone go, the others stay as they are."""
        node = self._by_path.get(directory)
        if run != self._run or node is None:
            return
        entries = [Entry(*row) for row in artifacts.frame.select("path", "directory", "size").iter_rows()]
        if [child.data for child in node.children if child.data] != entries:
            expanded = {child.data.path for child in node.children if child.data and child.is_expanded}
            node.remove_children()
            for entry in entries:
                self._by_path[entry.path] = self._add(node, entry)
            if not artifacts.complete:
                node.add_leaf(Text("… more than are listed", self._muted))
            for path in expanded.intersection(self._by_path):
                self._by_path[path].expand()  # which has it listed anew
        if artifacts.problems:
            self.say(
                "\n".join(f"{_tail(problem.uri)}: {problem.what} {problem.remedy}" for problem in artifacts.problems)
            )
        elif directory == "":
            self.say("Choose a file." if entries else "This run has no files.")

    def _add(self, node: TreeNode[Entry], entry: Entry) -> TreeNode[Entry]:
        name = Text(printable(entry.path.rpartition("/")[2]), no_wrap=True)
        if entry.directory:
            return node.add(name.append("/"), entry)
        return node.add_leaf(name.append(f"  {file_size(entry.size)}", self._muted), entry)

    def take_content(self, run: RunKey, path: str, content: bytes | ArtifactError) -> None:
        """Take in the beginning of a file."""
        if run != self._run or self._shown is None or path != self._shown.path:
            return
        if isinstance(content, ArtifactError):
            self.say(f"{content.message} {content.remedy}")
            return
        lines = preview_lines(path, content, self._shown.size)
        self._text.update(Text("\n".join(lines)))
        self._preview.scroll_home(animate=False)

    @on(Tree.NodeExpanded)
    def _expanded(self, event: Tree.NodeExpanded[Entry]) -> None:
        entry = event.node.data
        if entry is not None and entry.path and self._run is not None:
            self.post_message(self.ListingWanted(self._run, entry.path))

    @on(Tree.NodeHighlighted)
    def _highlighted(self, event: Tree.NodeHighlighted[Entry]) -> None:
        entry = event.node.data
        if entry is None or entry.directory or self._run is None or entry == self._shown:
            return
        self._shown = entry
        self.say(f"Reading {printable(entry.path)} …")
        self.post_message(self.ContentWanted(self._run, entry.path))


def _tail(uri: str) -> str:
    """The end of an address, which says more than its beginning."""
    text = printable(uri)
    return text if len(text) <= _LONGEST_ADDRESS else f"…{text[-_LONGEST_ADDRESS:]}"
