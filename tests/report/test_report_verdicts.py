"""How verdicts and protocol differences are shown; drawing them is not the report's part."""

import pandas as pd

from stages.report import measure
from stages.reporting.figures.draw import draw
from stages.reporting.figures.drawn_data import drawn_data
from stages.reporting.figures.specification import svg
from stages.reporting.inputs.results import load
from stages.reporting.palette import LIGHT
from stages.reporting.render.markdown import render_markdown
from stages.reporting.sections.blocks import Section
from stages.reporting.sections.verdicts import verdicts_section
from stages.reporting.tables.comparison import Comparison
from stages.verdicts import COLUMNS
from tests.report_results import in_one_space, write_results

GAIN = {
    "headline": True,
    "quantity": "gain over GRPO",
    "paper": "PAR",
    "table": "Table 2",
    "method": "par",
    "variant": "Entropy-guided",
    "run": "par",
    "benchmark": "average",
    "metric": "avg",
    "k": 64,
    "published": 3.5,
    "evidence": "first-hand",
    "ours": 3.0,
    "difference": -0.5,
    "half_width": 1.25,
    "seeds": 3,
    "verdict": "reproduced within ±1.2",
    "reason": "",
    "kind": "reproduced",
}
SCORE = GAIN | {
    "headline": False,
    "quantity": "score",
    "benchmark": "aime24",
    "published": 34.38,
    "ours": 20.0,
    "difference": -14.38,
    "half_width": None,
    "k": None,
    "verdict": "not comparable",
    "reason": "The prompt differs.",
    "kind": "not comparable",
}
PROMPT = {"paper": "PAR", "benchmark": "aime24", "field": "prompt", "ours": "boxed", "theirs": None, "known": False}
DIFFERENCES = pd.DataFrame([PROMPT])


def section(tmp_path, rows: list[dict], differences: pd.DataFrame) -> str:
    setting = {"model": "M", "train_data": "D"}
    write_results(tmp_path, published=setting)
    comparison = Comparison(pd.DataFrame(rows, columns=COLUMNS), differences)
    return shown(verdicts_section(load(tmp_path, "smoke"), comparison))


def shown(section: Section) -> str:
    return in_one_space(render_markdown("title", "summary", [section]))


def test_headline_verdicts_come_first_with_their_reasons(tmp_path):
    text = section(tmp_path, [SCORE, GAIN], DIFFERENCES)
    assert "Verdicts: 1 not comparable, 1 reproduced." in text
    headline, rest = text.index("Headline verdicts"), text.index("Published numbers beside ours, benchmark by")
    gain = text.index("| reproduced within ±1.2 | · | 3.50 | 3.0 ± 1.2 | −0.5 |")
    score = text.index("| not comparable | The prompt differs. | 34.38 | 20.0 | −14.4 |")
    assert headline < gain < rest < score
    assert "| prompt | boxed | none | False |" in text


def test_benchmarks_that_were_not_run_for_all_are_named(tmp_path):
    write_results(tmp_path, published={"model": "M", "train_data": "D"})
    comparison = Comparison(pd.DataFrame([GAIN], columns=COLUMNS), DIFFERENCES, ("aime24",))
    text = shown(verdicts_section(load(tmp_path, "smoke"), comparison))
    assert "because it did not run for every run: `aime24`." in text


def test_a_paper_without_protocol_has_its_name_alone(tmp_path):
    unknown = PROMPT | {"paper": "CURE", "benchmark": None, "field": "protocol", "theirs": "not published"}
    text = section(tmp_path, [GAIN], pd.concat([DIFFERENCES, pd.DataFrame([unknown])]))
    assert "CURE" in text and "nan" not in text


def test_setting_without_published_numbers_says_so(tmp_path):
    assert "There is no published number of this setting" in section(tmp_path, [], DIFFERENCES)


def test_headline_verdicts_are_drawn_with_their_half_widths(tmp_path):
    write_results(tmp_path)
    results = load(tmp_path, "smoke")
    rows = [
        GAIN,
        GAIN | {"method": "steer", "run": "steer", "verdict": "inconclusive", "kind": "inconclusive"},
        GAIN | {"method": "no", "run": "no", "half_width": None},
        SCORE,
    ]
    comparison = Comparison(pd.DataFrame(rows, columns=COLUMNS), DIFFERENCES)
    tables = measure(results)
    drawable = drawn_data(results, tables, comparison)
    drawn = draw(results, tables, drawable)
    assert [tuple(row) for row in drawable["verdicts"][["value", "low", "high", "verdict"]].to_numpy()] == [
        (-0.5, -1.75, 0.75, "reproduced"),
        (-0.5, -1.75, 0.75, "inconclusive"),
    ]
    text = svg(drawn["verdicts"], ["grpo"], drawable)
    assert text.count(LIGHT["series-2"]) == 2 and LIGHT["series-1"] not in text  # one interval and dot, none refuted
