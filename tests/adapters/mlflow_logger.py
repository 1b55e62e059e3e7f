"""A process that trains nothing and logs with mlflow as fast as it can. It does what its stdin says, a line at a time.

    python -m tests.adapters.mlflow_logger mlflow.db
    log RUN_ID KEY FIRST COUNT BUSY_MS

A line of JSON answers each: the seconds that the calls took, and the error that ended them.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any


def main(path: str) -> None:
    """Answer until stdin ends."""
    from mlflow import MlflowClient
    from sqlalchemy import Engine, event

    logging.disable()
    busy = "20000"

    def patience(
        connection: object, cursor: object, statement: str, parameters: object, *_: object
    ) -> tuple[str, object]:
        return statement.replace("busy_timeout = 20000", f"busy_timeout = {busy}"), parameters

    event.listen(Engine, "before_cursor_execute", patience, retval=True)
    client = MlflowClient(f"sqlite:///{path}")
    client.search_experiments()
    print("ready", flush=True)
    for line in sys.stdin:
        _, run_id, key, first, count, busy = line.split()
        print(json.dumps(log(client, run_id, key, int(first), int(count))), flush=True)


def log(client: Any, run_id: str, key: str, first: int, count: int) -> dict[str, Any]:
    """Log so many points, one a call."""
    taken: list[float] = []
    for step in range(first, first + count):
        begun = time.perf_counter()
        try:
            client.log_metric(run_id, key, step / 7, timestamp=1_700_000_000_000 + step, step=step)
        except Exception as error:
            return {"taken": taken, "error": str(error)}
        taken.append(time.perf_counter() - begun)
    return {"taken": taken, "error": None}


if __name__ == "__main__":
    main(sys.argv[1])
