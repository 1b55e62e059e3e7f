"""Training runs in the terminal: table, diff and live curves, read straight from where trainings left them."""

__version__ = "0.1.0"
