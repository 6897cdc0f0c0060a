"""Sections -> report.md."""

from stages.reporting.blocks import Notices, Picture, Room, Section, Table, Text


def render(title: str, summary: str, sections: list[Section]) -> str:
    lines = [f"# {title}", "", summary, ""]
    for section in sections:
        lines += [f"## {section.title}", ""]
        for block in section.blocks:
            if not isinstance(block, Room):  # filled by the page's script
                lines += [*_lines(block), ""]
    return "\n".join(lines).rstrip() + "\n"


def _lines(block) -> list[str]:
    match block:
        case Text():
            return [block.text]
        case Notices():
            return [f"- {text}" + (f" `{remedy}`" if remedy else "") for text, remedy in block.items]
        case Picture():
            return [f"![{block.alt}](figures/{block.name}.svg)", "", f"*{block.caption}*"]
        case Table():
            return _table(block)


def _table(table: Table) -> list[str]:
    def line(cells: list[str]) -> str:
        return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"

    width = len(table.header)
    rule = ["---"] * table.words + ["---:"] * (width - table.words)
    lines = [f"**{table.caption}**", "", line(table.header), line(rule)]
    for name, rows in table.groups:
        if name:
            lines.append(line([f"**{name}**", *[""] * (width - 1)]))
        lines += map(line, rows)
    return lines
