"""What answers say: the table of usual and of wrong writing, through the grader itself, and what holds for any text."""

import json
import subprocess
import sys
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.answers.equality import same
from stages.answers.formula import Unreadable, formula
from stages.answers.literal import gold_reading
from stages.answers.reading import read
from stages.answers.spelling import spelled
from stages.answers.stated import stated_answer
from stages.answers.values import constant
from tests.graders.answer_cases import REFUSED, RIGHT, UNBOXED, WRONG
from tests.project import EVALUATION_PYTHON, ROOT


@pytest.fixture(scope="module")
def grades():
    """Gold and text -> grade, of all cases in one call."""
    pairs = [(gold, rf"so \boxed{{{answer}}} done") for gold, answer in RIGHT + WRONG + REFUSED]
    pairs += [(gold, text) for gold, text, _ in UNBOXED]
    lines = "".join(json.dumps({"problem": {"answer": gold}, "text": text}) + "\n" for gold, text in pairs)
    command = [EVALUATION_PYTHON, "-m", "stages.graders", "math_verify"]
    done = subprocess.run(command, input=lines, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return dict(zip(pairs, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("gold, answer", RIGHT)
def test_usual_writing_is_accepted(grades, gold, answer):
    assert grades[gold, rf"so \boxed{{{answer}}} done"]["correct"]


@pytest.mark.parametrize("gold, answer", WRONG)
def test_another_answer_is_refused(grades, gold, answer):
    assert not grades[gold, rf"so \boxed{{{answer}}} done"]["correct"]


@pytest.mark.parametrize("gold, answer", REFUSED)
def test_what_could_mean_something_else_is_refused(grades, gold, answer):
    assert not grades[gold, rf"so \boxed{{{answer}}} done"]["correct"]


@pytest.mark.parametrize("gold, text, right", UNBOXED)
def test_which_answer_of_a_text_counts(grades, gold, text, right):
    grade = grades[gold, text]
    assert grade["correct"] == bool(right)
    if right is None:
        assert grade["status"] == "no answer" or not grade["extracted"]


INTEGERS = st.integers(-(10**7), 10**7)
FORMS = [
    str, "{}.".format, "**{}**".format, r"\text{{Answer: }}{}".format, "${}$".format, "x = {}".format, r"{}\text{{ cm}}".format,
    r"\mathbf{{{}}}".format, "{:,}".format, r"{}^\circ".format, r"\left({}\right)".format, "{}.0".format, "{} kg".format, r"{}\\".format,
    lambda number: f"{number:,}".replace(",", r"\,"), lambda number: f"{number:,}".replace(",", "{,}"), lambda number: f"{number:,}".replace(",", " "),
    lambda number: str(number).translate(str.maketrans("0123456789-", "０１２３４５６７８９－")), lambda number: str(number).replace("-", "−"),
]  # fmt: skip


@given(INTEGERS, INTEGERS, st.sampled_from(FORMS))
def test_an_integer_is_itself_in_every_writing_and_no_other(gold, other, form):
    assert same(read(str(gold)), read(form(gold)))
    assert same(read(str(gold)), read(form(other))) == (gold == other)


@given(st.integers(2, 36), st.integers(1, 10**6), st.integers(2, 36), st.integers(1, 10**6))
def test_a_number_in_a_base_is_its_digits_in_that_base(base, number, other_base, other):
    def written(number, base):
        digits = ""
        while number:
            digits, number = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[number % base] + digits, number // base
        return f"{digits if digits[0].isdigit() else '0' + digits}_{{{base}}}"

    gold = read(written(number, base))
    assert same(gold, read(written(number, base)))
    assert same(gold, read(written(other, other_base))) == ((number, base) == (other, other_base))


NUMBERS = st.builds(lambda number: (str(number), Fraction(number)), st.integers(0, 99))


def combinations(parts):
    return st.one_of(
        st.builds(lambda a, b: (f"{a[0]} + {b[0]}", a[1] + b[1]), parts, parts),
        st.builds(lambda a, b: (f"{a[0]} - ({b[0]})", a[1] - b[1]), parts, parts),
        st.builds(lambda a, b: (rf"\left({a[0]}\right)\cdot({b[0]})", a[1] * b[1]), parts, parts),
        st.builds(lambda a, b: (rf"({a[0]})\,({b[0]})", a[1] * b[1]), parts, parts),
        st.builds(lambda a: (rf"\dfrac{{{a[0]}}}{{7}}", a[1] / 7), parts),
        st.builds(lambda a: (rf"{{({a[0]})}}^{{2}}", a[1] ** 2), parts),
        st.builds(lambda a: (rf"-({a[0]})", -a[1]), parts),
    )


@given(st.recursive(NUMBERS, combinations, max_leaves=8))
def test_a_formula_has_the_value_of_its_arithmetic(pair):
    text, value = pair
    assert constant(formula(spelled(text))) == value


PIECES = st.sampled_from(
    [r"\frac", r"\sqrt", r"\text{a}", r"\begin{pmatrix}", r"\end{pmatrix}", r"\pm", r"\cup", r"\infty", r"\{", r"\}", "^", "_", "{", "}", "(", ")",
     "[", "]", ",", "=", "<", "!", "|", "%", "$", "'", "1", "0", "9e9", "x", "e", "i", "√", "²", "∞", r"\\", "&", ".", r"\log", r"\binom", "10^{10^{10}}"]
)  # fmt: skip


@given(
    st.one_of(st.text(max_size=30), st.lists(PIECES, max_size=12).map("".join)),
    st.sampled_from(["5", "x+1", "1,2", "(1,2)", "x=5", "8%"]),
)
def test_no_text_is_beyond_the_reader(text, gold):
    """It is read or refused, whatever it is; nothing else is raised."""
    stated_answer(text)
    gold_reading(text)
    for first, second in ((gold, text), (text, gold), (text, text)):
        try:
            same(read(first), read(second))
        except Unreadable:
            continue


@pytest.mark.parametrize(
    "text",
    [
        "9^{9^{9^9}}",
        "10000000000!",
        r"\binom{10^{20}}{10^{10}}",
        "(" * 900 + "1",
        "-" * 1900 + "1",
        "2^{2^{2^{2^{2^{2}}}}}",
        r"e^{e^{e^{e^{e}}}}",
    ],
)
def test_what_would_take_for_ever_is_refused_at_once(text):
    with pytest.raises(Unreadable):
        constant(formula(spelled(text)))
    assert sys.getrecursionlimit() >= 1000


def test_a_long_text_is_refused():
    with pytest.raises(Unreadable, match="too long"):
        read("1+" * 2000 + "1")
