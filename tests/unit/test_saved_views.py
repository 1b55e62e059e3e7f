"""Saved views: what is written is read again, by Python's own TOML reader too; what is no view says so."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_runs.conditions import Order
from tui_runs.errors import ViewError
from tui_runs.frames.catalog import RunKey
from tui_runs.tui.runs_view import NEWEST_FIRST, RunsView
from tui_runs.tui.saved_views import SavedView, ViewStore, from_toml, load_view, to_toml
from tui_runs.tui.view_state import known_part

# TOML holds Unicode text: a lone surrogate is none.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
names = texts.filter(lambda text: text != "")
orders = st.lists(st.builds(Order, names, st.booleans()), min_size=1, max_size=4).map(tuple)
views = st.builds(
    RunsView,
    where=texts,
    sort=orders,
    columns=st.lists(names, max_size=5).map(tuple),
    lean=st.booleans(),
    pinned=st.integers(0, 9),
    widths=st.dictionaries(names, st.integers(1, 200), max_size=3),
    better=st.dictionaries(names, st.sampled_from(["lower", "higher", None]), max_size=3),
    nested=st.booleans(),
    group_by=st.lists(names, max_size=3).map(tuple),
)
saved_views = st.builds(
    SavedView, views, st.lists(st.builds(RunKey, texts, texts), max_size=3).map(tuple), st.sampled_from(["", "compare"])
)


@given(saved_views, texts)
def test_what_is_written_is_read_again(saved: SavedView, name: str) -> None:
    text = to_toml(saved, name)
    assert from_toml(text, "x") == saved
    assert tomllib.loads(text).get("name", "") == name


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("where = ", "is no TOML"),
        ("where = 3", "where is int"),
        ("columns = 'name'", "columns is str"),
        ("sort = true", "sort is bool"),
        ("widths = [1]", "widths is list"),
        ("pinned = 'a'", "pinned is str"),
        ("marks = {}", "marks is dict"),
        ("x = " + "[" * 20_000, "is no TOML"),
        ("x = " + "1" * 5_000, "is no TOML"),
        ("compare = 3", "compare is int"),
        ("compare = {ignore = 5}", "ignore is int"),
        ("compare = {ignore = ['^params', '(']}", "no regular expression"),
        ("compare = {ignore = ['a{99999999999999999999}']}", "no regular expression"),
    ],
    ids=lambda value: value[:30],
)
def test_what_is_no_view_says_where(text: str, says: str) -> None:
    with pytest.raises(ViewError, match=says) as caught:
        from_toml(text, "mine.toml")
    assert "mine.toml" in caught.value.message
    assert caught.value.remedy


def test_strange_values_inside_are_passed_over() -> None:
    saved = from_toml(
        "later = 1\npane = 'a later one'\nmarks = [3, {source = 's'}, {source = 's', run_id = 'r'}]\n"
        "widths = {a = 'x', b = -1, c = 9, d = 3000000}\ncompare = {ignore = ['^params', 5]}\n"
        "pinned = -3\nsort = ['metrics.a:b', 'metrics.loss:desc']",
        "x",
    )
    assert saved.marks == (RunKey("s", "r"),)
    assert saved.pane == ""
    assert saved.compare == {"ignore": ["^params", "5"]}
    assert saved.view.widths == {"c": 9, "d": 400}
    assert saved.view.pinned == 0
    assert saved.view.sort == (Order("metrics.a:b"), Order("metrics.loss", descending=True))


class TestStore:
    @given(names.filter(lambda name: name.strip() and len(name) < 40))
    def test_any_name_is_a_file_in_the_directory(self, tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
        store = ViewStore(["/data/mlruns"], tmp_path_factory.getbasetemp() / "views")
        try:
            path = store.path(name)
        except ViewError:
            pytest.fail(name)
        assert path.parent == store.directory
        assert path.name not in (".", "..")

    def test_save_list_load_delete(self, tmp_path: Path) -> None:
        store, other = ViewStore(["/data/mlruns"], tmp_path), ViewStore(["/data/other"], tmp_path)
        saved = SavedView(RunsView(where="status = failed"))
        for name in ("b/../c", "Ä", "a"):
            store.save(name, saved)
        assert store.names() == ["a", "b/../c", "Ä"]
        assert other.names() == []
        assert store.load("b/../c") == saved
        store.save("a", SavedView())
        assert store.load("a") == SavedView()
        store.delete("a")
        store.delete("a")
        assert store.names() == ["b/../c", "Ä"]
        assert not list(tmp_path.rglob("*.part"))
        with pytest.raises(ViewError, match="no view"):
            store.load("a")

    def test_what_cannot_be_removed_is_said(self, tmp_path: Path) -> None:
        store = ViewStore(["/a"], tmp_path)
        store.path("x").mkdir(parents=True)
        with pytest.raises(ViewError, match="cannot be removed"):
            store.delete("x")

    @pytest.mark.parametrize("letter", "a /é验🙂")
    def test_a_name_can_be_saved_or_is_said_to_be_too_long(self, tmp_path: Path, letter: str) -> None:
        store, names = ViewStore(["/a"], tmp_path), ["a" + letter * length for length in range(1, 80)]
        fit = [
            name for name in names if len(quote(name, safe=" ")) <= 250
        ]  # .toml makes 255, the most of a file's name
        for name in fit:
            store.save(name, SavedView())
            assert store.names() == [name.strip()]
            store.delete(name)
        for name in names[len(fit) :]:
            with pytest.raises(ViewError, match="too long"):
                store.save(name, SavedView())
        assert (fit == names) == (letter in "a /")

    def test_the_order_of_stores_does_not_matter(self, tmp_path: Path) -> None:
        assert (
            ViewStore(["/a", "/b"], tmp_path).directory.name[-12:]
            == ViewStore(["/b", "/a"], tmp_path).directory.name[-12:]
        )

    def test_a_directory_that_cannot_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(ViewError, match="cannot be written"):
            ViewStore(["/a"], tmp_path / "file").save("x", SavedView())

    @pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"x" * 1_000_001])
    def test_a_file_that_is_no_view(self, tmp_path: Path, data: bytes) -> None:
        (tmp_path / "v.toml").write_bytes(data)
        with pytest.raises(ViewError):
            load_view(tmp_path / "v.toml")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
    def test_a_file_without_permission(self, tmp_path: Path) -> None:
        (tmp_path / "v.toml").write_text("")
        (tmp_path / "v.toml").chmod(0)
        with pytest.raises(ViewError, match="cannot be read"):
            load_view(tmp_path / "v.toml")


def test_columns_of_another_store_are_left_out_and_named() -> None:
    view = RunsView(
        columns=("name", "params.gone", "min(metrics.loss)", "trend"),
        sort=(Order("metrics.gone"), Order("took")),
        group_by=("params.lr", "tags.gone"),
    )
    kept, strange = known_part(view, {"name", "metrics.loss", "params.lr"})
    assert kept.columns == ("name", "min(metrics.loss)", "trend")
    assert kept.sort == (Order("took"),)
    assert kept.group_by == ("params.lr",)
    assert strange == ["params.gone", "tags.gone", "metrics.gone"]
    kept, _ = known_part(RunsView(sort=(Order("metrics.gone"),)), {"name"})
    assert kept.sort == NEWEST_FIRST
