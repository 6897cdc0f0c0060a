"""Grades of a golden table. math-verify is only in the evaluation environment: its command line is asked."""

import json
import random
import subprocess

import pytest

from stages.graders.code import extract_code, write_program
from stages.graders.math_verify import Task, decided
from stages.graders.registry import GRADERS
from stages.text.boxed import last_boxed_answer
from tests.forks import evaluation
from tests.project import EVALUATION_PYTHON, ROOT

pytestmark = pytest.mark.processes

# gold, text of the sample, correct, status
MATH = [
    # one value, several spellings
    ("204", r"\boxed{\frac{408}{2}}", True, "graded"),
    ("204", r"\boxed{\text{204}}", True, "graded"),
    ("204", r"\boxed{m+n=204}", True, "graded"),
    ("204", r"\boxed{204^\circ}", True, "graded"),
    ("336^\\circ", r"\boxed{336}", True, "graded"),
    ("033", r"\boxed{33}", True, "graded"),
    ("27.0", r"so \boxed{27}", True, "graded"),
    ("27.0", r"so \boxed{27.0}", True, "graded"),
    ("5.3e-9", r"\boxed{5.3 \times 10^{-9}}", True, "graded"),
    ("5.3e-9", r"\boxed{5.3e-9}", True, "graded"),
    ("10", r"\boxed{10\%}", True, "graded"),  # matches with antlr 4.13.2 alone
    (r"\frac{1}{2}", r"\boxed{0.5}", True, "graded"),
    (r"\left( 3, \frac{\pi}{2} \right)", r"\boxed{(3,\pi/2)}", True, "graded"),
    ("-7", r"\boxed{-7}", True, "graded"),
    # wrong
    ("44", r"\boxed{4400}", False, "graded"),
    ("2.26e-10", r"\boxed{1.24e-8}", False, "graded"),
    ("5.3e-9", r"\boxed{0.0}", False, "graded"),  # to six decimals, as math-verify rounds, they are one
    ("5.3e-9", r"\boxed{0.0000000054}", False, "graded"),
    ("0.0000053", r"\boxed{0.0000049}", False, "graded"),
    ("5.3e-9", r"\boxed{0.0000000053}", True, "graded"),
    ("0.000053", r"\boxed{5.3 \times 10^{-5}}", True, "graded"),
    ("6.02e23", r"\boxed{6.02 \cdot 10^{23}}", True, "graded"),
    ("6.02e23", r"\boxed{6.03 \cdot 10^{23}}", False, "graded"),
    ("7", r"\boxed{-7}", False, "graded"),
    # which boxed answer
    ("5", r"\boxed{7} wait no, \boxed{5}", True, "graded"),
    ("7", r"\boxed{7} wait no, \boxed{5}", False, "graded"),
    ("7", r"\boxed{7} and finally \boxed{5", False, "no answer"),  # the last one was cut off
    ("5", "the answer is 5", True, "graded"),
    ("13", " left:3+8=11;11+2=13", False, "no answer"),  # a number that merely comes last
    ("5", "", False, "no answer"),
    # hangs stay in the denominator
    ("9", r"\boxed{9^{9^{9^9}}}", False, "timeout"),
]  # fmt: skip


def grade(name, pairs):
    lines = "".join(json.dumps({"problem": problem, "text": text}) + "\n" for problem, text in pairs)
    result = evaluation().module("stages.graders", name, given=lines)
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture(scope="module")
def math_grades():
    return grade("math_verify", [({"answer": gold}, text) for gold, text, _, _ in MATH])


@pytest.mark.parametrize("row", range(len(MATH)))
def test_math_verify(math_grades, row):
    _, _, correct, status = MATH[row]
    assert (math_grades[row]["correct"], math_grades[row]["status"]) == (correct, status), math_grades[row]


def test_grades_do_not_depend_on_the_order_of_the_samples(math_grades):
    """The sample that hangs ends its worker; what that worker had read before does not matter to the others."""
    assert grade("math_verify", [({"answer": gold}, text) for gold, text, _, _ in MATH[::-1]]) == math_grades[::-1]


TOLERANT = [
    ({"answer": "4.2", "absolute_tolerance": 0.1}, r"\boxed{4.25}", True),
    ({"answer": "4.2", "absolute_tolerance": 0.1}, r"\boxed{4.4}", False),
    ({"answer": "4.2"}, r"\boxed{4.25}", False),
    ({"answer": "5.3e-9", "relative_tolerance": 0.02}, r"\boxed{5.35 \times 10^{-9}}", True),
    ({"answer": "5.3e-9", "relative_tolerance": 0.02}, r"\boxed{5.5 \times 10^{-9}}", False),
    ({"answer": "100", "relative_tolerance": 0.02}, r"\boxed{101}", True),
    ({"answer": "100", "relative_tolerance": 0.02}, r"\boxed{103}", False),
    ({"answer": "100", "relative_tolerance": 0.02}, r"\boxed{\frac{303}{3}}", True),
    ({"answer": "100", "relative_tolerance": 0.02}, r"\boxed{x = 101}", True),
    ({"answer": "100", "relative_tolerance": 0.02}, r"\boxed{101 + i}", False),
    ({"answer": "100", "relative_tolerance": 0.02}, r"\boxed{x}", False),
]


