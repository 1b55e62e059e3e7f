"""Files of settings: as they were written, whatever was written; and what would do harm does none."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tui_runs_dirs.files import NotReadError
from tui_runs_dirs.readers.settings import LEAVES, SettingsFile, as_results, flat, load_settings
from tui_runs_dirs.readers.yaml_file import parse_yaml

leaves = st.one_of(
    st.integers(-(10**12), 10**12), st.floats(allow_nan=False), st.booleans(), st.none(), st.text(max_size=8),
)  # fmt: skip
keys = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=6)
trees = st.dictionaries(
    keys, st.recursive(leaves, lambda inner: st.dictionaries(keys, inner, max_size=4), max_leaves=8)
)


def leaves_of(tree: dict[str, Any], path: str = "") -> dict[str, Any]:
    found = {}
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            found.update(leaves_of(value, f"{path}{key}."))
        else:
            found[f"{path}{key}"] = value
    return found


def as_python(text: str, is_text: bool) -> Any:
    return text if is_text else json.loads(text)


def write(tmp_path: Path, name: str, text: str | bytes) -> str:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


@given(trees)
@settings(max_examples=60, deadline=None)
def test_json_is_flattened_as_it_was_written(tree: dict[str, Any]) -> None:
    from tui_runs_dirs.readers.json_file import parse_json

    said = flat(parse_json(json.dumps(tree).encode(), numbers_as_text=True))
    truth = leaves_of(tree)
    assert said.keys() == truth.keys()
    for key, value in truth.items():
        assert as_python(said[key], isinstance(value, str)) == value


@given(trees)
@settings(max_examples=60, deadline=None)
def test_yaml_says_what_pyyaml_wrote(tree: dict[str, Any]) -> None:
    said = flat(parse_yaml(yaml.safe_dump(tree).encode()))
    truth = leaves_of(yaml.safe_load(yaml.safe_dump(tree)))
    assert said.keys() == {str(key) for key in truth}
    for key, value in truth.items():
        if isinstance(value, str):
            assert said[key] == value
        elif isinstance(value, dict):
            assert said[key] == "{}"
        else:
            assert yaml.safe_load(said[key]) == value


words = st.from_regex(r"[-A-Za-z0-9_./+ :#]{0,8}", fullmatch=True)


@given(st.lists(st.tuples(st.sampled_from(["", "  ", "    ", "- "]), st.sampled_from("abc"), words), max_size=6))
@settings(max_examples=300, deadline=None)
def test_simple_yaml_is_read_as_any(lines: list[tuple[str, str, str]]) -> None:
    """The fast reader says what the parser's tree says, or leaves the file to it."""
    from tui_runs_dirs.readers.yaml_file import _simple
    from tui_runs_dirs.readers.yaml_tree import tree_of

    data = "".join(f"{indent}{key}: {text}".rstrip() + "\n" for indent, key, text in lines).encode()
    said = _simple(data)
    if said is not None:
        assert flat(said) == flat(tree_of(data))


def test_texts_stay_as_written(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "a.yaml",
        "lr: 1e-4\nmomentum: .90\non: yes\nempty: ''\nnothing:\nids: [1, two, 3.50]\nd: 2026-11-20\n",
    )
    assert flat(load_settings(path)) == {
        "lr": "1e-4", "momentum": ".90", "on": "yes", "empty": "", "nothing": "null", "ids": '[1, "two", 3.50]',
        "d": "2026-11-20",
    }  # fmt: skip
    assert flat(load_settings(write(tmp_path, "a.toml", "lr = 1e-4\n[opt]\nbetas = [0.90, 0.999]\n"))) == {
        "lr": "1e-4", "opt.betas": "[0.90, 0.999]",
    }  # fmt: skip
    assert flat(load_settings(write(tmp_path, "a.json", b'\xef\xbb\xbf{"a": NaN, "b": 1.50}'))) == {
        "a": "NaN",
        "b": "1.50",
    }


