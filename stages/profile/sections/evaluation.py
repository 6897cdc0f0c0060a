"""Section `evaluation`: how models are evaluated."""

from typing import Annotated, Any

from pydantic import Field

from stages.profile.sections.base import Section
from stages.profile.sections.train import Tokens

Samples = Annotated[int, Field(gt=0, le=65_536)]


class Evaluation(Section):
    """A named protocol, and what this profile has otherwise: the report shows each override."""

    protocol: str = Field(description="a file of data/protocols")
    benchmarks: list[str] = Field([], description="those to evaluate; empty: all of the protocol's")
    benchmark_settings: dict[str, dict[str, Any]] = Field({}, description="of those that have settings of their own")
    concurrency: int = Field(gt=0, le=65_536, description="requests in flight; no result depends on it")
    samples: dict[str, Samples] = Field({}, description="benchmark -> samples a problem (k)")
    prompt: str | None = Field(None, description="for all benchmarks whose problems do not say what is wanted")
    prompts: dict[str, str] = Field({}, description="benchmark -> template, where it is another")
    temperature: float | None = Field(None, ge=0, le=10, description="of sampling; 0 takes the likeliest token")
    top_p: float | None = Field(None, gt=0, le=1, description="probability of the tokens that are sampled from")
    top_k: int | None = Field(None, ge=-1, description="how many tokens are sampled from; -1: all")
    max_tokens: Tokens | None = Field(None, description="of a sample, which is cut there")
    max_prompt_tokens: Tokens | None = Field(
        None, description="of the longest prompt, with the chat template; none: train.max_prompt_tokens"
    )
    grader: str | None = Field(None, description="for all benchmarks with short answers")
    graders: dict[str, str] = Field({}, description="benchmark -> grader")
    also_graded_by: dict[str, list[str]] = Field({}, description="benchmark -> further graders, for comparison")
