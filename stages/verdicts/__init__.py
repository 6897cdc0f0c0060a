"""Is a published number reproduced? `reproduced within ±h`, `not reproduced`, `inconclusive` or `not comparable`.

judge.py     one number: the rule
scores.py    our scores as tables [method, seed], checked
compare.py   all published numbers of a setting, the headline first; protocols field by field
"""

from stages.verdicts.compare import COLUMNS, compare, protocol_diffs
from stages.verdicts.judge import FalseAlarms, Verdict, after_holm, false_alarms, judge
from stages.verdicts.questions import VARIANTS, Form

__all__ = [
    "COLUMNS",
    "VARIANTS",
    "FalseAlarms",
    "Form",
    "Verdict",
    "after_holm",
    "compare",
    "false_alarms",
    "judge",
    "protocol_diffs",
]
