"""GRPO: group-relative policy optimisation (DeepSeekMath, arXiv 2402.03300 §4.1).

    A = (R − mean R) / (std R + 1e-6)   within the responses to one prompt
    maximise  min(r·A, clip(r, 1 − ε, 1 + ε)·A)

Defaults: ε = 0.2 (not published in 2402.03300; PPO's, and verl 0.9.1's).
Departures: the paper averages within each response first and subtracts β·KL to a reference policy; here the loss is
the mean over all tokens and there is no KL term, as in the three papers this suite studies.
`aggregation: seq-mean-token-mean` replays the paper's average.
Neutral setting: this is GRPO.
"""

from stages.methods.base import Method


class Grpo(Method):
    pass
