"""Tables for papers: booktabs, one file a table."""

from stages.common.tables import latex_table
from stages.reporting.sections.blocks import Table


def render_latex(table: Table) -> str:
    """The table; its caption is a comment."""
    return f"% {table.caption}\n{latex_table(table.header, table.rows, table.align)}\n"
