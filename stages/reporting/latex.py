"""Tables for papers: booktabs, one file a table."""

from stages.reporting.blocks import Table

ESCAPED = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "−": r"$-$", "±": r"$\pm$", "→": r"$\to$", "·": "--",
    "ε": r"$\varepsilon$", "λ": r"$\lambda$", "δ": r"$\delta$", "×": r"$\times$", "√": r"$\surd$", "≥": r"$\geq$",
    "“": "``", "”": "''", "–": "--", "…": r"\ldots{}", "`": "",
}  # fmt: skip


def render(table: Table) -> str:
    """A `tabular` with \\toprule, \\midrule and \\bottomrule; the caption is a comment."""
    width = len(table.header)
    columns = "l" * table.words + "r" * (width - table.words)
    lines = [f"% {table.caption}", rf"\begin{{tabular}}{{{columns}}}", r"\toprule", _row(table.header), r"\midrule"]
    for number, (name, rows) in enumerate(table.groups):
        if name:
            lines += [r"\addlinespace"] if number else []
            lines.append(rf"\multicolumn{{{width}}}{{l}}{{\textbf{{{escape(name)}}}}} \\")
        lines += map(_row, rows)
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def escape(text: str) -> str:
    return "".join(ESCAPED.get(character, character) for character in text)


def _row(cells: list[str]) -> str:
    return f"{' & '.join(map(escape, cells))} \\\\"
