"""What a layout of the directories adapter sees in a tree, in plain Python: one layout alone, without the source."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.adapters.ledger import check_batch
from tui_runs.adapter import Problem
from tui_runs.schema import DETAILS, HISTORY
from tui_runs_dirs.layout import Claim, Collection, Layout
from tui_runs_dirs.walk import Walk

Series = list[tuple[int, float]]


@dataclass
class Seen:
    """By run id; of a claim that is its directory, relative to the tree."""

    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    params: dict[str, dict[str, str]] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    metrics: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    summary: dict[str, dict[str, float]] = field(default_factory=dict)
    series: dict[str, dict[str, Series]] = field(default_factory=dict)
    times: dict[tuple[str, str], list[Any]] = field(default_factory=dict)
    details: dict[str, dict[tuple[str, str, str], str]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def by_name(self) -> dict[str, str]:
        """The run id of each name; the names must be different ones."""
        names = {row["name"]: run_id for run_id, row in self.runs.items()}
        assert len(names) == len(self.runs)
        return names


def found(layout: Layout, tree: Path) -> list[Claim | Collection]:
    """What a layout says of a tree, or of one file."""
    return [one for directory in Walk(str(tree)) for one in layout.recognise(directory)]


def see(layout: Layout, tree: Path) -> Seen:
    """Read everything that a layout finds."""
    seen = Seen()
    for one in found(layout, tree):
        if isinstance(one, Claim):
            _take_claim(seen, one, str(Path(one.directory).relative_to(tree)))
        else:
            take_collection(seen, one)
    return seen


def take_collection(seen: Seen, collection: Collection) -> Seen:
    """Read one collection, and check what crosses the contract."""
    reading = collection.read()
    batch = reading.batch
    check_batch(batch)
    assert dict(reading.history.schema) == dict(HISTORY)
    assert dict(reading.details.schema) == dict(DETAILS)
    assert reading.history["step"].null_count() == 0
    seen.runs |= {row["run_id"]: row for row in batch.runs.iter_rows(named=True)}
    for frame, texts in ((batch.params, seen.params), (batch.tags, seen.tags)):
        for run_id, key, value in frame.iter_rows():
            texts.setdefault(run_id, {})[key] = value
    for row in batch.metrics.iter_rows(named=True):
        seen.metrics.setdefault(row["run_id"], {})[row["key"]] = row
        if row["count"] == 0:
            seen.summary.setdefault(row["run_id"], {})[row["key"]] = row["last"]
    for run_id, key, step, time, value in reading.history.iter_rows():
        seen.series.setdefault(run_id, {}).setdefault(key, []).append((step, value))
        seen.times.setdefault((run_id, key), []).append(time)
    for run_id, group, item, key, value in reading.details.iter_rows():
        seen.details.setdefault(run_id, {})[group, item, key] = value
    seen.problems += batch.problems
    return seen


def _take_claim(seen: Seen, claim: Claim, run_id: str) -> None:
    row = seen.runs.setdefault(run_id, {"layout": claim.layout})
    row |= {name: value for name, value in claim.fields.items() if name not in row}
    for file in claim.facts:
        facts = file.read()
        row |= facts.fields
        seen.params.setdefault(run_id, {}).update(facts.params)
        seen.tags.setdefault(run_id, {}).update(facts.tags)
        seen.summary.setdefault(run_id, {}).update(facts.summary)
        seen.details.setdefault(run_id, {}).update({row[:3]: row[3] for row in facts.details})
        seen.problems += facts.problems
    for part in claim.series:
        stretch = part.read(0, 1 << 24)
        assert stretch.complete
        for key, step, time, value in stretch.frame.iter_rows():
            seen.series.setdefault(run_id, {}).setdefault(claim.prefix + key, []).append((step, value))
            seen.times.setdefault((run_id, claim.prefix + key), []).append(time)
        seen.problems += stretch.problems


def fingerprint(tree: Path) -> dict[str, tuple[int, str]]:
    """Every file of a tree with its time and content: what reading must leave as it is."""
    return {
        str(path.relative_to(tree)): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(tree.rglob("*"))
        if path.is_file()
    }


def texts_of(problems: Iterable[Problem]) -> str:
    """All that problems say, in one text."""
    return "\n".join(f"{problem.uri}: {problem.what} {problem.remedy}" for problem in problems)


def run_program(source: str, directory: Path, **environment: str) -> str:
    """Run a Python program in a directory of its own, as a training would run, and return what it printed."""
    program = directory / "main.py"
    program.write_text(textwrap.dedent(source))
    done = subprocess.run(
        [sys.executable, str(program)],
        cwd=directory, env={**os.environ, "HOME": str(directory), **environment},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
