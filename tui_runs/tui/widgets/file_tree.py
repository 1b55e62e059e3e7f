"""The files of a run as a tree: directories are listed when they are opened."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import ClassVar, Final, NamedTuple

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

from tui_runs.capabilities import Artifacts
from tui_runs.display import file_size, printable
from tui_runs.local_files import ENTRY_LIMIT

_LOGGED: Final = re.compile(r"(.+?)_(\d+)_[0-9a-f]{8,}(?:_\d+)?(\.\w+)")
"""How W&B names what was logged under a key at a step: loss_map_120_5f0c0de5a1.png."""
_NUMBER: Final = re.compile(r"\d+")


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

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]


class FileTree(Tree[Entry]):
    """Entries by path; what is listed anew keeps what is open."""

    DEFAULT_CSS = """
    FileTree {
        padding: 0 1;
        background: $background;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 0;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        scrollbar-background-active: $background;
        scrollbar-color: $foreground 20%;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", "down", show=False, id="files.down", tooltip="One entry down"),
        Binding("k", "cursor_up", "up", show=False, id="files.up", tooltip="One entry up"),
        Binding("left", "close", "close", show=False, id="files.close", tooltip="Close the directory, or go to it"),
        Binding("right", "open", "open", show=False, id="files.open", tooltip="Open the directory, or go to the file"),
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__("", Entry("", directory=True), id=id)
        self.show_root = False
        self.guide_depth = 2
        self._by_path: dict[str, TreeNode[Entry]] = {"": self.root}

    def forget(self) -> None:
        """Show nothing."""
        self.clear()
        self._by_path = {"": self.root}

    @property
    def entry(self) -> Entry | None:
        """The one under the cursor."""
        return None if self.cursor_node is None else self.cursor_node.data

    def take_listing(self, directory: str, artifacts: Artifacts) -> bool:
        """Take in what is in a directory: entries that are gone go, the others stay as they are.

        Returns:
            Whether there is anything in it.
        """
        node = self._by_path.get(directory)
        if node is None:
            return False
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
        if node.data is not None and directory:
            node.set_label(self._label(node.data, entries))
        return bool(entries)

    def _add(self, node: TreeNode[Entry], entry: Entry) -> TreeNode[Entry]:
        return (node.add if entry.directory else node.add_leaf)(self._label(entry), entry)

    def _label(self, entry: Entry, inside: Sequence[Entry] = ()) -> Text:
        """Name and size; of a directory that was listed what its files take, without those further down."""
        name = Text(printable(entry.name), no_wrap=True)
        if not entry.directory:
            return name.append(f"  {file_size(entry.size)}", self._muted)
        sizes = [one.size for one in inside if one.size is not None]
        name.append("/")
        return name.append(f"  {len(sizes):,} × {file_size(sum(sizes))}", self._muted) if len(sizes) > 1 else name

    @property
    def _muted(self) -> str:
        return self.app.theme_variables.get("muted", "")

    def on_focus(self) -> None:
        """Whoever comes here sees the first file at once."""
        self.cursor_line = max(self.cursor_line, 0)

    # --- going about ----------------------------------------------------------------------------------------------

    def action_open(self) -> None:
        """Open a directory; of a file, do what enter does."""
        node = self.cursor_node
        if node is not None and node.allow_expand and not node.is_expanded:
            node.expand()
        elif node is not None and node.allow_expand:
            self.action_cursor_down()
        else:
            self.action_select_cursor()

    def action_close(self) -> None:
        """Close a directory, or go to the one that this is in."""
        node = self.cursor_node
        if node is None:
            return
        if node.allow_expand and node.is_expanded:
            node.collapse()
        elif node.parent is not None and node.parent is not self.root:
            self.move_cursor(node.parent)

    def find(self, text: str, *, by: int = 0) -> bool:
        """Go to the next entry with a text in its path, among those that are listed.

        Args:
            text: without regard to case.
            by: 1 goes on to the next, -1 back, 0 stays where the cursor is if that fits.
        """
        nodes = list(self._nodes_in(self.root))
        fitting = [at for at, node in enumerate(nodes) if node.data and text.lower() in node.data.path.lower()]
        if not text or not fitting:
            return False
        here = next((at for at, node in enumerate(nodes) if node is self.cursor_node), -1)
        if by < 0:
            chosen = max((at for at in fitting if at < here), default=fitting[-1])
        else:
            chosen = next((at for at in fitting if at >= here + by), fitting[0])
        self._go_to(nodes[chosen])
        return True

    def _nodes_in(self, node: TreeNode[Entry]) -> Iterator[TreeNode[Entry]]:
        for child in node.children:
            yield child
            yield from self._nodes_in(child)

    def _go_to(self, node: TreeNode[Entry]) -> None:
        above = node.parent
        while above is not None and above is not self.root:
            above.expand()
            above = above.parent
        self.call_after_refresh(self.move_cursor, node)

    # --- what was logged over steps -------------------------------------------------------------------------------

    @property
    def in_series(self) -> bool:
        """Whether there are other files beside the one under the cursor whose names differ in their numbers only."""
        return next(islice(self._series(), 1, None), None) is not None

    def _series(self) -> Iterator[TreeNode[Entry]]:
        """The file under the cursor and those others."""
        here = self.cursor_node
        if here is None or here.data is None or here.data.directory or here.parent is None:
            return
        wanted = _key_of(here.data.name)
        for node in here.parent.children:
            if node.data and not node.data.directory and _key_of(node.data.name) == wanted:
                yield node

    def step(self, by: int) -> None:
        """Go to the same picture, or whatever it is, at another step."""
        series = sorted(self._series(), key=lambda one: _steps_of(_name(one)))
        at = next((at for at, node in enumerate(series) if node is self.cursor_node), None)
        if at is not None and 0 <= at + by < len(series):
            self.move_cursor(series[at + by])


def _name(node: TreeNode[Entry]) -> str:
    return node.data.name if node.data else ""


@lru_cache(ENTRY_LIMIT)  # asked for at every move of the cursor, of all files beside it
def _key_of(name: str) -> str:
    logged = _LOGGED.fullmatch(name)
    return f"{logged[1]}_#{logged[3]}" if logged else _NUMBER.sub("#", name)


def _steps_of(name: str) -> tuple[tuple[int, ...], str]:
    logged = _LOGGED.fullmatch(name)
    numbers = [logged[2]] if logged else _NUMBER.findall(name)
    return tuple(int(number[:18]) for number in numbers), name
