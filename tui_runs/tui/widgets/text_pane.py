"""A pane of text that scrolls."""

from __future__ import annotations

from textual.containers import VerticalScroll


class TextPane(VerticalScroll, can_focus=True):
    """Takes the keys that scroll; its scrollbar is thin and stands on the pane's own ground."""

    DEFAULT_CSS = """
    TextPane {
        padding: 0 1;
        background: $background;
        scrollbar-size-vertical: 1;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        scrollbar-background-active: $background;
        scrollbar-color: $foreground 20%;
        Static { width: 1fr; height: auto; }
    }
    """
