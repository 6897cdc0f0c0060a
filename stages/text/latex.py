r"""The text of a problem without the ways in which LaTeX lets one write the same thing, for comparison only.

`2^{2 x+1}` and `2^{2x+1}`, `\dfrac12` and `1/2`, `\leqslant` and `≤`, `\text{ cm}` and cm become one. What asks for
another form of the same answer is cut off, since data sets add it to problems whose answer is no integer.
"""

import re
from typing import NamedTuple

# What sets a text's look, or names a construction whose parts alone are compared.
DROPPED = {
    "left", "right", "middle", "big", "Big", "bigg", "Bigg", "bigl", "bigr", "Bigl", "Bigr", "biggl", "biggr",
    "Biggl", "Biggr", "displaystyle", "textstyle", "scriptstyle", "limits", "nolimits", "quad", "qquad", "hspace",
    "vspace", "phantom", "mathstrut", "rm", "bf", "it", "cal", "text", "textbf", "textit", "textrm", "texttt",
    "textsc", "emph", "mathrm", "mathbf", "mathit", "mathsf", "mathbb", "mathcal", "mathfrak", "mathscr",
    "boldsymbol", "mbox", "hbox", "fbox", "operatorname", "mathop", "underline", "frac", "dfrac", "tfrac", "cfrac",
    "overline", "bar", "cdot", "times", "cdots", "ldots", "dots", "dotsc", "dotsb", "dotsm", "lbrace", "rbrace",
    "lvert", "rvert", "vert", "mid", "tag", "label", "nonumber", "hline", "circ", "degree", "ensuremath", "item",
    "noindent", "par", "newline", "mspace", "hfill", "smallskip", "medskip", "bigskip", "langle", "rangle", "star",
    "ast", "to", "rightarrow", "longrightarrow", "colon", "backslash",
}  # fmt: skip
SPELT = {
    "le": "leq", "leqslant": "leq", "ge": "geq", "geqslant": "geq", "ne": "neq", "varphi": "phi", "varepsilon": "epsilon",
    "Leftrightarrow": "iff", "emptyset": "varnothing", "lfloor": "floor", "rfloor": "floor", "lceil": "ceil", "rceil": "ceil",
    "≤": "leq", "⩽": "leq", "≥": "geq", "⩾": "geq", "≠": "neq", "√": "sqrt", "π": "pi", "∠": "angle", "∞": "infty",
    "θ": "theta", "α": "alpha", "β": "beta", "∈": "in", "△": "triangle", "⊥": "perp", "²": "2", "³": "3",
}  # fmt: skip
MARK = re.compile(
    r"\\(?:begin|end)\s*\{[a-zA-Z]+\*?\}(?:\{[lcr| ]*\})?|\\([a-zA-Z]+)\*?|\\[^a-zA-Z]|([≤⩽≥⩾≠√π∠∞θαβ∈△⊥²³])|\x0crac\b"
)
NAMED = "\x01"  # stands before a name of LaTeX, which in a formula would be letters
FORMULA = {r"\(", r"\)", r"\[", r"\]"}
NUMBER = re.compile(r"[0-9]+")
DRAWING = re.compile(r"\[asy\].*?(?:\[/asy\]|\Z)|\\begin\{asy\}.*?(?:\\end\{asy\}|\Z)", re.DOTALL)
ASKED_FOR = re.compile(
    r"(?:if )?(?:the|your) (?:original |final )?answer (?:is|can be|should be|must be)\b[^.?]{0,40}?"
    r"\b(?:form|format|written|expressed)\b"
    r"|please (?:provide|give|find|calculate|compute|determine|output|submit|write|express|enter|answer)\b"
    r"|(?:express|give|provide|write|enter|output) (?:your|the) (?:final )?answer\b"
    r"|答案(?:的|是|为|可以).{0,20}(?:形式|格式)|请(?:给出|提供|求|输出)",
    re.IGNORECASE,
)
REQUESTS = ("answer", "please", "答案", "请")  # one of them is in whatever ASKED_FOR finds
SHORTEST = 30  # characters of a problem: what begins before them is the question, not what is asked for beside it


class Spelt(NamedTuple):
    """A problem in lower case, its LaTeX in one spelling: a name stands after NAMED, a formula between dollars."""

    whole: str
    undrawn: str  # without drawings

    @property
    def numbers(self) -> list[str]:
        """Those of its drawings where its text has none."""
        return NUMBER.findall(self.undrawn) or NUMBER.findall(self.whole)


def spelt(text: str) -> Spelt:
    text = without_request(text)
    whole = _spelt(text)
    return Spelt(whole, _spelt(DRAWING.sub(" ", text)) if "asy" in text else whole)


def without_request(text: str) -> str:
    """`text` up to the first words that ask for a form of the answer, a sum of its parts, or another use of it."""
    lower = text.lower()
    if any(word in lower for word in REQUESTS) and (found := ASKED_FOR.search(text, SHORTEST)):
        return text[: found.start()]
    return text


def _spelt(text: str) -> str:
    return MARK.sub(_spelling, text).lower()


def _spelling(found: re.Match[str]) -> str:
    name = found[1] or found[2]
    if not name:
        return "$" if found[0] in FORMULA else " "
    return " " if name in DROPPED else f" {NAMED}{SPELT.get(name, name)} "
