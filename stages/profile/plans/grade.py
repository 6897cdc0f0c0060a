"""The plan of stage grade, the same for all models."""

from stages.profile.plans.base import Plan


class GradePlan(Plan):
    """All are by benchmark: samples a problem, the grader that counts, those that judge beside it, a program's limits."""

    samples: dict[str, int]
    graders: dict[str, str]
    alternatives: dict[str, list[str]]
    limits: dict[str, dict[str, int]] = {}
