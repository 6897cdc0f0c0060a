"""The page in a real browser, opened from disk: nothing fetched, nothing in the console; tables, figures and samples work."""

from pathlib import Path

import pytest

from stages.common.files import read_json, write_json
from stages.report import build_report
from tests.browser import Tab, chromium
from tests.report_results import write_results

SIZES = [(360, 740), (1400, 1000)]


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    """A report of ten methods on two benchmarks: too many to be all in colour."""
    folder = tmp_path_factory.mktemp("results")
    methods = ("grpo", "par", *(f"method_{number}" for number in range(8)))
    benchmarks = {"lab_sum": 60, "lab_chain": 12}
    write_results(folder, methods=methods, seeds=(1, 2, 3), benchmarks=benchmarks, steps=6, texts=200)
    build_report(folder, "smoke")
    return folder / "smoke" / "report" / "index.html"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", SIZES, ids=["narrow", "wide"])
def test_page_opens_whole_and_silent(tab, page, size, dark):
    tab.open(page, *size, dark=dark)
    assert tab.complaints() == []
    assert tab.requests() == [page.resolve().as_uri()]
    assert tab.evaluate("document.documentElement.scrollWidth") <= size[0]  # nothing sticks out
    empty = "[...document.querySelectorAll('.panel')].filter(p => !p.querySelector('svg .mark-line path, svg .mark-symbol path'))"
    assert tab.evaluate(f"{empty}.map(p => p.dataset.figure)") == []
    smallest = "Math.min(...[...document.querySelectorAll('.panel svg text')].map(t => parseFloat(getComputedStyle(t).fontSize)))"
    assert tab.evaluate(smallest) >= 11
    ground = tab.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert ground == ("rgb(17, 19, 23)" if dark else "rgb(244, 245, 247)")


def column(tab: Tab, table: str, place: int) -> list[str]:
    rows = f"document.querySelector('#{table} tbody:nth-of-type(1)').querySelectorAll('tr:not(.group)')"
    return tab.evaluate(f"[...{rows}].map(row => row.cells[{place}].textContent)")


@pytest.mark.parametrize("size", SIZES, ids=["narrow", "wide"])
def test_tables_sort_by_mouse_and_keyboard(tab, page, size):
    tab.open(page, *size)
    before = column(tab, "table-prices", 0)
    heading = "document.querySelectorAll('#table-prices thead th')"
    tab.evaluate(f"{heading}[1].querySelector('button').click()")
    values = column(tab, "table-prices", 1)
    numbers = [float(value) for value in values if value != "·"]
    assert numbers == sorted(numbers) and len(set(numbers)) > 5 and values[-1] == "·"
    assert tab.evaluate(f"{heading}[1].ariaSort") == "ascending"
    tab.evaluate(f"{heading}[1].querySelector('button').focus()")
    tab.key("Enter", 13)
    assert [float(value) for value in column(tab, "table-prices", 1) if value != "·"] == numbers[::-1]
    assert tab.evaluate(f"[...{heading}].map(h => h.ariaSort)")[:3] == [None, "descending", None]
    tab.evaluate(f"{heading}[0].querySelector('button').click()")
    assert column(tab, "table-prices", 0) == sorted(before)
    assert tab.complaints() == []


def test_tables_copy_as_markdown_and_latex(tab, page):
    tab.open(page, 1400, 1000)
    table = "document.querySelector('#table-scores')"
    lines = tab.evaluate(f"bench.formats.markdown({table})").splitlines()
    assert lines[0].startswith("| model | interval | avg@k, % |") and lines[1].startswith("| --- | --- | ---: |")
    assert {line.count(" | ") for line in lines} == {6}
    written = (page.parent / "tables" / "scores.tex").read_text(encoding="utf-8")
    rows = {" ".join(line.split()) for line in written.splitlines() if line.split()[:1] == ["grpo"]}
    copied = tab.evaluate(f"bench.formats.latex({table})")
    assert rows and rows <= {" ".join(line.split()) for line in copied.splitlines()} and r"\bottomrule" in copied


