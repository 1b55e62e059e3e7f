"""Readers of file formats, each for any layout."""
