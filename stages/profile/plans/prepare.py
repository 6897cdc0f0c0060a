"""The plan of stage prepare."""

from typing import Any, Literal

from stages.profile.plans.base import Plan
from stages.profile.sections.lab import Lab
from stages.profile.sections.own import OwnSet


class PreparePlan(Plan):
    """`benchmark_sources`, `benchmark_settings` and `benchmark_prompts` are by benchmark; settings only of those that have some.

    `grader_files` are sources whose files graders read as they are. `max_prompt_tokens` and `context_length` are those that
    models are sampled with. `own`: the profile's own files, each with its sha256.
    """

    training: list[str]
    variant: Literal["as_released", "decontaminated"]
    prompt: str
    benchmarks: list[str]
    benchmark_sources: dict[str, str]
    benchmark_settings: dict[str, dict[str, Any]]
    grader_files: list[str] = []
    benchmark_prompts: dict[str, str]
    max_prompt_tokens: int
    context_length: int
    lab: Lab | None
    own: dict[str, OwnSet] = {}
