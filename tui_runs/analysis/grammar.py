"""The grammar of the filter language, and what its mistakes are called in words.

A superset of the filters of MLflow's `search_runs`, so its lexical habits are kept: what stands between quotes is taken
as it is, the doubled or escaped quotes too that do not end it. `E'...'` is ours, for the texts that these rules cannot
say: in it a backslash stands before what is meant literally.

lark is imported when the first filter is read: that and the tables take 0.1 s.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING, Final, cast

from tui_runs.display import printable
from tui_runs.errors import QueryError

if TYPE_CHECKING:
    from lark import Lark, Token, Tree

IN_WORD: Final = r"""[^\s()'"`,<>=!~]"""
_SINGLE: Final = r"""'(?:''|[\\]'|[^'])*'"""
_DOUBLE: Final = r'''"(?:""|[\\]"|[^"])*"'''  # [\\]: lark takes a bare \\ away before a double quote
_BACKTICKS: Final = "`(?:``|[^`])*`"
_ESCAPED: Final = r"""E'(?:\\[\s\S]|[^'\\])*'"""
_QUOTED: Final = f"(?:{_SINGLE}|{_DOUBLE}|{_BACKTICKS}|{_ESCAPED})"

_PIECES: Final = re.compile(rf"(?:`?\w+`?\.)?{_QUOTED}|(?P<unfinished>(?:`?\w+`?\.)?['\"`][\s\S]*|{IN_WORD}+)|[\s\S]")
"""Closed quotes, what may still go on, and single signs."""

RESERVED: Final = ("and", "or", "not", "in", "between", "like", "ilike", "is", "null", "has")
"""Words that are no words to look for, nor values, unless they are quoted."""

_GRAMMAR: Final = r"""
start: either?
?either: both (_OR both)*
?both: negated (_AND? negated)*
?negated: _NOT negated -> negation
    | atom
?atom: "(" either ")"
    | "(" ")" -> everything
    | column OPERATOR value -> comparison
    | column IN "(" value ("," value)* ","? ")" -> one_of
    | column BETWEEN value _AND value -> between
    | column _IS (NULL | NAN) -> state
    | column _IS _NOT (NULL | NAN) -> other_state
    | _HAS column -> has
    | (WORD | TEXT) -> word
?column: COLUMN | WORD | TEXT
?value: MOMENT | WORD | TEXT

COLUMN.4: /`\w+`\.<in word>+|(?:`\w+`|\w+)\.<quoted>/
TEXT.3: /<quoted>/
MOMENT.3: /\d{4}-\d\d-\d\d\s\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?<end>/
OPERATOR.2: /[=!<>]=|<>|[=<>]|!?~/ | /(?:not\s+)?i?like<end>/i
IN.3: /(?:not\s+)?in<end>/i
BETWEEN.3: /(?:not\s+)?between<end>/i
_AND.2: /and<end>/i
_OR.2: /or<end>/i
_NOT.2: /not<end>/i
_IS.2: /is<end>/i
_HAS.2: /has<end>/i
NULL.2: /null<end>/i
NAN.2: /nan<end>/i
WORD: /(?!(?:<reserved>)<end>)<in word>+/i
%ignore /\s+/
"""
_PARTS: Final = {
    "<in word>": IN_WORD,
    "<end>": f"(?!{IN_WORD})",
    "<quoted>": _QUOTED,
    "<reserved>": "|".join(RESERVED),
}


@cache
def parser() -> Lark:
    """The parser, made at the first call."""
    from lark import Lark  # noqa: PLC0415  see above

    grammar = re.sub("|".join(_PARTS), lambda name: _PARTS[name.group()], _GRAMMAR)
    return Lark(grammar, parser="lalr")


def tree_of(text: str) -> Tree[Token]:
    """The syntax tree of a filter that is not empty.

    Raises:
        QueryError: it breaks the grammar.
    """
    from lark.exceptions import UnexpectedCharacters, UnexpectedToken  # noqa: PLC0415  see above

    try:
        return cast("Tree[Token]", parser().parse(text).children[0])
    except UnexpectedCharacters as error:
        position = error.pos_in_stream or 0
    except UnexpectedToken as error:
        position = len(text) if error.token.type == "$END" else error.token.start_pos or 0
    raise _mistake(text, position)


def read_so_far(text: str) -> tuple[list[Token], set[str]]:
    """The beginning of a filter as tokens, and the kinds of tokens that may come next.

    Raises:
        lark.exceptions.UnexpectedInput: it is none.
    """
    state = parser().parse_interactive(text)
    return state.exhaust_lexer(), state.accepts()  # type: ignore[no-untyped-call]


def unfinished(text: str) -> int:
    """Where the word or the open quote begins that a text ends in; its length if it ends in neither."""
    *_, last = [None, *_PIECES.finditer(text)]
    return last.start() if last and last.lastgroup == "unfinished" else len(text)


def _mistake(text: str, position: int) -> QueryError:
    expected = in_words(read_so_far(text[:position])[1])
    wanted = " or ".join([", ".join(expected[:-1]), expected[-1]] if len(expected) > 1 else expected)
    if position >= len(text):
        return QueryError(f"expected {wanted}, but the filter ends here.", position=len(text), expected=expected)
    match = re.match(rf"{_QUOTED}|{IN_WORD}+|[<>=!~]+|[\s\S]", text[position:])
    found = match.group() if match else ""
    if found in ("'", '"', "`"):
        remedy = "A text with a quote in it stands in quotes of another kind."
        return QueryError("the quote that opens here is not closed.", remedy, position=position, expected=expected)
    remedy = "Text that is meant literally stands in quotes." if found.lower() in (*RESERVED, ",", "!", "~") else ""
    return QueryError(
        f"expected {wanted}, not {printable(found[:40])!r}.", remedy, position=position, expected=expected
    )


def in_words(terminals: Collection[str]) -> tuple[str, ...]:
    """What the grammar would take next, as a person would say it."""
    words = []
    if "_HAS" in terminals:
        words.append("a condition")
    elif "MOMENT" in terminals:
        words.append("a value")
    elif "COLUMN" in terminals:
        words.append("a column")
    names = {
        "OPERATOR": "an operator such as = or <",
        "_AND": "'and'",
        "_OR": "'or'",
        "NULL": "'null'",
        "NAN": "'nan'",
        "LPAR": "'('",
        "COMMA": "','",
        "RPAR": "')'",
    }
    words += [said for name, said in names.items() if name in terminals and not (name == "LPAR" and words)]
    return tuple(words) or ("the end",)


def text_of(token: Token) -> str:
    """What a word, a quoted text or a time says."""
    return _unquoted(token) if token.type == "TEXT" else str(token)


def name_of(token: Token) -> str:
    """A column's name without its quotes, its entity as it was typed."""
    if token.type != "COLUMN":
        return text_of(token)
    entity, _, key = token.partition(".")
    if re.fullmatch(_QUOTED, key):
        in_backticks = key[0] in "'\"" and re.fullmatch("`[^`]*`", key[1:-1])  # MLflow takes both away
        key = _unquoted(key)[1:-1] if in_backticks else _unquoted(key)
    return f"{entity.strip('`')}.{key}"


def _unquoted(text: str) -> str:
    return re.sub(r"\\([\s\S])", r"\1", text[2:-1]) if text.startswith("E") else text[1:-1]


def quoted(text: str, marks: str = "'\"") -> str:
    """A text in the first of these quotation marks that can hold it."""
    for mark in marks:
        if mark not in text and not text.endswith("\\"):
            return f"{mark}{text}{mark}"
    return "E'" + re.sub(r"(['\\])", r"\\\1", text) + "'"
