"""PyTorch Lightning's CSVLogger: <save_dir>/<name>/version_<N>/{metrics.csv, hparams.yaml}.

Source: lightning 2.6, `lightning/fabric/loggers/csv_logs.py`. metrics.csv has a sparse row for each call of log,
`epoch` and `step` among its sorted columns, and is written anew when a metric comes that its header does not have.
hparams.yaml is there when the training begins, also with the TensorBoardLogger, whose points are in event files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Final

from tui_runs_dirs.layout import Claim
from tui_runs_dirs.metric_files import MetricFile, header_in
from tui_runs_dirs.readers.settings import SettingsFile
from tui_runs_dirs.readers.table_file import TableFile
from tui_runs_dirs.walk import Directory

_METRICS: Final = "metrics.csv"
_PARAMS: Final = "hparams.yaml"
_VERSION: Final = re.compile(r"version_\d+")


class LightningLayout:
    """See the module."""

    name = "lightning"
    title = "Lightning"

    def recognise(self, directory: Directory) -> Sequence[Claim]:
        """See `tui_runs_dirs.layout.Layout`."""
        has_params, has_metrics = _PARAMS in directory.files, _METRICS in directory.files
        if not has_params and not (has_metrics and _VERSION.fullmatch(directory.name)):
            return ()
        if has_metrics:
            header = header_in(MetricFile(directory, _METRICS))
            has_metrics = header is not None and {"epoch", "step"} <= {*header.names}
        if not has_metrics and not _VERSION.fullmatch(directory.name):
            return ()
        claim = Claim(
            self.name,
            directory.path,
            facts=[SettingsFile(directory.join(_PARAMS))] if has_params else [],
            series=[TableFile(directory.join(_METRICS), step="step")] if has_metrics else [],
            rank=10,
            fields={"experiment": os.path.basename(os.path.dirname(directory.path))},
        )
        return [claim]


LAYOUT: Final = LightningLayout()
