"""TensorBoard: a directory with event files is a run, but for those that writers make below it for parts of the run.

- PyTorch's and tensorboardX's `add_hparams` writes into a directory of its own, `<run>/<wall time>/`.
- `add_scalars` writes each of its curves into `<run>/<tag>_<name>/` (tensorboardX: `<run>/<tag>/<name>/`), all under
  the same tag.
- Keras writes `<run>/train/` and `<run>/validation/`, with the same tags, and hyperparameters into `<run>/`.

These add to the run in the directory above. A file that only says which hyperparameters a study has
(`hp.hparams_config`) is no run: its trials lie below it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from tui_runs_dirs.layout import Claim, Collection
from tui_runs_dirs.readers.event_facts import EventFacts
from tui_runs_dirs.readers.event_file import EventSeries, is_event_file
from tui_runs_dirs.readers.event_record import leading_tags

if TYPE_CHECKING:
    from tui_runs_dirs.walk import Directory

_HEAD: Final = 2048
"""Bytes of a file that are looked at to tell what kind of part it is."""
_PARTS: Final = frozenset({"train", "validation"})
"""Keras' directories."""
_OTHER_PARTS: Final = frozenset({"val", "valid", "test", "eval", "evaluation"})
"""Of other writers (TensorFlow's estimators among them): parts where there is a run above, or a `train` beside them."""
_TAG_PARTS: Final = 4
_MOST_PARTS: Final = 100
"""Directories of a run that are looked at."""
_SESSION: Final = b"_hparams_/session_start_info"
_STUDY: Final = b"_hparams_/experiment"
_CONFIG_BYTES: Final = 1 << 16


class TensorBoard:
    """Event files of TensorBoard, TensorFlow, PyTorch and tensorboardX."""

    name = "tensorboard"
    title = "TensorBoard"

    def recognise(self, directory: Directory) -> Sequence[Claim | Collection]:
        """Claim a directory with event files, or what it is a part of."""
        names = _event_names(directory)
        if not names or _is_study(directory, names):
            return ()
        return (_part_of(directory, names) or claim_events(directory.path, directory.path),)


def claim_events(directory: str, run: str, prefix: str = "", key: str | None = None) -> Claim:
    """The claim of the event files in a directory for a run.

    Args:
        directory: with the files.
        run: the run's directory, the same or one above.
        prefix: put before the tags.
        key: what its one tag is called.
    """
    return Claim(
        "tensorboard", run, [EventFacts(directory)], [EventSeries(directory, key)], own_run=False, prefix=prefix
    )


def _event_names(directory: Directory) -> list[str]:
    return sorted(name for name in directory.files if is_event_file(name))


def _part_of(directory: Directory, names: Sequence[str]) -> Claim | None:
    """The claim for the run above; None where the directory is a run itself."""
    above = directory.parent
    if above is None or not all("tfevents" in name for name in directory.files):  # another tool's run has more
        return None
    has_run = bool(_event_names(above))
    name = directory.name
    if name in _PARTS or (name in _OTHER_PARTS and (has_run or "train" in above.directories)):
        return claim_events(directory.path, above.path, prefix=f"{name}/")
    run, place = _nearest_run(directory)
    if run is None:
        return None
    head = directory.head(names[0], _HEAD)
    if _SESSION in head:
        return claim_events(directory.path, run.path) if run is above and _is_only_session(run) else None
    tags = leading_tags(head)
    tag = tags.pop() if len(tags) == 1 else ""
    for start in (tag.replace("/", "_") + "_", tag + "/"):
        if tag and place.startswith(start) and len(place) > len(start):
            return claim_events(directory.path, run.path, key=f"{tag}/{place.removeprefix(start)}")
    return None


def _nearest_run(directory: Directory) -> tuple[Directory | None, str]:
    """The nearest directory above that has event files, and the path from there; tags have few slashes."""
    place, above = directory.name, directory.parent
    for _ in range(_TAG_PARTS):
        if above is None or _event_names(above):
            return above, place
        place, above = f"{above.name}/{place}", above.parent
    return None, ""


def _is_study(directory: Directory, names: Sequence[str]) -> bool:
    """Whether the only file says no more than which hyperparameters the runs below have."""
    if len(names) > 1 or not directory.directories:
        return False
    stamp = directory.stat(names[0])
    if stamp is None or stamp.size > _CONFIG_BYTES:
        return False
    head = directory.head(names[0], _CONFIG_BYTES)
    return _STUDY in head and _SESSION not in head and leading_tags(head) == {_STUDY.decode()}


def _is_only_session(above: Directory) -> bool:
    """Whether a run's hyperparameters are those of one directory below it: it has none, and the others have none.

    A writer that is given the hyperparameters of many trials leaves many such directories: each is a run.
    """
    if any(_SESSION in head or _STUDY in head for head in (above.head(name, _HEAD) for name in _event_names(above))):
        return False
    sessions = 0
    for name in above.directories[:_MOST_PARTS]:
        part = above.child(name)
        names = _event_names(part) if part is not None else []
        sessions += part is not None and bool(names) and _SESSION in part.head(names[0], _HEAD)
        if sessions > 1:
            return False
    return True


LAYOUT: Final = TensorBoard()
