r"""One spelling for answers that differ in writing alone.

`spelled` gives text in a small part of LaTeX: `\frac{}{}`, `\sqrt[]{}`, `*` for products, `^{}`, `_{}`, upright words in
`\text{}`, and a semicolon for "and" and "or". It changes no value; what it does not know it leaves as it stands.
"""

import functools
import re

FUNCTIONS = (
    *("arcsinh", "arccosh", "arctanh", "arcsin", "arccos", "arctan", "arccot"),
    *("sinh", "cosh", "tanh", "coth", "sin", "cos", "tan", "cot", "sec", "csc", "exp", "log", "lg", "ln", "sqrt"),
)
SHORT_NAMES = {"asin": "arcsin", "acos": "arccos", "atan": "arctan"}  # as programs call them
GREEK = [
    "alpha",
    "beta",
    "gamma",
    "delta",
    "epsilon",
    "zeta",
    "eta",
    "theta",
    "iota",
    "kappa",
    "lambda",
    "mu",
    "nu",
    "xi",
    "omicron",
    "pi",
    "rho",
    "varsigma",
    "sigma",
    "tau",
    "upsilon",
    "phi",
    "chi",
    "psi",
    "omega",
]
SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n", strict=True))
SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))
FRACTIONS = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅙": "1/6", "⅛": "1/8"}
SIGNS = {
    **{chr(0xFF01 + offset): chr(0x21 + offset) for offset in range(94)},  # full-width ASCII
    **{chr(0x3B1 + offset): f"\\{name} " for offset, name in enumerate(GREEK)},
    **{chr(0x391 + offset): f"\\{name.title()} " for offset, name in enumerate(GREEK) if name in ("gamma", "delta", "theta", "lambda", "xi", "pi")},
    **dict.fromkeys("\u00a0\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000", " "),
    **dict.fromkeys("\u200b\u2061\u2062\u2063\ufeff", ""),
    **dict.fromkeys("−﹣", "-"), **dict.fromkeys("×✕", "*"), **dict.fromkeys("·⋅∙", "*"), **dict.fromkeys("′’", "'"),
    "÷": "/", "∕": "/", "⁄": "/", "∞": r"\infty ", "±": r"\pm ", "∓": r"\mp ", "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "≈": r"\approx ",
    "⩽": r"\le ", "⩾": r"\ge ", "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ", "°": r"^\circ ", "º": r"^\circ ", "。": ".", "、": ",", "⌊": r"\lfloor ", "⌋": r"\rfloor ",
    "⌈": r"\lceil ", "⌉": r"\rceil ", "ℏ": r"\hbar ", "∂": r"\partial ", "∅": r"\emptyset ", "Σ": r"\Sigma ", "Φ": r"\Phi ", "Ψ": r"\Psi ", "Ω": r"\Omega ", "∛": r"\sqrt[3]",
}  # fmt: skip
# commands that another one stands for; "" where a command says nothing of the value
COMMANDS = {
    **dict.fromkeys(["left", "right", "mleft", "mright", "middle", "displaystyle", "textstyle", "scriptstyle", "limits", "nolimits", "bf", "rm", "it", "mathstrut"], ""),
    **dict.fromkeys(["tiny", "small", "normalsize", "large", "Large", "LARGE", "huge", "Huge"], ""), "inf": r"\infty ", "mid": "|",
    **dict.fromkeys([f"{size}{side}" for size in ("big", "Big", "bigg", "Bigg") for side in ("", "l", "r", "m")], ""),
    **dict.fromkeys(["quad", "qquad", "thinspace", "enspace", "space", "nobreakspace"], " "),
    **dict.fromkeys(["dfrac", "tfrac", "cfrac"], r"\frac"), **dict.fromkeys(["dbinom", "tbinom"], r"\binom"),
    **dict.fromkeys(["geq", "geqslant"], r"\ge "), **dict.fromkeys(["leq", "leqslant"], r"\le "), "neq": r"\ne ", "gt": ">", "lt": "<",
    **dict.fromkeys(["cdot", "times", "ast"], "*"), "div": "/", **dict.fromkeys(["lvert", "rvert", "vert"], "|"),
    **dict.fromkeys(["lbrace"], r"\{"), **dict.fromkeys(["rbrace"], r"\}"), "lbrack": "[", "rbrack": "]", "degree": r"^\circ ", "infin": r"\infty ",
    **dict.fromkeys(["mbox", "textrm", "textnormal", "textup", "mathrm", "operatorname", "textbf", "textit", "emph", "texttt", "textsf", "hbox", "mathsf"], r"\text"),
    **dict.fromkeys(["mathbf", "boldsymbol", "bm", "pmb", "mathit", "mathnormal", "underline", "ensuremath"], r"\bare"),
    **dict.fromkeys(["colon"], ":"), **dict.fromkeys(["lor", "vee"], ";"), "varnothing": r"\emptyset ", "union": r"\cup ", "dollar": r"\$", "euro": "€", "percent": "%", "prime": "'", "tg": r"\tan",
}  # fmt: skip
COMMAND = re.compile(r"\\([A-Za-z]+)\*?")
GAP = r"(?:\\[,!;: ]|\{,\}|,\\!|~)"
THOUSANDS = re.compile(rf"(?<![\d.,])\d{{1,3}}(?:{GAP}\s*\d{{3}})+(?!\d)")
LEAD = re.compile(
    r"^(?:\\text\{\s*(?:so\s+|thus,?\s+|hence,?\s+)?(?:the\s+)?(?:final\s+|correct\s+)?ans(?:wers?)?\s*(?:is|are)?\s*[:=]?\s*\}\s*[:=]?"
    r"|(?:the\s+)?(?:final\s+|correct\s+)?ans(?:wers?)?\s*(?:(?:is|are)\b\s*[:=]?|[:=]))\s*",
    re.IGNORECASE,
)
BARE_FUNCTION = re.compile(
    rf"(?<![A-Za-z\\])(?:(?:np|numpy|math|sp|sympy)\.)?({'|'.join((*FUNCTIONS, *SHORT_NAMES))})(?![a-z])", re.IGNORECASE
)
BARE_NAMES = {
    **{name: name for name in GREEK if len(name) > 3 or name in ("pi", "phi", "psi", "rho", "tau")},
    **dict.fromkeys(["inf", "infty", "infinity"], "infty"),
}
BARE_NAME = re.compile(rf"(?<![A-Za-z\\])(?:{'|'.join(BARE_NAMES)})(?![A-Za-z])")
QUANTIFIER = re.compile(r",?\s*(?:\\text\{\s*)?\bfor (?:all|every|each|any)\b.*$")
LITTLE_TEXT = re.compile(r"\\text\{\s*([-+]?[\d.,]*|[eid]|[0-9]+[A-F]|[a-z]{2,7}|\([A-Z]\))\s*\}")


