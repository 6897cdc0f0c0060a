"""How different a problem's k responses are from each other. Pure functions of texts."""

from collections.abc import Sequence

LONGEST = 5  # words an n-gram


def distinct_n_grams(responses: Sequence[str]) -> float | None:
    """Product over n = 1..5 of the share of different word n-grams among all n-grams of the responses to one problem.

    arXiv 2511.05993, appendix. In (0, 1]; 1 if no word sequence occurs twice. Words are what whitespace separates; an
    n-gram does not go across two responses. None if no response has five words: then nothing is measured.
    """
    words = [response.split() for response in responses]
    product = 1.0
    for n in range(1, LONGEST + 1):
        n_grams = [gram for text in words for gram in zip(*(text[start:] for start in range(n)))]
        if not n_grams:
            return None
        product *= len(set(n_grams)) / len(n_grams)
    return product


def distinct_answers(answers: Sequence[str | None]) -> int:
    """Different extracted answers, as written; responses without an answer count for none."""
    return len({answer for answer in answers if answer is not None})


def diversity(texts: Sequence[str], answers: Sequence[str | None], k: int) -> dict[str, float]:
    """Both measures, averaged over problems; rows in the order (problem, repeat), k of them a problem.

    `distinct_1_to_5` is the mean over the problems of which it is defined, and absent if there is none.
    """
    starts = range(0, len(texts), k)
    shares = [share for at in starts if (share := distinct_n_grams(texts[at : at + k])) is not None]
    numbers = [distinct_answers(answers[at : at + k]) for at in starts]
    measured = {"distinct_1_to_5": sum(shares) / len(shares)} if shares else {}
    return {**measured, "answers_per_problem": sum(numbers) / len(numbers)}
