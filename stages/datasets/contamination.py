"""Which evaluation problems stand in a training set, and how alike the two texts are.

Texts are compared with their LaTeX in one spelling and without what is asked for beside the question (stages/text/latex.py):
DAPO's problems end in "Please provide the value of m + n" where the original's answer is a fraction. Three measures:

- the same text: letters and digits are equal;
- words: the training problem holds 70 % of the evaluation problem's 8-grams of words, the limit of PaLM (arXiv 2204.02311,
  section 8). A problem of fewer than eight words has none;
- characters: it holds 60 % of its 16-grams of letters and digits (80 % where there are fewer than 60 of them), and 70 % of
  its numbers. So a rewritten sentence does not hide a short problem, and one with other numbers is another problem. A
  problem of fewer than eight such n-grams has none. These limits are this bench's: docs/data.md shows what they find, read
  by hand.

A pair counts as found if any measure finds it.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from stages.datasets.cleaning import Row, answer_key
from stages.text.latex import NAMED, spelt

WORDS, CHARACTERS = 8, 16  # of an n-gram; powers of two, see _hashed
THRESHOLD = 0.7
CHARACTER_THRESHOLD, SHORT_THRESHOLD, SHORT = 0.6, 0.8, 60
FEWEST = 8  # 16-grams of characters, below which they say nothing: "code add 5 double" has one
NUMBER_THRESHOLD = 0.7
LEAST = 0.2  # a smaller share is not told
TABLE_BITS = 24
MEASURES = ("text", "words", "characters")
COLUMNS = (
    "training_set", "training_id", "benchmark", "benchmark_id", "match", "containment", "characters", "same_answer",
    "training_answer", "benchmark_answer",
)  # fmt: skip
FACTOR = np.uint64(0x9E3779B97F4A7C15)  # odd, its bits spread: a polynomial in it tells sequences apart


class Problem(NamedTuple):
    benchmark: str
    id: str
    answer: str
    words: int  # 8-grams
    characters: int  # 16-grams
    numbers: Counter[str]


class Match(NamedTuple):
    training_id: str
    problem: Problem
    same_text: bool
    containment: float  # share of the evaluation problem's 8-grams of words; 0 below LEAST
    same_answer: bool
    training_answer: str
    characters: float = 0.0  # share of its 16-grams of characters; 0 where too few of its numbers are found

    @property
    def measures(self) -> tuple[str, ...]:
        """Those of MEASURES that find the pair."""
        found = (self.same_text, self.containment >= THRESHOLD, alike(self.characters, self.problem.characters))
        return tuple(name for name, holds in zip(MEASURES, found, strict=True) if holds)


class Grams(NamedTuple):
    """n-grams of many sequences: their 64-bit hashes, sorted, and the sequence that each is of."""

    size: int
    hashes: np.ndarray
    owners: np.ndarray
    counts: np.ndarray  # by sequence


class Index(NamedTuple):
    """Of all evaluation problems. Numbers are positions in `problems`."""

    problems: list[Problem]
    by_text: dict[int, list[int]]  # the hash of a text's letters and digits -> the problems of that text
    by_words: Grams
    by_characters: Grams


class Sequences(NamedTuple):
    """Sequences of 64-bit numbers, one after another: the numbers, and where each sequence begins and ends, [S + 1]."""

    values: np.ndarray
    bounds: np.ndarray

    @property
    def owners(self) -> np.ndarray:
        return np.repeat(np.arange(len(self.bounds) - 1), np.diff(self.bounds))


def alike(share: float, grams: int) -> bool:
    return grams >= FEWEST and share >= (SHORT_THRESHOLD if grams < SHORT else CHARACTER_THRESHOLD)


def index_of(benchmarks: dict[str, list[Row]]) -> Index:
    """`benchmarks`: name -> evaluation lines."""
    lines = [(name, line) for name, rows in benchmarks.items() for line in rows]
    texts = [spelt(line["problem"]) for _, line in lines]
    letters = characters([text.undrawn for text in texts])
    by_words = grams_of(words([text.whole for text in texts]), WORDS)
    by_characters = grams_of(letters, CHARACTERS)
    problems: list[Problem] = []
    by_text: dict[int, list[int]] = {}
    for number, (name, line) in enumerate(lines):
        # neither a program's text nor the names of instructions are answers to compare with
        answer = "" if {"tests", "instructions"} & line.keys() else line["answer"]
        sizes = int(by_words.counts[number]), int(by_characters.counts[number])
        problems.append(Problem(name, line["id"], answer, *sizes, Counter(texts[number].numbers)))
    for number, key in enumerate(_hash_of_each(letters).tolist()):
        by_text.setdefault(key, []).append(number)
    return Index(problems, by_text, by_words, by_characters)


def matches(lines: Iterable[Row], index: Index) -> list[Match]:
    """All pairs of a training line and an evaluation problem that some measure finds."""
    rows = list(lines)
    texts = [spelt(row["problem"]) for row in rows]
    letters = characters([text.undrawn for text in texts])
    by_words = shared(words([text.whole for text in texts]), index.by_words)
    by_characters = shared(letters, index.by_characters)
    keys = _hash_of_each(letters).tolist()
    same_text = {(row, number) for row, key in enumerate(keys) for number in index.by_text.get(key, ())}
    candidates = {pair for pair, share in by_words.items() if share >= THRESHOLD} | same_text
    candidates |= {pair for pair, share in by_characters.items() if alike(share, index.problems[pair[1]].characters)}
    found = []
    for row, number in sorted(candidates):
        line, problem = rows[row], index.problems[number]
        same = bool(problem.answer) and _same_answer(line["answer"], problem.answer)
        share = by_characters.get((row, number), 0.0)
        share = share if share and _holds(Counter(texts[row].numbers), problem.numbers) else 0.0
        containment = by_words.get((row, number), 0.0)
        match = Match(line["id"], problem, (row, number) in same_text, containment, same, line["answer"], share)
        if match.measures:
            found.append(match)
    return found


def counts(found: list[Match]) -> dict[str, dict[str, int]]:
    """Benchmark -> how many of its problems are found: by each measure, by each alone, by any with the same answer."""
    by_problem: dict[str, dict[str, list[Match]]] = {}
    for match in found:
        by_problem.setdefault(match.problem.benchmark, {}).setdefault(match.problem.id, []).append(match)
    return {name: _counted(list(problems.values())) for name, problems in by_problem.items()}


def _counted(problems: list[list[Match]]) -> dict[str, int]:
    measures = [{name for match in pairs for name in match.measures} for pairs in problems]
    table = {"found": len(problems)}
    for label, name in zip(("same_text", "contained", "alike"), MEASURES, strict=True):
        table[label] = sum(name in found for found in measures)
    for name in MEASURES:
        table[f"{name}_alone"] = sum(found == {name} for found in measures)
    return {**table, "same_answer": sum(any(match.same_answer for match in pairs) for pairs in problems)}


def table_of(found: dict[str, list[Match]]) -> str:
    """A CSV of all matches: training set -> matches."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for name, pairs in found.items():
        for match in pairs:
            shares, same = (f"{match.containment:.3f}", f"{match.characters:.3f}"), "yes" if match.same_answer else "no"
            problem = match.problem
            writer.writerow(
                (name, match.training_id, problem.benchmark, problem.id, " ".join(match.measures), *shares, same,
                 match.training_answer, problem.answer)
            )  # fmt: skip
    return text.getvalue()


