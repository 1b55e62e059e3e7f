"""Sacred's FileStorageObserver: `<dir>/<number>/{run.json, config.json, metrics.json, info.json, cout.txt}`.

`metrics.json` is written whole at every heartbeat (10 s) and at the end: {name: {steps, values, timestamps}}. Where no
step was given Sacred counts for each metric. Times are naive UTC.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tui_runs.display import encodable
from tui_runs_dirs.files import NotReadError, stamp_of
from tui_runs_dirs.layout import Claim, Facts, Stamp, Stretch
from tui_runs_dirs.readers.json_file import load_json
from tui_runs_dirs.readers.json_lines import Point, frame_of, int_of, moment_of
from tui_runs_dirs.readers.settings import SettingsFile, as_params, as_results, flat, mapping_at, number_of, text_of
from tui_runs_dirs.readers.times import utc

if TYPE_CHECKING:
    from tui_runs_dirs.walk import Directory

_STATUS: Final = {
    "RUNNING": "running", "COMPLETED": "finished", "FAILED": "failed", "INTERRUPTED": "killed", "TIMEOUT": "killed",
    "QUEUED": "scheduled",
}  # fmt: skip
_HALF_WRITTEN_SECONDS: Final = 60
_MARKS: Final = 16


def run_facts(tree: Any) -> Facts:
    """What `run.json` says."""
    fields: dict[str, Any] = {
        "experiment": _text(mapping_at(tree, "experiment").get("name")),
        "status": _STATUS.get(text_of(tree.get("status"))),
        "started": utc(tree.get("start_time")),
        "ended": utc(tree.get("stop_time")),
        "host": _text(mapping_at(tree, "host").get("hostname")),
        "command": _text(tree.get("command")),
        "notes": _text(mapping_at(tree, "meta").get("comment")),
    }
    tags: dict[str, str] = {}
    repositories = mapping_at(tree, "experiment").get("repositories")
    for repository in repositories if isinstance(repositories, list) else ():
        if isinstance(repository, dict) and repository.get("commit"):
            fields["git_commit"] = text_of(repository["commit"])
            tags["git.dirty"] = text_of(repository.get("dirty"))
            break
    details = [
        ("sacred", "config updates", key, value)
        for key, value in flat(mapping_at(tree, "meta", "config_updates")).items()
    ]
    trace = tree.get("fail_trace")
    if isinstance(trace, list):
        details.append(("failure", text_of(tree.get("status")), "traceback", "".join(map(text_of, trace))))
    result = tree.get("result")
    number = number_of(result)
    if number is None and result is not None:
        tags["result"] = text_of(result)
    known = {name: value for name, value in fields.items() if value is not None}
    return Facts(tags=tags, fields=known, summary={} if number is None else {"result": number}, details=details)


def _text(value: Any) -> str | None:
    return text_of(value) if value is not None else None


@dataclass(slots=True)
class SacredMetrics:
    """The points of `metrics.json`, in the order of their times. See `tui_runs_dirs.layout.SeriesFile`."""

    path: str
    _seen: dict[int, int] = field(default_factory=dict, compare=False, repr=False)
    """By how many points were read: what they hashed to."""

    def stamp(self) -> Stamp:
        """Of the file."""
        return stamp_of(self.path)

    def read(self, start: int, limit: int) -> Stretch:
        """Read the points after so many; the file is read whole, and one that is half written waits."""
        try:
            tree = load_json(self.path)
        except NotReadError:
            stamps = self.stamp()
            if not stamps or time.time() - stamps[0].mtime_ns / 1e9 > _HALF_WRITTEN_SECONDS:
                raise
            return Stretch(frame_of([]), start, True)
        points = sorted(_points(tree), key=lambda point: point[2] or 0)
        goes_on = start == 0 or (start <= len(points) and self._seen.get(start) == hash(tuple(points[:start])))
        self._seen[len(points)] = hash(tuple(points))
        if len(self._seen) > _MARKS:
            del self._seen[next(iter(self._seen))]
        return Stretch(frame_of(points[start:] if goes_on else points), len(points), True, not goes_on)


def _points(tree: Any) -> Iterator[Point]:
    for name, series in tree.items() if isinstance(tree, dict) else ():
        values = _list(series, "values")
        steps, times = _list(series, "steps"), _list(series, "timestamps")
        for number, value in enumerate(values):
            found = number_of(_number_in(value))
            if found is not None:
                step = int_of(steps[number]) if number < len(steps) else None
                when = moment_of(times[number]) if number < len(times) else None
                yield encodable(name), number if step is None else step, when, found


def _number_in(value: Any) -> Any:
    """A number of numpy's is an object for jsonpickle, and its value may stand in it as it is."""
    return value.get("value") if isinstance(value, Mapping) else value


def _list(series: Any, key: str) -> Sequence[Any]:
    found = series.get(key) if isinstance(series, dict) else None
    return found if isinstance(found, list) else ()


class SacredLayout:
    """Finds the runs of a FileStorageObserver. See `tui_runs_dirs.layout.Layout`."""

    name = "sacred"
    title = "Sacred"

    def recognise(self, directory: Directory) -> Sequence[Claim]:
        """A directory with `run.json`, in which an experiment stands, and `config.json`."""
        if "run.json" not in directory.files or "config.json" not in directory.files:
            return ()
        if b'"experiment"' not in directory.head("run.json", 1 << 16):
            return ()
        facts = [
            SettingsFile(directory.join("run.json"), run_facts),
            SettingsFile(directory.join("config.json"), as_params),
        ]
        if "info.json" in directory.files:
            facts.append(SettingsFile(directory.join("info.json"), as_results))
        path = directory.join("metrics.json")
        series = [SacredMetrics(path)] if "metrics.json" in directory.files else []
        return [Claim(self.name, directory.path, facts, series, rank=10)]


LAYOUT: Final = SacredLayout()
