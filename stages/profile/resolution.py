"""What each stage and run of a profile is given. Pure, but for the files whose fingerprints it takes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from stages.benchmarks import find
from stages.common.files import InputError, sha256
from stages.profile.checkpoints import candidates, kept_steps
from stages.profile.effective_protocol import benchmark_settings, effective_protocol, overrides
from stages.profile.fingerprint import fingerprint
from stages.profile.own_sets import pinned
from stages.profile.params import Params
from stages.profile.plans.base import Plan
from stages.profile.plans.choose import ChoosePlan
from stages.profile.plans.diagnose import DiagnosePlan
from stages.profile.plans.grade import GradePlan
from stages.profile.plans.model import ModelPlan
from stages.profile.plans.prepare import PreparePlan
from stages.profile.plans.report import ReportPlan
from stages.profile.plans.sample import SamplePlan
from stages.profile.plans.sample_checkpoints import SampleCheckpointsPlan
from stages.profile.plans.subset import SubsetPlan
from stages.profile.plans.train import TrainPlan
from stages.profile.probes import DeclaredProbe, declared_probes
from stages.protocols.checkpoint import CheckpointRule, checkpoint_rule
from stages.protocols.record import SAMPLING

TRAINING_LOCK = {"cpu": Path("locks/train.lock"), "cuda": Path("locks/gpu.lock")}
EVALUATION_LOCK = Path("locks/eval.lock")
Code = Callable[[list[str]], str]


def plans(params: Params, code: Code = fingerprint) -> dict[str, Plan]:
    """Path below the profile's plan folder, without `.json` -> plan; `code` takes the fingerprint of modules."""
    protocol = effective_protocol(params.evaluation, params.data.prompt, len(params.seeds))
    training_lock, evaluation_lock = _lock(TRAINING_LOCK[params.backend.platform]), _lock(EVALUATION_LOCK)

    def common(stage: str, lock: str = training_lock) -> dict[str, Any]:
        return {"bench_seed": params.bench_seed, "code": code([f"stages.{stage}"]), "environment": lock}

    longest_prompt = params.evaluation.max_prompt_tokens or params.train.max_prompt_tokens
    sample = SamplePlan(
        **common("sample"),
        protocol=protocol.asked_by,
        samples=protocol.samples,
        prompts=protocol.prompts,
        **{name: getattr(protocol, name) for name in SAMPLING},
        context_length=longest_prompt + protocol.max_tokens,
        concurrency=params.evaluation.concurrency,
        backend=params.backend,
        evaluation_environment=evaluation_lock,
    )
    grade = GradePlan(
        **common("grade", evaluation_lock),
        samples=protocol.samples,
        graders=protocol.graders,
        alternatives=params.evaluation.also_graded_by,
        limits={name: find(name).limits for name in protocol.samples if find(name).limits},
    )
    written: dict[str, Plan] = {
        "prepare": PreparePlan(
            **common("prepare"),
            training=params.data.training,
            variant=params.data.variant,
            prompt=params.data.prompt,
            benchmarks=list(protocol.samples),
            benchmark_sources={name: find(name).source for name in protocol.samples},
            benchmark_settings=benchmark_settings(params.evaluation, protocol),
            grader_files=sorted({file for name in protocol.samples for file in find(name).grader_files}),
            benchmark_prompts=protocol.prompts,
            max_prompt_tokens=longest_prompt,
            context_length=sample.context_length,
            lab=params.data.lab,
            own=pinned(params.data),
        ),
        "subset": SubsetPlan(
            **common("subset"),
            subsets=params.data.subsets,
            dtype=params.backend.dtype,
            platform=params.backend.platform,
            threads=params.backend.threads,
        ),
        "model": ModelPlan(**common("model"), model=params.model, dtype=params.backend.dtype),
        "sample": sample,
        "grade": grade,
        "report": report_plan(params, code),
    }
    for name, text in params.checkpoints.items():
        rule = checkpoint_rule(text)
        steps = candidates(rule, params.train)
        sampling = sample.model_dump() | {field: _of(rule, getattr(sample, field)) for field in ("samples", "prompts")}
        grading: dict[str, Any] = {f: _of(rule, getattr(grade, f)) for f in ("samples", "graders", "limits")}
        written[f"sample_checkpoints/{name}"] = SampleCheckpointsPlan(
            **sampling | common("sample_checkpoints"), steps=steps
        )
        written[f"choose/{name}"] = ChoosePlan(**common("choose", evaluation_lock), **grading, rule=text, steps=steps)
    for name, released in params.models.items():
        written[f"models/{name}"] = ModelPlan(**common("model"), model=released.as_model(), dtype=params.backend.dtype)
    for name, declared in declared_probes(params).items():
        written[f"diagnose/{name}"] = probe_plan(params, declared, code)
    for name in params.methods:
        written |= {f"train/{name}-{seed}": training_plan(params, name, seed, code) for seed in params.seeds}
    return written


