"""Which evaluation problems are found in a training set, by both measures, and how fast."""

import csv
import io
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from stages.datasets import contamination
from stages.datasets.assembly import read_raw
from stages.datasets.cleaning import clean
from stages.datasets.contamination import Index, Match, counts, index_of, matches, table_of
from stages.datasets.sources import load_sources
from stages.prepare import evaluation_index
from tests.mirror import MIRROR, with_mirror
from tests.small_mirror import ROOT

# ten words: three 8-grams
WALK = "a hedgehog walks along seven straight paths for eleven minutes"


def line(identity, problem, answer="7", **more):
    return {"id": identity, "problem": problem, "answer": answer, **more}


def found(training, *benchmark):
    index = index_of({"bench": list(benchmark)})
    return [(m.training_id, m.problem.id, m.same_text, round(m.containment, 2), m.same_answer)
            for m in matches([line("t", training)], index)]  # fmt: skip


def test_texts_that_agree_in_letters_and_digits_are_one():
    assert found("What is $1+1$?", line("b", "what is 1 + 1 ?")) == [("t", "b", True, 0.0, True)]
    assert found("What is $1+1$?", line("b", "What is $1+2$?")) == []


def test_containment_is_the_evaluation_problems_share():
    assert found(f"Once {WALK}, says Ida.", line("b", f"{WALK}.")) == [("t", "b", False, 1.0, True)]
    # 3 of 4 of its 8-grams, then 3 of 5
    assert found(WALK, line("b", f"{WALK} today")) == [("t", "b", False, 0.75, True)]
    assert found(WALK, line("b", f"{WALK} today again")) == []
    assert index_of({"bench": [line("b", f"{WALK} today again")]}).problems[0].words == 5


def test_a_long_training_problem_does_not_hide_a_short_one():
    assert found(f"{WALK} " + "and then it rests beside a pond full of frogs " * 20, line("b", WALK))[0][3] == 1.0


def test_another_answer_is_told_apart():
    assert found(WALK, line("b", WALK, "8")) == [("t", "b", True, 1.0, False)]
    assert found(WALK, line("b", WALK, "007"))[0][4]
    index = index_of({"bench": [line("b", WALK, r"\frac12")]})
    (match,) = matches([line("t", WALK, r"\dfrac{1}{2}")], index)
    assert match.same_answer


def test_a_program_has_no_answer_to_compare():
    assert found(WALK, line("b", WALK, "7", tests="assert f() == 7"))[0][4] is False


def test_every_problem_counts_once_however_often_it_is_found():
    index = index_of({"bench": [line("b", WALK), line("c", "What is nine?", "9")], "other": [line("d", WALK)]})
    training = [line("t1", WALK), line("t2", f"Now {WALK}"), line("t3", "what is nine", "8")]
    nothing_alone = {"words_alone": 0, "characters_alone": 0}
    assert counts(matches(training, index)) == {
        "bench": {
            "found": 2,
            "same_text": 2,
            "contained": 1,
            "alike": 1,
            "text_alone": 1,
            **nothing_alone,
            "same_answer": 1,
        },
        "other": {
            "found": 1,
            "same_text": 1,
            "contained": 1,
            "alike": 1,
            "text_alone": 0,
            **nothing_alone,
            "same_answer": 1,
        },
    }


def test_the_report_names_every_pair():
    index = index_of({"bench": [line("b", WALK, "8")]})
    (row,) = csv.DictReader(io.StringIO(table_of({"set": matches([line("t", f"Now {WALK}")], index)})))
    assert row == {
        "training_set": "set", "training_id": "t", "benchmark": "bench", "benchmark_id": "b",
        "match": "words characters", "containment": "1.000", "characters": "1.000", "same_answer": "no", "training_answer": "7", "benchmark_answer": "8",
    }  # fmt: skip
    assert table_of({}).strip() == ",".join(contamination.COLUMNS)


