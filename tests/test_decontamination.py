"""Which evaluation problems are found in a training set, by both measures, and how fast."""

import csv
import io
import os
import time
from pathlib import Path

import pytest

from stages.datasets import contamination
from stages.datasets.assembly import read_raw
from stages.datasets.cleaning import clean
from stages.datasets.contamination import counts, grams_of, index_of, matches, table_of
from stages.datasets.sources import load_sources
from stages.prepare import evaluation_index
from tests.small_mirror import ROOT

MIRROR = os.environ.get("MIRROR")
with_mirror = pytest.mark.skipif(not MIRROR, reason="no mirror of the pinned files: set MIRROR to its folder")
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
    assert len(grams_of(f"{WALK} today again")) == 5


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
    assert counts(matches(training, index)) == {
        "bench": {"same_text": 2, "contained": 1, "same_answer": 1},
        "other": {"same_text": 1, "contained": 1, "same_answer": 1},
    }


def test_the_report_names_every_pair():
    index = index_of({"bench": [line("b", WALK, "8")]})
    (row,) = csv.DictReader(io.StringIO(table_of({"set": matches([line("t", f"Now {WALK}")], index)})))
    assert row == {
        "training_set": "set", "training_id": "t", "benchmark": "bench", "benchmark_id": "b", "match": "8-grams",
        "containment": "1.000", "same_answer": "no", "training_answer": "7", "benchmark_answer": "8",
    }  # fmt: skip
    assert table_of({}).strip() == ",".join(contamination.COLUMNS)


# The real sets


@pytest.fixture(scope="module")
def real():
    """(index of all evaluation sets, training set -> its rows)"""
    sources = load_sources(ROOT / "data/sources.yaml")
    training = {
        name: read_raw(sources[name], sources, Path(MIRROR)).rows for name in ("dapo_math_17k", "math_train_7500")
    }
    return evaluation_index(sources, Path(MIRROR)), training


@with_mirror
def test_the_known_contamination_is_found(real):
    index, training = real
    dapo = counts(matches(training["dapo_math_17k"], index))
    assert dapo["amc23_40"] == {"same_text": 8, "contained": 21, "same_answer": 18}
    assert dapo["amc_83"] == {"same_text": 14, "contained": 38, "same_answer": 34}
    assert dapo["math500"] == {"same_text": 7, "contained": 17, "same_answer": 9}
    assert not {"aime24", "aime25", "minerva_math", "gsm8k_test", "humaneval"} & set(dapo)
    math = counts(matches(training["math_train_7500"], index))
    assert math["math500"] == {"same_text": 1, "contained": 12, "same_answer": 1}
    assert not {"amc23_40", "amc_83"} & set(math)


@with_mirror
def test_seventeen_thousand_problems_are_compared_within_a_minute(real):
    index, training = real
    start = time.process_time()
    assert matches(training["dapo_math_17k"], index)
    assert time.process_time() - start < 60


@with_mirror
def test_nothing_is_left_to_find_in_what_is_kept(real):
    index, training = real
    for rows in training.values():
        contaminated = {match.training_id for match in matches(rows, index)}
        assert not matches((row for row in clean(rows).rows if row["id"] not in contaminated), index)
