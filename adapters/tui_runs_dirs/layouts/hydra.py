"""Hydra's output directories: those with a `.hydra` in them, wherever they lie.

Source: hydra-core 1.3, `hydra/core/utils.py`. `.hydra/config.yaml` is the composed config (interpolations as they were
written), `overrides.yaml` what the command line changed, `hydra.yaml` Hydra's own settings. A multirun has a directory
a job, and `multirun.yaml` beside them. Hydra keeps no metrics and no status: those of the program that ran are added.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any, Final

from tui_runs_dirs.files import FileStamp, stamp_of
from tui_runs_dirs.layout import Claim, Facts
from tui_runs_dirs.readers.settings import SettingsFile, flat, mapping_at, text_of
from tui_runs_dirs.readers.yaml_file import load_yaml
from tui_runs_dirs.walk import Directory

_JOB: Final = ("name", "config_name", "num", "id", "override_dirname")
_TIME: Final = re.compile(r"\d\d-\d\d-\d\d")


class HydraLayout:
    """See the module."""

    name = "hydra"
    title = "Hydra"

    def recognise(self, directory: Directory) -> Sequence[Claim]:
        """See `tui_runs_dirs.layout.Layout`."""
        if ".hydra" not in directory.directories:
            return ()
        inner = directory.child(".hydra")
        if inner is None or "config.yaml" not in inner.files:
            return ()
        facts: list[Any] = [SettingsFile(inner.join("config.yaml"))]
        if "hydra.yaml" in inner.files:
            facts.append(SettingsFile(inner.join("hydra.yaml"), _job))
        if "overrides.yaml" in inner.files:
            facts.append(_Overrides(inner.join("overrides.yaml")))
        above = os.path.basename(os.path.dirname(directory.path))
        is_part = directory.name.isdigit() or _TIME.fullmatch(directory.name) is not None
        fields = {"name": f"{above}/{directory.name}" if is_part else directory.name}
        if directory.parent is not None and "multirun.yaml" in directory.parent.files:
            fields["group"] = directory.parent.relative or directory.parent.name
        return [Claim(self.name, directory.path, facts=facts, rank=15, fields=fields, reach=6)]


def _job(tree: dict[str, Any]) -> Facts:
    """What Hydra's own settings say of the job, without all that configures Hydra."""
    job = mapping_at(tree, "hydra", "job")
    runtime = mapping_at(tree, "hydra", "runtime")
    rows = [
        ("hydra", "job", key, text_of(job[key])) for key in _JOB if key in job and text_of(job[key]) not in ("", "???")
    ]
    rows += [("hydra", "job", "cwd", text_of(runtime["cwd"]))] if "cwd" in runtime else []
    choices = mapping_at(runtime, "choices")
    rows += [("hydra", "choices", key, value) for key, value in flat(choices).items() if not key.startswith("hydra/")]
    name = text_of(job["name"]) if isinstance(job.get("name"), str) else None
    return Facts(fields={"experiment": name} if name else {}, details=rows)


class _Overrides:
    """`overrides.yaml`: a list such as [optim.lr=0.5, +tag=exp1, ~model]."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Overrides) and other.path == self.path

    def __hash__(self) -> int:
        return hash(self.path)

    def stamp(self) -> tuple[FileStamp, ...]:
        return stamp_of(self.path)

    def read(self) -> Facts:
        said = load_yaml(self.path)
        texts = [text_of(one) for one in said] if isinstance(said, list) else []
        pairs = [text.partition("=")[::2] for text in texts]
        return Facts(details=[("hydra", "overrides", key, value) for key, value in pairs])


LAYOUT: Final = HydraLayout()
