"""What our results say of a published number: `equivalent within ±m`, `not reproduced`, `inconclusive`, `not comparable`.

scores.py          our scores, checked, as one table [method, seed] a measure
claims.py          what papers claim about our methods, and which scores of ours each claim is judged by
comparability.py   what forbids a comparison, and what is not known about it; reads no score
margins.py         within how many points a number counts as the published one
judge.py           the rule for one published number
families.py        verdicts that are read together, and what is withdrawn for their number
compare.py         all claims of a setting, each with its verdict; where our protocol differs from the papers'
foresight.py       before anything runs: which claims can get a verdict, which not and why
"""

from stages.verdicts.claims import DEFAULT_VARIANTS, PublishedMethod
from stages.verdicts.compare import COLUMNS, compare, protocol_diffs
from stages.verdicts.families import FalseAlarms, false_alarms
from stages.verdicts.foresight import foresee
from stages.verdicts.judge import Verdict, judge

__all__ = [
    "COLUMNS",
    "DEFAULT_VARIANTS",
    "FalseAlarms",
    "PublishedMethod",
    "Verdict",
    "compare",
    "false_alarms",
    "foresee",
    "judge",
    "protocol_diffs",
]
