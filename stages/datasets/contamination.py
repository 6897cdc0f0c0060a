"""Which evaluation problems stand in a training set, and how alike the two texts are.

Two measures: texts equal in their letters and digits, and containment, the share of an evaluation problem's 8-grams of
words that the training problem holds too, with the limit of PaLM (arXiv 2204.02311, section 8): 70 % of them. A
problem of fewer than eight words has no 8-gram and is found by its text only. Words are runs of a-z and 0-9 and single
Chinese characters: LaTeX's signs part words, and so does any other script.
"""

import csv
import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from stages.datasets.cleaning import Row, answer_key
from stages.rewards import normalise

WORDS = 8
THRESHOLD = 0.7
WORD = re.compile(r"[a-z0-9]+|[\u3400-\u9fff]")
COLUMNS = (
    "training_set", "training_id", "benchmark", "benchmark_id", "match", "containment", "same_answer",
    "training_answer", "benchmark_answer",
)  # fmt: skip

Gram = tuple[str, ...]


class Problem(NamedTuple):
    benchmark: str
    id: str
    answer: str
    grams: int


class Match(NamedTuple):
    training_id: str
    problem: Problem
    same_text: bool
    containment: float  # share of the evaluation problem's 8-grams; 0 if it has none
    same_answer: bool
    training_answer: str


class Index(NamedTuple):
    """Of all evaluation problems: by text, and inverted by 8-gram. Numbers are positions in `problems`."""

    problems: list[Problem]
    by_text: dict[str, list[int]]
    by_gram: dict[Gram, list[int]]


def index_of(benchmarks: dict[str, list[Row]]) -> Index:
    """`benchmarks`: name -> evaluation lines."""
    index = Index([], defaultdict(list), defaultdict(list))
    for name, lines in benchmarks.items():
        for line in lines:
            grams = grams_of(line["problem"])
            number = len(index.problems)
            # a program's text is no answer to compare with
            answer = "" if "tests" in line else line["answer"]
            index.problems.append(Problem(name, line["id"], answer, len(grams)))
            index.by_text[letters_and_digits(line["problem"])].append(number)
            for gram in grams:
                index.by_gram[gram].append(number)
    return index


def matches(lines: Iterable[Row], index: Index) -> list[Match]:
    """All pairs of a training line and an evaluation problem with one text, or a containment of THRESHOLD or more."""
    found = []
    for line in lines:
        shared = Counter(number for gram in grams_of(line["problem"]) for number in index.by_gram.get(gram, ()))
        same_text = index.by_text.get(letters_and_digits(line["problem"]), ())
        for number in sorted({*shared, *same_text}):
            problem = index.problems[number]
            containment = shared[number] / problem.grams if problem.grams else 0.0
            if number in same_text or containment >= THRESHOLD:
                same = bool(problem.answer) and _same_answer(line["answer"], problem.answer)
                found.append(Match(line["id"], problem, number in same_text, containment, same, line["answer"]))
    return found


def counts(found: list[Match]) -> dict[str, dict[str, int]]:
    """Benchmark -> how many of its problems are found, by text, by containment, and either way with the same answer."""
    table: dict[str, dict[str, set[str]]] = {}
    for match in found:
        ids = table.setdefault(match.problem.benchmark, {"same_text": set(), "contained": set(), "same_answer": set()})
        if match.same_text:
            ids["same_text"].add(match.problem.id)
        if match.containment >= THRESHOLD:
            ids["contained"].add(match.problem.id)
        if match.same_answer:
            ids["same_answer"].add(match.problem.id)
    return {name: {kind: len(found) for kind, found in kinds.items()} for name, kinds in table.items()}


def table_of(found: dict[str, list[Match]]) -> str:
    """A CSV of all matches: training set -> matches."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for name, pairs in found.items():
        for match in pairs:
            kind = "text" if match.same_text else f"{WORDS}-grams"
            containment, same = f"{match.containment:.3f}", "yes" if match.same_answer else "no"
            problem = match.problem
            writer.writerow(
                (name, match.training_id, problem.benchmark, problem.id, kind, containment, same,
                 match.training_answer, problem.answer)
            )  # fmt: skip
    return text.getvalue()


def grams_of(text: str) -> set[Gram]:
    words = WORD.findall(text.lower())
    return {tuple(words[start : start + WORDS]) for start in range(len(words) - WORDS + 1)}


def letters_and_digits(text: str) -> str:
    return "".join(filter(str.isalnum, text.lower()))


def _same_answer(first: str, second: str) -> bool:
    return answer_key(normalise(first)) == answer_key(normalise(second))
