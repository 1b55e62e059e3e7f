"""Optuna's journal files: what was done to a storage, one JSON object a line, appended only.

Operations are numbered as in optuna/storages/journal/_storage.py, whose replay this follows: ids of studies and trials
are not written, they are the order of creation; what refers to nothing, or to a trial that has ended, has no effect.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tui_runs.adapter import Problem
from tui_runs_dirs.collections.gathering import Points, last_write
from tui_runs_dirs.collections.optuna_trials import INTERMEDIATE, METRIC_NAMES, Study, Trial, gather, param_text
from tui_runs_dirs.files import open_regular, problem_with, stamp_of
from tui_runs_dirs.layout import CollectionReading, Stamp
from tui_runs_dirs.readers.json_text import parse_numbers, parse_text, whole_of
from tui_runs_dirs.readers.settings import number_of, text_of
from tui_runs_dirs.readers.times import utc

if TYPE_CHECKING:
    from tui_runs_dirs.walk import Directory

_SUFFIXES: Final = (".log", ".journal", ".jsonl")
_NAME: Final = re.compile(r"optuna|journal", re.IGNORECASE)
_FILES: Final = 32
"""Of a directory with more logs only those with a telling name are looked into."""
_START: Final = b'{"op_code":'
_LONGEST_LINE: Final = 16 << 20
_CHUNK: Final = 16 << 20
_MOST_PROBLEMS: Final = 5
_CREATE_STUDY, _DELETE_STUDY, _STUDY_USER, _STUDY_SYSTEM, _CREATE_TRIAL = range(5)
_PARAM, _STATE, _INTERMEDIATE, _USER, _SYSTEM, _DISCARD = range(5, 11)
_STATES: Final = ("RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING")
"""optuna.trial.TrialState, by number."""
_ENDED: Final = frozenset({"COMPLETE", "PRUNED", "FAIL"})
_DIRECTIONS: Final = {1: "MINIMIZE", 2: "MAXIMIZE"}


def journals_in(directory: Directory) -> Iterator[str]:
    """Paths of the journals in a directory. Opens the files whose names could be one's."""
    names: Iterable[str] = directory.files
    if len(directory.files) > 1:
        named = [name for name in directory.named(*_SUFFIXES, ".json", ".txt", ".db") if _NAME.search(name)]
        logs = directory.named(*_SUFFIXES)
        names = {*named, *logs} if len(logs) <= _FILES else named
    for name in sorted(names):
        if directory.head(name, len(_START)) == _START:
            yield directory.join(name)


