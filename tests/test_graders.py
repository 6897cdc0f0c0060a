"""Verdicts on a golden table. math-verify is only in the evaluation environment: its command line is asked."""

import json
import os
import random
import subprocess
from pathlib import Path

import pytest

from stages.boxes import last_box
from stages.datasets.fetch import fetch, load_sources
from stages.datasets.readers import read
from stages.graders import GRADERS
from stages.graders.code import extract_code, write_program
from stages.graders.math_verify import Task, exact, normalise_gold

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / ".venv" / "eval" / "bin" / "python"

# gold, reply, correct, status
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
    # which box
    ("5", r"\boxed{7} wait no, \boxed{5}", True, "graded"),
    ("7", r"\boxed{7} wait no, \boxed{5}", False, "graded"),
    ("7", r"\boxed{7} and finally \boxed{5", False, "no answer"),  # the last box was cut off
    ("5", "the answer is 5", True, "graded"),
    ("13", " left:3+8=11;11+2=13", False, "no answer"),  # a number that merely comes last
    ("5", "", False, "no answer"),
    # hangs stay in the denominator
    ("9", r"\boxed{9^{9^{9^9}}}", False, "timeout"),
]  # fmt: skip


def grade(name, pairs):
    lines = "".join(json.dumps({"problem": problem, "reply": reply}) + "\n" for problem, reply in pairs)
    result = subprocess.run(
        [PYTHON, "-m", "stages.graders", name], input=lines, cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture(scope="module")
def math_verdicts():
    return grade("math_verify", [({"answer": gold}, reply) for gold, reply, _, _ in MATH])


@pytest.mark.parametrize("row", range(len(MATH)))
def test_math_verify(math_verdicts, row):
    gold, reply, correct, status = MATH[row]
    verdict = math_verdicts[row]
    assert (verdict["correct"], verdict["status"]) == (correct, status), verdict


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
    verdicts = grade("math_verify", [(problem, reply) for problem, reply, _ in TOLERANT])
    assert [verdict["correct"] for verdict in verdicts] == [correct for _, _, correct in TOLERANT]


def real_golds():
    """Golds of the benchmarks if a mirror of the pinned files is at hand, else as many of their kinds, generated."""
    if mirror := os.environ.get("MIRROR"):
        sources = load_sources(ROOT / "data/sources.yaml")
        names = ["aime24", "aime25", "amc_83", "math500", "minerva_math", "olympiadbench_675", "gsm8k_test"]
        return sorted(
            {row["answer"] for name in names for row in read(sources[name], fetch(sources[name], Path(mirror))).rows}
        )
    draw = random.Random(0)
    makers = [
        lambda: str(draw.randint(-999, 99_999)),
        lambda: f"{draw.randint(0, 99):03d}",
        lambda: f"{draw.randint(0, 99)}.0",
        lambda: f"{draw.uniform(-9, 99):.{draw.randint(1, 6)}f}",
        lambda: rf"\frac{{{draw.randint(0, 99)}}}{{{draw.randint(1, 99)}}}",
        lambda: rf"-\dfrac{{{draw.randint(1, 99)}}}{{{draw.randint(1, 9)}}}",
        lambda: f"{draw.randint(1, 9)}.{draw.randint(0, 9)}e{draw.randint(-12, 24)}",
        lambda: str(draw.randint(10**14, 10**15 - 1)),
    ]
    return sorted({draw.choice(makers)() for _ in range(1500)})


def test_the_fast_path_never_changes_a_verdict():
    """10,000 pairs of a gold and an answer of which `exact` says something, judged by math-verify as well."""
    draw, golds = random.Random(1), real_golds()
    tasks = {Task(gold, answer): None for gold in golds for answer in (normalise_gold(gold), gold)}
    tasks = {task: None for task in tasks if exact(task) is not None}
    spellings = [
        str,
        "0{}".format,
        "00{}".format,
        "-{}".format,
        "{}0".format,
        "{}1".format,
        "{}.0".format,
        "{}.5".format,
    ]
    plain = [gold for gold in golds if exact(Task(gold, normalise_gold(gold))) is not None]
    whole = [gold for gold in plain if normalise_gold(gold).isdigit()]
    while len(tasks) < 10_000:
        gold = draw.choice(whole if draw.random() < 0.8 else plain)  # other numbers cost math-verify more time
        answer = gold if draw.random() < 0.3 else draw.choice(plain)
        task = Task(gold, draw.choice(spellings)(normalise_gold(answer)))
        if exact(task) is not None:
            tasks[task] = None
    tasks = list(tasks)[:10_000]
    program = (
        "import json, sys; from stages.graders.math_verify import Task, compare;"
        "print(json.dumps([compare(Task(*task)).correct for task in json.load(sys.stdin)]))"
    )
    result = subprocess.run(
        [PYTHON, "-c", program], input=json.dumps(tasks), cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    fast = [exact(task).correct for task in tasks]
    assert len(tasks) == 10_000 and 1000 < sum(fast) < 9000
    slow = json.loads(result.stdout)
    assert [(task, verdict) for task, verdict, other in zip(tasks, fast, slow, strict=True) if verdict != other] == []


@pytest.mark.parametrize(
    "gold, normal",
    [
        ("033", "33"), ("27.0", "27"), ("27.", "27"), (r"336^\circ", "336"), (r"336^{\circ}", "336"), ("000", "0"),
        ("-012", "-12"), ("$7$", "7"), ("0.5", "0.5"), ("5.3e-9", r"5.3 \times 10^{-9}"), ("1,234", "1,234"),
        (r"\frac{1}{2}", r"\frac{1}{2}"),
    ],
)  # fmt: skip
def test_normalise_gold(gold, normal):
    assert normalise_gold(gold) == normal


@pytest.mark.parametrize(
    "reply, box",
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
        ("boxed{5}", None),
        ("\\", None),
        (r"\boxed{5\\", None),
    ],
)
def test_last_box(reply, box):
    assert last_box(reply) == box


def test_exact_box_compares_text():
    pairs = [
        ({"answer": "14"}, reply)
        for reply in (r"\boxed{ 14 }", r"\boxed{014}", r"\boxed{}", "14", r"\boxed{14} \boxed{1")
    ]
    verdicts = GRADERS["exact_box"].grade(pairs)
    assert [(v.correct, v.status) for v in verdicts] == [
        (True, "graded"), (False, "graded"), (False, "graded"), (False, "no answer"), (False, "no answer"),
    ]  # fmt: skip


HEAD = 'import math\n\n\ndef area(r):\n    """Of a circle."""\n'


@pytest.mark.parametrize(
    "reply",
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
def test_code_is_found_however_it_is_written(reply):
    problem = {"source": "openai_humaneval", "prompt": HEAD, "entry_point": "area", "tests": ""}
    _, program = write_program(problem, reply)
    names = {}
    exec(program.solution, names)  # written in this file, not by a model
    assert names["area"](1) == pytest.approx(3.14159, abs=1e-4)


def test_code_that_only_mentions_the_name_is_a_body():
    assert extract_code("    return area_of(r)  # def area", "area").startswith("    return")


def test_an_expression_becomes_a_function_of_x():
    problem = {"source": "lab", "entry_point": "solution", "tests": ""}
    assert write_program(problem, r" post: so\boxed{(x+3)*2}")[1].solution == "def solution(x): return (x+3)*2\n"
    assert write_program(problem, " post: so") == ("", None)
