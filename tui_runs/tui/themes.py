"""The two themes, dark and light. The colours of runs, for both, are in `tui_runs.drawing.colours`."""

from __future__ import annotations

from typing import Final

from textual.theme import Theme

DARK: Final = Theme(
    name="tui-runs-dark",
    primary="#5cc8dc",
    secondary="#5cc8dc",
    accent="#5cc8dc",
    foreground="#d6dde3",
    background="#0f1318",
    surface="#0f1318",
    panel="#171d23",
    success="#7ee081",
    warning="#f0b429",
    error="#f47067",
    dark=True,
    variables={
        "muted": "#78838d",
        "faint": "#333b44",
        "cursor-row": "#22303b",
        "footer-key-foreground": "#5cc8dc",
        "footer-description-foreground": "#78838d",
        "footer-background": "#171d23",
        "block-cursor-foreground": "#d6dde3",
        "block-cursor-background": "#22303b",
        "input-selection-background": "#5cc8dc 30%",
    },
)

LIGHT: Final = Theme(
    name="tui-runs-light",
    primary="#0b7285",
    secondary="#0b7285",
    accent="#0b7285",
    foreground="#1c2429",
    background="#fbfcfd",
    surface="#fbfcfd",
    panel="#eef1f4",
    success="#1f7a33",
    warning="#9a5b00",
    error="#c02b2b",
    dark=False,
    variables={
        "muted": "#66727d",
        "faint": "#cfd6dc",
        "cursor-row": "#dbe7ee",
        "footer-key-foreground": "#0b7285",
        "footer-description-foreground": "#66727d",
        "footer-background": "#eef1f4",
        "block-cursor-foreground": "#1c2429",
        "block-cursor-background": "#dbe7ee",
        "input-selection-background": "#0b7285 25%",
    },
)
