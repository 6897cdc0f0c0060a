"""Equivalence margins: how many points a number of ours may truly be off and still count as the published one.

They are stated before anything runs: these, or a profile's own (`published.equivalence_margins`). Nobody publishes one.
"""

from collections.abc import Mapping

from stages.verdicts.claims import Claim

AVERAGE = "average"
# Ours. On 30 to 40 questions one question is 2.5 to 3.3 points, and three seeds cannot resolve less than about twice that.
SMALL_SETS = {"aime24": 7.0, "aime25": 7.0, "amc23_40": 7.0}
OTHERS = 3.0
SHARE_OF_GAIN = 0.5  # as non-inferiority trials ask that half of an effect be kept (FDA guidance, 2016)


def margin_of(claim: Claim, given: Mapping[str, float]) -> float:
    """In points. Of a score, its benchmark's; of an average, that of `average`.

    A gain's is half the claimed gain where that is less: an equivalent gain then has the sign of the claimed one. 0 for a
    claimed gain of 0, within which nothing is equivalent.
    """
    margin = margin_on(AVERAGE if claim.average else claim.row["benchmark"], given)
    return min(margin, SHARE_OF_GAIN * abs(claim.row["published"])) if claim.gain else margin


def margin_on(benchmark: str, given: Mapping[str, float]) -> float:
    return given.get(benchmark, SMALL_SETS.get(benchmark, OTHERS))
