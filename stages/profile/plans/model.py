"""The plan of stage model, for the base model or for a released one."""

from typing import Literal

from stages.profile.plans.base import Plan
from stages.profile.sections.model import Model


class ModelPlan(Plan):
    model: Model
    dtype: Literal["float32", "bfloat16"]
