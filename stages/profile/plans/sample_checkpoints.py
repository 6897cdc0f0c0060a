"""The plan of stage sample_checkpoints, the same for all runs."""

from stages.profile.plans.sample import SamplePlan


class SampleCheckpointsPlan(SamplePlan):
    """`samples` holds the benchmarks that the rule looks at, none where it names a step; `steps` those it chooses from, the
    last included.
    """

    steps: list[int]
