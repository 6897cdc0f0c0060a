"""What a method is: GRPO, with another answer at one hook or two.

Methods differ in few places, and each of these is a hook: something that a subclass of `Method` overrides. The base
class is GRPO with token-mean aggregation, so a method's file holds what sets it apart and nothing else. In the order in
which they run, with B responses in the batch and T tokens in the longest:

    hook             override               gives              decides
    rollout          rollout                Rollout            how prompts and responses are sampled
    reward           rewards                [B]                the reward of a response, before the group's baseline
    advantage        advantages             [B, T]             the advantage of a token
    mask             mask                   [B, T] bool        which tokens count, in the loss and in its denominator
    clip range       clip_range             ε_low, ε_high      the ratio's bounds [1 − ε_low, 1 + ε_high]
    surrogate        surrogate, clipped     [B, T]             how ratio and advantage combine: what is maximised
    token weight     token_weight           [B, T]             a factor on the token's surrogate
    regulariser      regulariser            [B, T]             what is added to the token's loss
    aggregation      a setting              one number         how the token losses become the loss
    update schedule  three settings         -                  optimiser steps an epoch, epochs, and their learning rate
    controller       initial_state,         State              what is carried from one step to the next
                     update_state, accumulate

The loss of a token is −token_weight · surrogate + regulariser.

Rollout, reward, advantage and the controller's `update_state` run once a step and see all of its responses
(`Responses`). The mask sees the optimiser's whole mini-batch, and so does `statistics`, which is no hook of its own: it
computes what the other hooks need to know of the mini-batch, such as a maximum. Everything else sees one micro-batch
(`Update`).

Methods know torch, and nothing of verl, Ray or vLLM.
"""

from typing import Any, ClassVar, Literal

from torch import Tensor

from stages.rl import controls
from stages.rl.advantages import group_normalised
from stages.rl.batch import Responses, State, TrainingStep, Update
from stages.rl.combination import combine
from stages.rl.ratio import clipped_objective, outside_clip, unlikely
from stages.rl.settings import BatchStatistics, BatchStatisticsSettings, Rollout
from stages.rl.settings import Settings as AnySettings
from stages.rl.sources import Sources

Reference = Literal["none", "initial", "initial_with_answer", "policy_with_answer", "policy_with_solution"]
OF_THE_POLICY: tuple[Reference, ...] = ("policy_with_answer", "policy_with_solution")  # without a second model

# Hook -> what changes it: attributes of the method that are overridden, settings that have another default.
HOOKS: dict[str, tuple[str, ...]] = {
    "rollout": ("rollout",),
    "reward": ("rewards",),
    "advantage": ("advantages",),
    "mask": ("mask",),
    "clip range": ("clip_range", "clip_ratio_low", "clip_ratio_high", "dual_clip"),
    "surrogate": ("surrogate", "clipped", "held_by_dual_clip"),
    "token weight": ("token_weight",),
    "regulariser": ("regulariser",),
    "aggregation": ("aggregation",),
    "update schedule": ("updates_per_step", "epochs", "learning_rate"),
    "controller": ("initial_state", "update_state", "accumulate"),
}


