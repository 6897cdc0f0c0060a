"""What the page, the Markdown and the LaTeX make of text that comes from outside: it is shown, never obeyed."""

import json
from html.parser import HTMLParser

import pytest

from stages.common.tables import latex_table, markdown_table
from stages.reporting.figures.models import Line, Model
from stages.reporting.render.markdown import render_markdown
from stages.reporting.render.page import render_page, render_tables
from stages.reporting.sections.blocks import Notice, Notices, OnDemand, Section, Table, Text
from tests.report_results import in_one_space

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "\"double\" and 'single' quotes",
    "a ` backtick",
    "{{ 7 * 7 }} {% raw %} & &lt;",
    "a|b",
]


class Parsed(HTMLParser):
    """Tags with their attributes, and all text outside scripts and styles, in one string."""

    def __init__(self, page: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.data, self._inside = "", "", ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._inside = tag

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, text):
        if self._inside == "script" and self.tags[-1][1].get("id") == "data":
            self.data = text
        elif self._inside not in ("script", "style"):
            self.text += text


def sections(text: str) -> list[Section]:
    table = Table("t", text, ["run", text], [(text, [[text, text]])], words=2)
    folded = Table("f", text, ["run"], [("", [[text]])], folded=True)
    return [Section("one", text, [Text(text), Notices([Notice(text, text)]), table, folded, OnDemand("browser")])]


@pytest.mark.parametrize("text", HOSTILE)
def test_page_shows_text_from_outside_as_it_is(text):
    models = [Model(text, Line("var(--ink)", [], 3.0), True), Model("grpo", Line("var(--muted)", [3, 3], 1.7), False)]
    plain, page = (
        Parsed(render_page(title, title, sections(title), models, {}, {"runs": [title]})) for title in ("plain", text)
    )
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in plain.tags]
    assert [sorted(attributes) for _, attributes in page.tags] == [sorted(attributes) for _, attributes in plain.tags]
    assert page.text == plain.text.replace("plain", text)
    assert json.loads(page.data)["runs"] == [text]
    boxes = [attributes for tag, attributes in page.tags if tag == "input"]
    assert [box["value"] for box in boxes] == [text, "grpo"] and "checked" in boxes[0] and "checked" not in boxes[1]
    choices = [json.loads(attributes["data-select"]) for tag, attributes in page.tags if tag == "button"]
    assert choices == [[text, "grpo"], [], [text]]
    assert [attributes["aria-label"] for _, attributes in page.tags if attributes.get("role") == "region"] == [text] * 2


def test_code_in_a_text_stands_between_backticks():
    page = render_tables("title", "Profile `<smoke>`: `a` and ` alone", sections("text"))
    assert "Profile <code>&lt;smoke&gt;</code>: <code>a</code> and ` alone" in page


def test_markdown_table_keeps_what_its_cells_hold():
    rows = [["group|1"], ["a\\|b", "−1.50"], ["c\nd", "007"], ["1e3", "1,000"]]
    assert in_one_space(markdown_table(["run", "avg@k | %"], rows, "lr")).splitlines()[2:] == [
        r"| **group\|1** | |",
        r"| a\\\|b | −1.50 |",
        "| c d | 007 |",
        "| 1e3 | 1,000 |",
    ]


def test_latex_table_escapes_what_latex_reads():
    table = latex_table(["run_1", "±"], [["50 %"], ["a & b", "−1.50"], ["`x`", "{~^}\\"]], "lr")
    lines = [line.strip() for line in in_one_space(table).splitlines()]
    assert lines == [
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"run\_1 & $\pm$ \\",
        r"\midrule",
        r"\multicolumn{2}{l}{\textbf{50 \%}} \\",
        r"a \& b & $-$1.50 \\",
        r"x & \{\textasciitilde{}\^{}\}\textbackslash{} \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_tables_without_rows_keep_their_columns():
    assert latex_table(["a", "b"], [["only a title"]], "lr").startswith(r"\begin{tabular}{lr}")
    assert markdown_table(["a", "b"], [], "lr").splitlines()[1] == "|:----|----:|"


def test_alignment_must_fit_the_columns():
    with pytest.raises(ValueError, match="align 'lrr': give l or r for each of the 2 columns"):
        markdown_table(["a", "b"], [], "lrr")


def test_what_is_shown_on_demand_is_absent_from_text():
    text = render_markdown("title", "summary", [Section("one", "One", [OnDemand("hours"), Text("last")])])
    assert text == "# title\n\nsummary\n\n## One\n\nlast\n"
