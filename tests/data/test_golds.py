"""What preparation checks of golds: that they accept themselves and refuse every change, or stop the stage in one line."""

import json
import subprocess
from pathlib import Path

import pytest

from stages.answers.golds import WRITTEN, accepts, facts, faults, kind, kinds_of, mutations
from stages.answers.literal import gold_reading
from stages.answers.reading import Quantity
from stages.answers.values import CONTEXT, constant, inexact, variables
from stages.benchmarks import BENCHMARKS, find
from stages.common.files import InputError, parse_json, read_jsonl, write_jsonl
from stages.common.tables import markdown_table
from stages.datasets import readers
from stages.datasets.assembly import evaluation_set
from stages.datasets.readers import evaluation
from stages.datasets.sources import load_sources
from tests.mirror import MIRROR, with_mirror
from tests.project import EVALUATION_PYTHON, ROOT

SOURCES = load_sources(ROOT / "data/sources.yaml")
SHORT = [
    key for key in BENCHMARKS if find(key).source in SOURCES and find(key).has_short_answers and not find(key).unusable
]
GOLDS = {
    "17": "number", "-3./2": "constant", "4.5e33": "number", r"\frac{14}{3}": "constant", r"3\sqrt{13}": "constant", "52_8": "number in a base", "$6m$": "expression",
    r"864 \mbox{ inches}^2": "number with a unit", r"62.5%": "number with a unit", r"\text{Evelyn}": "words", r"\text{(C)}": "choice", "MR=SRMC": "equation of names",
    "1,-2": "list", r"1 \pm \sqrt{19}": "list", "(3,4]": "point or interval", "(8,-2)": "point or interval", r"(0,9) \cup (9,36)": "union of sets", "y = 2x + 3": "equation",
    r"$k \geqslant 2$": "relation", r"\begin{pmatrix} 1 \\ -2 \end{pmatrix}": "matrix", r"$t(0,4]$": "literal", "np.arcsin(10/13)": "constant", r"\frac{1}{3} E_{1}+\frac{2}{3} E_{2}": "expression",
}  # fmt: skip


@pytest.mark.parametrize("gold, expected", GOLDS.items())
def test_a_gold_is_of_its_kind_accepts_itself_and_refuses_every_change(gold, expected):
    assert kind(gold) == expected
    assert all(accepts(gold, form(gold)) for form in WRITTEN)
    assert list(faults(gold)) == []
    assert mutations(gold) and gold not in mutations(gold)


def test_a_mutation_changes_each_digit_sign_name_and_bracket():
    assert set(mutations("(1,-x]")) == {"(2,-x]", "(1,+x]", "(1,-q]", "[1,-x]", "(1,-x)"}


def test_kinds_are_counted():
    assert kinds_of([("a", "5"), ("b", "6"), ("c", "x+1")], "toy") == {"expression": 1, "number": 2}


@pytest.mark.parametrize(
    "gold, reason",
    [("", "is empty"), ("|x|+x-x+0*y", "accepts"), ("0x+1", "accepts"), ("1.00000001", "accepts '1.00000011'")],
)
def test_a_gold_that_does_not_say_what_it_says_stops_preparation(gold, reason):
    with pytest.raises(InputError, match=f"toy: id-1: the gold .* {reason}") as raised:
        kinds_of([("id-0", "5"), ("id-1", gold)], "toy")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("answer", ["1000", "-1", "1e2", "12.5", "1_0", "", "３３", " 33", "x"])
def test_an_aime_gold_is_a_whole_number_up_to_999(answer):
    with pytest.raises(ValueError, match="no whole number from 0 to 999"):
        evaluation.aime25({"problem": "p", "answer": answer})


@pytest.mark.parametrize("answer, gold", [("0", "0"), ("033", "33"), ("999", "999"), (r"336^\circ", "336")])
def test_an_aime_gold_in_range_is_taken(answer, gold):
    assert evaluation.aime25({"problem": "p", "answer": answer})["answer"] == gold


@pytest.mark.parametrize("answer", [float("inf"), float("nan"), 2.5, "27"])
def test_an_amc_gold_is_a_whole_number_stored_as_a_float(answer):
    with pytest.raises(ValueError, match="no whole number"):
        evaluation.amc({"problem": "p", "answer": answer})


@pytest.mark.parametrize(
    "text", ['{"a": NaN}', '{"a": [-Infinity]}', '{"a": Infinity}', r'{"a": "\ud800"}', r'{"\udfff": 1}', '{"a": ']
)
def test_what_is_no_json_is_refused(text, tmp_path):
    with pytest.raises(ValueError):
        parse_json(text)
    (tmp_path / "rows.jsonl").write_text(f'{{"a": 1}}\n{text}\n')
    with pytest.raises(InputError, match="line 2 is not whole JSON") as raised:
        list(read_jsonl(tmp_path / "rows.jsonl"))
    assert "\n" not in str(raised.value)


def test_infinity_is_taken_where_programs_are_tested_with_it():
    assert parse_json('{"a": [Infinity]}', infinite=True) == {"a": [float("inf")]}
    with pytest.raises(ValueError, match="surrogate"):
        parse_json(r'["\ud800", NaN]', infinite=True)


def test_whole_surrogate_pairs_are_text():
    assert parse_json(r'{"a": "\ud83d\ude00"}') == {"a": "\U0001f600"}


@pytest.mark.parametrize("row", [{"id": "x", "a": float("nan")}, {"id": "x", "a": "\ud800"}])
def test_what_cannot_be_written_is_one_line(row, tmp_path):
    with pytest.raises(InputError) as raised:
        write_jsonl(tmp_path / "rows.jsonl", [row])
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "row", [{"problem": "p\ud800", "answer": "1"}, {"problem": "p", "answer": "1", "level": float("nan")}]
)
def test_a_row_with_half_a_character_or_no_number_is_refused(row):
    with pytest.raises(ValueError):
        readers._check(row)


def golds_of(key):
    return [line["answer"] for line in evaluation_set(SOURCES[find(key).source], Path(MIRROR)).lines]


@with_mirror
def test_the_documentation_has_the_table_of_all_golds():
    rows = {key: facts(golds_of(key)) for key in SHORT}
    table = markdown_table(["benchmark", *rows[SHORT[0]]], [[key, *row.values()] for key, row in rows.items()])
    assert all((row["accepted wrongly"], row["refuse themselves"]) == ("0", "0") for row in rows.values())
    assert table in (ROOT / "docs/answers.md").read_text(encoding="utf-8"), table


@with_mirror
def test_math_verify_reads_the_same_value_in_golds_that_are_numbers():
    golds = sorted({gold for key in SHORT for gold in golds_of(key) if kind(gold) == "constant"})
    program = (
        "import json, sys; from stages.graders.math_verify import _parsed, _value;"
        "read = lambda gold: next((str(one) for one in map(_value, _parsed(gold)) if one is not None), None);"
        "print(json.dumps([read(gold) for gold in json.load(sys.stdin)]))"
    )
    done = subprocess.run(
        [EVALUATION_PYTHON, "-c", program],
        input=json.dumps(golds),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    other = {gold: value for gold, value in zip(golds, json.loads(done.stdout), strict=True) if value}
    assert len(other) > 0.9 * len(golds)  # it does not read -3./2, for one
    for gold, value in other.items():
        reading = gold_reading(gold)
        assert isinstance(reading, Quantity) and not variables(reading.node)
        ours = inexact(constant(reading.node))
        assert abs(CONTEXT.mpmathify(value) - ours) <= abs(ours) / 10**10, gold
