"""The plan of stage sample, the same for all models."""

from stages.profile.plans.base import Plan
from stages.profile.sections.backend import Backend


class SamplePlan(Plan):
    """`protocol` names the effective protocol and what of it decides a sample; `samples` and `prompts` are by benchmark."""

    protocol: str
    samples: dict[str, int]
    prompts: dict[str, str]
    temperature: float
    top_p: float
    top_k: int
    max_tokens: int
    context_length: int
    concurrency: int
    backend: Backend
    evaluation_environment: str
