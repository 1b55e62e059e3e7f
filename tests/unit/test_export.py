"""What is exported, read back by others' readers: CSV, Parquet, Markdown and HTML."""

from __future__ import annotations

import csv
import html
import io
import math
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from polars.testing import assert_frame_equal

from tui_runs.display import HOSTILE, printable
from tui_runs.export.csv_rows import csv_text
from tui_runs.export.html import HtmlCharts, HtmlTable, html_page
from tui_runs.export.markdown import markdown_lines
from tui_runs.export.parquet import parquet_bytes
from tui_runs.export.svg import SvgCurve, curves_svg
from tui_runs.export.text_table import TextColumn
from tui_runs.schema import STATUS

EVIL = [
    "<script>alert(1)</script>", "</style><img src=x onerror=alert(1)>", '"><svg onload=x>', "'", "&amp;", "a|b",
    "a\\|b", "**x**", "_x_", "`x`", "[x](javascript:x)", "![x](http://x.de/y)", "<b>", "\\", "\\\\", "~~x~~", "$x$",
    "# x", "- x", "1. x", "http://x.de", "www.x.de", "&lt;", "|", "x\\", "--", "a  b", "val_loss", "[x]: y",
    "<!-- x -->", "---", "\x1b[31m", "a\nb", "\u202ex", "學習", "a_b_c", "__init__", "{{x}}", "x@y.de", ":--", "***",
]  # fmt: skip
TEXTS = st.one_of(st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.sampled_from(EVIL))


class TestCsv:
    @pytest.mark.parametrize(
        "text",
        ["=1+1", "+cmd", "-x", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "-1+1", "=", "--lr", "-1,2", "- 1", "＝1", "+1 2"],
    )  # fmt: skip
    def test_a_formula_is_made_a_text(self, text: str) -> None:
        (header, (cell,)) = csv.reader(io.StringIO(csv_text(pl.DataFrame({text: [text]})), newline=""))
        assert header == [cell] == ["'" + text]

    @pytest.mark.parametrize(
        "text", ["-1", "+.5", "-1e-5", "-inf", "-Infinity", "+nan", "a=1", "", "1-1", "'=1", " =1"]
    )
    def test_numbers_and_all_else_stay(self, text: str) -> None:
        (_, (cell,)) = csv.reader(io.StringIO(csv_text(pl.DataFrame({"k": [text]})), newline=""))
        assert cell == text

    def test_numbers_are_no_formulas(self) -> None:
        assert csv_text(pl.DataFrame({"k": [-1.0, -math.inf, None]})) == "k\n-1.0\n-Infinity\n\n"

    @given(st.lists(st.one_of(st.none(), TEXTS), min_size=1))
    def test_all_else_reads_back(self, texts: list[str | None]) -> None:
        frame = pl.DataFrame({"a": texts, "b": "end"}, schema={"a": pl.String, "b": pl.String})
        read = pl.read_csv(io.BytesIO(csv_text(frame).encode()), schema=frame.schema)
        safe = [text if text is None or text[:1] not in tuple("=+-@\t\r\n＝＋－＠") else "'" + text for text in texts]
        for text, cell, expected in zip(texts, read["a"], safe, strict=True):
            assert cell in (text, expected)


def test_parquet_keeps_types() -> None:
    frame = pl.DataFrame(
        {"n": [math.nan, None, -math.inf], "t": ["", None, "=1+1\x1b"], "s": ["running", None, "failed"]},
        schema={"n": pl.Float64, "t": pl.String, "s": STATUS},
    )
    assert_frame_equal(
        pl.read_parquet(io.BytesIO(parquet_bytes(frame))), frame.with_columns(pl.col("s").cast(pl.String))
    )


def read_markdown(lines: list[str]) -> tuple[list[list[str]], str]:
    """The cells of a table's rows as they are shown, the header first; and all of its HTML."""
    parser = MarkdownIt("gfm-like", {"linkify": False})
    tokens = parser.parse("\n".join(lines))
    assert tokens[0].type == "table_open"
    assert tokens[-1].type == "table_close"
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            kinds = {child.type for child in token.children or []}
            assert kinds <= {"text", "text_special", "strong_open", "strong_close"}, (token.content, kinds)
            rows[-1].append("".join(child.content for child in token.children or []))
    return rows, parser.render("\n".join(lines))


class TestMarkdown:
    @given(st.lists(st.tuples(TEXTS, TEXTS, st.booleans()), min_size=1, max_size=4), TEXTS, TEXTS)
    def test_cells_are_shown_as_they_are(self, cells: list[tuple[str, str, bool]], title: str, heading: str) -> None:
        texts = [[printable(one[place]) for one in cells] for place in (0, 1)]
        styles = ["strong" if one[2] else "" for one in cells]
        columns = [
            TextColumn(printable(title) or "x", texts[0]),
            TextColumn("right", texts[1], right=True, styles=styles),  # type: ignore[arg-type]
        ]
        rows, _ = read_markdown(list(markdown_lines(columns, {0: printable(heading)})))
        expected = [[columns[0].title, "right"], [printable(heading), ""], *map(list, zip(*texts, strict=True))]
        assert [[cell.split() for cell in row] for row in rows] == [[cell.split() for cell in row] for row in expected]

    def test_bold_alignment_and_headings(self) -> None:
        columns = [TextColumn("run", ["a", "b"]), TextColumn("loss", ["0.5", "-0.25"], True, ["", "strong"])]
        assert list(markdown_lines(columns, {1: "others"})) == [
            "| run        |      loss |",
            "| ---------- | --------: |",
            "| a          |       0.5 |",
            "| **others** |           |",
            "| b          | **-0.25** |",
        ]

    def test_names_of_keys_stay_readable(self) -> None:
        assert next(markdown_lines([TextColumn("val_loss", ["a-b.c/d"])])) == "| val_loss |"


