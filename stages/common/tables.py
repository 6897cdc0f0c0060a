"""Tables as Markdown and as LaTeX. Cells are printed as they are given; nothing is read as a number."""

import re
from collections.abc import Sequence

from tabulate import LATEX_ESCAPE_RULES, tabulate

# What LaTeX needs in place of a character: tabulate's own, and signs that its text fonts lack.
SIGNS = {
    "−": "$-$", "±": r"$\pm$", "→": r"$\to$", "×": r"$\times$", "√": r"$\surd$", "≥": r"$\geq$",
    "ε": r"$\varepsilon$", "λ": r"$\lambda$", "δ": r"$\delta$", "π": r"$\pi$",
    "·": "--", "–": "--", "—": "---", "…": r"\ldots{}", "“": "``", "”": "''", "`": "",
}  # fmt: skip
LATEX = {**LATEX_ESCAPE_RULES, **SIGNS}
_SIGNS, _LATEX = str.maketrans(SIGNS), str.maketrans(LATEX)

Rows = Sequence[Sequence[str]]


def markdown_table(header: Sequence[str], rows: Rows, align: str = "") -> str:
    """A Markdown table without an end of line after its last row.

    `align` has a letter a column, `l` or `r`; empty sets all columns left. A row of one cell, in a table of more columns,
    is the bold title of the rows that follow it.
    """
    width = len(header)
    filled = [[f"**{row[0]}**", *[""] * (width - 1)] if _is_title(row, width) else row for row in rows]
    escaped = [[_escape_bar(cell) for cell in row] for row in [header, *filled]]
    return "\n".join(_lines(escaped, align, "pipe")[:-1])


def latex_table(header: Sequence[str], rows: Rows, align: str = "") -> str:
    """A `tabular` with the rules of booktabs; arguments as of `markdown_table`. Backticks are left out."""
    width = len(header)
    lines = _lines([header, *(row for row in rows if not _is_title(row, width))], align, "latex_booktabs")
    opening, body, closing = lines[:4], iter(lines[4:-3]), lines[-2:]
    drawn = []
    for place, row in enumerate(rows):
        if _is_title(row, width):
            drawn += [r"\addlinespace"] if place else []
            drawn.append(rf"\multicolumn{{{width}}}{{l}}{{\textbf{{{row[0].translate(_LATEX)}}}}} \\")
        else:
            drawn.append(next(body).translate(_SIGNS))
    return "\n".join([*(line.translate(_SIGNS) for line in opening), *drawn, *closing])


def _lines(rows: Rows, align: str, form: str) -> list[str]:
    """The table as tabulate draws it, the header first, with an empty row at its end: without any it has no alignment."""
    width = len(rows[0])
    if align and (len(align) != width or set(align) - {"l", "r"}):
        raise ValueError(f"align {align!r}: give l or r for each of the {width} columns")
    sides = [{"l": "left", "r": "right"}[letter] for letter in align or "l" * width]
    header, *body = [[" ".join(cell.splitlines()) for cell in row] for row in [*rows, [""] * width]]
    return tabulate(body, header, tablefmt=form, colalign=sides, disable_numparse=True).splitlines()


def _is_title(row: Sequence[str], width: int) -> bool:
    return len(row) == 1 < width


def _escape_bar(cell: str) -> str:
    """A bar must not end the cell, and a backslash before it must stay one."""
    return re.sub(r"(\\*)\|", r"\1\1\\|", cell)
