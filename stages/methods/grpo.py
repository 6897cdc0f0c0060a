"""GRPO: group-relative policy optimisation (DeepSeekMath, arXiv 2402.03300 §4.1).

    A = (R − mean R) / (std R + 1e-6)   within the responses to one prompt
    maximise  min(r·A, clip(r, 1 − ε, 1 + ε)·A)

Defaults: ε 0.2, PPO's and verl 0.9.1's (2402.03300 names none).
Deviations from the paper: the loss is the mean over all tokens, where the paper averages within each response first
(`aggregation: seq-mean-token-mean`); and there is no KL term, as in the three papers that this bench studies.
Reduces to GRPO at: the defaults; this is GRPO.
"""

from stages import rl


class Grpo(rl.Method):
    pass
