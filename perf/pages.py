"""The part of a document that a program writes: it stands between two marks."""

from pathlib import Path

from stages.common.files import write_text


def write_part(page: Path, name: str, text: str) -> None:
    """Puts `text` between `<!-- name -->` and `<!-- end of name -->` of the page, which has both."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    before, rest = page.read_text(encoding="utf-8").split(begin)
    write_text(page, before + begin + text + end + rest.split(end)[1])
