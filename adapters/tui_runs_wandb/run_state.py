"""What a run's records add up to, but for its points."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import fields
from typing import Final

from tui_runs_wandb.decoding import Decoded
from tui_runs_wandb.keys import INTERNAL, TIMESTAMP, TYPE
from tui_runs_wandb.records import (
    Environment,
    Exit,
    Kind,
    MetricDefinition,
    Path,
    RunFacts,
    decode_changes,
    decode_environment,
    decode_exit,
    decode_metric,
    decode_run,
)
from tui_runs_wandb.values import Leaf, Tree, dotted, float_of
from tui_runs_wandb.wire import MalformedError

_OWN_CONFIG: Final = ("_wandb", "wandb_version")
_OWN_SUMMARY: Final = (*INTERNAL, "_wandb")


class RunState:
    """A run, as far as its records have been read.

    Attributes:
        facts: of its run records; the last word counts.
        environment: where it runs.
        ended: how it ended; None while it has not.
        metrics: what `define_metric` said, by name or pattern.
        malformed: records that could not be understood.
    """

    def __init__(self) -> None:
        self.facts = RunFacts()
        self.environment = Environment()
        self.ended: Exit | None = None
        self.metrics: dict[str, MetricDefinition] = {}
        self.malformed = 0
        self._config = Tree()
        self._summary = Tree()

    def apply(self, decoded: Decoded) -> None:
        """Take in what the next records say."""
        self.malformed += decoded.malformed
        self._summary.apply(decoded.summary, decoded.summary_ends)
        for kind, content in decoded.others:
            try:
                self._apply_one(kind, content)
            except MalformedError:
                self.malformed += 1

    def _apply_one(self, kind: int, content: bytes) -> None:
        match kind:
            case Kind.RUN:
                run = decode_run(content)
                self._config.apply(run.config)
                self._summary.apply(run.summary)
                run.config, run.summary = [], []
                for field in fields(run):
                    if value := getattr(run, field.name):
                        setattr(self.facts, field.name, value)
            case Kind.CONFIG:
                self._config.apply(decode_changes(content))
            case Kind.ENVIRONMENT:
                found = decode_environment(content)
                self.environment.facts |= found.facts
                self.environment.arguments = found.arguments or self.environment.arguments
                self.environment.started = self.environment.started or found.started
            case Kind.METRIC:
                said = decode_metric(content)
                self.metrics[said.name] = said
            case Kind.EXIT:
                self.ended = decode_exit(content)

    @property
    def command(self) -> str | None:
        """The program with its arguments, as a shell takes it; `python -c` has "<python with no main file>"."""
        program = self.environment.facts.get("program", "<")
        return None if program.startswith("<") else shlex.join([program, *self.environment.arguments])

    def config(self) -> dict[str, Leaf]:
        """What the run was configured with, by dotted key."""
        return {dotted(path): leaf for path, leaf in self._config.leaves() if path[0] not in _OWN_CONFIG}

    def summary(self) -> Iterator[tuple[Path, Leaf, int]]:
        """What the run says of itself in the end: path, value, and the offset in the file behind what said it last.

        W&B's own keys are left out, and images, tables and the like.
        """
        leaves, media = self._leaves()
        for path, leaf in leaves:
            if path[0] not in _OWN_SUMMARY and _above(path, media) is None:
                yield path, leaf, self._summary.said_at(path)

    def media(self) -> Iterator[tuple[Path, Path, Leaf]]:
        """The newest images, tables, histograms, …: under which key each was logged, what is said of it, and how."""
        leaves, media = self._leaves()
        for path, leaf in leaves:
            if (item := _above(path, media)) is not None:
                yield item, path[len(item) :], leaf

    def _leaves(self) -> tuple[list[tuple[Path, Leaf]], set[Path]]:
        leaves = list(self._summary.leaves())
        return leaves, {path[:-1] for path, _ in leaves if len(path) > 1 and path[-1] == TYPE}

    @property
    def last_time(self) -> int | None:
        """When something was logged last, in microseconds since 1970."""
        said = next((leaf for path, leaf in self._summary.leaves() if path == (INTERNAL[TIMESTAMP],)), None)
        seconds = float_of(said)
        return round(seconds * 1e6) if seconds is not None and abs(seconds) < 2.0**42 else None


def _above(path: Path, media: set[Path]) -> Path | None:
    """The image or the like that a path lies in."""
    return next((path[:end] for end in range(1, len(path)) if path[:end] in media), None) if media else None
