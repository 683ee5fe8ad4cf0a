"""From text to the tree of `tree.py` (FHIRPath N1, appendix A; precedence: section 6.8).

Operators are read by precedence climbing. Depth is bounded, because an expression may come
from a stranger and the tree is walked by recursion afterwards.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NoReturn

from xinglin.fhir.dates import Date, DateTime, Time
from xinglin.fhir.fhirpath.lexer import Token, place, refuse, tokens
from xinglin.fhir.fhirpath.tree import (
    Binary,
    Call,
    Empty,
    External,
    Index,
    Literal,
    Member,
    Node,
    QuantityLiteral,
    TypeTest,
    Unary,
    Variable,
    height,
)
from xinglin.fhir.outcome import Issue, Refused

DEEPEST: Final = 60  # parentheses and arguments inside one another
TALLEST: Final = 150  # levels of the tree; a chain of steps or operands nests to the left

# Weakest first; `is` and `as` stand between `|` and comparison.
_PRECEDENCE: Final = {
    sign: strength
    for strength, signs in enumerate(
        (
            ("implies",),
            ("or", "xor"),
            ("and",),
            ("in", "contains"),
            ("=", "~", "!=", "!~"),
            ("<=", "<", ">", ">="),
            ("|",),
            ("is", "as"),
            ("+", "-", "&"),
            ("*", "/", "div", "mod"),
        )
    )
    for sign in signs
}
_WORD_OPERATORS: Final = frozenset(sign for sign in _PRECEDENCE if sign.isalpha())
# These four may also be names: the grammar's rule `identifier`.
_KEYWORDS: Final = (_WORD_OPERATORS - {"as", "contains", "in", "is"}) | {"true", "false"}
LONGEST_NUMBER: Final = 60  # characters; FHIRPath asks for 28 digits
CALENDAR: Final = {
    word: unit
    for unit in ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
    for word in (unit, f"{unit}s")
}


def parse(text: str) -> Node:
    """The tree of an expression.

    Raises:
        Refused: it is not FHIRPath; the issue's place is line:column.
    """
    reader = _Reader(text)
    tree = reader.expression(0)
    reader.expect_end()
    if height(tree) > TALLEST:
        raise Refused(Issue("too-costly", "fhir.path-too-deep", given={"limit": TALLEST}))
    return tree


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens(text)
        self.next = 0
        self.depth = 0

    def peek(self) -> Token:
        return self.tokens[self.next]

    def take(self) -> Token:
        token = self.tokens[self.next]
        if token.kind != "end":
            self.next += 1
        return token

    def taken(self, sign: str) -> bool:
        if self.peek().kind == "sign" and self.peek().text == sign:
            self.next += 1
            return True
        return False

    def expect(self, sign: str) -> None:
        if not self.taken(sign):
            self.refuse(self.peek())

    def expect_end(self) -> None:
        if self.peek().kind != "end":
            self.refuse(self.peek())

    def refuse(self, token: Token) -> NoReturn:
        refuse(self.text, token.at, token.text or "end")

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            at = place(self.text, self.peek().at)
            issue = Issue("too-costly", "fhir.path-too-deep", at=at, given={"limit": DEEPEST})
            raise Refused(issue)

    # Operators

    def expression(self, weakest: int) -> Node:
        self.deeper()
        left = self.unary()
        while (sign := self.operator()) is not None and _PRECEDENCE[sign] >= weakest:
            token = self.take()
            if sign in ("is", "as"):
                left = TypeTest(sign, left, self.type_name(), token.at)
            else:
                left = Binary(sign, left, self.expression(_PRECEDENCE[sign] + 1), token.at)
        self.depth -= 1
        return left

    def operator(self) -> str | None:
        token = self.peek()
        known = token.kind == "sign" or (token.kind == "name" and not token.quoted)
        return token.text if known and token.text in _PRECEDENCE else None

    def unary(self) -> Node:
        token = self.peek()
        if self.taken("+") or self.taken("-"):
            self.deeper()
            operand = self.unary()
            self.depth -= 1
            return Unary(token.text, operand, token.at)
        return self.path()

    def type_name(self) -> str:
        name = self.identifier()
        while self.taken("."):
            name += "." + self.identifier()
        return name

    def identifier(self) -> str:
        token = self.take()
        if token.kind != "name" or (token.text in _KEYWORDS and not token.quoted):
            self.refuse(token)
        return token.text

    # Paths

    def path(self) -> Node:
        node = self.term()
        while True:
            at = self.peek().at
            if self.taken("."):
                node = self.step(node)
            elif self.taken("["):
                node = Index(node, self.expression(0), at)
                self.expect("]")
            else:
                return node

    def step(self, source: Node | None) -> Node:
        token = self.peek()
        if token.kind == "variable":
            return self.variable()
        name = self.identifier()
        if self.taken("("):
            return Call(source, name, self.arguments(), token.at)
        return Member(source, name, token.at)

    def variable(self) -> Node:
        token = self.take()
        if token.text not in ("$this", "$index", "$total"):
            self.refuse(token)
        return Variable(token.text, token.at)

    def arguments(self) -> tuple[Node, ...]:
        if self.taken(")"):
            return ()
        found = [self.expression(0)]
        while self.taken(","):
            found.append(self.expression(0))
        self.expect(")")
        return tuple(found)

    def term(self) -> Node:
        token = self.peek()
        match token.kind:
            case "external":
                self.take()
                return External(token.text, token.at)
            case "variable":
                return self.variable()
            case "name" if token.quoted or token.text not in ("true", "false"):
                return self.step(None)
        if self.taken("("):
            node = self.expression(0)
            self.expect(")")
            return node
        if self.taken("{"):
            self.expect("}")
            return Empty(token.at)
        return self.literal(self.take())

    # Literals

    def literal(self, token: Token) -> Node:
        value: bool | int | Decimal | str | Date | DateTime | Time | QuantityLiteral | None = None
        try:
            match token.kind:
                case "name":
                    value = token.text == "true"
                case "string":
                    value = token.text
                case "number":
                    value = self.number(token)
                case "date":
                    value = Date.parse(token.text)
                case "datetime":
                    value = DateTime.parse(token.text.removesuffix("T"))
                case "time":
                    value = Time.parse(token.text)
        except ValueError:
            pass  # no such day: refused below, with its place
        if value is None:
            self.refuse(token)
        return Literal(value, token.at)

    def number(self, token: Token) -> int | Decimal | QuantityLiteral:
        if len(token.text) > LONGEST_NUMBER:
            self.refuse(token)
        unit = self.peek()
        if unit.kind == "string":
            self.take()
            return QuantityLiteral(Decimal(token.text), unit.text, calendar=False)
        if unit.kind == "name" and not unit.quoted and unit.text in CALENDAR:
            self.take()
            return QuantityLiteral(Decimal(token.text), CALENDAR[unit.text], calendar=True)
        return Decimal(token.text) if "." in token.text else int(token.text)
