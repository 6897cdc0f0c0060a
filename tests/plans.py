"""Plans of a stage, made from what a test cares about."""

from typing import Any

from stages.profile.plans.grade import GradePlan
from stages.profile.plans.prepare import PreparePlan
from stages.profile.plans.sample import SamplePlan
from stages.profile.plans.subset import SubsetPlan

CODE = {"code": "of a test", "environment": "of a test"}


def prepare_plan(bench_seed: int = 1, **fields: Any) -> PreparePlan:
    """`fields` over a plan that prepares nothing; they may be plain JSON."""
    nothing = {"training": [], "variant": "decontaminated", "prompt": "plain", "benchmarks": [], "lab": None}
    by_benchmark: dict[str, Any] = {"benchmark_sources": {}, "benchmark_settings": {}, "benchmark_prompts": {}}
    by_benchmark |= {"max_prompt_tokens": 1, "context_length": 2}
    return PreparePlan.model_validate({**CODE, "bench_seed": bench_seed, **nothing, **by_benchmark, **fields})


def subset_plan(subsets: dict[str, Any], bench_seed: int = 7) -> SubsetPlan:
    backend = {"dtype": "float32", "platform": "cpu", "threads": 1}
    return SubsetPlan.model_validate({**CODE, "bench_seed": bench_seed, "subsets": subsets, **backend})


def grade_plan(samples: dict[str, int], graders: dict[str, str], alternatives: dict[str, list[str]]) -> GradePlan:
    return GradePlan(**CODE, bench_seed=1, samples=samples, graders=graders, alternatives=alternatives)


def sample_plan(samples: dict[str, int], context_length: int, share_session: bool) -> SamplePlan:
    """The laboratory's sampling on a CPU."""
    sampling = {"temperature": 1.0, "top_p": 1.0, "top_k": -1, "max_tokens": 40, "concurrency": 8}
    backend = {"platform": "cpu", "dtype": "float32", "share_session": share_session}
    return SamplePlan.model_validate(
        {
            **CODE, "bench_seed": 1, "protocol": "of a test", "samples": samples, "context_length": context_length,
            "prompts": dict.fromkeys(samples, "plain"), **sampling, "backend": backend,
            "evaluation_environment": "of a test",
        }
    )  # fmt: skip