def characters(texts: Sequence[str]) -> Sequences:
    """Letters and digits of each text: no space is left to differ in."""
    codes, bounds = _joined(texts)
    used = np.flatnonzero(np.bincount(codes)) if len(codes) else codes
    kept = np.zeros(0x110000, bool)
    kept[[code for code in used.tolist() if chr(code).isalnum()]] = True
    chosen = kept[codes]
    return Sequences(codes[chosen].astype(np.uint64), np.concatenate([[0], np.cumsum(chosen)])[bounds])


def words(texts: Sequence[str]) -> Sequences:
    """The words of each text, by their hash: runs of a-z, of 0-9, and single Chinese characters.

    In a formula, which stands between dollars, each letter is one that is not of a name.
    """
    codes, bounds = _joined(texts)
    letter, digit = (codes >= ord("a")) & (codes <= ord("z")), (codes >= ord("0")) & (codes <= ord("9"))
    chinese, dollar = (codes >= 0x3400) & (codes <= 0x9FFF), codes == ord("$")
    first = np.zeros(len(codes), bool)
    first[bounds[:-1][bounds[:-1] < len(codes)]] = True

    def begins(run: np.ndarray) -> np.ndarray:
        before = np.concatenate([[False], run[:-1]])
        return run & (~before | first)

    dollars = np.concatenate([[0], np.cumsum(begins(dollar))])  # two together are one sign
    in_formula = (dollars[1:] - np.repeat(dollars[bounds[:-1]], np.diff(bounds))) % 2 == 1
    places = np.arange(len(codes))
    start = np.maximum.accumulate(np.where(begins(letter), places, 0))
    named = np.concatenate([[0], codes])[start] == ord(NAMED)  # the sign before the run of letters
    opens = begins(digit) | chinese | begins(letter) | (letter & in_formula & ~named)
    part = letter | digit | chinese
    starts = np.flatnonzero(opens[part])
    place_in_word = places - np.maximum.accumulate(np.where(opens, places, 0))
    mixed = _mixed(codes[part], place_in_word[part])
    totals = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixed, dtype=np.uint64)])
    values = totals[np.append(starts[1:], part.sum())] - totals[starts] if len(starts) else np.zeros(0, np.uint64)
    return Sequences(values, np.concatenate([[0], np.cumsum(opens)])[bounds])


