"""The machine for its pane: read in a thread, made into lines."""