class Method:
    """GRPO (arXiv 2402.03300) with token-mean aggregation; the module says what each hook decides.

    ValueError, starting with the setting's name, when settings contradict each other as only the whole method can tell.
    """

    Settings: ClassVar[type[AnySettings]] = AnySettings
    settings: AnySettings
    sources: ClassVar[Sources] = Sources()
    unread: ClassVar[tuple[str, ...]] = ()  # settings of GRPO's that its hooks do not read
    has_dual_clip: ClassVar[bool] = True  # whether `surrogate` has a dual clip, if `dual_clip` is set
    uses_logits: ClassVar[bool] = False
    uses_engine_log_prob: ClassVar[bool] = False
    # Its own functions of a batch, for its controls (stages/rl/controls.py). The loss may ask for [B, T] and [B, 1].
    selects: ClassVar[tuple[str, ...]] = ()  # those that choose: [B, T] tokens; [B] or [B, 1] responses
    weighs: ClassVar[tuple[str, ...]] = ()  # those that weigh, beside `token_weight`: [B, T], [B] or [B, 1]
    asked_in_loss: ClassVar[tuple[str, ...]] = ()  # of both, those that the loss asks of a micro-batch
    without_control: ClassVar[str] = ""  # why it has none, if it selects or weighs

    def __init__(self, settings: AnySettings | None = None):
        self.settings = settings or self.Settings()
        for name in (*self.unread, *(() if self.has_dual_clip else ("dual_clip",))):
            if self.settings.is_set(name):
                raise ValueError(f"{name}: nothing of this method reads it; leave it out")
        controls.apply(self, self.settings.control)
        chosen = getattr(self.settings, "batch_statistics", None)
        if self.batch_statistics == "micro_batch" and chosen == "old_policy":
            raise ValueError(
                "batch_statistics: this variant takes its statistics of the micro-batch under the current policy, so "
                "old_policy has no meaning; leave it out"
            )

    def __init_subclass__(cls) -> None:
        """`class RlooSteer(Rloo, Steer)`: InputError when the parts would override each other."""
        super().__init_subclass__()
        parts = [base for base in cls.__bases__ if issubclass(base, Method)]
        if len(parts) > 1:
            combine(cls, parts, Method)

    # -- what is asked of it ------------------------------------------------------------------------------------------

    @classmethod
    def changes(cls, name: str) -> bool:
        """Whether the attribute, or the default of the setting, `name` differs from GRPO's."""
        if name in AnySettings.model_fields:
            return cls.Settings.model_fields[name].default != AnySettings.model_fields[name].default
        return getattr(cls, name) is not getattr(Method, name)

    @classmethod
    def changed_hooks(cls) -> tuple[str, ...]:
        """The hooks at which the method differs from GRPO, in the order in which they run."""
        return tuple(hook for hook, names in HOOKS.items() if any(cls.changes(name) for name in names))

    # -- what it asks for ---------------------------------------------------------------------------------------------

    @property
    def batch_statistics(self) -> BatchStatistics:
        """The batch, and the policy, that `statistics` and `mask` are taken over.

        none            neither of the two is called
        micro_batch     one micro-batch under the current policy, in the pass of its loss, as some released code does:
                        what is learned then depends on the size of the micro-batch
        old_policy      the mini-batch under the old policy: `log_prob` and `entropy` are then the old policy's
        current_policy  the mini-batch under the current policy, which costs one forward pass without gradient
        """
        if isinstance(self.settings, BatchStatisticsSettings):
            return self.settings.batch_statistics
        return "old_policy" if self.changes("mask") else "none"

    @property
    def depends_on_micro_batches(self) -> bool:
        """Whether what is learned depends on which responses a device holds at once, as in some released code."""
        return self.batch_statistics == "micro_batch" or self.settings.aggregation == "micro-batch-token-mean"

    @property
    def reference(self) -> Reference:
        """The policy behind `reference_log_prob`, which stays as it is for the whole step.

        initial               the model that training started from
        initial_with_answer   it, with the answer in its prompt
        policy_with_answer    the old policy, with the answer in its prompt
        policy_with_solution  the old policy, with the first other right response of the group in its prompt; with the
                              answer where there is none, or the model has no room for it

        The last two need no second model, and give `Responses.reference_entropy` as well.
        """
        return "none"

    def logit_terms(self, logits: Tensor) -> dict[str, Tensor]:
        """Name -> [N], from `logits` [N, V] in float32, of what log-prob and entropy do not say; with gradient.

        Called if `uses_logits`, in chunks of tokens, on the logits of the pass that is made anyway.
        """
        return {}

    # -- the hooks ----------------------------------------------------------------------------------------------------

    def rollout(self, training_step: TrainingStep) -> Rollout:
        """How the responses of the step are sampled."""
        return Rollout()

    def rewards(self, responses: Responses) -> Tensor:
        """[B] the rewards that `advantages` starts from."""
        return responses.rewards

    def advantages(self, responses: Responses) -> Tensor:
        """[B, T] (R − mean) / (std + 1e-6) within the group (2402.03300 §4.1.2; sample std and 1e-6 of verl 0.9.1)."""
        return group_normalised(self.rewards(responses), responses.group)[:, None] * responses.response_mask

    def statistics(self, mini_batch: Update) -> dict[str, Tensor]:
        """Name -> a number, or [B, T], that the loss needs to know of the whole mini-batch; without gradient.

        Of one micro-batch instead where `batch_statistics` says so.
        """
        return {}

    def mask(self, mini_batch: Update) -> Tensor:
        """[B, T] bool: the tokens that count; padding never does."""
        return mini_batch.response_mask

    def clip_range(self, update: Update) -> tuple[float | Tensor, float | Tensor]:
        """(ε_low, ε_high), numbers or [B, T]: the ratio is clipped to [1 − ε_low, 1 + ε_high]."""
        return self.settings.clip_ratio_low, self.settings.clip_ratio_high

    def surrogate(self, update: Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        """[B, T] min(r·A, clip(r)·A) (1707.06347 eq. 7), for A<0 not below dual_clip·A (1912.09729 §3.2)."""
        return clipped_objective(update.ratio, update.advantages, clip_low, clip_high, self.settings.dual_clip)

    def clipped(self, update: Update, clip_low: float | Tensor, clip_high: float | Tensor) -> Tensor:
        """[B, T] bool: tokens that get no gradient because of the clip; only logged, by the sign of their advantage.

        Those that the dual clip holds are counted apart (`held_by_dual_clip`), as verl does.
        """
        return outside_clip(update, clip_low, clip_high)

    def held_by_dual_clip(self, update: Update, dual_clip: float) -> Tensor:
        """[B, T] bool: tokens that get no gradient because of the dual clip; only logged."""
        return (update.advantages < 0) & (update.ratio > dual_clip)

    def token_weight(self, update: Update) -> Tensor | float:
        """A number or [B, T]: what a token's surrogate is multiplied by."""
        return 1.0

    def regulariser(self, update: Update) -> Tensor | float:
        """A number or [B, T]: what is added to a token's loss."""
        return 0.0

    def initial_state(self) -> State:
        """The state of the first step."""
        return {}

    def accumulate(self, micro_batch: Update) -> dict[str, Tensor]:
        """Name of a number of the state -> what this micro-batch adds to it before the next one sees it.

        For released code that counts inside its loss, so only where `batch_statistics` is micro_batch. A micro-batch
        weighs as much as its share of the mini-batch's responses. No name may contain `max` or `min`: verl would take
        the largest or smallest of the updates.
        """
        return {}

    def update_state(self, responses: Responses, measured: dict[str, float]) -> State:
        """The state of the next step, after this one's update.

        `measured` has the step's `entropy` (token mean over the rollout batch, nats) and its other measurements; the
        means of what `token_loss` logged, by the same names; and, by the state's names, what `accumulate` added in the
        whole step (the mean over ranks).
        """
        return responses.training_step.state

    # -- the loss -----------------------------------------------------------------------------------------------------

    def token_loss(self, update: Update) -> tuple[Tensor, dict[str, Tensor]]:
        """[B, T] the loss of each token, and name -> [B, T] (or a number) of what is logged of it, without gradient.

        Whatever only some methods have is logged as `method_<name>`: a weight, a regulariser, widths, logit terms.
        """
        clip_low, clip_high = self.clip_range(update)
        weight = self.token_weight(update)
        regulariser = self.regulariser(update)
        loss = -weight * self.surrogate(update, clip_low, clip_high) + regulariser
        clipped = self.clipped(update, clip_low, clip_high)
        logged = {
            "clip_fraction_high": clipped & (update.advantages > 0),
            "clip_fraction_low": clipped & (update.advantages < 0),
            "clip_fraction_unlikely": clipped & unlikely(update),
            "kl": (update.old_log_prob - update.log_prob).detach(),
            "kept_fraction": update.mask,
        }
        if self.has_dual_clip and self.settings.dual_clip is not None:
            logged["clip_fraction_dual"] = self.held_by_dual_clip(update, self.settings.dual_clip)
        own: dict[str, Any] = {
            "token_weight": weight,
            "regulariser": regulariser,
            "clip_low": clip_low,
            "clip_high": clip_high,
            **update.logit_terms,
        }
        logged |= {f"method_{name}": value.detach() for name, value in own.items() if isinstance(value, Tensor)}
        return loss, logged