@dataclass(slots=True)
class _Replay:
    """What the operations so far add up to.

    Args:
        offset: bytes of the file that are taken in.
        lines: as many lines.
        inode: of the file; another one begins anew.
    """

    inode: int = 0
    offset: int = 0
    lines: int = 0
    created: int = 0
    studies: dict[int, Study] = field(default_factory=dict)
    trials: dict[int, Trial] = field(default_factory=dict)
    numbers: dict[int, int] = field(default_factory=dict)
    points: dict[int, dict[int, float]] = field(default_factory=dict)
    wrong: list[tuple[int, str]] = field(default_factory=list)

    def take(self, line: bytes) -> None:
        """Apply one operation."""
        self.lines += 1
        operation = parse_numbers(line)
        if not isinstance(operation, dict):
            self.wrong.append((self.lines, "is no JSON object"))
            return
        try:
            self._apply(operation)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            self.wrong.append((self.lines, "is not an operation that is known"))

    def _apply(self, said: Mapping[str, Any]) -> None:
        code = int(said["op_code"])
        if code == _CREATE_STUDY:
            self._create_study(text_of(said["study_name"]), said["directions"])
        elif code == _DELETE_STUDY:
            self.studies.pop(int(said["study_id"]), None)
        elif code in (_STUDY_USER, _STUDY_SYSTEM):
            self._study_attributes(said, system=code == _STUDY_SYSTEM)
        elif code == _CREATE_TRIAL:
            self._create_trial(said)
        elif code in (_PARAM, _STATE, _INTERMEDIATE, _USER, _SYSTEM):
            number = int(said["trial_id"])
            trial = self.trials.get(number)
            if trial is not None and trial.state not in _ENDED:
                self._change(trial, number, code, said)
        elif code != _DISCARD:
            raise ValueError(code)

    def _create_study(self, name: str, directions: object) -> None:
        if any(study.name == name for study in self.studies.values()):
            return
        study = Study(name)
        if isinstance(directions, list):
            study.directions = {
                objective: _DIRECTIONS.get(whole_of(direction) or 0, "NOT_SET")
                for objective, direction in enumerate(directions)
            }
        self.studies[self.created] = study
        self.created += 1

    def _study_attributes(self, said: Mapping[str, Any], *, system: bool) -> None:
        study = self.studies.get(int(said["study_id"]))
        if study is None:
            return
        for key, value in said["system_attr" if system else "user_attr"].items():
            if not system:
                study.attributes[key] = text_of(value)
            elif key == METRIC_NAMES and isinstance(value, list):
                study.metric_names = value

    def _create_trial(self, said: Mapping[str, Any]) -> None:
        study = int(said["study_id"])
        if study not in self.studies:
            return
        number = len(self.trials)
        trial = self.trials[number] = Trial(study, self.numbers.get(study, 0), _STATES[int(said.get("state", 0))])
        self.numbers[study] = trial.number + 1
        trial.started, trial.ended = utc(said.get("datetime_start")), utc(said.get("datetime_complete"))
        distributions = said.get("distributions") or {}
        for name, value in (said.get("params") or {}).items():
            trial.params[name] = param_text(value, parse_text(distributions.get(name)))
        trial.attributes |= {key: text_of(value) for key, value in (said.get("user_attrs") or {}).items()}
        values = said.get("values")
        trial.values = _numbers(values if values is not None else [said.get("value")])
        for step, value in (said.get("intermediate_values") or {}).items():
            self._point(number, step, value)

    def _change(self, trial: Trial, number: int, code: int, said: Mapping[str, Any]) -> None:
        if code == _PARAM:
            distribution = parse_text(said["distribution"])
            trial.params[text_of(said["param_name"])] = param_text(said["param_value_internal"], distribution)
        elif code == _STATE:
            trial.state = _STATES[int(said["state"])]
            trial.started = utc(said.get("datetime_start")) or trial.started
            trial.ended = utc(said.get("datetime_complete")) or trial.ended
            if said["values"] is not None:
                trial.values = _numbers(said["values"])
        elif code == _INTERMEDIATE:
            self._point(number, said["step"], said["intermediate_value"])
        elif code == _USER:
            trial.attributes |= {key: text_of(value) for key, value in said["user_attr"].items()}

    def _point(self, trial: int, step: object, value: object) -> None:
        at, number = int(str(step)), number_of(value)
        if number is not None and abs(at) < 1 << 63:
            self.points.setdefault(trial, {})[at] = number


def _numbers(values: object) -> dict[int, float]:
    found = enumerate(values) if isinstance(values, list) else ()
    return {objective: number for objective, value in found if (number := number_of(value)) is not None}


@dataclass(slots=True)
class OptunaJournal:
    """A file that a JournalFileBackend wrote; only what was appended is read again.

    See `tui_runs_dirs.layout.Collection`.
    """

    path: str
    layout: str = "optuna"
    _replay: _Replay = field(default_factory=_Replay, compare=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, compare=False, repr=False)

    def stamp(self) -> Stamp:
        """Of the file."""
        return stamp_of(self.path)

    def read(self) -> CollectionReading:
        """Read all studies. A last line without its end waits for it.

        Raises:
            OSError: it cannot be read.
        """
        with self._lock:
            self._replay = replay = _read_on(self.path, self._replay)
            gathered, run_ids = gather(replay.studies, replay.trials, last_write(self.stamp()))
            gathered.problems += _problems(self.path, replay.wrong)
            points = Points()
            for trial, series in replay.points.items():
                if trial in run_ids:
                    for step, value in series.items():
                        points.add(run_ids[trial], INTERMEDIATE, step, None, value)
        return gathered.reading(points.frame())


def _read_on(path: str, known: _Replay) -> _Replay:
    descriptor = open_regular(path)
    try:
        status = os.fstat(descriptor)
        if known.inode != status.st_ino or status.st_size < known.offset:
            known = _Replay(status.st_ino)
        rest = b""
        start = known.offset
        while data := os.pread(descriptor, _CHUNK, start):
            start += len(data)
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                known.take(line)
                known.offset += len(line) + 1
            if len(rest) > _LONGEST_LINE:
                known.wrong.append(
                    (known.lines + 1, f"is longer than {_LONGEST_LINE:,} bytes; nothing after it is read")
                )
                break
        return known
    finally:
        os.close(descriptor)


def _problems(path: str, wrong: list[tuple[int, str]]) -> list[Problem]:
    if not wrong:
        return []
    number, what = wrong[0]
    text = f"Line {number} {what}" + (f", and so it is with {len(wrong) - 1} more." if len(wrong) > 1 else ".")
    return [problem_with(path, text, "It is left out; the other lines are shown.")]
