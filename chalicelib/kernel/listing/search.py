"""The grammar of ``search``: text in, a small tree out. Knows neither SQL nor what a field is made of.

::

    expression = operand { ( "AND" | "OR" ) operand }        AND binds tighter than OR
    operand    = term | "(" term { ( "AND" | "OR" ) term } ")"
    term       = ( field | "*" ) ":" value
    value      = words up to an operator, a parenthesis or the end
               | a text in double quotes, in which \\" and \\\\ stand for " and \\

Operators are upper case; ``and`` is an ordinary word. A word like ``size:`` inside an unquoted value is taken
for a forgotten operator and refused, because reading it as text would silently find nothing.
"""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Final

from chalicelib.kernel.listing.values import checked_text, quoted, refuse

TERMS_MAX: Final = 20
ALL_FIELDS: Final = "*"

_TOKEN = re.compile(
    r"""\s* (?: (?P<parenthesis> [()] )
            | (?P<field> \*|[A-Za-z_]\w* ) : \s* " (?P<text> (?: [^"\\] | \\. )* ) " (?= [\s()] | $ )
            | (?P<word> [^\s()]+ ) )""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_TERM = re.compile(r"(\*|[A-Za-z_]\w*):(.*)", re.DOTALL | re.ASCII)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Term:
    """`field` (or any searchable field, ``*``) contains `value`."""

    field: str
    value: str


@dataclass(frozen=True, slots=True)
class And:
    """Every part holds."""

    parts: "tuple[Search, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part holds."""

    parts: "tuple[Search, ...]"


Search = Term | And | Or


def parse_search(raw: object, fields: Collection[str]) -> Search | None:
    """The tree of an expression over `fields`; None for a blank one, which asks for nothing.

    Raises PydanticCustomError for anything that is not in the grammar.
    """
    text = checked_text(raw)
    if not text.strip():
        return None
    return _Parser(text, fields).parse()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    """``(``, ``)``, ``AND``, ``OR``, ``quoted`` or ``word``."""
    start: int
    end: int
    term: Term | None = None


def _tokens(text: str) -> Iterator[_Token]:
    position = 0
    while match := _TOKEN.match(text, position):
        position = match.end()
        start = match.start(match.lastgroup or 0)
        if match["parenthesis"]:
            yield _Token(match["parenthesis"], start, position)
        elif match["word"]:
            yield _Token(match["word"] if match["word"] in ("AND", "OR") else "word", start, position)
        else:
            term = Term(match["field"], _ESCAPED.sub(r"\1", match["text"]))
            yield _Token("quoted", match.start("field"), position, term)
    yield _Token("end", len(text), len(text))


class _Parser:
    """Recursive descent over one expression; the recursion is one level deep by grammar."""

    def __init__(self, text: str, fields: Collection[str]) -> None:
        self.text = text
        self.fields = fields
        self.tokens = list(_tokens(text))
        self.position = 0
        self.terms = 0

    def parse(self) -> Search:
        tree = self._expression(self._operand)
        if self._kind == ")":
            refuse("search_syntax", "A closing parenthesis has no opening one")
        if self._kind != "end":
            refuse("search_syntax", f"AND or OR is needed before {self._rest()}")
        return tree

    @property
    def _kind(self) -> str:
        return self.tokens[self.position].kind

    def _take(self) -> _Token:
        token = self.tokens[self.position]
        self.position += 1
        return token

    def _rest(self) -> str:
        return quoted(self.text[self.tokens[self.position].start :])

    def _expression(self, operand: Callable[[], Search]) -> Search:
        alternatives = [[operand()]]
        while self._kind in ("AND", "OR"):
            if self._take().kind == "OR":
                alternatives.append([])
            alternatives[-1].append(operand())
        parts = [_joined(And, part) for part in alternatives]
        return _joined(Or, parts)

    def _operand(self) -> Search:
        if self._kind != "(":
            return self._term()
        self._take()
        inner = self._expression(self._term)
        if self._kind != ")":
            refuse("search_syntax", f"A parenthesis is not closed, or AND or OR is missing before {self._rest()}")
        self._take()
        return inner

    def _term(self) -> Term:
        if self._kind == "(":
            refuse("search_syntax", "Parentheses may be one level deep; quote values that contain them")
        if self._kind not in ("word", "quoted"):
            refuse("search_syntax", f"A term field:value is missing before {self._rest()}")
        token = self._take()
        return self._checked(token.term or self._unquoted(token))

    def _unquoted(self, first: _Token) -> Term:
        last = first
        while self._kind == "word":
            last = self._take()
            if _TERM.fullmatch(self.text, last.start, last.end):
                word = quoted(self.text[last.start : last.end])
                refuse("search_syntax", f"AND or OR is needed before {word}; quote values that contain a colon")
        match = _TERM.fullmatch(self.text, first.start, last.end)
        if match is None:
            word = self.text[first.start : last.end]
            refuse("search_syntax", f"A term is written field:value or *:value, not {quoted(word)}")
        field, value = match.groups()
        value = value.strip()
        if value.startswith('"'):
            refuse("search_syntax", "A quoted value does not end with its quotation mark")
        return Term(field, value)

    def _checked(self, term: Term) -> Term:
        if term.field != ALL_FIELDS and term.field not in self.fields:
            known = ", ".join(self.fields)
            refuse("search_field", f"{quoted(term.field)} cannot be searched; fields are {known}")
        if not term.value:
            refuse("search_syntax", f"A value is missing after {quoted(term.field + ':')}")
        self.terms += 1
        if self.terms > TERMS_MAX:
            refuse("search_syntax", f"At most {TERMS_MAX} terms can be given")
        return term


def _joined(kind: type[And] | type[Or], parts: list[Search]) -> Search:
    return parts[0] if len(parts) == 1 else kind(tuple(parts))
