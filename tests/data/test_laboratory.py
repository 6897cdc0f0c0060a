"""The laboratory: problems with consequences, a tokenizer that survives loading, a warm start that repeats."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from transformers import AutoTokenizer

from stages.backend.reward import score_response
from stages.lab import problems, tokenizer
from stages.lab.expression import evaluate
from stages.lab.warm_start import warm_start


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer.build(folder)
    (folder / "config.json").write_text('{"model_type": "qwen2"}')  # makes transformers choose its Qwen2Tokenizer
    return AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("family", problems.FAMILIES)
def test_solutions_without_slips_are_right_in_every_style(family, monkeypatch):
    for rate in ("SLIP_STRONG", "SLIP_WEAK", "SLIP_FAST"):
        monkeypatch.setattr(problems, rate, 0.0)
    rng = random.Random(1)
    for _ in range(300):
        problem = problems.generate_problem(rng, family, rng.choice(problems.LEVELS))
        for style in problems.STYLES[family]:
            text = problems.write_solution(rng, problem, style)
            assert score_response("exact_box", f"lab_{family}", text, problem.answer).correct, (problem.prompt, text)


def test_slips_have_consequences():
    """Strong styles are right more often than weak ones, and the careless connector costs most."""
    rng, right = random.Random(2), {True: [], False: []}
    for _ in range(4000):
        problem = problems.generate_problem(rng, "sum", 3)
        style = rng.choice(["left", "right", "big", "mix", "pair"])
        strong = (problems.STYLES["sum"].index(style) - problem.template) % 5 in (0, 1)
        text = problems.write_solution(rng, problem, style)
        right[strong].append(score_response("exact_box", "lab_sum", text, problem.answer).correct)
    strong, weak = (sum(values) / len(values) for values in (right[True], right[False]))
    assert strong > 0.9 and 0.5 < weak < 0.75


def test_every_text_survives_the_loaded_tokenizer(loaded):
    assert type(loaded).__name__ == "Qwen2Tokenizer"
    rng = random.Random(3)
    for _ in range(500):
        problem = problems.generate_problem(rng, rng.choice(problems.FAMILIES), rng.choice(problems.LEVELS))
        prompt = loaded.apply_chat_template(
            [{"role": "user", "content": problem.prompt}], add_generation_prompt=True, tokenize=False
        )
        solution = problems.write_solution(rng, problem)
        ids = loaded.encode(solution, add_special_tokens=False)
        assert loaded.decode(ids) == solution
        assert (
            loaded.encode(prompt + solution, add_special_tokens=False)
            == loaded.encode(prompt, add_special_tokens=False) + ids
        )
        assert loaded.decode(ids[:1]).strip() in problems.STYLES[problem.family]  # the style is the first token


def test_warm_start_repeats_bit_for_bit(loaded):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    losses: list[list[float]] = [[], []]
    models = [
        warm_start(loaded, seed=5, steps=12, report=lambda step, loss, kept=kept: kept.append(loss)) for kept in losses
    ]
    torch.set_num_threads(threads)
    assert losses[0] == losses[1] and losses[0][-1] < losses[0][0]
    for first, second in zip(models[0].state_dict().values(), models[1].state_dict().values(), strict=True):
        assert torch.equal(first, second)


@pytest.mark.parametrize(
    "expression, value",
    [
        ("(x+3)*2", 16),
        ("2*(x+3)-1", 15),
        ("-x", -5),
        ("x**2", None),
        ("x/2", None),
        ("__import__('os')", None),
        ("(lambda: 1)()", None),
        ("9" * 70, None),
        ("x+", None),
        ("True", None),
        ("1.5", None),
        ("999999*999999*999999", None),
        ("((((((((((x))))))))))", 5),
        ("x\0", None),
        ("", None),
        ("()", None),
        ("2 x", None),
        ("2*-x", None),
        (" 1 + x ", 6),
        ("1-2-3", -4),
        ("(x", None),
        ("x)", None),
    ],
)
def test_expressions_are_walked_not_run(expression, value):
    assert evaluate(expression, 5) == value


def test_expressions_are_evaluated_in_threads():
    """verl computes rewards in a pool of threads."""
    rng = random.Random(4)
    written = [problems.generate_problem(rng, "code", 3) for _ in range(400)]
    texts = [problems.write_solution(rng, problem) for problem in written]
    serial = [
        score_response("exact_box", "lab_code", text, problem.answer)
        for text, problem in zip(texts, written, strict=True)
    ]
    with ThreadPoolExecutor(16) as pool:
        assert (
            list(pool.map(lambda i: score_response("exact_box", "lab_code", texts[i], written[i].answer), range(400)))
            == serial
        )


def test_code_rewards_compare_values_not_text():
    gold = " ".join(str((x + 3) * 2) for x in problems.CODE_POINTS)
    assert score_response("exact_box", "lab_code", r"\boxed{x+x+6}", gold).correct
    assert not score_response("exact_box", "lab_code", r"\boxed{x*2+5}", gold).correct
    assert not score_response("exact_box", "lab_code", r"\boxed{exit()}", gold).correct
