"""CURE: first branches responses at uncertain tokens, then trains as DAPO does (arXiv 2508.11016).

    stage 1  of every four responses one is sampled from the prompt; it is cut before a random one of its 20 tokens of
             highest entropy, and the other three are sampled from the cut; what they took over gets no loss
    stage 2  every response is sampled from the prompt

Both stages train on groups with mixed rewards only, with clip 0.2/0.28 and dual clip 10.

Defaults: 1 + 3 of 20 (4 × 3 + 4 = 16 responses), the clips and the filter in both stages, from the released launchers
(bytedance/CURE@a2a02173); stage 2's starts from the checkpoint of stage 1's step 300. The second stage's first step is
not published for other run lengths.
Deviations from the paper: the cut may fall on any token, where the released code leaves out the first, special ones and
those whose text has fewer than two characters; entropies are of the 20 most likely tokens and the rest as one, where it
has the exact ones. Its launchers shape overlong responses' rewards, which is not part of this method.
Reduces to GRPO at: no setting; groups of equal rewards are always replaced.
"""

from pydantic import Field, PositiveInt

from stages import rl


class Cure(rl.Method):
    sources = rl.Sources(not_published=("second_stage_from for other run lengths",))
    without_control = "it chooses while it samples; a large branch_top_entropy cuts before any token"

    class Settings(rl.Settings):
        clip_ratio_high: float = Field(0.28, ge=0, description="ε_high; released launchers")
        dual_clip: float | None = Field(10.0, gt=1, description="c; released launchers")
        second_stage_from: PositiveInt = Field(301, description="first step of stage 2; released launcher of stage 2")
        branch_of: int = Field(4, ge=2, description="one in so many responses is sampled from the prompt in stage 1")
        branch_top_entropy: int = Field(20, ge=1, description="tokens among which the cut is drawn")

    settings: Settings

    def rollout(self, training_step: rl.TrainingStep) -> rl.Rollout:
        settings = self.settings
        if training_step.step >= settings.second_stage_from:
            return rl.Rollout(resample_uniform_groups=True)
        return rl.Rollout(
            resample_uniform_groups=True,
            branch_of=settings.branch_of,
            branch_top_entropy=settings.branch_top_entropy,
        )