class Page(HTMLParser):
    """What a browser would make of a page: its elements, and the texts of the cells."""

    VOID = ("meta", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.rows: list[list[str]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


class TestHtml:
    @given(TEXTS, TEXTS, TEXTS, TEXTS)
    def test_no_text_becomes_markup(self, title: str, cell: str, note: str, heading: str) -> None:
        columns = [TextColumn(title, [cell]), TextColumn("b", [cell], right=True, styles=["strong"])]
        table = HtmlTable(title, columns, {0: heading}, {1: [note]}, {1: "#112233"}, ["#112233"], note)
        curves = [SvgCurve(title, "#112233", np.arange(3.0), np.arange(3.0))]
        charts = HtmlCharts(title, [(cell, "#112233")], [curves_svg(title, curves)])
        page = "".join(html_page(title, note, [table, charts]))
        read = Page(page)
        assert read.tags <= {
            "html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "p", "section", "div", "table",
            "thead", "tbody", "tr", "th", "td", "span", "small", "footer", "svg", "text", "line", "path",
        }  # fmt: skip
        assert not [name for name in read.attributes if name.startswith("on") or name in ("src", "href")]
        assert read.rows == [[printable(title), "b"], [printable(heading)], [printable(cell), printable(cell + note)]]
        assert not HOSTILE.search(page.replace("\n", ""))
        assert page.count("<style>") == page.count("</style>") == 1
        assert "<title>" + html.escape(printable(title)) + "</title>" in page

    def test_it_needs_nothing_from_elsewhere(self) -> None:
        page = "".join(html_page("t", "s", []))
        assert "default-src 'none'" in page
        assert "http" not in page.replace("http-equiv", "")
        assert "prefers-color-scheme: dark" in page


def points_of(path: ElementTree.Element) -> list[list[tuple[float, float]]]:
    """The stretches of a path."""
    return [
        [tuple(map(float, point.split())) for point in stretch.split("L")]  # type: ignore[misc]
        for stretch in path.attrib["d"].split("M")[1:]
    ]


class TestSvg:
    def test_points_lie_where_they_belong(self) -> None:
        svg = curves_svg("loss", [SvgCurve("a", "#112233", np.array([0.0, 5.0, 10.0]), np.array([3.0, 1.0, 2.0]))])
        root = ElementTree.fromstring(svg)
        (path,) = root.iter("path")
        ((first, middle, last),) = points_of(path)
        assert first[0] < middle[0] < last[0]
        assert middle[0] - first[0] == pytest.approx(last[0] - middle[0], abs=0.2)
        assert middle[1] > last[1] > first[1]  # down the page
        assert middle[1] - last[1] == pytest.approx(last[1] - first[1], abs=0.2)
        assert [one.text for one in path.iter("title")] == ["a"]
        texts = {one.text for one in root.iter("text")}
        assert {"loss", "0", "10", "1", "2", "3"} <= texts

    def test_gaps_spikes_and_single_points(self) -> None:
        y = np.zeros(100_000)
        y[50_000] = 9.0
        y[70_000:80_000] = np.nan
        svg = curves_svg("x", [SvgCurve("a", "#112233", np.arange(100_000.0), y, dash=1)])
        assert len(svg) < 60_000
        (path,) = ElementTree.fromstring(svg).iter("path")
        assert "stroke-dasharray" in path.attrib
        stretches = points_of(path)
        assert len(stretches) == 2
        heights = [at for stretch in stretches for _, at in stretch]
        assert min(heights) < 40 < 200 < max(heights)
        (path,) = ElementTree.fromstring(
            curves_svg("x", [SvgCurve("a", "#112233", np.array([1.0]), np.array([5.0]))])
        ).iter("path")
        assert len(points_of(path)[0]) == 2

    @given(st.lists(st.tuples(st.floats(), st.floats()), max_size=20))
    def test_any_points_can_be_drawn(self, points: list[tuple[float, float]]) -> None:
        x, y = np.array([p[0] for p in points], np.float64), np.array([p[1] for p in points], np.float64)
        root = ElementTree.fromstring(curves_svg("x", [SvgCurve("a", "#112233", x, y)]))
        for path in root.iter("path"):
            for stretch in points_of(path):
                assert all(0 <= at[0] <= 520 and 0 <= at[1] <= 260 for at in stretch)
        if not any(math.isfinite(a) and math.isfinite(b) for a, b in points):
            assert "no points" in {one.text for one in root.iter("text")}

    def test_names_are_text(self) -> None:
        svg = curves_svg("<b>", [SvgCurve("</title><script>", "#112233", np.arange(2.0), np.arange(2.0))])
        root = ElementTree.fromstring(svg)
        assert {one.tag for one in root.iter()} == {"svg", "text", "line", "path", "title"}
        assert re.search("&lt;/title&gt;&lt;script&gt;", svg)
