"""The papers' own string rules: equal to verl's function where that is installed, and on a golden table."""

import random

import pytest
from verl.utils.reward_score.math_dapo import compute_score

from stages.graders.registry import GRADERS

GOLDS = ["34", "033", "27.0", r"\frac{1}{2}", r"\sqrt2", "1,234", r"\text{odd}", "x=3", "90^\\circ", r"\{1,2\}", "-7", "5.3e-9",
         r"\left(1, 2\right)", r"\boxed{3}", "$5$", "two ways", r"3\text{ cm}", "", "²"]  # fmt: skip
FORMS = [
    "Answer: {}", "answer :  {}", "Answer: ${}$", "Answer: $ {} $.", "Answer: \\boxed{{{}}}", "\\boxed{{{}}}",
    "\\boxed {{{}}}", "\\boxed{{{}", "\\fbox{{{}}}", "so {}", "Answer:\n{}", "Answer: {}\nand so on", "Answer:{}\\$",
    "\\boxed{{ {} }}", "The answer is x = {} units", "Answer: y={}", "Answer: 1\nAnswer: {}", "\\boxed{{1}} \\boxed{{{}}}",
    "Answer: an {} dollars", "**Answer**: {}", "\\boxed{{{}}} Answer:",
]  # fmt: skip


def pairs():
    """4,000 golds and samples: every form with right and wrong answers, some long, some cut somewhere."""
    draw = random.Random(0)
    made = []
    for _ in range(4000):
        gold, answer = draw.choice(GOLDS), draw.choice(GOLDS)
        text = "".join(
            [
                "step " * draw.choice([0, 0, 1, 20, 80]),
                draw.choice(FORMS).format(gold if draw.random() < 0.6 else answer),
                draw.choice(
                    ["", "", ".", "\n", " done" * draw.choice([1, 15, 70]), "\n" + draw.choice(FORMS).format(answer)]
                ),
            ]
        )
        made.append((gold, text[: draw.choice([len(text), len(text), draw.randint(0, len(text))])]))
    return made


@pytest.mark.parametrize("strict, name", [(False, "math_dapo"), (True, "steer_box")])
def test_equal_to_verl(strict, name):
    given = pairs()
    theirs = [compute_score(text, gold, strict_box_verify=strict) for gold, text in given]
    theirs = [(bool(result["acc"]), result["pred"]) for result in theirs]
    ours = GRADERS[name].grade([({"answer": gold}, text) for gold, text in given])
    for (gold, text), grade, (correct, extracted) in zip(given, ours, theirs, strict=True):
        assert grade.correct == correct, (gold, text, extracted)
        assert grade.extracted == (None if grade.status == "no answer" else extracted)
    assert 200 < sum(correct for correct, _ in theirs) < 3500


@pytest.mark.parametrize(
    "gold, text, dapo, steer",
    [
        ("34", "so\nAnswer: 34", True, False),
        ("34", r"so \boxed{34}", True, True),
        ("34", r"so $\boxed{34}$." + " " * 120, False, False),
        ("34", r"\boxed{ 34 }", False, False),
        ("33", r"Answer: 033", False, False),
        ("1234", "Answer: $1,234$ dollars", True, False),
        (r"\frac{1}{2}", r"Answer: \frac12", True, False),
        (r"\frac{1}{2}", r"\boxed{0.5}", False, False),
        ("34", r"\boxed{34} or \boxed{35}", False, False),
        ("34", "34", False, False),
    ],
)
def test_what_the_papers_rules_accept(gold, text, dapo, steer):
    pair = ({"answer": gold}, text)
    assert [GRADERS[name].grade([pair])[0].correct for name in ("math_dapo", "steer_box")] == [dapo, steer]
