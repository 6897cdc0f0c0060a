"""E3's sampling temperature: holds the entropy where training found it (arXiv 2505.18573, E3-RL4LLMs).

    T ← T·(1 + T·ln(H*/H) / (ln V + ln ln V))      after every step but the first

H is the step's entropy at T, V the number of tokens that the model knows. H* is the first step's entropy; over the last 40 %
of the steps it falls to 0.9 of that, along a cosine. T is the sampling's and that of the trainer's passes: the policy that is
trained is the tempered one.

Defaults: the temperature of the profile at first, 40 % and 0.9, as in LiaoMengqi/E3-RL4LLMs@f9dae72,
e3/worker/temperature_scheduler.py.
Deviations from the paper: its other half, more responses to harder prompts, is not part of this method. H is the old policy's
over the whole step; the code averages that of its updates. Where H is 0 the formula has no value, and T stays.
Reduces to GRPO at: no setting; while H stays at H* it is GRPO.
"""

import math

from pydantic import Field

from stages import rl


class E3Temperature(rl.Method):
    sources = rl.Sources(left_out=("more responses to harder prompts",))

    class Settings(rl.Settings):
        falling_share: float = Field(0.4, ge=0, le=1, description="of the steps, in which H* falls; E3-RL4LLMs@f9dae72")
        last_target: float = Field(0.9, gt=0, le=1, description="share of H* at the end; E3-RL4LLMs@f9dae72")

    settings: Settings

    def rollout(self, training_step: rl.TrainingStep) -> rl.Rollout:
        return rl.Rollout(temperature=training_step.state.get("temperature"))

    def update_state(self, responses: rl.Responses, measured: dict[str, float]) -> rl.State:
        training_step, temperature, entropy = responses.training_step, responses.temperature, measured["entropy"]
        if training_step.step == 1:
            return {"temperature": temperature, "first_entropy": entropy}
        first = training_step.state["first_entropy"]
        if entropy > 0:
            size = math.log(responses.vocabulary) + math.log(math.log(responses.vocabulary))
            temperature *= 1 + temperature * math.log(self._target(training_step) * first / entropy) / size
        return {"temperature": temperature, "first_entropy": first}

    def _target(self, training_step: rl.TrainingStep) -> float:
        """H* of a step, as a share of the first step's entropy; the code sets it after the step before."""
        last, before = training_step.total_steps, training_step.step - 1
        start = last - int(last * self.settings.falling_share)
        if before < start:
            return 1.0
        fallen = 0.5 * (1 - math.cos(math.pi * (before - start) / (last - start)))
        return 1 - (1 - self.settings.last_target) * fallen
