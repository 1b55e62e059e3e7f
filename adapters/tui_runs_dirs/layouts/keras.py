"""Keras' CSVLogger: a table of any name, `epoch` first and the other columns sorted, those of validation last.

Source: keras 3, `keras/src/callbacks/csv_logger.py`. The separator is a choice; epochs begin at 0; NA stands for what
an epoch did not have.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from tui_runs_dirs.layout import Claim
from tui_runs_dirs.metric_files import MetricFile, header_in, prefixes
from tui_runs_dirs.readers.table_file import TableFile
from tui_runs_dirs.walk import Directory

_TEXT_NAME: Final = re.compile("log|hist|train|metric")
_FILES: Final = 16
_DIRECTORY_FILES: Final = 5_000
"""Files of a directory whose beginning is looked at; a directory of more files than the second holds data."""


class KerasLayout:
    """See the module."""

    name = "keras"
    title = "Keras CSVLogger"

    def recognise(self, directory: Directory) -> Sequence[Claim]:
        """See `tui_runs_dirs.layout.Layout`."""
        if len(directory.files) > _DIRECTORY_FILES:
            return ()
        names = directory.named(".csv", ".tsv", ".log")
        names += [name for name in directory.named(".txt") if _TEXT_NAME.search(name.lower())]
        names = [name for name in names if directory.join(name) not in directory.taken]
        files = [MetricFile(directory, name) for name in names[:_FILES]]
        files = [file for file in files if _is_of_keras(file)]
        return [
            Claim(
                self.name, directory.path, series=[TableFile(directory.join(file.name), "epoch")], rank=8, prefix=prefix
            )
            for file, prefix in zip(files, prefixes(files), strict=True)
        ]


def _is_of_keras(file: MetricFile) -> bool:
    header = header_in(file)
    if header is None or header.names[0] != "epoch" or "loss" not in header.names:
        return False
    others = header.names[1:]
    if not file.name.endswith(".log") and not any(name.startswith("val_") or "accuracy" in name for name in others):
        return False  # many programs write epoch and loss
    trained = [name for name in others if not name.startswith("val_")]
    validated = [f"val_{name}" for name in trained if f"val_{name}" in others]
    return list(others) in ([*trained, *validated], sorted(others)) and trained == sorted(trained)


LAYOUT: Final = KerasLayout()