@functools.lru_cache(maxsize=1 << 14)
def spelled(text: str) -> str:
    """`text` in one spelling, without what surrounds an answer: delimiters, bold, "Answer:", a final full stop."""
    text = _signs(text)
    text = re.sub(r"\\\\\s*\[\s*-?[\d.]+\s*(?:pt|ex|em|cm|mm)\s*\]", r"\\\\", text)  # a matrix's distances of lines
    text = re.sub(r"(?<!\\)\$|(?<!\\)\\[()\[\]]", "", text)
    text = _without_stars(text.strip())
    text = THOUSANDS.sub(lambda found: re.sub(r"\D", "", found[0]), text)
    text = re.sub(r"(?<!\\)\\[,;:! ]|(?<!\\)~", " ", text).replace(r"\%", "%").replace("\\&", "&")
    text = re.sub(r"\\[hv]space\*?\{[^{}]*\}|\\(?:text)?color\{[^{}]*\}", " ", text)
    text = re.sub(r"\\(?:left|right)\s*\.", "", text)
    text = COMMAND.sub(_command, text)
    text = _unwrapped(_unwrapped(text, r"\bare"), r"\boxed")
    text = re.sub(r"\\text\s+\{", r"\\text{", _one_space(text))
    text = LEAD.sub("", text)
    text = re.sub(r"\\text\s*\{\s*(?:,\s*)?(?:and|or)\s*\}|(?<![A-Za-z\\])(?:,\s*)?(?:and|or)(?![A-Za-z])", ";", text)
    text = re.sub(r"(?<=\d)\s*\\text\s*\{\s*[eE]\s*([+-]?\d*)\s*\}\s*\{?\s*([+-]?\d*)\s*\}?", _power_of_ten, text)
    text = re.sub(r"(?<=\d)\s*[xX]\s*(?=10\s*\^)", "*", text)
    text = QUANTIFIER.sub("", LITTLE_TEXT.sub(_little_text, text))
    text = BARE_FUNCTION.sub(_function, text)
    text = BARE_NAME.sub(lambda found: f"\\{BARE_NAMES[found[0].lower()]} ", text)
    text = re.sub(r"\{([^{}]*)\\(over|choose) ([^{}]*)\}", _fraction, text)
    text = re.sub(r"(?<=[)\]}])\s*U\s*(?=[(\[\\])", r" \\cup ", text)
    text = re.sub(r"^\\text\{\s*([-+]?\d[\d.,]*)\s+([^{}]*)\}$", r"\1\\text{ \2}", text)
    return without_stop(_one_space(text))


