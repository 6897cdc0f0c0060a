"""Is a published number reproduced? `reproduced within ±h`, `not reproduced`, `inconclusive` or `not comparable`.

scores.py    our scores, checked, as one table [method, seed] a measure
claims.py    what papers claim about our methods, and which scores of ours each claim is judged by
judge.py     the rule for one published number; Holm's correction over the headline
compare.py   all claims of a setting, each with its verdict; where our protocol differs from the papers'
"""

from stages.verdicts.claims import DEFAULT_VARIANTS, PublishedMethod
from stages.verdicts.compare import COLUMNS, compare, protocol_diffs
from stages.verdicts.judge import FalseAlarms, Verdict, after_holm, false_alarms, judge, seeds_needed

__all__ = [
    "COLUMNS",
    "DEFAULT_VARIANTS",
    "FalseAlarms",
    "PublishedMethod",
    "Verdict",
    "after_holm",
    "compare",
    "false_alarms",
    "judge",
    "protocol_diffs",
    "seeds_needed",
]
