r"""Tables for LaTeX, with the rules of the package booktabs; to be put into a `table` with \input.

Source: S. Fear, "Publication quality tables in LaTeX" (booktabs 1.6); for the symbols the LaTeX kernel of 2020-10 and
later, whose input is UTF-8 and which has those of textcomp.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from tui_runs.display import MISSING, STATUS_GLYPHS
from tui_runs.export.text_table import TextColumn

_SYMBOLS: Final = {
    "\\": r"\textbackslash{}",
    **{sign: f"\\{sign}" for sign in "{}$&#_%"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    "'": r"\textquotesingle{}",
    '"': r"\texttt{\char34}",
    "[": "{[}",  # \\ and \midrule would take it for the beginning of an argument
    "*": "{*}",
    MISSING: r"\textemdash{}",
    "−": r"\textminus{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "∞": r"$\infty$",
    "Δ": r"$\Delta$",
    "…": r"\ldots{}",
    "⟨": r"$\langle$",
    "⟩": r"$\rangle$",
    **{chr(0x2400 + code): rf"\textbackslash{{}}x{code:02x}" for code in range(0x20)},
    "␡": r"\textbackslash{}x7f",
    **{glyph: "" for glyph in STATUS_GLYPHS.values() if not glyph.isascii()},  # no font has them; the word says it
}
_SPECIAL: Final = re.compile("[" + re.escape("".join(_SYMBOLS)) + "]")
_DASHES: Final = re.compile("-(?=-)")
"""LaTeX makes one longer dash of two hyphens."""
_MINUS: Final = re.compile(r"(?<![\w.])-(?=[\d.∞])|(?<=\de)-(?=\d)")
"""A hyphen in a number."""


def latex_text(text: str) -> str:
    """Printable text so that LaTeX prints it as it is."""
    escaped = _SPECIAL.sub(lambda match: _SYMBOLS[match[0]], text)
    return _DASHES.sub("-{}", escaped)


def latex_lines(columns: Sequence[TextColumn], headings: Mapping[int, str] = MappingProxyType({})) -> Iterator[str]:
    """The lines of a `tabular`, without newlines.

    Args:
        columns: their cells of the style "strong" are set in bold.
        headings: titles that stand above rows, by the row's number.
    """
    yield r"% needs \usepackage{booktabs}"
    yield rf"\begin{{tabular}}{{{''.join('r' if column.right else 'l' for column in columns)}}}"
    yield r"\toprule"
    yield _line([latex_text(column.title) for column in columns])
    yield r"\midrule"
    for at, row in enumerate(zip(*(_cells(column) for column in columns), strict=True)):
        if at in headings:
            if at:
                yield r"\addlinespace"
            yield rf"\multicolumn{{{len(columns)}}}{{l}}{{\textit{{{latex_text(headings[at])}}}}} \\"
        yield _line(row)
    yield r"\bottomrule"
    yield r"\end{tabular}"


def _line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _cells(column: TextColumn) -> list[str]:
    texts = [latex_text(_MINUS.sub("−", cell) if column.right else cell).strip() for cell in column.cells]
    styles = column.styles or [""] * len(texts)
    return [rf"\textbf{{{text}}}" if style == "strong" else text for text, style in zip(texts, styles, strict=True)]
