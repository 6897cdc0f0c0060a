"""Stage diagnose: what single optimiser steps of a method do to the entropy, exactly and as papers estimate it.

    python -m stages.diagnose <profile> base.<method>         steps from the base model
    python -m stages.diagnose <profile> <method>-<seed>       steps of a run's own method from its last checkpoint

Reads the probe's plan, the training set and the model; writes `results/<profile>/probes/<name>/` (stages/artifacts/probes.py says
what is in it, docs/probes.md how to read it). The model samples its own responses, in float64 as everything here, on the
profile's platform and without an engine.
"""

from pathlib import Path

import pyarrow.parquet
import torch
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from stages.artifacts.probes import ProbeSummary, check_probe, write_probe
from stages.artifacts.samples import BASE
from stages.backend.environment import assert_versions
from stages.backend.reward import score_response
from stages.common.bar import Bar
from stages.common.command import expect, run_stage
from stages.common.files import InputError, output_folder, sha256
from stages.methods import build
from stages.probes.experiment import Setting, probe
from stages.probes.policy import Policy
from stages.probes.rollout import Prompt, roll_out
from stages.probes.step import Rule
from stages.probes.tables import tables_of
from stages.profile.plans.diagnose import DiagnosePlan
from stages.profile.sections.probes import ProbeOptimiser
from stages.rl.batch import Responses, TrainingStep


def main(arguments: list[str]) -> None:
    expect(arguments, "stages.diagnose <profile> <probe>")
    profile, name = arguments
    results = Path("results") / profile
    plan = DiagnosePlan.read(results / "plan" / "diagnose" / f"{name}.json")
    versions = assert_versions(plan.platform)
    model = find_model(results, profile, plan.run)
    maker = "subset" if plan.training_folder == "subsets" else "prepare"
    data = results / plan.training_folder / f"{plan.train.dataset}.parquet"
    if not data.is_file():
        raise InputError(f"{data} is missing: dvc repro {maker}@{profile} makes it")
    with output_folder(results / "probes" / name, lambda folder: check_probe(folder, name)) as folder:
        diagnose(plan, name, data, model, results / "model", versions, folder)


def diagnose(
    plan: DiagnosePlan, name: str, data: Path, model: Path, base: Path, versions: dict[str, str], output: Path
) -> None:
    """Writes the probe `name` into `output`. `data` is the training set's parquet file, `base` the model before all training."""
    tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=False)
    prompts, train = read_prompts(data, tokenizer, plan), plan.train
    torch.set_num_threads(plan.threads)  # the order of float sums
    method = build(plan.method, plan.method_settings)
    policy = policy_of(model, plan)
    initial = policy_of(base, plan) if method.reference != "none" and plan.run != BASE else policy
    place = TrainingStep(1 if plan.run == BASE else train.steps, train.steps, method.initial_state(), plan.bench_seed)
    found, rolled_out = [], []
    with Bar(f"diagnose {name}", plan.batches) as bar:
        for number in range(plan.batches):
            batch, responses = roll_out(
                policy,
                initial,
                tokenizer,
                prompts[number * plan.prompts : (number + 1) * plan.prompts],
                plan.responses,
                train.max_response_tokens,
                lambda prompt, text: score_response(train.reward, prompt.data_source, text, prompt.gold),
                place,
                plan.bench_seed + number,
            )
            found.append(probe(policy, batch, responses, method, setting_of(plan, number)))
            rolled_out.append(responses)
            bar.show(number + 1, f"reward {responses.rewards.mean():.3f}")
    tables = tables_of(found, rolled_out[0].decode)
    if all(row["pearson"] is None for row in tables["estimates"]):
        raise InputError(
            f"probes: {name}: no step changed the entropy, as where the responses to each prompt are all right or all wrong; "
            "raise prompts or responses"
        )
    write_probe(output, summary_of(plan, policy, rolled_out, sha256(model), versions), tables)


def find_model(results: Path, profile: str, run: str) -> Path:
    """InputError names the stage that makes it."""
    model = results / "model" if run == BASE else results / "train" / run / "model"
    if not model.is_dir():
        maker = f"model@{profile}" if run == BASE else f"train@{profile}-{run}"
        raise InputError(f"{model} is missing: dvc repro {maker} makes it")
    return model


def read_prompts(data: Path, tokenizer: PreTrainedTokenizerBase, plan: DiagnosePlan) -> list[Prompt]:
    """Prompts of the training set for all batches, at random and without repetition, none longer than in training."""
    rows = pyarrow.parquet.read_table(data).to_pylist()
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(plan.bench_seed)).tolist()
    needed, found = plan.batches * plan.prompts, list[Prompt]()
    for row in (rows[place] for place in order):
        asked = tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True, tokenize=False)
        tokens = tokenizer(asked, add_special_tokens=False)["input_ids"]
        if len(tokens) <= plan.train.max_prompt_tokens:
            gold = row["reward_model"]["ground_truth"]
            found.append(Prompt(row["extra_info"]["id"], list(tokens), row["data_source"], gold))
        if len(found) == needed:
            return found
    raise InputError(
        f"probes: {plan.batches} batches of {plan.prompts} prompts are {needed}, and {data} has {len(found)} of at most "
        f"{plan.train.max_prompt_tokens} tokens; lower batches or prompts"
    )


def policy_of(model: Path, plan: DiagnosePlan) -> Policy:
    return Policy(model, plan.train.temperature, plan.train.micro_batch, "cuda" if plan.platform == "cuda" else "cpu")


def setting_of(plan: DiagnosePlan, number: int) -> Setting:
    """The setting of rollout batch `number`, from 0."""
    optimiser = plan.train.optimiser
    rate = plan.method_settings["learning_rate"] or optimiser.learning_rate

    def rule(own: ProbeOptimiser) -> Rule:
        epsilon, shared = own.epsilon or optimiser.epsilon, (optimiser.weight_decay, optimiser.gradient_clip)
        return Rule(own.kind, optimiser.betas, epsilon, *shared)

    return Setting(
        rules={name: (rule(own), own.learning_rates) for name, own in plan.optimisers.items()},
        trainer=rule(ProbeOptimiser(kind="adamw", learning_rates=[rate])),
        learning_rate=rate,
        updates=plan.updates,
        epochs=int(plan.method_settings["epochs"]),
        micro_batch=plan.train.micro_batch,
        horizon=plan.train.max_response_tokens,
        coupled_states=plan.coupled_states,
        seed=plan.bench_seed + number,
    )


def summary_of(
    plan: DiagnosePlan, policy: Policy, batches: list[Responses], model_sha256: str, versions: dict[str, str]
) -> ProbeSummary:
    entropy = torch.cat([batch.old_entropy[batch.response_mask] for batch in batches])
    setting = setting_of(plan, 0)
    return ProbeSummary(
        run=plan.run,
        method=plan.method,
        packages={name: versions[name] for name in ("python", "torch", "transformers")},
        model_sha256=model_sha256,
        batches=plan.batches,
        prompts=plan.prompts,
        responses=plan.responses,
        updates=setting.updates * setting.epochs,
        parameters=sum(value.numel() for value in policy.weights.values()),
        tokens=len(entropy),
        reward=round(torch.cat([batch.rewards for batch in batches]).mean().item(), 8),
        entropy=round(entropy.mean().item(), 8),
        optimisers={name: rule.words for name, (rule, _) in setting.rules.items()},
    )


if __name__ == "__main__":
    run_stage(main)
