"""What the screens are put together from; no widget reads a file or knows a store."""
