"""Control: rewards are coin flips that know nothing of the response (after arXiv 2506.10947 §2.2).

    R = 1 with probability γ, else 0

What a method gains beyond this it does not owe to the mere act of training.

Defaults: γ 0.5, a fair coin (this bench's control).
Deviations from the paper: none; the flips depend on the run's seed, the step and the response's number.
Reduces to GRPO at: no setting; the rewards are always random.
"""

from pydantic import Field
from torch import Tensor

from stages import rl
from stages.rl.batch import uniform


class RandomReward(rl.Method):
    class Settings(rl.Settings):
        probability: float = Field(0.5, ge=0, le=1, description="γ, of reward 1")

    settings: Settings

    def rewards(self, responses: rl.Responses) -> Tensor:
        flips = uniform(responses, "reward", per_token=False)
        return (flips < self.settings.probability).to(responses.rewards.dtype)