def test_a_tolerance_that_the_problem_states_is_kept():
    grades = grade("math_verify", [(problem, text) for problem, text, _ in TOLERANT])
    assert [one["correct"] for one in grades] == [correct for _, _, correct in TOLERANT]


def plain_numbers():
    """Integers, decimals, fractions and powers of ten, as golds are written."""
    draw = random.Random(0)
    makers = [
        lambda: str(draw.randint(-999, 99_999)),
        lambda: f"{draw.uniform(-9, 99):.{draw.randint(1, 6)}f}",
        lambda: rf"\frac{{{draw.randint(0, 99)}}}{{{draw.randint(1, 99)}}}",
        lambda: rf"-\dfrac{{{draw.randint(1, 99)}}}{{{draw.randint(1, 9)}}}",
        lambda: rf"{draw.randint(1, 9)}.{draw.randint(0, 9)} \times 10^{{{draw.randint(0, 24)}}}",
        lambda: str(draw.randint(10**14, 10**15 - 1)),
    ]
    return sorted({draw.choice(makers)() for _ in range(1500)})


def test_plain_numbers_are_graded_as_the_library_grades_them():
    """1,000 pairs of numbers in several spellings, compared by math-verify's own functions as well."""
    draw, golds = random.Random(1), plain_numbers()
    spellings = [str, "0{}".format, "-{}".format, "{}0".format, "{}1".format, "{}.0".format, "{}.5".format]
    tasks = []
    while len(tasks) < 1000:
        gold = draw.choice(golds)
        answer = gold if draw.random() < 0.6 else draw.choice(golds)
        spelled = draw.choice(spellings)(answer) if answer.isdigit() else answer
        tasks.append(Task(gold, spelled))
    program = (
        "import json, sys; from math_verify import parse, verify;"
        "read = lambda text: parse(chr(92) + 'boxed{' + text + '}', parsing_timeout=None);"
        "print(json.dumps([verify(read(gold), read(answer), timeout_seconds=None) for gold, answer in json.load(sys.stdin)]))"
    )
    result = subprocess.run(
        [EVALUATION_PYTHON, "-c", program],
        input=json.dumps([task[:2] for task in tasks]), cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    ours = [decided(task).correct for task in tasks]
    assert 200 < sum(ours) < 800
    theirs = json.loads(result.stdout)
    assert [(task, one) for task, one, other in zip(tasks, ours, theirs, strict=True) if one != other] == []


@pytest.mark.parametrize(
    "text, answer",
    [
        (r"\boxed{14}", "14"),
        (r"\boxed{ 1 } then \boxed { 2 }", "2"),
        (r"\fbox{3}", "3"),
        (r"\boxed{\frac{1}{2}} .", r"\frac{1}{2}"),
        (r"\boxed{\left\{ 1, 2 \right.}", r"\left\{ 1, 2 \right."),
        (r"\boxed{\boxed{5}}", "5"),
        (r"\boxed{1} \boxed{2", None),
        (r"\boxed 5", None),
        (r"\boxed{}", ""),
        (r"\boxed{5} and \boxed{}", "5"),
        (r"\boxed{5} and \boxed{ \, }, \boxed{\text{}}", "5"),
        (r"\boxed{5}, in the form \boxed{...}", "5"),
        (r"\boxed{} \boxed{", None),
        ("boxed{5}", None),
        ("\\", None),
        (r"\boxed{5\\", None),
    ],
)
def test_last_boxed_answer(text, answer):
    assert last_boxed_answer(text) == answer


def test_exact_box_compares_text():
    pairs = [
        ({"answer": "14"}, text)
        for text in (r"\boxed{ 14 }", r"\boxed{014}", r"\boxed{}", "14", r"\boxed{14} \boxed{1")
    ]
    grades = GRADERS["exact_box"].grade(pairs)
    assert [(one.correct, one.status) for one in grades] == [
        (True, "graded"), (False, "graded"), (False, "graded"), (False, "no answer"), (False, "no answer"),
    ]  # fmt: skip


HEAD = 'import math\n\n\ndef area(r):\n    """Of a circle."""\n'


@pytest.mark.parametrize(
    "text",
    [
        "    return math.pi * r * r\n",
        "return math.pi * r * r\nprint('and so on')",
        "    x = r * r\n\n    return math.pi * x\n\ndef other():\n    pass\n",
        "Here:\n```python\ndef area(r):\n    return math.pi * r * r\n```\nDone.",
        "```python\nwrong\n```\nrather\n```python\nreturn math.pi * r * r\n```",
        "```python\nimport math\ndef area(r):\n    return math.pi * r * r",
        "def area(r):\n    return math.pi * r * r\n",
    ],
)
def test_code_is_found_however_it_is_written(text):
    problem = {"source": "openai_humaneval", "prompt": HEAD, "entry_point": "area", "tests": ""}
    _, program = write_program(problem, text)
    names = {}
    exec(program.solution, names)  # written in this file, not by a model
    assert names["area"](1) == pytest.approx(3.14159, abs=1e-4)


def test_code_that_only_mentions_the_name_is_a_body():
    assert extract_code("    return area_of(r)  # def area", "area").startswith("    return")


def test_an_expression_becomes_a_function_of_x():
    problem = {"source": "lab", "entry_point": "solution", "tests": ""}
    assert write_program(problem, r" post: so\boxed{(x+3)*2}")[1].solution == "def solution(x): return (x+3)*2\n"
    assert write_program(problem, " post: so") == ("", None)
