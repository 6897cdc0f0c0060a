"""Readers of programming problems: HumanEval and MBPP. The package says what they return.

Their lines also hold `tests`, Python source that raises unless the function `entry_point` is right, and for HumanEval's
kind `prompt`, the head that a sample may complete. `answer` is the dataset's own solution.
"""

import ast

from stages.datasets.cleaning import Row

# Task ids of the test split: https://github.com/google-research/google-research/tree/master/mbpp
MBPP_TEST = range(11, 511)


def humaneval(row: Row) -> Row:
    """`tests` are the source's function `check` and its call."""
    name = row["entry_point"]
    code = {"prompt": row["prompt"], "tests": f"{row['test'].strip()}\n\ncheck({name})\n", "entry_point": name}
    return {"id": row["task_id"], "problem": row["prompt"], "answer": row["canonical_solution"], **code}


def mbpp(row: Row) -> Row:
    return _mbpp(row, row["text"], [row["test_setup_code"]])


def mbpp_sanitized(row: Row) -> Row:
    return _mbpp(row, row["prompt"], row["test_imports"])


def _mbpp(row: Row, text: str, preparation: list[str]) -> Row:
    """Asked as its authors ask: the text and its asserts (Austin et al., arXiv 2108.07732, figure 1)."""
    solution = row["code"].replace("\r\n", "\n")
    tests = [line.replace("\r\n", "\n").strip() for line in [*preparation, *row["test_list"]]]
    asserts = "\n".join(tests[len(preparation) :])
    line = {
        "id": f"Mbpp/{row['task_id']}",
        "problem": f"{text.strip()} Your code should pass these tests:\n\n{asserts}\n",
        "answer": solution,
        "tests": "\n".join(filter(None, tests)) + "\n",
        "entry_point": tested_function(solution, asserts),
    }
    return line if row["task_id"] in MBPP_TEST else line | {"not_used": "not of the test split"}


def tested_function(solution: str, asserts: str) -> str:
    """The one function of `solution` that `asserts` call; ValueError if they call none or several."""
    defined = {node.name for node in ast.parse(solution).body if isinstance(node, ast.FunctionDef)}
    calls = [node.func for node in ast.walk(ast.parse(asserts)) if isinstance(node, ast.Call)]
    tested = {function.id for function in calls if isinstance(function, ast.Name)} & defined
    if len(tested) != 1:
        raise ValueError(f"the asserts call {sorted(tested) or 'no function'} of the solution")
    return tested.pop()