def _lock(path: Path) -> str:
    """The sha256 of an environment's lock."""
    if not path.is_file():
        raise InputError(f"{path} is missing: git checkout {path}")
    return sha256(path)


def _of(rule: CheckpointRule, by_benchmark: dict[str, Any]) -> dict[str, Any]:
    """The entries of the benchmarks that a rule looks at."""
    return {name: by_benchmark[name] for name in rule.benchmarks if name in by_benchmark}


def report_plan(params: Params, code: Code = fingerprint) -> ReportPlan:
    protocol = effective_protocol(params.evaluation, params.data.prompt, len(params.seeds))
    methods = {name: params.method_of(name) for name in params.methods}
    runs = {f"{name}-{seed}": name for name in params.methods for seed in params.seeds}
    return ReportPlan(
        bench_seed=params.bench_seed,
        code=code(["stages.report"]),
        environment=_lock(TRAINING_LOCK[params.backend.platform]),
        profile=params.profile,
        methods=params.methods,
        method_of={name: method for name, (method, _) in methods.items()},
        seeds=params.seeds,
        runs=list(runs),
        method_settings={run: methods[name][1] for run, name in runs.items()},
        tuning=params.tuning,
        benchmarks={
            name: k for name, k in protocol.samples.items() if not params.tuning or name != params.tuning.select_on
        },
        protocol=protocol,
        protocol_overrides=overrides(params.evaluation, protocol),
        released=list(params.models),
        checkpoints=params.checkpoints,
        probes=list(declared_probes(params)),
        train=params.train,
        datasets={
            name: dataset
            for name in params.methods
            if (dataset := params.train_of(name).dataset) != params.train.dataset
        },
        backend=params.backend,
        published=params.published,
        claims=params.claims,
    )


def training_plan(params: Params, name: str, seed: int, code: Code = fingerprint) -> TrainPlan:
    """The plan of one training run: `name` is one of `methods`."""
    method, settings = params.method_of(name)
    return TrainPlan(
        bench_seed=params.bench_seed,
        code=code(["stages.train", f"stages.methods.{method}"]),
        environment=_lock(TRAINING_LOCK[params.backend.platform]),
        run=f"{name}-{seed}",
        seed=derive_seed(params.bench_seed, seed),
        method=method,
        method_settings=settings,
        train=params.train_of(name),
        kept_steps=kept_steps(params.checkpoints, params.train),
        training_folder=_training_folder(params, name),
        backend=params.backend,
    )


def probe_plan(params: Params, declared: DeclaredProbe, code: Code = fingerprint) -> DiagnosePlan:
    method, settings = params.method_of(declared.method)
    return DiagnosePlan(
        bench_seed=params.bench_seed,
        code=code(["stages.diagnose", f"stages.methods.{method}"]),
        environment=sha256(TRAINING_LOCK[params.backend.platform]),
        run=declared.run,
        method=method,
        method_settings=settings,
        **declared.numbers,
        train=params.train_of(declared.method),
        training_folder=_training_folder(params, declared.method),
        platform=params.backend.platform,
        threads=params.backend.threads,
    )


def _training_folder(params: Params, name: str) -> Literal["data/train", "subsets"]:
    return "subsets" if params.train_of(name).dataset in params.data.subsets else "data/train"


def derive_seed(bench_seed: int, seed: int) -> int:
    """The seed of a run: every generator of a training run is given this one number."""
    return (bench_seed * 1_000_003 + seed) % 2**31
