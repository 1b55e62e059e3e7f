"""Writes frames and objects in a format; one file a format. What is written is never cut short."""
