r"""A formula as a tree. Every character of the text is read, or `Unreadable` is raised: no number comes out of its middle.

What is read beyond plain LaTeX: `-3./2`, `x^10` as a power of ten, `e` as Euler's number and `i` as the imaginary unit,
`1\frac{4}{5}` as one and four fifths, `\sin^{-1}` as the arc sine, `\log` as the natural logarithm. A name before a
bracket with one name or number in it, `x(t)`, is a function applied; before any other bracket it is a factor, `n(n-1)`.
`\frac{dx}{dt}`, `\dot{x}` and `x'` are derivatives by t. Names differ by case: `R` is not `r`.
"""

import functools
import re
from dataclasses import dataclass
from fractions import Fraction

from stages.answers.spelling import FUNCTIONS, GREEK, matching

LONGEST = 2000  # characters of an answer
NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d*)?(?![\d,])|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+(?![\d.]))?")
NAMES = frozenset(
    [
        *GREEK,
        *(name.title() for name in GREEK),
        "hbar",
        "ell",
        "varepsilon",
        "vartheta",
        "varphi",
        "angle",
        "imath",
        "mho",
    ]
)
ACCENTS = frozenset(["hat", "bar", "vec", "tilde", "overline", "widehat", "widetilde", "check"])
ATOM = re.compile(r"\(\s*(\d+|\\?[A-Za-z]+?)\s*\)")
DERIVATIVE = re.compile(r"\s*d\s*(?:\^\s*\{?\s*(\d)\s*\}?)?\s*([^\d\s+\-*/=].*)")
BY = re.compile(r"\s*d\s*(\\?[A-Za-z]+?)\s*(?:\^\s*\{?\s*(\d)\s*\}?)?\s*")
BARE_WORD = re.compile(r"(?<![A-Za-z\\])[a-z]{4,}")
OPEN = {"(": ")", "[": "]", r"\{": r"\}", "{": "}", r"\lfloor": r"\rfloor", r"\lceil": r"\rceil"}


class Unreadable(ValueError):
    """The text is no formula, or one that is beyond this reader."""


@dataclass(frozen=True)
class Node:
    """`kind` is num, name, add, mul, div, neg, pow, apply, degree, or the name of a function; `value` is of num and name."""

    kind: str
    parts: tuple["Node", ...] = ()
    value: Fraction | str = ""
    decimal: bool = False  # of a number: written with a point


@functools.lru_cache(maxsize=1 << 14)
def formula(text: str) -> Node:
    """The tree of `text`, which is in one spelling (spelling.py)."""
    if not text or len(text) > LONGEST:
        raise Unreadable("empty" if not text else "too long")
    if BARE_WORD.search(re.sub(r"_\s*(\{[^{}]*\}|\w+)|\\text\{[^{}]*\}", "", text)):
        raise Unreadable("words")
    reader = _Reader(text)
    try:
        node = reader.sum()
    except RecursionError:
        raise Unreadable("nested too deep")
    reader.space()
    if reader.at < len(text):
        raise Unreadable(f"stops at {text[reader.at :][:20]!r}")
    return node


def names_of(node: Node) -> set[str]:
    """Every variable."""
    own = {str(node.value)} if node.kind == "name" else set()
    return own.union(*map(names_of, node.parts))


def numbers_of(node: Node) -> list[Fraction]:
    own = [node.value] if isinstance(node.value, Fraction) else []
    return [*own, *(number for part in node.parts for number in numbers_of(part))]


def has_decimal(node: Node) -> bool:
    return node.decimal or any(map(has_decimal, node.parts))


def renamed(node: Node, old: str, new: str) -> Node:
    if node.kind == "name":
        return Node("name", value=new) if node.value == old else node
    return Node(node.kind, tuple(renamed(part, old, new) for part in node.parts), node.value, node.decimal)


def number(value: Fraction | int) -> Node:
    return Node("num", value=Fraction(value))


