"""The Textual app: screens, widgets, and the worker threads that read for them."""
