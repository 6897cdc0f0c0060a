"""The tests of programming problems, run as they stand: which solutions they pass."""

import pytest

from stages.datasets.assembly import evaluation_set
from stages.datasets.readers import READERS
from tests.small_mirror import passes, small_mirror


@pytest.mark.parametrize("name", ["humaneval", "humanevalplus", "mbpp", "mbpp_sanitized", "mbppplus"])
def test_code_tests_pass_the_sets_own_solution_and_fail_another(tmp_path, name):
    (line,) = evaluation_set(small_mirror(tmp_path)[name], tmp_path).lines
    assert passes(line, line["answer"])
    wrong = "    return None\n" if "prompt" in line else f"def {line['entry_point']}(*_): return 99\n"
    with pytest.raises(TypeError) if name == "mbppplus" else pytest.MonkeyPatch.context():
        assert not passes(line, wrong)


def evalplus(task, name, code, inputs, tolerance=0):
    row = {"task_id": task, "prompt": '"""\n?\n"""\n', "entry_point": name, "canonical_solution": code}
    return READERS["mbppplus"]({**row, "base_input": inputs, "plus_input": {}, "atol": tolerance})


@pytest.mark.parametrize(
    ("name", "code", "inputs", "solution", "accepted"),
    [
        ("f", "def f(x): return x / 3", [[1.0]], "def f(x): return x * 0.33333333333", True),
        ("f", "def f(x): return x / 3", [[1.0]], "def f(x): return x * 0.333", False),
        ("f", "def f(x): return (x / 3,)", [[1.0]], "def f(x): return [x * 0.33333333333]", False),
        ("f", "def f(x): return x", [[1]], "def f(x): return 1.0", True),
        ("f", "def f(x): return float('inf')", [[1]], "def f(x): return float('inf')", True),
        ("f", "def f(x): return float('inf')", [[1]], "def f(x): return 7.0", False),
        ("f", "def f(x): return float('-inf')", [[1]], "def f(x): return float('inf')", False),
        ("f", "def f(x): return [1.0, float('inf')]", [[1]], "def f(x): return [1.0, 1e300]", False),
        ("f", "def f(x): return [1.0, float('inf')]", [[1]], "def f(x): return [1.0 + 1e-9, float('inf')]", True),
        ("f", "def f(x): return 1.0", [[1]], "def f(x): return float('inf')", False),
        ("f", "def f(x): return 1.0", [[1]], "def f(x): return float('nan')", False),
        ("f", "def f(x): return [float('nan')]", [[1]], "def f(x): return [float('nan')]", True),
        ("f", "def f(x): return [float('nan')]", [[1]], "def f(x): return [0.0]", False),
        ("sum_div", "def sum_div(x): return 7", [[8]], "def sum_div(x): return 0", True),
        ("sum_div", "def sum_div(x): return 7", [[8]], "def sum_div(x): return 6", False),
        ("Diff", "def Diff(a): return a", [[[1, 2]]], "def Diff(a): return [2, 1, 1]", True),
        ("check_str", "import re\ndef check_str(s): return re.match('a', s)", [["ab"], ["b"]],
         "def check_str(s): return s == 'ab'", True),
        ("check_str", "import re\ndef check_str(s): return re.match('a', s)", [["ab"], ["b"]],
         "def check_str(s): return 'no'", False),
        ("surface_Area", "def surface_Area(b, h): return 2 * b * h + b * b", [[3, 4]],
         "def surface_Area(b, h): return round(9 + 6 * (4 ** 2 + 1.5 ** 2) ** 0.5)", True),
        ("digit_distance_nums", "def digit_distance_nums(a, b): return sum(map(int, str(abs(a - b))))", [[1, 23]],
         "def digit_distance_nums(a, b): return 4", True),
        ("f", "def f(x): x.append(1); return len(x)", [[[5]]], "def f(x): return len(x) + 1", True),
    ],
)  # fmt: skip
def test_outputs_are_compared_as_evalplus_does(name, code, inputs, solution, accepted):
    assert passes(evalplus("Mbpp/1", name, code, inputs), solution) is accepted


def test_any_root_of_the_polynomial_will_do():
    fields = {"task_id": "HumanEval/32", "prompt": "", "entry_point": "find_zero", "plus_input": [], "atol": 1e-4}
    line = READERS["humanevalplus"](
        {**fields, "canonical_solution": "def find_zero(xs): return 1.0", "base_input": [[[-1, 0, 1]]]}
    )
    assert passes(line, "def find_zero(xs): return -1.0") and not passes(line, "def find_zero(xs): return 0.5")


def test_inputs_that_json_cannot_hold_are_restored():
    def seen(task, arguments):
        line = evalplus(f"Mbpp/{task}", "f", "def f(*a): return 0", [arguments])
        names = {"f": lambda *a: found.append(a) or 0}
        found = []
        exec(line["tests"], names)
        return found[0]

    assert seen(2, [[1], [2]]) == ((1,), (2,))
    assert seen(124, ["1.5", "1j"]) == (1.5, 1j)
    assert seen(115, [[[1, 2], []]]) == ([{1, 2}, {}],)
    assert seen(259, [[[1, 2]], [[3, 4]]]) == (((1, 2),), ((3, 4),))
    assert seen(722, [{"a": [1]}, 2]) == ({"a": (1,)}, 2)
    assert seen(580, [[1, [2]]]) == ((1, (2,)),)
    assert seen(1, [[1], float("inf")]) == ([1], float("inf"))