def coloured(tab: Tab, figure: str) -> int:
    """Lines of a figure that are drawn in a model's colour."""
    lines = f"document.querySelectorAll('.panel[data-figure={figure}] .mark-line path')"
    return tab.evaluate(f"[...{lines}].filter(p => !p.getAttribute('stroke').includes('faint')).length")


@pytest.mark.parametrize("size", SIZES, ids=["narrow", "wide"])
def test_models_toggle_in_all_figures(tab, page, size):
    tab.open(page, *size)
    assert tab.evaluate("document.getElementById('models').open") == (size[0] > 700)
    chosen = tab.evaluate("[...document.querySelectorAll('#models input:checked')].map(box => box.value)")
    assert "grpo" in chosen and len(chosen) == 7 == coloured(tab, "entropy")
    tab.evaluate("document.querySelector('#models input[value=grpo]').click()")
    tab.wait("document.getElementById('models-count').textContent === '6 of 11'")
    tab.wait("document.querySelectorAll('.panel[data-figure=entropy] .mark-line path[stroke*=ink]').length === 0")
    assert coloured(tab, "entropy") == coloured(tab, "reward") == 6
    tab.evaluate("document.querySelector('#models button[data-select]').click()")  # all
    tab.wait("document.querySelectorAll('.panel[data-figure=entropy] .mark-line path[stroke*=ink]').length === 1")
    assert coloured(tab, "entropy") == 10 and coloured(tab, "pass_at_k") == 2 * 11
    assert tab.complaints() == []


def choose(tab: Tab, name: str, value: str) -> None:
    """Sets one of the lists above the samples."""
    found = f"document.getElementById('browse-{name}')"
    tab.evaluate(f"{found}.value = '{value}'; {found}.dispatchEvent(new Event('change'))")


def open_samples(tab: Tab) -> None:
    """One click; then the larger benchmark."""
    tab.evaluate("document.querySelector('#browser button').click()")
    tab.wait("document.querySelector('.problems details') !== null")
    choose(tab, "benchmark", "lab_sum")
    tab.wait("document.querySelector('#browser .status').textContent.includes('Texts of 200')")


@pytest.mark.parametrize("size", SIZES, ids=["narrow", "wide"])
def test_samples_open_and_filter(tab, page, size):
    tab.open(page, *size)
    open_samples(tab)
    assert "60 of 60 problems" in tab.evaluate("document.querySelector('#browser .status').textContent")
    assert "1 to 40 shown" in tab.evaluate("document.querySelector('#browser .status').textContent")
    assert "Texts of 200 of 240 samples" in tab.evaluate("document.querySelector('#browser .status').textContent")
    tab.evaluate("document.querySelectorAll('.problems details')[1].open = true")
    tab.wait("document.querySelectorAll('.problems details')[1].querySelectorAll('article').length === 4")
    first = "document.querySelectorAll('.problems details')[1].querySelector('article')"
    assert "right" in tab.evaluate(f"{first}.querySelector('.grade').textContent")  # problem 1 has one right sample
    assert "answer read: 1" in tab.evaluate(f"{first}.textContent")
    # on its own, so that what a model wrote cannot reorder the rest of the line
    assert tab.evaluate(f"{first}.querySelector('.grade bdi').textContent") == "1"
    assert tab.evaluate(f"{first}.querySelector('pre').textContent") == "step 1 </script><b>0</b>"
    choose(tab, "filter", "wrong")
    tab.wait("document.querySelector('#browser .status').textContent.startsWith('48 of 60 problems with wrong')")
    tab.evaluate("document.querySelectorAll('.problems details')[1].open = true")
    tab.wait("document.querySelectorAll('.problems details')[1].querySelectorAll('article').length === 3")
    choose(tab, "filter", "disagree")
    tab.wait("document.querySelector('#browser .status').textContent.startsWith('60 of 60 problems where graders')")
    choose(tab, "run", "par-2")
    tab.wait("document.querySelector('#browser .status').textContent.includes('60 of 60')")
    choose(tab, "benchmark", "lab_chain")
    tab.wait("document.querySelector('#browser .status').textContent.startsWith('12 of 12')")
    beside = page.resolve().parent.as_uri()
    assert all(address.startswith(beside) for address in tab.requests())
    assert tab.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert tab.complaints() == []


