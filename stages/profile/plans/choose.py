"""The plan of stage choose, the same for all runs."""

from stages.profile.plans.base import Plan


class ChoosePlan(Plan):
    """`steps` are those that `rule` chooses from, the last included. By benchmark that it looks at: samples a problem, the
    grader, a program's limits.
    """

    rule: str
    steps: list[int]
    samples: dict[str, int]
    graders: dict[str, str]
    limits: dict[str, dict[str, int]]
