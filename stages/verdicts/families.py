"""Verdicts that are read together, and what is withdrawn because there are many of them. Pure.

Six families a table of a paper:

    fixed models        scores and averages of models that were not trained here
    own claims          that the paper's own method, which bears the paper's name, beats GRPO on an average of benchmarks
    gains in averages   that another method does
    averages            averages over benchmarks
    gains               gains on single benchmarks
    scores              scores on single benchmarks

In all but the last, Holm's correction (1979) keeps the chance of any false "not reproduced" at 5 % a family, whatever the
verdicts have in common. A gain on a single benchmark is "not reproduced" only if the same method's gain in the average
is, where an average that covers it was judged. Scores are not corrected; their expected number of false alarms is
printed. "Equivalent" is not corrected either: each errs with a chance of 5 % at most.
"""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from stages.statistics.contrasts import LEVEL
from stages.verdicts.claims import Claim
from stages.verdicts.judge import INCONCLUSIVE, NOT_REPRODUCED, Verdict

FAMILIES = ("fixed models", "own claims", "gains in averages", "averages", "gains", "scores")
FIXED, OWN_CLAIMS, AVERAGE_GAINS, AVERAGES, GAINS, SCORES = FAMILIES


class FalseAlarms(NamedTuple):
    """How many verdicts tested a difference, and how many of them are expected to be wrong."""

    scores: int  # verdicts on single scores of trained models that tested a difference
    families: int  # corrected families with at least one verdict that did
    expected: float  # false "not reproduced" among the single scores, if every published number were true
    text: str


def family_of(claim: Claim) -> str:
    if claim.fixed:
        return FIXED
    if not claim.gain:
        return AVERAGES if claim.average else SCORES
    if not claim.average:
        return GAINS
    return OWN_CLAIMS if claim.row["method"] == claim.row["paper"].replace("-", "_") else AVERAGE_GAINS


def corrected(claims: Sequence[Claim], verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts after correction."""
    final = list(verdicts)
    groups: dict[tuple, list[int]] = {}
    for index, (claim, verdict) in enumerate(zip(claims, verdicts, strict=True)):
        if verdict.p is not None:
            place = (FAMILIES.index(family_of(claim)), claim.row["paper"], claim.row["table"])
            groups.setdefault(place, []).append(index)
    first = (FAMILIES.index(OWN_CLAIMS), FAMILIES.index(AVERAGE_GAINS))
    averages = {index: claims[index] for place, members in groups.items() if place[0] in first for index in members}
    for (number, *_), members in sorted(groups.items(), key=lambda item: item[0][0]):  # averages before their gains
        family = FAMILIES[number]
        ps = [verdicts[index].p or 0.0 for index in members]
        for index, p in zip(members, ps if family == SCORES else holm(ps), strict=True):
            if verdicts[index].kind != NOT_REPRODUCED:
                continue
            judged_first = [n for n, average in averages.items() if family == GAINS and _covers(average, claims[index])]
            if p > 1 - LEVEL:
                final[index] = _withdrawn(
                    final[index], f"after Holm's correction over {len(members)} verdicts (p {p:.2f})"
                )
            elif judged_first and all(final[n].kind != NOT_REPRODUCED for n in judged_first):
                final[index] = _withdrawn(final[index], "as the gain in the average, judged first, is not refuted")
    return final


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's corrected p: with p sorted, the greatest so far of (m - rank) · p, at most 1."""
    order = sorted(range(len(ps)), key=ps.__getitem__)
    found, greatest = [0.0] * len(ps), 0.0
    for rank, index in enumerate(order):
        greatest = max(greatest, min(1.0, (len(ps) - rank) * ps[index]))
        found[index] = greatest
    return found


def _covers(average: Claim, gain: Claim) -> bool:
    """Whether a gain in an average is of the same run, table and metric as a gain on one of its benchmarks."""
    identity = ("paper", "table", "method", "variant", "metric", "run")
    return set(gain.measures) <= set(average.measures) and all(average.row[n] == gain.row[n] for n in identity)


def _withdrawn(verdict: Verdict, why: str) -> Verdict:
    return verdict._replace(kind=INCONCLUSIVE, reason=f"withdrawn {why}; {verdict.reason}", withdrawn=True)


def false_alarms(table: pd.DataFrame) -> FalseAlarms:
    """How many false "not reproduced" to expect in the result of `compare`, if every published number were true."""
    tested = table[table["p"].notna()]
    scores = int((tested["family"] == SCORES).sum())
    others = tested[tested["family"] != SCORES]
    families = len(others.groupby(["family", "paper", "table"], dropna=False))
    expected = (1 - LEVEL) * scores
    parts = []
    if scores:
        parts.append(
            f"about {expected:.1f} of {scores} verdicts on single scores would read “not reproduced” by chance, as these are not"
            " corrected for their number"
        )
    if families:
        parts.append(
            f"each of the {families} other families ({', '.join(dict.fromkeys(others['family']))}; of one table each) would have"
            f" any such with a chance of at most {1 - LEVEL:.0%}"
        )
    return FalseAlarms(
        scores, families, expected, f"If every published number were true, {'; '.join(parts)}." if parts else ""
    )
