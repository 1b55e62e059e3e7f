"""Going back through filters, compared with a list that is walked by hand."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tui_runs.tui.filter_history import FilterHistory

filters = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=8).filter(str.strip)


@given(st.lists(filters, max_size=12), filters)
def test_back_through_all_of_them_and_forth_to_what_was_typed(used: list[str], typed: str) -> None:
    history = FilterHistory(Path("/nonexistent/x"))
    for text in used:
        history.use(text)
    last = [text for at, text in enumerate(used) if text not in used[at + 1 :]]
    wanted = list(reversed(last))
    seen, shown = [], typed
    while (text := history.back(shown)) is not None:
        seen.append(text)
        shown = text
    assert seen == [text for text in wanted if text != typed] or seen == wanted
    forth = []
    while (text := history.forth()) is not None:
        forth.append(text)
    assert forth == ([*reversed(seen[:-1]), typed] if seen else []) or forth[-1] == typed


def test_it_is_kept_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "filters"
    history = FilterHistory(path)
    assert history.use("metrics.loss < 1")
    assert history.use("ä 'b'")
    assert not history.use("ä 'b'")
    assert not history.use("  ")
    history.save()
    assert path.read_text().splitlines() == ["metrics.loss < 1", "ä 'b'"]
    other = FilterHistory(path)
    other.use("newer")
    other.load()
    assert [other.back("x"), other.back("newer"), other.back("ä 'b'")] == ["newer", "ä 'b'", "metrics.loss < 1"]


def test_a_file_that_cannot_be_read_or_written_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\xff\xfe\n" + b"x\n" * 900_000)
    history = FilterHistory(tmp_path / "file")
    history.load()
    assert history.back("") == "x"
    broken = FilterHistory(tmp_path / "file" / "below")
    broken.load()
    broken.use("a")
    broken.save()
    assert broken.back("") == "a"


def test_only_so_many_are_kept(tmp_path: Path) -> None:
    history = FilterHistory(tmp_path / "filters")
    for number in range(500):
        history.use(f"loss < {number}")
    history.save()
    lines = (tmp_path / "filters").read_text().splitlines()
    assert lines == [f"loss < {number}" for number in range(300, 500)]