SAME = {
    "spaces in math": ("Find all $x$ with $1+2^x+2^{2x+1}=y^2$.", "Find all $x$ with $$ 1+2^{x}+2^{2 x+1}=y^{2} $$"),
    "spacing commands": (r"Let $a\,b\;c = 6$ and $a\quad b = 3$; find $c$.", "Let $abc=6$ and $ab=3$; find $c$."),
    "fractions": (r"Compute $\dfrac12+\tfrac{3}{4}$ of it now", r"Compute $\frac{1}{2}+3/4$ of it now"),
    "relations": (r"For $x \le 3$ and $y \geqslant 4$ find the least value", "For $x ≤ 3$ and $y \\geq 4$ find the least value"),
    "brackets": (r"Expand $\left(x+1\right)\bigl[y\bigr]$ in powers", "Expand $(x+1)[y]$ in powers"),
    "units": (r"A side is $7\text{ cm}$ and $5\mathrm{~m}$ long, how much is it?", "A side is 7 cm and 5 m long, how much is it?"),
    "degrees": (r"Compute $\sin^2 4^\circ+\sin^2 8^{\circ}$ exactly", "Compute $\\sin ^{2} 4°+\\sin ^{2} 8°$ exactly"),
    "dots": (r"Let $a_1,\ldots,a_9$ and $b_1, \cdots, b_9$ be given", r"Let $a_{1}, \dots, a_{9}$ and $b_{1}, ..., b_{9}$ be given"),
    "delimiters": (r"Solve \(x+y=z\) and \[u+v=w\] for all letters", "Solve $x+y=z$ and $$u+v=w$$ for all letters"),
    "asked for a sum": (
        "Find all triples of primes whose product is five times their sum. Please provide the sum of all values.",
        "Find all triples of primes whose product is five times their sum.",
    ),
    "asked for a form": (
        "What is the chance that two dice show the same?The answer is in the form \x0crac{m}{n}, where gcd(m, n) = 1. Please"
        " provide the value of m + n.",
        "What is the chance that two dice show the same?",
    ),
    "the original answer": (
        r"What is the chance that two dice show the same? The original answer is in \frac{m}{n} format, please give m + n.",
        "What is the chance that two dice show the same? Express your answer as a common fraction.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", SAME)
def test_two_spellings_are_one_text(kind):
    first, second = SAME[kind]
    for training, evaluation in ((first, second), (second, first)):
        ((_, _, same_text, *_),) = found(training, line("b", evaluation))
        assert same_text


LOG = r"What is the product of all solutions to the equation \[\log_{7x}2023\cdot \log_{289x}2023=\log_{2023x}2023\]"
REWORDED = {
    "a last sentence": (
        "A clock in a hall shows the 28th of April as 20230428, with four digits for the year and two each for the month and the day. Find the number of dates in $2023$ for which each digit is even.",
        "A clock in a hall shows the $28$th of April as $20230428$, with four digits for the year and two each for the month and the day. For how many dates in $2023$ is each digit even?",
    ),
    "a word within a short one": (LOG.replace("all solutions", "all the solutions").replace(r"\[", "$$").replace(r"\]", "?$$"), LOG),
    "words before": (f"Part B, 3 points. Consider this. {LOG}", LOG),
}  # fmt: skip


@pytest.mark.parametrize("kind", REWORDED)
def test_a_reworded_problem_is_found_by_its_characters(kind):
    training, evaluation = REWORDED[kind]
    index = index_of({"bench": [line("b", evaluation)]})
    (match,) = matches([line("t", training)], index)
    assert "characters" in match.measures and not match.same_text


@pytest.mark.parametrize(
    "other",
    [
        LOG.replace("2023", "2048").replace("289", "512"),
        LOG.replace("log", "sin").replace("product of all solutions to", "least number that solves"),
        "What is the sum of all solutions to the equation $x^2=4$?",
    ],
)
def test_another_problem_of_the_same_form_is_not_found(other):
    assert found(other, line("b", LOG)) == []


def test_what_each_measure_finds_alone_is_counted():
    index = index_of({"bench": [line("b", REWORDED["a last sentence"][1]), line("c", "What is $2+2$?")]})
    table = counts(matches([line("t", REWORDED["a last sentence"][0]), line("u", "what is 2 + 2")], index))["bench"]
    assert (table["found"], table["text_alone"], table["words_alone"], table["characters_alone"]) == (2, 1, 0, 1)


def test_no_text_breaks_the_comparison():
    texts = ["", " ", "$", "$$", "\\", "\\(", "\ud800", "\x0crac", "[asy]", "é" * 40, "请" * 40, "$" * 99, "a" * 10_000]
    index = index_of({"bench": [line(str(number), text) for number, text in enumerate(texts)]})
    matched = {
        (m.training_id, m.problem.id) for m in matches([line(str(n), text) for n, text in enumerate(texts)], index)
    }
    assert {(str(n), str(n)) for n in range(len(texts))} <= matched
    assert matches([], index) == [] and matches([line("t", WALK)], index_of({})) == []


# The real sets


class Real(NamedTuple):
    """The index of all evaluation sets; training set -> its rows, and -> what of them stands there, in how many seconds."""

    index: Index
    training: dict[str, list[dict]]
    matches: dict[str, list[Match]]
    seconds: dict[str, float]


@pytest.fixture(scope="module")
def real() -> Real:
    sources = load_sources(ROOT / "data/sources.yaml")
    training = {
        name: read_raw(sources[name], sources, Path(MIRROR)).rows for name in ("dapo_math_17k", "math_train_7500")
    }
    real = Real(evaluation_index(sources, Path(MIRROR)), training, {}, {})
    for name, rows in training.items():
        start = time.process_time()
        real.matches[name] = matches(rows, real.index)
        real.seconds[name] = time.process_time() - start
    return real


@with_mirror
def test_the_known_contamination_is_found(real):
    dapo = counts(real.matches["dapo_math_17k"])

    def found(benchmark):
        return tuple(dapo[benchmark][kind] for kind in ("found", "same_text", "contained", "alike", "same_answer"))

    assert found("amc23_40") == (28, 15, 28, 28, 24)
    assert found("amc_83") == (50, 22, 45, 49, 42)
    assert found("math500") == (23, 10, 18, 21, 11)
    assert found("olympiadbench_675") == (78, 50, 70, 78, 22)
    assert not {"aime24", "aime25", "minerva_math", "gsm8k_test", "humaneval"} & set(dapo)
    math = counts(real.matches["math_train_7500"])
    assert (math["math500"]["same_text"], math["math500"]["contained"], math["math500"]["found"]) == (1, 12, 21)
    assert not {"amc23_40", "amc_83"} & set(math)


@with_mirror
def test_pairs_that_were_read_by_hand_are_found(real):
    rows = list(csv.DictReader((ROOT / "docs/contamination_sample.csv").open(encoding="utf-8")))
    found = {(m.training_id, m.problem.benchmark, m.problem.id) for m in real.matches["dapo_math_17k"]}
    assert len(rows) == 50
    assert {(row["training_id"], row["benchmark"], row["benchmark_id"]) for row in rows} <= found


@with_mirror
@pytest.mark.parametrize(
    ("number", "problem"),
    [
        (13494, "olympiadbench_675-1766"), (13513, "olympiadbench_675-2165"), (7021, "olympiadbench_675-2644"),
        (6902, "olympiadbench_675-2895"), (16992, "amc23_40-0020"), (15797, "amc_83-0018"),
    ],
)  # fmt: skip
def test_what_spacing_and_rewording_hid_is_found(real, number, problem):
    rows = [row for row in real.training["dapo_math_17k"] if row["id"] == f"dapo_math_17k-{number}"]
    assert problem in {match.problem.id for match in matches(rows, real.index)}


@with_mirror
def test_seventeen_thousand_problems_are_compared_in_seconds(real):
    assert len(real.training["dapo_math_17k"]) > 16_000 and real.seconds["dapo_math_17k"] < 20


@with_mirror
def test_nothing_is_left_to_find_in_what_is_kept(real):
    for name, rows in real.training.items():
        contaminated = {match.training_id for match in real.matches[name]}
        assert not matches((row for row in clean(rows).rows if row["id"] not in contaminated), real.index)


def test_a_problem_of_a_few_words_is_not_found_by_its_characters():
    """Its 16-grams of characters are one or two, which many others have; the same text still is the same text."""
    short = {"lab": [{"id": "e", "problem": "code add 5 double", "answer": ""}]}
    rows = [
        {"id": "other", "problem": "code add 5 double negate", "answer": "1"},
        {"id": "same", "problem": "Code: add 5, double", "answer": "1"},
    ]
    assert [match.training_id for match in matches(rows, index_of(short))] == ["same"]
