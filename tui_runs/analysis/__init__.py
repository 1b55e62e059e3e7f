"""Pure functions on frames and arrays: no files, no screen, no clock."""