def without_stop(text: str) -> str:
    """Without what ends a sentence, or nothing."""
    text = text.strip()
    while (shorter := re.sub(r"(?:[.,;:\s]|\\text\{\s*\}|(?<!\\)\\\\)$", "", text)) != text:
        text = shorter
    return text


def matching(text: str, opening: int) -> int:
    r"""Position of the brace that closes the one at `opening`; len(text) if none does. `\{` and `\}` are text."""
    depth, at = 0, opening
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == "{":
            depth += 1
        elif text[at] == "}":
            depth -= 1
            if depth == 0:
                return at
        at += 1
    return len(text)


def _signs(text: str) -> str:
    for signs, mark in ((SUPERSCRIPTS, "^"), (SUBSCRIPTS, "_")):
        raised = [("".join(signs[sign] for sign in run[0]), run) for run in re.finditer(f"[{''.join(signs)}]+", text)]
        for plain, run in reversed(raised):
            text = f"{text[: run.start()]}{mark}{{{plain}}}{text[run.end() :]}"
    text = re.sub(
        f"[{''.join(FRACTIONS)}]", lambda found: r"\frac{{{}}}{{{}}}".format(*FRACTIONS[found[0]].split("/")), text
    )
    text = re.sub(r"√\s*(\d+(?:\.\d+)?|[A-Za-z])", r"\\sqrt{\1}", text).replace("√", r"\sqrt ")
    return "".join(SIGNS.get(character, character) for character in text)


def _without_stars(text: str) -> str:
    """Without Markdown's bold or italics around the whole; `2**3` keeps its stars, as a power."""
    while found := re.fullmatch(r"(\*{1,3}|_{2})(?=[^\s*])(.*[^\s*])\1(\.?)", text, re.DOTALL):
        text = found[2] + found[3]
    return re.sub(r"(?<=[\w)}])\s*\*\*\s*(?=[\w({-])", "^", text)


def _command(found: re.Match[str]) -> str:
    name = found[1]
    if name in COMMANDS:
        return COMMANDS[name]
    return f"{found[0]} " if name not in ("frac", "sqrt", "binom", "text", "boxed", "bare") else f"\\{name}"


def _unwrapped(text: str, command: str) -> str:
    r"""`\command{x}` as x, however deep."""
    while (start := text.find(command)) >= 0:
        opening = start + len(command)
        while opening < len(text) and text[opening] == " ":
            opening += 1
        if opening < len(text) and text[opening] == "{":
            end = matching(text, opening)
            text = f"{text[:start]}{text[opening + 1 : end]}{text[end + 1 :]}"
        else:
            text = text[:start] + text[opening:]
    return text


def _power_of_ten(found: re.Match[str]) -> str:
    exponent = found[1] or found[2]
    return f"e{exponent}" if exponent else found[0]


def _fraction(found: re.Match[str]) -> str:
    return rf"\{'frac' if found[2] == 'over' else 'binom'}{{{found[1]}}}{{{found[3]}}}"


def _little_text(found: re.Match[str]) -> str:
    r"""Upright numbers, constants and functions are what they are without `\text`; other words stay."""
    word = found[1]
    return (
        found[0] if len(word) > 1 and word.isalpha() and word not in FUNCTIONS and not word.isupper() else f" {word} "
    )


def _function(found: re.Match[str]) -> str:
    name = found[1].lower()
    return f"\\{SHORT_NAMES.get(name, name)} "


def _one_space(text: str) -> str:
    return " ".join(text.split())
