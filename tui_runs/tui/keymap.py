"""The user's own keys, by the ids of bindings: which there are, and what becomes of the keys that they take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, Final

from textual.binding import Binding
from textual.dom import DOMNode
from textual.keys import _character_to_key

from tui_runs.adapter import Problem
from tui_runs.config import nearest
from tui_runs.display import printable
from tui_runs.tui.keys import MAIN, Key
from tui_runs.tui.widgets.frame_table import MOVES

if TYPE_CHECKING:
    from textual.app import App

_SPELT: Final = {
    "slash": "/",
    "question_mark": "?",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "plus": "+",
    "minus": "-",
    "equals_sign": "=",
    "comma": ",",
    "full_stop": ".",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "left_parenthesis": "(",
    "right_parenthesis": ")",
}
_TABLES_OWN: Final = {"runs.mark": "table.mark", "runs.sort": "table.sort"}
"""Keys of the main screen that its table answers: one name moves both."""


def remap(wishes: Mapping[str, str], where: str) -> tuple[tuple[Key, ...], dict[str, str], list[Problem]]:
    """What the user's wishes make of the keys.

    Args:
        wishes: keys, separated by commas, by the id of a binding.
        where: the config file; problems name it.

    Returns:
        The keys of the main screen as help and footer are to show them, the keymap for Textual, and what is wrong.
    """
    if not wishes:
        return MAIN, {}, []
    bindings = _all_bindings()
    keymap, problems = {}, []
    for name, keys in wishes.items():
        if name not in bindings and name not in _TABLES_OWN:
            shown = printable(name)
            problems.append(Problem(where, f"There is no key {shown} in [keys].", nearest(name, bindings)))
            continue
        keymap[_TABLES_OWN.get(name, name)] = keys
    main = tuple(_moved(key, keymap) for key in MAIN)
    problems += _lost(main, keymap, where)
    return main, keymap, problems


def spell(keys: str) -> str:
    """Keys as people write them.

    Args:
        keys: as Textual spells them, separated by commas.
    """
    return " ".join(_SPELT.get(key.strip(), printable(key.strip())) for key in keys.split(","))


def shown_keys(binding: Binding, app: App[Any]) -> str:
    """The keys of a binding as people write them: the user's own where they have chosen some."""
    return spell(app._keymap.get(binding.id or "", binding.key))


def _moved(key: Key, keymap: Mapping[str, str]) -> Key:
    keys = keymap.get(_TABLES_OWN.get(key.id, key.id))
    if keys is None:
        return key
    return key._replace(keys=",".join(_parted(keys)), shown=printable(keys.split(",")[0].strip()))


def _parted(keys: str) -> list[str]:
    """Keys as Textual spells them."""
    return [_character_to_key(one) if len(one) == 1 else one for one in map(str.strip, keys.split(","))]


def _lost(main: Sequence[Key], keymap: Mapping[str, str], where: str) -> Iterator[Problem]:
    """The keys of the main screen and of its table that another one took: a key does one thing only."""
    everywhere = [(key.id, key.keys.split(","), _TABLES_OWN.get(key.id, key.id) in keymap) for key in main]
    for move in MOVES:
        name = move.id or ""
        everywhere.append((name, _parted(keymap.get(name, move.key)), name in keymap))
    taken = {one: name for name, keys, moved in everywhere if moved for one in keys}
    for name, keys, _ in everywhere:
        for one in keys:
            other = taken.get(one, name)
            if other != name:
                what = f"The key {printable(one)} is {other} in [keys], and was {name}."
                yield Problem(where, what, f"Give {name} another key there.")


def _all_bindings() -> dict[str, Binding]:
    """Every binding that has an id, of dialogs too; who has no keys of their own does not wait for their import."""
    import tui_runs.tui.app  # noqa: PLC0415, F401  whoever asks has it; its bindings are among them
    from tui_runs.tui import screens  # noqa: PLC0415  as above

    for module in iter_modules(screens.__path__):
        import_module(f"{screens.__name__}.{module.name}")
    found: dict[str, Binding] = {}
    waiting: list[type] = [DOMNode]
    while waiting:
        one = waiting.pop()
        waiting += one.__subclasses__()
        for binding in vars(one).get("BINDINGS", ()):
            if one.__module__.startswith("tui_runs.") and isinstance(binding, Binding) and binding.id:
                found[binding.id] = binding
    return found
