"""The plan of stage prepare."""

from typing import Any, Literal

from stages.profile.plans.base import Plan
from stages.profile.sections.lab import Lab


class PreparePlan(Plan):
    """`benchmark_sources` and `benchmark_settings` are by benchmark; the latter only of those that have settings."""

    training: list[str]
    variant: Literal["as_released", "decontaminated"]
    prompt: str
    benchmarks: list[str]
    benchmark_sources: dict[str, str]
    benchmark_settings: dict[str, dict[str, Any]]
    lab: Lab | None
