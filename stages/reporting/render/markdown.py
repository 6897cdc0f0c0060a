"""Sections -> report.md."""

from collections.abc import Sequence

from stages.common.tables import markdown_table
from stages.reporting.sections.blocks import Block, Notices, OnDemand, Picture, Section, Table, Text


def render_markdown(title: str, summary: str, sections: Sequence[Section]) -> str:
    lines = [f"# {title}", "", summary, ""]
    for section in sections:
        lines += [f"## {section.title}", ""]
        for block in section.blocks:
            lines += _lines(block)
    return "\n".join(lines).rstrip() + "\n"


def _lines(block: Block) -> list[str]:
    match block:
        case Text():
            return [block.text, ""]
        case Notices():
            return [*(f"- {text}" + (f" `{remedy}`" if remedy else "") for text, remedy in block.items), ""]
        case Picture():
            return [f"![{block.alt}](figures/{block.name}.svg)", "", f"*{block.caption}*", ""]
        case Table():
            return [f"**{block.caption}**", "", markdown_table(block.header, block.rows, block.align), ""]
        case OnDemand():
            return []
