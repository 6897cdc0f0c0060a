"""How different the samples for one problem are from each other."""

from collections.abc import Sequence

LONGEST = 5  # words of an n-gram


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


def diversity(texts: Sequence[str], answers: Sequence[str | None], k: int) -> dict[str, float]:
    """Both measures, averaged over problems. `texts` and `answers` have k entries a problem, one problem after another.

    `distinct_1_to_5` is the mean over the problems for which it is defined, and absent if there is none.
    """
    starts = range(0, len(texts), k)
    shares = [share for at in starts if (share := distinct_n_grams(texts[at : at + k])) is not None]
    numbers = [distinct_answers(answers[at : at + k]) for at in starts]
    measured = {"distinct_1_to_5": sum(shares) / len(shares)} if shares else {}
    return {**measured, "answers_per_problem": sum(numbers) / len(numbers)}
