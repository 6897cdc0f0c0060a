"""NSR: negative sample reinforcement, wrong responses only (arXiv 2506.01347 §2.2, eq. 2–4).

    A = −1 on wrong responses; right ones are left out, of the denominator too

Defaults: no baseline and no standard deviation; PPO's clip stays (released code).
Deviations from the paper: its entropy bonus of 1e-4 (App. D.1; 1e-3 in the released configuration) is not part of this
method. The released code drops right responses before it forms mini-batches; here a mini-batch keeps its prompts, so
that a step has as many updates as any other method's. A mini-batch without any wrong response has no gradient.
Reduces to GRPO at: no setting; right responses are always left out.
"""

from torch import Tensor

from stages import rl


class Nsr(rl.Method):
    sources = rl.Sources(left_out=("the entropy bonus of 1e-4",))
    without_control = "its choice is the sign of the advantage, which a control keeps"

    def advantages(self, responses: rl.Responses) -> Tensor:
        return ~responses.correct[:, None] * -responses.response_mask.to(responses.rewards.dtype)

    def mask(self, mini_batch: rl.Update) -> Tensor:
        return mini_batch.response_mask & ~mini_batch.correct[:, None]
