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
from stages.reporting.sections.fixed_models import fixed_models_section
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
    "spread": None,
    "ours": 3.0,
    "difference": -0.5,
    "half_width": 1.25,
    "margin": 1.75,
    "seeds": 3,
    "unknown": None,
    "verdict": "equivalent within ±1.75",
    "reason": "",
    "kind": "equivalent",
    "p": 0.4,
    "family": "averages",
    "withdrawn": False,
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
    "p": None,
    "family": "scores",
}
PROMPT = {"paper": "PAR", "benchmark": "aime24", "field": "prompt", "ours": "boxed", "theirs": None, "known": False}
DIFFERENCES = pd.DataFrame([PROMPT])


def section(tmp_path, rows: list[dict], differences: pd.DataFrame, left_out: tuple[str, ...] = ()) -> str:
    setting = {"model": "M", "train_data": "D"}
    write_results(tmp_path, seeds=(1, 2, 3), published=setting)
    comparison = Comparison(pd.DataFrame(rows, columns=COLUMNS), differences, left_out)
    results = load(tmp_path, "smoke")
    return shown(verdicts_section(results, measure(results), comparison))


def shown(section: Section) -> str:
    return in_one_space(render_markdown("title", "summary", [section]))


def test_headline_verdicts_come_first_with_their_reasons(tmp_path):
    text = section(tmp_path, [SCORE, GAIN], DIFFERENCES)
    assert "Verdicts: 1 not comparable, 1 equivalent." in text
    headline, rest = text.index("Headline verdicts"), text.index("Published numbers beside ours, benchmark by")
    gain = text.index("| equivalent within ±1.75 | · | 3.50 | 3.0 | −0.5 ± 1.2 |")
    score = text.index("| not comparable | The prompt differs. | 34.38 | 20.0 | −14.4 |")
    assert headline < gain < rest < score
    assert "| prompt | boxed | none | unknown |" in text


def test_the_training_set_stands_beside_a_method_where_it_is_another(tmp_path):
    """The setting's own set is in the first sentence alone."""
    own = GAIN | {"train_data": "D"}
    part = own | {"train_data": "half of D", "run": "par_half"}
    text = section(tmp_path, [own, part], DIFFERENCES)
    assert "Numbers printed for M trained on D, or on the set that is named beside the method, in points." in text
    assert "| par, Entropy-guided | average |" in text
    assert "| par, Entropy-guided, on half of D (par_half) | average |" in text
    assert "Numbers printed for M trained on D, in points." in section(tmp_path, [own], DIFFERENCES)


def test_benchmarks_that_were_not_run_for_all_are_named(tmp_path):
    text = section(tmp_path, [GAIN], DIFFERENCES, ("aime24",))
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
        (-0.5, -1.75, 0.75, "equivalent"),
        (-0.5, -1.75, 0.75, "inconclusive"),
    ]
    text = svg(drawn["verdicts"], ["grpo"], drawable)
    assert text.count(LIGHT["series-2"]) == 2 and LIGHT["series-1"] not in text  # one interval and dot, none refuted


# What the section says of itself, and when it does not -------------------------------------------------------------


def test_variances_are_said_to_be_printed_only_where_they_are(tmp_path):
    assert "None of these numbers is printed with its variance" in section(tmp_path, [GAIN], DIFFERENCES)
    text = section(tmp_path, [GAIN | {"spread": 1.5}, SCORE], DIFFERENCES)
    assert "1 of the 2 are printed with a standard deviation over runs" in text
    assert "None of these numbers is printed" not in text


def test_nothing_is_said_of_a_rule_that_judged_nothing(tmp_path):
    text = section(tmp_path, [SCORE], DIFFERENCES)
    assert "None of them could be judged" in text
    for said in ("half width", "Equivalent within", "What 3 seeds can resolve", "If every published number were true"):
        assert said not in text


def test_withdrawn_findings_are_listed(tmp_path):
    assert "Withdrawn" not in section(tmp_path, [GAIN], DIFFERENCES)
    text = section(
        tmp_path, [GAIN | {"withdrawn": True, "kind": "inconclusive", "verdict": "inconclusive"}], DIFFERENCES
    )
    assert "(1 “not reproduced”): par, gain over GRPO, average (PAR, Table 2)." in text


FIXED = SCORE | {"method": "base", "run": "base", "variant": None, "family": "fixed models", "difference": 4.2}
OFF = FIXED | {"kind": "not reproduced", "verdict": "not reproduced", "p": 0.01, "half_width": 2.0}


def fixed(*rows: dict) -> str:
    found = fixed_models_section(Comparison(pd.DataFrame(rows, columns=COLUMNS), DIFFERENCES))
    return shown(found[0]) if found else ""


def test_the_base_model_is_looked_at_first():
    assert fixed(GAIN) == ""
    assert "1 published number of models that were not trained here: 1 not comparable. So nothing shows yet" in fixed(
        FIXED
    )
    close = OFF | {"kind": "equivalent", "p": 0.5, "difference": 0.1, "published": 9.9, "paper": "CURE"}
    assert "Of the 1 that could be judged none is off beyond chance." in fixed(FIXED, close)
    text = fixed(OFF, close)
    assert "must be expected of what was trained: base on aime24 (PAR, Table 2) by +4.2." in text
    assert "none is off" not in text


def test_papers_that_print_different_numbers_of_one_model_are_set_side_by_side():
    other = FIXED | {"paper": "CURE", "published": 16.6}
    assert "base on aime24, avg: 34.4 (PAR), 16.6 (CURE)." in fixed(FIXED, other)
    assert "Papers print different numbers" not in fixed(FIXED, FIXED | {"paper": "CURE"})
    assert "Papers print different numbers" not in fixed(FIXED)