def test_python_objects_are_what_stands_behind_the_tag(tmp_path: Path) -> None:
    done = tmp_path / "done"
    text = (
        f"a: !!python/object/apply:os.system ['touch {done}']\n"
        "b: !!python/object:pathlib.PosixPath {x: 1}\n"
        "c: !!python/name:os.system ''\nd: !!python/tuple [1, 2]\n"
    )
    said = flat(load_settings(write(tmp_path, "a.yaml", text)))
    assert said["b.x"] == "1"
    assert said["d"] == "[1, 2]"
    assert not done.exists()


def test_aliases_and_merges_hold(tmp_path: Path) -> None:
    text = "base: &b {lr: 1, wd: 2}\nrun:\n  <<: *b\n  lr: 3\nsame: *b\n"
    assert flat(load_settings(write(tmp_path, "a.yaml", text))) == {
        "base.lr": "1", "base.wd": "2", "run.wd": "2", "run.lr": "3", "same.lr": "1", "same.wd": "2",
    }  # fmt: skip


BOMBS = {
    "aliases of lists": "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)),
    "aliases of mappings": "a0: &a0 {k: v}\n"
    + "".join(f"a{n}: &a{n} {{{', '.join(f'k{i}: *a{n - 1}' for i in range(9))}}}\n" for n in range(1, 30)),
    "merges": "a0: &a0 {k: v}\n"
    + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}], k{n}: 1}}\n" for n in range(1, 400)),
    "depth": "a: " + "[" * 50_000,
    "depth in blocks": "".join(" " * n + "a:\n" for n in range(1_500)),
    "an alias in its own anchor": "a: &a\n  b: *a\n  c: [*a, *a]\n",
    "many keys": "".join(f"k{n}: {n}\n" for n in range(LEAVES + 1)),
    "a tab": "a:\n\t- b\n",
    "no end": "a: 'b\n",
    "control characters": "a: \x00\x07\n",
    "not text": b"\xff\xfe\x00\x01",
    "too long": "a: " + "x" * (3 << 20),
    "a list": "- 1\n- 2\n",
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_bombs_and_broken_yaml_take_no_time(tmp_path: Path, text: str | bytes) -> None:
    """Either it is said why it is not read, or what is there is shown; and it does not take the machine."""
    path = write(tmp_path, "a.yaml", text)
    with contextlib.suppress(NotReadError):
        facts = SettingsFile(path).read()
        assert len(facts.params) <= LEAVES
        assert sum(map(len, facts.params.values())) < 10_000_000


@pytest.mark.parametrize("text", ['{"a": 1', "[" * 100_000, '{"a": ' * 5_000, '{"a": ' + "9" * 10_000 + "}", "", "nul"])
def test_broken_json_is_said_with_its_line(tmp_path: Path, text: str) -> None:
    if text.endswith("9}"):
        assert flat(load_settings(write(tmp_path, "a.json", text)))["a"].startswith("999")
        return
    with pytest.raises(NotReadError) as caught:
        load_settings(write(tmp_path, "a.json", text))
    assert caught.value.what.strip()


@pytest.mark.parametrize("depth", range(850, 1000, 25))
def test_depth_near_what_json_allows(tmp_path: Path, depth: int) -> None:
    text = '{"a": ' + "[" * depth + "]" * depth + "}"
    with contextlib.suppress(NotReadError):
        assert SettingsFile(write(tmp_path, "a.json", text)).read().params["a"].startswith("[[[")


def test_pipe_and_link_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")
    (tmp_path / "b.yaml").symlink_to("/etc/hostname")
    for name in ("a.yaml", "b.yaml"):
        with pytest.raises(OSError, match=r"pipe|symbolic|links"):
            SettingsFile(str(tmp_path / name)).read()


def test_results_tell_numbers_and_how_it_went(tmp_path: Path) -> None:
    text = '{"status": "completed", "test": {"acc": 0.5, "loss": NaN}, "best": "epoch 3", "list": [1]}'
    facts = SettingsFile(write(tmp_path, "summary.json", text), as_results).read()
    assert facts.fields == {"status": "finished"}
    assert repr(dict(facts.summary)) == "{'test/acc': 0.5, 'test/loss': nan}"
    assert facts.tags == {"best": "epoch 3"}