def test_sample_without_its_text_says_where_it_is(tab, page):
    tab.open(page, 1400, 1000)
    open_samples(tab)
    tab.evaluate("[...document.querySelectorAll('.problems .controls button')].at(-1).click()")
    tab.wait("document.querySelector('#browser .status').textContent.includes('41 to 60 shown')")
    tab.evaluate("[...document.querySelectorAll('.problems details')].at(-1).open = true")
    tab.wait("document.querySelectorAll('.problems article').length === 4")
    text = tab.evaluate("document.querySelector('.problems article').textContent")
    assert "results/smoke/samples/base/lab_sum.jsonl (id lab_sum-0059, repeat 0)" in text


def test_hours_are_shown_on_demand(tab, page):
    tab.open(page, 1400, 1000)
    tab.evaluate("document.querySelector('#hours button').click()")
    tab.wait("document.querySelectorAll('#hours tbody tr').length === 30")
    assert tab.evaluate("document.querySelector('#hours tbody tr').textContent") == "grpo-1grpo613.0000.0000.0006.000"
    assert tab.complaints() == []


def test_where_a_copy_was_made_is_shown_on_demand(tab, page):
    tab.open(page, 1400, 1000)
    tab.evaluate("document.querySelector('#origin button').click()")
    tab.wait("document.querySelectorAll('#origin tbody tr').length === 6")
    first = tab.evaluate("document.querySelector('#origin tbody tr').textContent")
    assert first == f"commit{read_json(page.parents[1] / 'origin.json')['commit']}"
    assert tab.complaints() == []


def test_the_answer_is_on_the_first_screen(tab, page):
    """Its table and its picture begin there, and no table of the page's first two sections runs out of the width."""
    tab.open(page, 1400, 1000)
    for what in ("#table-answer", "[data-figure=answer] svg"):
        assert tab.evaluate(f"document.querySelector('{what}').getBoundingClientRect().top") < 700
    for table in ("answer", "method_settings"):
        place = f"document.getElementById('table-{table}').parentElement"
        assert tab.evaluate(f"{place}.scrollWidth <= {place}.clientWidth"), table


def test_page_prints_in_light_colours(tab, page):
    tab.open(page, 1400, 1000, dark=True)
    tab.send("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    assert tab.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--ink')").strip() == "#1b1f24"
    assert tab.evaluate("getComputedStyle(document.getElementById('browser')).display") == "none"
    assert len(tab.send("Page.printToPDF")["data"]) > 100_000
    tab.send("Emulation.setEmulatedMedia", media="")


def test_text_from_outside_never_runs(tab, tmp_path):
    reason = "<script>window.broken = 1</script><b onclick='x'> \"quoted\" {{ 7 * 7 }}"
    folder = write_results(tmp_path)
    for run in ("base", "grpo-1", "par-1"):
        scores = folder / "grades" / run / "scores.json"
        absent = {"status": f"not run: {reason}", "problems": 1, "k": 4, "rows": 4}
        write_json(scores, read_json(scores) | {"lab_code": absent})
    build_report(tmp_path, "smoke")
    tab.open(folder / "report" / "index.html", 1400, 1000)
    assert tab.evaluate("window.broken === undefined") and tab.complaints() == []
    assert tab.evaluate("document.querySelectorAll('main b, main script').length") == 0
    assert reason in tab.evaluate("document.querySelector('.notices').textContent")
