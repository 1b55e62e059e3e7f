"""DVCLive: `params.yaml`, `metrics.json` (last values) and one TSV a metric, `plots/metrics/<its/name>.tsv`.

The directory is called `dvclive` unless somebody chose otherwise, and holds one run: earlier ones are in git only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from tui_runs_dirs.layout import Claim, Facts
from tui_runs_dirs.readers.settings import SettingsFile, as_params, as_results
from tui_runs_dirs.readers.table_file import TableFile

if TYPE_CHECKING:
    from tui_runs_dirs.walk import Directory

_DEFAULT_NAME: Final = "dvclive"
_DEEPEST: Final = 8
"""Levels of directories for names such as "train/loss/box"."""


def last_values(tree: Any) -> Facts:
    """The numbers of `metrics.json`, nested by the slashes of their names; "step" is how far the run is."""
    return as_results({key: value for key, value in tree.items() if key != "step"})


class DvcliveLayout:
    """Finds DVCLive's directories. See `tui_runs_dirs.layout.Layout`."""

    name = "dvclive"
    title = "DVCLive"

    def recognise(self, directory: Directory) -> Sequence[Claim]:
        """A directory with tables in `plots/metrics`, or of DVCLive's own name with `metrics.json`."""
        if "plots" not in directory.directories and directory.name != _DEFAULT_NAME:
            return ()
        plots = directory.child("plots")
        metrics = plots.child("metrics") if plots is not None else None
        tables = dict(_tables(metrics, "", _DEEPEST)) if metrics is not None else {}
        if not tables and not (directory.name == _DEFAULT_NAME and "metrics.json" in directory.files):
            return ()
        above, name = os.path.split(directory.path)
        fields = {}
        if name == _DEFAULT_NAME:  # says nothing: the project has a name, or the directory of the experiment
            above, name = os.path.split(above)
            fields = {"name": name}
            if directory.parent is not None and directory.parent.parent is not None:
                fields["experiment"] = os.path.basename(above)
        facts = [
            SettingsFile(directory.join(file), facts_of)
            for file, facts_of in (("params.yaml", as_params), ("metrics.json", last_values))
            if file in directory.files
        ]
        own = Claim(self.name, directory.path, facts, tables.pop("", ()), rank=10, fields=fields, closed=True)
        nested = [
            Claim(self.name, directory.path, series=series, rank=10, prefix=prefix) for prefix, series in tables.items()
        ]
        return [own, *nested]


def _tables(directory: Directory, prefix: str, depth: int) -> Iterator[tuple[str, Sequence[TableFile]]]:
    """The tables of each directory, with what stands before the names of its metrics: the column has the last part."""
    names = sorted(name for name in directory.files if name.endswith(".tsv"))
    if names:
        yield prefix, [TableFile(directory.join(name), step="step") for name in names]
    for name in directory.directories if depth else ():
        inner = directory.child(name)
        if inner is not None:
            yield from _tables(inner, f"{prefix}{name}/", depth - 1)


LAYOUT: Final = DvcliveLayout()
