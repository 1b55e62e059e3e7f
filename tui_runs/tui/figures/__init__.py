"""Figures of all runs in view: what the user chose of them, and how they are drawn in a thread."""
