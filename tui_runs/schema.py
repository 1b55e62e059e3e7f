"""The Polars schemas of every frame that crosses a boundary; nothing else defines them.

`run_id` is unique within a source. Times are UTC with microseconds. Missing is null, which is neither the empty
string nor NaN: NaN and the infinities are values that a training logged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl
from polars._typing import PolarsDataType

Schema = Mapping[str, PolarsDataType]

STATUSES: Final = ("scheduled", "running", "finished", "failed", "killed", "stale", "deleted", "unknown")
STATUS: Final = pl.Enum(STATUSES)
TIME: Final = pl.Datetime("us", "UTC")

RUNS: Final[Schema] = {
    "source": pl.String,
    "run_id": pl.String,
    "name": pl.String,
    "experiment": pl.String,
    "status": STATUS,
    "started": TIME,
    "ended": TIME,
    "updated": TIME,
    "user": pl.String,
    "host": pl.String,
    "group": pl.String,
    "job_type": pl.String,
    "parent_id": pl.String,
    "git_commit": pl.String,
    "command": pl.String,
    "notes": pl.String,
    "uri": pl.String,
}
PARAMS: Final[Schema] = {"run_id": pl.String, "key": pl.String, "value": pl.String}
TAGS: Final[Schema] = PARAMS
METRICS: Final[Schema] = {
    "run_id": pl.String,
    "key": pl.String,
    "last": pl.Float64,
    "last_step": pl.Int64,
    "last_time": TIME,
    "min": pl.Float64,
    "min_step": pl.Int64,
    "max": pl.Float64,
    "max_step": pl.Int64,
    "count": pl.UInt32,
    "exact": pl.Boolean,
}
HISTORY: Final[Schema] = {
    "run_id": pl.String,
    "key": pl.String,
    "step": pl.Int64,
    "time": TIME,
    "value": pl.Float64,
}
DETAILS: Final[Schema] = {
    "run_id": pl.String,
    "group": pl.String,  # what kind of thing it is: "dataset", "logged model", "experiment"
    "item": pl.String,  # which one of them
    "key": pl.String,
    "value": pl.String,
}
ARTIFACTS: Final[Schema] = {
    "path": pl.String,  # from the run's artifact directory, joined by "/"
    "directory": pl.Boolean,
    "size": pl.UInt64,  # bytes; null for directories, and where it is not known
    "modified": TIME,
}


def empty(schema: Schema) -> pl.DataFrame:
    """A frame of no rows with the columns of `schema`."""
    return pl.DataFrame(schema=dict(schema))


def conform(frame: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Bring a frame into a schema: missing columns become null, others are cast, unknown ones are dropped.

    Raises:
        polars.exceptions.InvalidOperationError: a column holds what its type cannot.
    """
    if dict(frame.schema) == dict(schema):
        return frame
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in schema.items()
    )
