r"""The two variants of a set of rows, and the rules that make them. Every row that is dropped or mended is counted.

- `as_released`: what papers trained on. Every row that has an answer stays, repeated and contradictory ones too, with
  its text as it stands in the file.
- `decontaminated`: texts mended, one row a problem, no problem with conflicting golds, and (contamination.py) none that
  stands in an evaluation set. Evaluation sets themselves are cleaned alike, against nothing.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

Row = dict[str, Any]
VARIANTS = ("as_released", "decontaminated")
BARE_NUMBER = re.compile(r"\$?(?:-?\d+|\\frac\{\d+\}\{\d+\})\$?")


class Cleaned(NamedTuple):
    rows: list[Row]
    rows_in: int
    dropped: dict[str, int]  # reason -> rows
    mended: dict[str, int]


def as_released(rows: list[Row]) -> Cleaned:
    kept: list[Row] = []
    dropped: Counter[str] = Counter()
    for row in rows:
        if reason := _unusable(row):
            dropped[reason] += 1
        else:
            kept.append({**row, "problem": row["released"]} if "released" in row else row)
    # what stands in `released` was not mended here
    return Cleaned(kept, len(rows), dict(dropped), _mended(row for row in kept if "released" not in row))


def clean(rows: list[Row]) -> Cleaned:
    """Drops what cannot be trained on or judged, and all but the first copy of a problem.

    Two problems are one if their texts agree but for whitespace and case. A coarser comparison (letters, digits only)
    would merge different problems: x^k with k > 0 and with k < 0. Of a problem with conflicting answers no copy stays,
    since nothing says which answer is right.
    """
    answers = golds_by_problem(rows)
    kept: list[Row] = []
    seen: set[str] = set()
    dropped: Counter[str] = Counter()
    for row in rows:
        key = problem_key(row["problem"])
        if reason := _unusable(row):
            dropped[reason] += 1
        elif BARE_NUMBER.fullmatch(row["problem"]):
            dropped["no question"] += 1
        elif len(answers[key]) > 1:
            dropped["conflicting golds"] += 1
        elif key in seen:
            dropped["duplicate"] += 1
        else:
            seen.add(key)
            kept.append({name: value for name, value in row.items() if name not in ("released", "asks_itself")})
    return Cleaned(kept, len(rows), dict(dropped), _mended(kept))


def problem_key(problem: str) -> str:
    return "".join(problem.split()).lower()


def golds_by_problem(rows: list[Row]) -> dict[str, set[str]]:
    """Problem's key -> its different answers; more than one is a conflict."""
    answers: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if not _unusable(row):
            answers[problem_key(row["problem"])].add(answer_key(row["answer"]))
    return answers


def answer_key(answer: str) -> str:
    r"""One spelling for `\frac13`, `\dfrac{1}{3}` and spaces, so that they are no conflict; for comparison only."""
    text = re.sub(r"\\[dt]frac", r"\\frac", "".join(answer.split()))
    return re.sub(r"\\frac(\d)(\d)", r"\\frac{\1}{\2}", text)


def _unusable(row: Row) -> str:
    """Why a row is used in no variant, "" if it is."""
    return row.get("not_used", "") or ("" if row["answer"] else "empty gold")


def _mended(rows: Iterable[Row]) -> dict[str, int]:
    return dict(Counter(row["mended"] for row in rows if "mended" in row))