def _joined(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The code points of all texts, and where each begins and ends."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.int64)
    return codes, np.concatenate([[0], np.cumsum([len(text) for text in texts], dtype=np.int64)])


def _mixed(codes: np.ndarray, places: np.ndarray) -> np.ndarray:
    """A 64-bit number of each code at its place, such that their sum is a hash of the sequence."""
    values = (codes.astype(np.uint64) + np.uint64(1) + (places.astype(np.uint64) << np.uint64(24))) * FACTOR
    values ^= values >> np.uint64(31)
    return values * FACTOR ^ (values >> np.uint64(17))


def _hash_of_each(sequences: Sequences) -> np.ndarray:
    places = np.arange(len(sequences.values)) - np.repeat(sequences.bounds[:-1], np.diff(sequences.bounds))
    mixed = _mixed(sequences.values, places)
    totals = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixed, dtype=np.uint64)])
    return totals[sequences.bounds[1:]] - totals[sequences.bounds[:-1]]


def grams_of(sequences: Sequences, size: int) -> Grams:
    """The different n-grams of each sequence of numbers."""
    hashes, owners = _hashed(sequences, size)
    order = np.lexsort((owners, hashes))
    hashes, owners = hashes[order], owners[order]
    first = np.ones(len(hashes), bool)
    first[1:] = (hashes[1:] != hashes[:-1]) | (owners[1:] != owners[:-1])
    hashes, owners = hashes[first], owners[first]
    return Grams(size, hashes, owners, np.bincount(owners, minlength=len(sequences.bounds) - 1))


def shared(sequences: Sequences, grams: Grams) -> dict[tuple[int, int], float]:
    """(sequence, problem) -> the share of the problem's n-grams that the sequence holds, where it is LEAST or more."""
    hashes, owners = _hashed(sequences, grams.size)
    # most n-grams are no problem's: the table of the hashes' first bits tells so at once
    begins = np.zeros(1 << TABLE_BITS, bool)
    begins[grams.hashes >> np.uint64(64 - TABLE_BITS)] = True
    near = begins[hashes >> np.uint64(64 - TABLE_BITS)]
    hashes, owners = hashes[near], owners[near]
    known, starts, sizes = np.unique(grams.hashes, return_index=True, return_counts=True)
    place = np.searchsorted(known, hashes)
    hit = place < len(known)
    hit[hit] = known[place[hit]] == hashes[hit]
    held, _ = _counted_values(owners[hit] * len(known) + place[hit])  # each gram of a sequence once
    owners, place = np.divmod(held, max(len(known), 1))
    repeats = sizes[place]
    offsets = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    problems = grams.owners[np.repeat(starts[place], repeats) + offsets]
    pairs, number = _counted_values(np.repeat(owners, repeats) * len(grams.counts) + problems)
    rows, problems = np.divmod(pairs, max(len(grams.counts), 1))
    shares = number / grams.counts[problems]
    kept = shares >= LEAST
    return dict(zip(zip(rows[kept].tolist(), problems[kept].tolist(), strict=True), shares[kept].tolist(), strict=True))


def _counted_values(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different values, in their order, and how often each stands there."""
    values = np.sort(values)
    starts = np.flatnonzero(np.concatenate([np.ones(min(len(values), 1), bool), values[1:] != values[:-1]]))
    return values[starts], np.diff(np.append(starts, len(values)))


def _hashed(sequences: Sequences, size: int) -> tuple[np.ndarray, np.ndarray]:
    """A 64-bit hash of each n-gram of each sequence, and the sequence that it is of."""
    values, owners = sequences.values, sequences.owners
    windows = max(len(values) - size + 1, 0)
    hashes, width = values, 1
    while width < size:  # an n-gram's hash is made of those of its halves
        ahead = hashes[width:] * FACTOR
        hashes = (hashes[:-width] + (ahead ^ (ahead >> np.uint64(29))) + np.uint64(1)) * FACTOR
        hashes ^= hashes >> np.uint64(32)
        width *= 2
    within = owners[:windows] == owners[size - 1 : size - 1 + windows]
    return hashes[within], owners[:windows][within]


def _holds(found: Counter[str], wanted: Counter[str]) -> bool:
    """Whether enough of the numbers of an evaluation problem are among `found`, each as often as it stands there."""
    return not wanted or (found & wanted).total() >= NUMBER_THRESHOLD * wanted.total()


def _same_answer(first: str, second: str) -> bool:
    return answer_key(_normalised(first)) == answer_key(_normalised(second))


def _normalised(answer: str) -> str:
    r"""Without spaces, `$`, `\,` and a final full stop; an integer also without leading zeros, `+`, `-0` and `.0`."""
    text = re.sub(r"\\[,;!]|\\ |[\s$]", "", answer).removesuffix(".")
    number = re.fullmatch(r"([+-]?)0*(\d+?)(?:\.0+)?", text)
    if not number:
        return text
    sign, digits = number.groups()
    return digits if sign != "-" or digits == "0" else f"-{digits}"
