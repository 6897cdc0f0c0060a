"""How different the samples for one problem are from each other."""

import math
import re
from collections import Counter
from collections.abc import Sequence

LONGEST = 5  # words of an n-gram
LONGEST_OF_BLEU = 4
PIECE = re.compile(r"\w+|[^\w\s]")  # a word, or a sign by itself
# Right samples of one problem are compared in this number, each to this length: of more or longer texts more would be alike.
RIGHT_SAMPLES, RIGHT_PIECES = 4, 100


def distinct_n_grams(texts: Sequence[str]) -> float | None:
    """How few word sequences the samples for one problem share, in (0, 1]; 1 if none occurs twice.

    For each n from 1 to 5, the share of different n-grams among all n-grams of the samples; the result is the product
    of the five shares (arXiv 2511.05993, appendix). Words are what whitespace separates, and an n-gram lies within one
    sample. None if no sample has five words.
    """
    words = [text.split() for text in texts]
    product = 1.0
    for n in range(1, LONGEST + 1):
        n_grams = [gram for text in words for gram in zip(*(text[start:] for start in range(n)), strict=False)]
        if not n_grams:
            return None
        product *= len(set(n_grams)) / len(n_grams)
    return product


def distinct_answers(answers: Sequence[str | None]) -> int:
    """Different extracted answers, as written; a sample without an answer counts for none."""
    return len({answer for answer in answers if answer is not None})


def self_bleu(texts: Sequence[str], pieces: int | None = None) -> float | None:
    """How much of each sample for one problem stands in the others, in [0, 1]; 1 if all are the same text.

    The mean over samples of BLEU-4 (Papineni et al. 2002) with the other samples as references (Zhu et al. 2018, arXiv
    1802.01886), over words and signs, of each text the first `pieces`. A sample that shares no n-gram of one length counts as
    0: nothing is smoothed. None for fewer than two samples, or where one has fewer than four pieces.
    """
    tokens = [PIECE.findall(text)[:pieces] for text in texts]
    if len(tokens) < 2 or min(map(len, tokens)) < LONGEST_OF_BLEU:
        return None
    logs = [0.0] * len(tokens)
    for n in range(1, LONGEST_OF_BLEU + 1):
        counts = [Counter(zip(*(sample[start:] for start in range(n)), strict=False)) for sample in tokens]
        most: dict[tuple[str, ...], list[int]] = {}
        for count in counts:
            for gram, times in count.items():
                most.setdefault(gram, []).append(times)
        highest = {
            gram: sorted(times)[-2:] for gram, times in most.items()
        }  # the most of the others is one of these two
        for number, count in enumerate(counts):
            held = 0
            for gram, times in count.items():
                top = highest[gram]
                of_others = (0 if len(top) == 1 else top[0]) if times == top[-1] else top[-1]
                held += min(times, of_others)
            logs[number] += math.log(held / count.total()) / LONGEST_OF_BLEU if held else -math.inf
    lengths = [len(sample) for sample in tokens]
    scores = []
    for number, log in enumerate(logs):
        others = [length for place, length in enumerate(lengths) if place != number]
        nearest = min(others, key=lambda length: (abs(length - lengths[number]), length))
        scores.append(math.exp(log + min(0.0, 1 - nearest / lengths[number])))
    return sum(scores) / len(scores)


def answer_entropy(answers: Sequence[str | None]) -> float | None:
    """The entropy of the extracted answers to one problem, as written, in nats; None without an answer."""
    counts = Counter(answer for answer in answers if answer is not None)
    total = counts.total()
    return -sum(count / total * math.log(count / total) for count in counts.values()) if total else None


def diversity(texts: Sequence[str], answers: Sequence[str | None], correct: Sequence[bool], k: int) -> dict[str, float]:
    """All measures, averaged over the problems for which each is defined, and absent where there is none.

    `texts`, `answers` and `correct` have k entries a problem, one problem after another. `distinct_1_to_5` and `self_bleu` are of
    all samples, `self_bleu_right` of the first `RIGHT_SAMPLES` right ones, cut to `RIGHT_PIECES`, of problems with as many: so a
    model does not seem more diverse for being wrong in many ways. `answers_per_problem`, and `answer_entropy` in nats.
    """
    found: dict[str, list[float]] = {}

    def add(name: str, value: float | None) -> None:
        if value is not None:
            found.setdefault(name, []).append(value)

    for at in range(0, len(texts), k):
        samples = texts[at : at + k]
        right = [text for text, is_right in zip(samples, correct[at : at + k], strict=True) if is_right]
        add("distinct_1_to_5", distinct_n_grams(samples))
        add("self_bleu", self_bleu(samples))
        if len(right) >= RIGHT_SAMPLES:
            add("self_bleu_right", self_bleu(right[:RIGHT_SAMPLES], RIGHT_PIECES))
        add("answers_per_problem", distinct_answers(answers[at : at + k]))
        add("answer_entropy", answer_entropy(answers[at : at + k]))
    return {name: sum(values) / len(values) for name, values in found.items()}