class _Reader:
    """A recursive descent over the text; `at` is how far it is read."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.bars = text, 0, 0

    def space(self) -> None:
        while self.at < len(self.text) and self.text[self.at] == " ":
            self.at += 1

    def peek(self) -> str:
        """The next character or command, "" at the end."""
        self.space()
        found = re.compile(r"\\(?:[A-Za-z]+|.)|.").match(self.text, self.at)
        return found[0] if found else ""

    def take(self, *expected: str) -> str:
        """The next one if it is among `expected`, else ""."""
        following = self.peek()
        if following and following in expected:
            self.at += len(following)
            return following
        return ""

    def need(self, expected: str) -> None:
        if not self.take(expected):
            raise Unreadable(f"{expected} is missing")

    def sum(self) -> Node:
        sign = self.take("+", "-")
        node = self.product()
        node = Node("neg", (node,)) if sign == "-" else node
        while operator := self.take("+", "-"):
            right = self.product()
            node = Node("add", (node, Node("neg", (right,)) if operator == "-" else right))
        return node

    def product(self) -> Node:
        node = self.signed()
        while True:
            if self.take("*"):
                node = Node("mul", (node, self.signed()))
            elif self.take("/"):
                node = Node("div", (node, self.signed()))
            elif self.begins_factor():
                node = Node("mul", (node, self.factor()))
            else:
                return node

    def signed(self) -> Node:
        if sign := self.take("-", "+"):
            return Node("neg", (self.signed(),)) if sign == "-" else self.signed()
        return self.factor()

    def begins_factor(self, functions: bool = True) -> bool:
        following = self.peek()
        if following == "|":
            return functions and self.bars == 0
        if following.startswith("\\") and len(following) > 2:
            name = following[1:]
            plain = name in NAMES or name in ACCENTS or name in ("dot", "ddot", "infty", "text")
            return plain or (functions and (name in FUNCTIONS or name in ("frac", "binom", "lfloor", "lceil")))
        return following.isalnum() or following == "." or (functions and following in ("(", "[", "{", r"\{"))

    def factor(self) -> Node:
        node = self.base()
        while True:
            if self.take("!"):
                node = Node("factorial", (node,))
            elif self.peek() == "^":
                self.at += 1
                node = self.power(node)
            else:
                return node

    def power(self, node: Node) -> Node:
        if self.take(r"\circ"):
            return Node("degree", (node,))
        start = self.at
        if self.take("{") and self.take(r"\circ") and self.take("}"):
            return Node("degree", (node,))
        self.at = start
        return Node("pow", (node, self.exponent()))

    def exponent(self) -> Node:
        if self.peek() == "{":
            return self.group("{")
        if sign := self.take("-", "+"):
            return Node("neg", (self.exponent(),)) if sign == "-" else self.exponent()
        return self.base()

    def base(self) -> Node:
        following = self.peek()
        if following.isdigit() or following == ".":
            return self.number()
        if following == "|":
            return self.absolute()
        if following in OPEN:
            node = self.group(following)
            return (
                Node({r"\lfloor": "floor", r"\lceil": "ceil"}[following], (node,))
                if following in (r"\lfloor", r"\lceil")
                else node
            )
        if following == r"\frac":
            return self.fraction()
        if following == r"\binom":
            self.at += len(following)
            return Node("binom", (self.argument(), self.argument()))
        if following == r"\sqrt":
            return self.root()
        if following[1:] in FUNCTIONS and following.startswith("\\"):
            return self.function()
        if following == r"\infty":
            self.at += len(following)
            return Node("infinity")
        return self.name()

    def number(self) -> Node:
        self.space()
        found = NUMBER.match(self.text, self.at)
        if not found:
            raise Unreadable("no number")
        self.at = found.end()
        digits = found[0].replace(",", "")
        exponent = re.search(r"[eE]([+-]?\d+)$", digits)
        if exponent and abs(int(exponent[1])) > 10_000:
            raise Unreadable("too large a power of ten")
        whole = Node("num", value=Fraction(digits), decimal=bool(re.search(r"\.\d|[eE]-", digits)))
        mixed = re.compile(r"\s*\\frac\s*(?:\{\s*(\d+)\s*\}|(\d))\s*(?:\{\s*(\d+)\s*\}|(\d))").match(self.text, self.at)
        if mixed and digits.isdigit():
            above, below = int(mixed[1] or mixed[2]), int(mixed[3] or mixed[4])
            if 0 < above < below:
                self.at = mixed.end()
                return Node("add", (whole, Node("div", (number(above), number(below)))))
        return whole

    def group(self, opening: str) -> Node:
        self.need(opening)
        bars, self.bars = self.bars, 0
        node = self.sum()
        self.bars = bars
        self.need(OPEN[opening])
        return node

    def absolute(self) -> Node:
        self.need("|")
        self.bars += 1
        node = self.sum()
        self.bars -= 1
        self.need("|")
        return Node("abs", (node,))

    def argument(self) -> Node:
        """In braces, or the next character."""
        following = self.peek()
        if following == "{":
            return self.group("{")
        if following.isdigit():
            self.at += 1
            return number(int(following))
        return self.base()

    def raw(self) -> str:
        self.space()
        if self.at < len(self.text) and self.text[self.at] == "{":
            return self.text[self.at + 1 : matching(self.text, self.at)]
        return ""

    def fraction(self) -> Node:
        self.need(r"\frac")
        start = self.at
        above = self.raw()
        if found := DERIVATIVE.fullmatch(above):
            self.at = matching(self.text, self.text.index("{", self.at)) + 1
            by = BY.fullmatch(self.raw())
            if by and (found[1] or "1") == (by[2] or "1"):
                self.at = matching(self.text, self.text.index("{", self.at)) + 1
                return _derivative(formula(found[2].strip()), int(found[1] or 1), by[1])
            self.at = start
        return Node("div", (self.argument(), self.argument()))

    def root(self) -> Node:
        self.need(r"\sqrt")
        degree = self.group("[") if self.peek() == "[" else number(2)
        inner = self.group("(") if self.peek() == "(" else self.argument()
        return Node("pow", (inner, Node("div", (number(1), degree))))

    def function(self) -> Node:
        name = self.peek()[1:]
        self.at += len(name) + 1
        base: Node | None = None
        if name == "log" and self.take("_"):
            base = self.argument() if self.peek() == "{" else self.base()
        exponent = None
        if self.take("^"):
            exponent = self.exponent()
        inverse = exponent == Node("neg", (number(1),)) and name in (
            "sin",
            "cos",
            "tan",
            "cot",
            "sec",
            "csc",
            "sinh",
            "cosh",
            "tanh",
        )
        inner = self.function_argument()
        if name == "lg":
            base = number(10)
        node = Node("arc" + name if inverse else "log" if name in ("ln", "lg") else name, (inner,))
        if base is not None:
            node = Node("div", (node, Node("log", (base,))))
        return node if exponent is None or inverse else Node("pow", (node, exponent))

    def function_argument(self) -> Node:
        following = self.peek()
        if following in ("(", "{", "["):
            return self.group(following)
        if following == "|":
            return self.absolute()
        if sign := self.take("-", "+"):
            return Node("neg", (self.function_argument(),)) if sign == "-" else self.function_argument()
        node = self.factor()
        while self.begins_factor(functions=False):
            node = Node("mul", (node, self.factor()))
        return node

    def name(self) -> Node:
        following = self.peek()
        plain = following.lstrip("\\")
        if following in (r"\dot", r"\ddot"):
            self.at += len(following)
            return self.applied(_derivative(self.named(self.accented()), len(plain) - 2, "t"))
        if following.startswith("\\") and plain in ACCENTS:
            self.at += len(following)
            return self.applied(self.named(f"{plain}[{self.accented()}]"))
        if following == r"\text":
            self.at += len(following)
            word = self.raw().strip()
            if not re.fullmatch(r"[A-Za-z]{1,8}", word):
                raise Unreadable("words")
            self.at = matching(self.text, self.text.index("{", self.at)) + 1
            return self.applied(self.named(word))
        if not (following.isascii() and following.isalpha() and len(following) == 1) and not (
            following.startswith("\\") and plain in NAMES
        ):
            raise Unreadable(f"{following!r} is not known")
        self.at += len(following)
        return self.applied(self.named({"varepsilon": "epsilon", "varphi": "phi"}.get(plain, plain)))

    def accented(self) -> str:
        if self.peek() == "{":
            inner = self.raw().strip().lstrip("\\")
            self.at = matching(self.text, self.at) + 1
        else:
            inner = self.peek().lstrip("\\")
            self.at += len(self.peek())
        if not re.fullmatch(r"[A-Za-z]+", inner):
            raise Unreadable("an accent over more than a name")
        return inner

    def named(self, name: str) -> Node:
        """With its subscript and primes."""
        order = 0
        while True:
            if self.take("_"):
                name += "_" + self.subscript()
            elif self.take("'"):
                order += 1
            elif prime := re.compile(r"\s*\^\s*(?:\{\s*('(?:\s*')*)\s*\}|('))").match(self.text, self.at):
                order, self.at = order + (prime[1] or prime[2]).count("'"), prime.end()
            elif star := re.compile(r"\s*\^\s*(?:\{\s*\*\s*\}|\*)").match(self.text, self.at):
                name, self.at = name + "*", star.end()
            else:
                break
        node = Node("name", value=name)
        return _derivative(node, order, "t") if order else node

    def subscript(self) -> str:
        if self.peek() == "{":
            inner = self.raw()
            self.at = matching(self.text, self.at) + 1
            return re.sub(r"\\text|[\\{}\s]", "", inner)
        found = re.compile(r"\d+|\\text\{[^{}]*\}|\\[A-Za-z]+|[A-Za-z]").match(self.text, self.at)
        if not found:
            raise Unreadable("no subscript")
        self.at = found.end()
        return re.sub(r"\\text|[\\{}\s]", "", found[0])

    def applied(self, node: Node) -> Node:
        """A name before a bracket with one name or number is a function of it."""
        found = ATOM.match(self.text, self.at)
        if not found or self.at >= len(self.text):
            return node
        self.at = found.end()
        inner = found[1]
        return Node("apply", (node, number(int(inner)) if inner.isdigit() else Node("name", value=inner.lstrip("\\"))))


def _derivative(node: Node, order: int, by: str) -> Node:
    variable, applied = (node.parts[0], node.parts[1:]) if node.kind == "apply" else (node, ())
    if variable.kind != "name":
        raise Unreadable("a derivative of more than a name")
    inner = Node("name", value=f"d{order}/d{by.lstrip(chr(92))}[{variable.value}]")
    return Node("apply", (inner, *applied)) if applied else inner
