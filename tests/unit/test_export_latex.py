"""LaTeX, by its rules: what is special is escaped, and what was escaped can be read back."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_runs.display import printable
from tui_runs.export.latex import latex_lines, latex_text
from tui_runs.export.text_table import TextColumn

# What LaTeX prints for these, by "The Comprehensive LaTeX Symbol List", tables 1, 3 and 556 (2021).
PRINTED = {
    r"\textbackslash{}": "\\", r"\textasciitilde{}": "~", r"\textasciicircum{}": "^", r"\textless{}": "<",
    r"\textgreater{}": ">", r"\textbar{}": "|", r"\textasciigrave{}": "`", r"\textquotesingle{}": "'",
    r"\texttt{\char34}": '"', "{[}": "[", "{*}": "*", "-{}": "-", r"\{": "{", r"\}": "}", r"\$": "$", r"\&": "&",
    r"\#": "#", r"\_": "_", r"\%": "%",
}  # fmt: skip
TOKEN = re.compile("|".join(re.escape(one) for one in sorted(PRINTED, key=len, reverse=True)))


@given(st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E)))
def test_ascii_can_be_read_back(text: str) -> None:
    escaped = latex_text(text)
    left = TOKEN.sub("", escaped)
    assert not set(left) & set("\\{}$&#^_~%`[*'\"<>|")
    assert TOKEN.sub(lambda match: PRINTED[match[0]], escaped) == text
    assert "--" not in escaped


@given(st.text())
def test_a_row_is_a_row_whatever_is_in_it(text: str) -> None:
    cell = printable(text)
    lines = list(latex_lines([TextColumn(cell, [cell]), TextColumn("b", [cell], right=True)], {0: cell}))
    assert len(lines) == 9
    assert len(re.findall(r"(?<!\\)&", lines[3])) == len(re.findall(r"(?<!\\)&", lines[6])) == 1
    assert all(line.endswith(r" \\") for line in (lines[3], lines[5], lines[6]))
    assert not re.match(r"\s*[\[*]", lines[6])
    assert not any("%" in re.sub(r"\\%", "", line) for line in lines[1:])


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("-0.5", r"\textminus{}0.5"),
        ("0.3 ± 0.1", r"0.3 $\pm$ 0.1"),
        ("3.2e-05  ×10", r"3.2e\textminus{}05  $\times$10"),
        ("image-net", "image-net"),
        ("2026-11-20", "2026-11-20"),
        ("--lr", "-{}-lr"),
        ("∞", r"$\infty$"),
        ("-∞", r"\textminus{}$\infty$"),
        ("—", r"\textemdash{}"),
        ("✔ finished", "finished"),
        ("a␛[0m␡", r"a\textbackslash{}x1b{[}0m\textbackslash{}x7f"),
    ],
)
def test_numbers_and_symbols(text: str, printed: str) -> None:
    *_, row, _, _ = latex_lines([TextColumn("", [text], right=True)])
    assert row == printed + r" \\"


def test_a_whole_table() -> None:
    columns = [
        TextColumn("run", ["a_1", "b"]),
        TextColumn("loss", ["0.5 ± 0.1", "0.25 ± 0.1"], right=True, styles=["", "strong"]),
    ]
    assert list(latex_lines(columns, {1: "others"})) == [
        r"% needs \usepackage{booktabs}",
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"run & loss \\",
        r"\midrule",
        r"a\_1 & 0.5 $\pm$ 0.1 \\",
        r"\addlinespace",
        r"\multicolumn{2}{l}{\textit{others}} \\",
        r"b & \textbf{0.25 $\pm$ 0.1} \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]
