"""The plan of stage subset."""

from typing import Literal

from stages.profile.plans.base import Plan
from stages.profile.sections.subset import Subset


class SubsetPlan(Plan):
    """`dtype`, `platform` and `threads` are those that the base model embeds prompts with."""

    subsets: dict[str, Subset]
    dtype: Literal["float32", "bfloat16"]
    platform: Literal["cpu", "cuda"]
    threads: int
