"""Diversity and calibration of samples, against closed forms and other libraries."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss

from stages.statistics import brier_score, expected_calibration_error, reliability, votes
from stages.text.diversity import PIECE, answer_entropy, diversity, self_bleu
from tests.project import EVALUATION_PYTHON


def bleu_of_nltk(sets):
    """Of each set of texts, the mean BLEU-4 of each against the others, by nltk, which only the other environment has."""
    import json
    import subprocess

    program = (
        "import json, sys, warnings; warnings.simplefilter('ignore')\n"
        "from nltk.translate.bleu_score import sentence_bleu\n"
        "for tokens in json.load(sys.stdin):\n"
        "    found = [sentence_bleu([o for j, o in enumerate(tokens) if j != i], t) for i, t in enumerate(tokens)]\n"
        "    print(sum(found) / len(found))\n"
    )
    tokens = json.dumps([[PIECE.findall(text) for text in texts] for texts in sets])
    done = subprocess.run([EVALUATION_PYTHON, "-c", program], input=tokens, capture_output=True, text=True, check=True)
    return [float(line) for line in done.stdout.split()]


def test_self_bleu_is_nltks():
    random = np.random.default_rng(3)
    sets = []
    for _ in range(60):
        words = random.choice(list("abc"), size=(random.integers(2, 6), 24))
        sets.append([" ".join(row[: random.integers(4, 24)]) for row in words])
    expected = bleu_of_nltk(sets)
    assert sum(value > 1e-3 for value in expected) > 40
    for texts, value in zip(sets, expected, strict=True):
        assert self_bleu(texts) == pytest.approx(value, abs=1e-9)  # where an n-gram is missing nltk has 1e-100s


def test_self_bleu_at_its_ends():
    assert self_bleu(["left:3+8=11 so", "left:3+8=11 so"]) == pytest.approx(1.0)
    assert self_bleu(["a b c d", "e f g h"]) == 0.0
    assert self_bleu(["a b c d"]) is None and self_bleu(["a b c", "a b c d"]) is None
    # as long as its reference, half of the words, none of the n-grams
    assert self_bleu(["a b c d e", "a b c d f"]) == pytest.approx((4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25)
    assert self_bleu(["a b c d e", "a b c d f"], pieces=4) == pytest.approx(1.0)


def test_entropy_of_answers():
    assert answer_entropy(["1", "1", "2", "2", None]) == pytest.approx(math.log(2))
    assert answer_entropy(["1", "1"]) == 0.0 and answer_entropy([None]) is None


def test_right_samples_are_compared_in_one_number():
    texts = [f"say {n} so it is {n}" for n in range(8)]
    correct = [True] * 4 + [False] * 4
    found = diversity(texts, [None] * 8, correct, 8)
    assert found["self_bleu_right"] == pytest.approx(self_bleu(texts[:4])) and "answer_entropy" not in found
    assert "self_bleu_right" not in diversity(texts, [None] * 8, [True] * 3 + [False] * 5, 8)
    more = diversity(texts, [None] * 8, [True] * 8, 8)
    assert more["self_bleu_right"] == pytest.approx(found["self_bleu_right"])


def test_a_vote_and_its_calibration_by_hand():
    answers = ["1", "1", "1", "2", "7", "8", None, None]
    vote = votes(answers, [True, True, True, False, False, True, False, False], 4)
    assert vote.confidence.tolist() == [0.75, 0.25] and vote.right.tolist() == [True, False]  # of a tie the first
    assert expected_calibration_error(vote) == pytest.approx((0.25 + 0.25) / 2)
    assert brier_score(vote) == pytest.approx(0.25**2)
    assert [(part.problems, part.right) for part in reliability(vote)] == [(1, 0.0), (1, 1.0)]
    assert not len(votes([None] * 4, [False] * 4, 4).right)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=4, max_size=80))
def test_the_errors_of_a_vote_agree_with_sklearn_and_numpy(drawn):
    drawn = drawn[: len(drawn) // 4 * 4]
    vote = votes([str(answer) for answer, _ in drawn], [right for _, right in drawn], 4)
    assert brier_score(vote) == pytest.approx(brier_score_loss(vote.right, vote.confidence, pos_label=True))
    place = np.digitize(vote.confidence, np.linspace(0, 1, 11), right=True)
    error = sum(
        abs((vote.right[place == n].astype(float) - vote.confidence[place == n]).sum()) for n in set(place.tolist())
    )
    assert expected_calibration_error(vote) == pytest.approx(error / len(place))
