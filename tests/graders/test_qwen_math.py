r"""STEER's evaluation: the strict box or Qwen2.5-Math's grader. Every case was decided alike by the released code
(docs/qwen_math.md says how the two were compared on many more).
"""

import json

import pytest
import sympy

from stages.graders.qwen.answer import answer_of
from stages.graders.qwen.equality import decided
from stages.graders.qwen.formula import Unsafe, names, python_formula
from stages.graders.qwen.number_words import number_in_words
from stages.graders.qwen.spelling import spelled
from tests.forks import evaluation

pytestmark = pytest.mark.processes


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so \boxed{7} wait, \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        (r"\boxed{(1, 2)}", "(1,2)"),
        (r"so \boxed{12", "12"),  # not closed: to the end
        (r"boxed 12$ and more", "12"),
        ("The answer is 12.", "12"),
        ("the final answer is $12$. I hope it is correct.", "12"),
        ("答案是 12\n\n因为", "12"),
        ("3 apples and 1,204 pears", "1204"),  # the last number
        ("nothing", ""),
        (r"\boxed{12}<|im_end|> and \boxed{13}", "12"),
        (r"<|im_start|>user \boxed{1}<|im_start|>assistant none", ""),
        ("\\boxed{1\n 2}", "12"),
        ("", ""),
    ],
)
def test_the_answer_that_a_text_gives(text, answer):
    assert answer_of(text) == answer


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        (r"\dfrac12", r"\frac{1}{2}"),
        ("3/4", r"\frac{3}{4}"),
        ("03/4", "03/4"),
        (r"\frac1", r"\frac1"),
        (r"7\text{ cm}", "7"),
        ("7 square inches", "7"),
        ("m", "m"),  # a unit that is all there is
        ("3 + 2 m x", "3+2x"),  # units vanish inside formulas
        ("a + b m", ""),  # and a, b and m are units
        (r"75^\circ", "75"),
        (r"\$18.50", "18.50"),
        ("18.00", "18"),
        (".5", "0.5"),
        (r"10\%", "10"),
        ("x = 5", "5"),
        ("ab=5", "5"),
        ("abc=5", "abc=5"),
        ("twenty-five", "25"),
        ("no point", "0"),
        ("033", "33"),
        (r"\left( 3, \frac{\pi}{2} \right)", r"(3,\frac{\pi}{2})"),
        (r"x \in (-\infty,\infty)", r"x\in\mathbb{R}"),
        (r"x\in[0,1]", "[0,1]"),
        ("inf", r"\infty"),
        ("2+3j", "2+3i"),
        (r"\sqrt3", r"\sqrt{3}"),
        (r"\begin{array}{cc}1&2\end{array}", r"\begin{pmatrix}1&2\end{pmatrix}"),
        ("", ""),
    ],
)
def test_the_spelling_that_is_compared(written, compared):
    assert spelled(written) == compared


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("two million twenty three thousand and forty nine", 2023049),
        ("two hundred and five", 205),
        ("three point one four", 3.14),
        ("the fifty-three ways", 53),
        ("thousand", 1000),
        ("one million two thousand", 1003002),  # the last part counts twice
        ("five thousand two million", None),
        ("thousand five", None),
        ("point", 0),
        ("007", 7),
        ("²", None),
        ("ways", None),
    ],
)
def test_a_number_in_words(words, number):
    assert number_in_words(words) == number


@pytest.mark.parametrize(
    ("answer", "gold", "same"),
    [
        ("B", "B", True), ("(b)", "B", True), ("5", "500", True), ("0.05", "5", True), ("5%", "5", True), ("50", "5", False),
        ("1,204", "1204", True), ("33.3334", "33.3333", True), ("33.4", "33.3", False), ("", "5", False), (r"\pi", "3.14159", None),
        ("inf", "inf", True),
    ],
)  # fmt: skip
def test_what_texts_and_numbers_decide_alone(answer, gold, same):
    assert decided(answer, gold) is same


# gold, end of the sample, correct, status
CASES = [
    ("34", r"so \boxed{34}", True, "graded"),
    ("34", r"\boxed{34}" + " " * 150, True, "graded"),  # too far from the end for the strict box
    ("34", r"\boxed{34}" + " " * 300, False, "no answer"),
    ("34", "Answer: 34", True, "graded"),  # the last number
    ("34", "Answer: 34 of 35", False, "graded"),
    ("34", r"\boxed{3400}", True, "graded"),  # a hundred times the gold is accepted
    (r"\frac{1}{12}", r"\boxed{0.0833333}", True, "graded"),
    (r"\frac{3}{4}", r"\boxed{0.75}", True, "graded"),
    (r"(1,\frac{9}{2})", r"\boxed{(1, 4.5)}", True, "graded"),
    ("(0,1)", r"\boxed{[0,1]}", True, "graded"),
    ("(2,1)", r"\boxed{(1,2)}", False, "graded"),
    (r"\frac{x+2}{7}", r"\boxed{\frac{x}{7} + \frac{2}{7}}", True, "graded"),
    ("34x+45y-20z+100=0", r"\boxed{-34x-45y+20z-100=0}", True, "graded"),
    ("2", r"\boxed{\frac{1+\sqrt{5}}{2}}", False, "graded"),
    ("x+2n+1", r"\boxed{x+1}", False, "graded"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\boxed{\begin{pmatrix}1.0\\ \frac{4}{2}\end{pmatrix}}", True, "graded"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\boxed{\begin{pmatrix}1\\3\end{pmatrix}}", False, "graded"),
    ("p - q", r"\boxed{-q+p}", True, "graded"),
    ("5", "", False, "no answer"),
    ("5", r"\boxed{9**9**9**9}", False, "timeout"),
]


def test_golden_cases():
    lines = "".join(json.dumps({"problem": {"answer": gold}, "text": text}) + "\n" for gold, text, _, _ in CASES)
    done = evaluation().module("stages.graders", "steer_box_or_qwen_math", given=lines)
    assert done.returncode == 0, done.stderr
    grades = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["correct"], one["status"]) for one in grades] == [(case[2], case[3]) for case in CASES]


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "().__class__.__base__",
        "x.func",
        "open(0)",
        "exec(1)",
        "eval(chr(49))",
        "(lambda: 1)()",
        "[y for y in (1, 2)]",
        "preview(x)",
        "lambdify(x, x)",
        "test()",
        "doctest()",
        "var(x)",
        "seterr(1)",
        "`1`",
    ],
)
def test_an_answer_runs_nothing(text):
    """What reaches into objects is refused; other names than those of mathematics are functions without a meaning."""
    try:
        found = python_formula(text)
    except (Unsafe, TypeError, SyntaxError):
        return
    assert isinstance(found, sympy.core.function.AppliedUndef) and not names().keys() & {type(found).__name__}


def test_mathematics_is_read():
    assert str(python_formula("2*x + sqrt(4) + Max(1, 2)")) == "2*x + 4"
    assert python_formula("2^3") == 1 and python_formula("2^3", power_by_caret=True) == 8
