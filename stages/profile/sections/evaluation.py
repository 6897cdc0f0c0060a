"""Section `evaluation`: how models are evaluated."""

from typing import Any

from pydantic import Field, PositiveInt

from stages.profile.sections.base import Section


class Evaluation(Section):
    """A named protocol, and what this profile has otherwise: the report shows each override."""

    protocol: str = Field(description="a file of data/protocols")
    benchmarks: list[str] = Field([], description="those to evaluate; empty: all of the protocol's")
    benchmark_settings: dict[str, dict[str, Any]] = {}
    concurrency: PositiveInt = Field(description="requests in flight; no result depends on it")
    samples: dict[str, PositiveInt] = Field({}, description="benchmark -> samples a problem (k)")
    prompt: str | None = Field(None, description="for all benchmarks whose problems do not say what is wanted")
    temperature: float | None = Field(None, ge=0)
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=-1)
    max_tokens: PositiveInt | None = None
    max_prompt_tokens: PositiveInt | None = Field(
        None, description="of the longest prompt, with the chat template; none: train.max_prompt_tokens"
    )
    grader: str | None = Field(None, description="for all benchmarks with short answers")
    graders: dict[str, str] = Field({}, description="benchmark -> grader")
    also_graded_by: dict[str, list[str]] = Field({}, description="benchmark -> further graders, for comparison")
