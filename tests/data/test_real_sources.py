"""The real files of the table, read and counted; all of it needs a mirror of them (MIRROR)."""

import functools
import json
from collections import Counter
from pathlib import Path

import pytest

from stages.common.files import InputError
from stages.datasets.assembly import read_raw
from stages.datasets.cleaning import clean
from stages.datasets.fetch import fetch
from stages.datasets.mirror import make_mirror
from stages.datasets.readers import read_all
from stages.datasets.sources import load_sources
from tests.mirror import MIRROR, with_mirror
from tests.small_mirror import ROOT, passes

ALL = load_sources(ROOT / "data/sources.yaml")
SOURCES = {name: source for name, source in ALL.items() if source.use != "grading"}

# source -> (rows as stored, problems, rows dropped by reason)
EXPECTED = {
    "dapo_math_17k": (17917, 16903, {"conflicting golds": 30, "duplicate": 983, "no question": 1}),
    "steer_dapo_math_17k": (17398, 16910, {"conflicting golds": 16, "duplicate": 471, "no question": 1}),
    "math_train_7500": (7500, 7496, {"duplicate": 2, "empty gold": 2}),
    "math_test_5000": (5000, 5000, {}),
    "math_train_12k": (12500, 11994, {"duplicate": 4, "empty gold": 2, "stands in math500": 500}),
    "gsm8k_train": (7473, 7473, {}),
    "math500": (500, 500, {}),
    "aime24": (960, 30, {"copies": 930}),
    "aime25": (30, 30, {}),
    "amc23_40": (40, 40, {}),
    "amc_83": (83, 83, {}),
    "minerva_math": (272, 272, {}),
    "olympiadbench_675": (675, 675, {}),
    "gsm8k_test": (1319, 1319, {}),
    "humaneval": (164, 164, {}),
    "humanevalplus": (164, 164, {}),
    "mbpp": (974, 500, {"not of the test split": 474}),
    "mbpp_sanitized": (427, 257, {"not of the test split": 170}),
    "mbppplus": (378, 378, {}),
    "ifeval": (541, 541, {}),
    "steer_aime24": (960, 30, {"copies": 930}),
    "steer_aime25": (960, 30, {"copies": 930}),
    "steer_amc23": (1280, 40, {"copies": 1240}),
    "steer_math500": (500, 500, {}),
    "steer_minerva_math": (272, 272, {}),
    "steer_olympiadbench": (675, 675, {}),
}


@functools.cache
def stored(name):
    return read_raw(SOURCES[name], SOURCES, Path(MIRROR))


@functools.cache
def real_set(name):
    """(stored rows, mended and distinct rows, dropped) of a real source."""
    raw = stored(name)
    cleaned = clean(raw.rows)
    return raw.rows_in, cleaned.rows, raw.dropped | cleaned.dropped


def test_every_source_of_the_table_is_expected_here():
    assert set(SOURCES) == set(EXPECTED)


@with_mirror
@pytest.mark.parametrize("name", EXPECTED)
def test_rows_of_each_source(name):
    rows_in, rows, dropped = real_set(name)
    assert (rows_in, len(rows), dropped) == EXPECTED[name]
    assert rows_in == len(rows) + sum(dropped.values())
    assert len({row["id"] for row in rows}) == len(rows)


@with_mirror
@pytest.mark.parametrize("name", ["dapo_math_17k", "steer_dapo_math_17k"])
def test_no_problem_of_dapo_stands_twice_or_carries_another_prompt(name):
    _, rows, _ = real_set(name)
    assert len({"".join(row["problem"].split()).lower() for row in rows}) == len(rows)
    assert not any("final_answer" in row["problem"] or "Remember to put" in row["problem"] for row in rows)
    assert all(row["answer"].removeprefix("-").isdigit() for row in rows)


@with_mirror
def test_both_copies_of_dapo_hold_the_same_problems():
    keys = [
        {"".join(row["problem"].split()).lower() for row in stored(name).rows}
        for name in ("dapo_math_17k", "steer_dapo_math_17k")
    ]
    assert keys[0] == keys[1] and len(keys[0]) == 16919


@with_mirror
def test_golds_of_competitions_are_plain_integers():
    for name in ("aime24", "aime25", "amc23_40", "amc_83"):
        assert all(row["answer"] == str(int(row["answer"])) for row in real_set(name)[1])


@with_mirror
def test_the_larger_amc_contains_the_smaller():
    smaller, larger = ({row["problem"] for row in real_set(name)[1]} for name in ("amc23_40", "amc_83"))
    assert len(smaller & larger) == 40


@with_mirror
def test_math_has_levels():
    levels = Counter(row.get("level") for row in real_set("math_train_12k")[1])
    assert set(levels) == {1, 2, 3, 4, 5, None} and levels[None] == 2


@with_mirror
def test_extreme_inputs_are_left_out_of_six_problems():
    mended = [row["id"] for name in ("humanevalplus", "mbppplus") for row in real_set(name)[1] if "mended" in row]
    assert mended == ["HumanEval/15", "HumanEval/100", "HumanEval/130", "Mbpp/255", "Mbpp/599", "Mbpp/630"]


@with_mirror
@pytest.mark.parametrize("name", ["humaneval", "mbpp", "mbpp_sanitized"])
def test_the_sets_own_solutions_pass_their_tests(name):
    """In this process: the tests are the sets' own code. The sandbox's tests run all five sets."""
    assert [line["id"] for line in real_set(name)[1] if not passes(line, line["answer"])] == []


@with_mirror
def test_a_wrong_reader_is_a_clear_error():
    fetched = fetch(SOURCES["aime25"], Path(MIRROR))
    wrong = fetched._replace(address=fetched.address.model_copy(update={"reader": "math"}))
    with pytest.raises(InputError, match="source aime25: row 1 is torn or of another kind"):
        read_all(SOURCES["aime25"], wrong)


@with_mirror
def test_the_mirror_in_force_makes_another(tmp_path):
    assert make_mirror(tmp_path, SOURCES, Path(MIRROR)) == 25
    index = (tmp_path / "index.csv").read_text().splitlines()
    assert len(index) == 26 and json.dumps(str(MIRROR)) not in json.dumps(index)
