"""The registry of methods: a name in `params.yaml` -> the module of that name and its class.

To add one, write `stages/methods/<name>.py` and put its line here.
"""

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from stages.common.files import InputError
from stages.common.validation import first_problem

if TYPE_CHECKING:  # who needs the names alone, such as the report, does not wait for torch
    from stages.rl.method import Method

METHODS = {
    # GRPO, and the three papers that this bench studies
    "grpo": "Grpo",
    "steer": "Steer",
    "par": "Par",
    "flexible": "Flexible",
    # rewards and rollout
    "dapo": "Dapo",
    "cure": "Cure",
    "unlikeliness": "Unlikeliness",
    "e3_temperature": "E3Temperature",
    "random_reward": "RandomReward",
    # advantage
    "dr_grpo": "DrGrpo",
    "rloo": "Rloo",
    "reinforce_pp": "ReinforcePp",
    "reinforce_pp_baseline": "ReinforcePpBaseline",
    "opo": "Opo",
    "gpg": "Gpg",
    "gtpo": "Gtpo",
    "grpo_s": "GrpoS",
    "entropy_adv": "EntropyAdv",
    "hicra": "Hicra",
    "cw_grpo": "CwGrpo",
    "outcome_ucb": "OutcomeUcb",
    "outcome_batch": "OutcomeBatch",
    "w_reinforce": "WReinforce",
    "prepo": "Prepo",
    "decomposing": "Decomposing",
    "qae": "Qae",
    "max_rl": "MaxRl",
    "passk_adv": "PasskAdv",
    "asym_grpo": "AsymGrpo",
    "antisd": "Antisd",
    # mask
    "psr": "Psr",
    "nsr": "Nsr",
    "adv_pos_only": "AdvPosOnly",
    "adv_neg_only": "AdvNegOnly",
    "forking_tokens": "ForkingTokens",
    "clip_b": "ClipB",
    "clip_v": "ClipV",
    "grpo_dropout": "GrpoDropout",
    # clip range
    "clip_higher": "ClipHigher",
    "clip_lower": "ClipLower",
    "clip_tighter": "ClipTighter",
    "clip_free": "ClipFree",
    "dcpo": "Dcpo",
    "archer": "Archer",
    "bapo": "Bapo",
    # surrogate
    "gspo": "Gspo",
    "sapo": "Sapo",
    "cispo": "Cispo",
    "gmpo": "Gmpo",
    "clip_cov": "ClipCov",
    "kl_cov": "KlCov",
    "ce_gppo": "CeGppo",
    "nsr_rescue": "NsrRescue",
    "sent_released": "SentReleased",
    "abc_grpo": "AbcGrpo",
    "simko": "Simko",
    "era": "Era",
    "dppo": "Dppo",
    "vespo": "Vespo",
    "sdpo": "Sdpo",
    # token weight
    "rand_pos_clip": "RandPosClip",
    "intervention": "Intervention",
    "opefo": "Opefo",
    "rlrt": "Rlrt",
    "rlsd": "Rlsd",
    "stare": "Stare",
    "repo_r": "RepoR",
    "luspo": "Luspo",
    "prorl": "Prorl",
    # regulariser
    "entropy_bonus": "EntropyBonus",
    "kl_penalty": "KlPenalty",
    "ada_ent_reg": "AdaEntReg",
    "aent": "Aent",
    "entropic": "Entropic",
    "sent": "Sent",
    # combinations
    "rloo_steer": "RlooSteer",
    "opo_steer": "OpoSteer",
}


# Named in the literature, but not here: name -> (arXiv id, why).
NOT_IMPLEMENTED = {
    "etpo": (
        "2402.06700",
        "a token-level soft Bellman backup on values that its code learns (morning9393/ETPO@d3d7d9c): another algorithm, "
        "not a change to GRPO's surrogate",
    ),
    "aer": (
        "2510.10959",
        "no formula available: its three parts (coefficient by difficulty, target from the initial entropy, global "
        "coefficient) are named in what could be read, also of its third version (Revisiting Entropy Regularization), "
        "their equations are not",
    ),
    "papo": (
        "2605.11775",
        "no formula available: the polarity is the product of advantage and a term T, and neither T nor how the two "
        "branches are weighted could be read",
    ),
    "erpo": (
        "2511.04800",
        "no constants available: a prompt whose last K visits were all right, or all alike, gets a higher temperature; "
        "neither K nor how much higher could be read",
    ),
    "prorl_v1": (
        "2505.24864",
        "no rule available for when the reference is reset, which is what sets it apart from its second version "
        "(prorl)",
    ),
    "rep_exp": (
        "2510.11686",
        "its bonus is how far a response's mean hidden state, of a frozen model, stands from those of its group "
        "(verl-recipe@48ea0a7, rep_exp: leverage in a sparse projection to 32 dimensions, β 0.01); verl's passes give "
        "log-probs and no hidden states, and no other method here needs any",
    ),
    "dph_rl": (
        "2509.07430",
        "beside the step's responses it takes a divergence (seamoke/DPH-RL@139a9b2: forward KL, or that of Jensen and "
        "Shannon) on responses that the initial model gave, before the training, to prompts that it solves, which are then "
        "left out of the training set; rows that were not sampled in the step are a place that no other method here needs",
    ),
    "adapo": (
        "2603.11682",
        "no constants available: the upper clip width rises below the initial entropy and falls above it; by how much "
        "could not be read",
    ),
    "dasd": (
        "2605.22263",
        "no complete formula available: a token's advantage gets β·tanh((τ − H)/σ)·sigmoid(|d| − 1)·d, with τ the 20 % "
        "quantile of the response's entropies and σ their mean absolute deviation; neither β nor how the teacher's "
        "log-ratio is normalised into d could be read",
    ),
    "sd_zero": (
        "2604.12002",
        "its teacher is the policy after a first phase of supervised training on revised responses, which the backend does "
        "not have; of its second phase, KL to that teacher, the sampled tokens alone would be left",
    ),
    "clip_low_high": (
        "2509.26114",
        "an analysis, not a method: its two widths are clip_ratio_low and clip_ratio_high of every clipped method",
    ),
}


def class_of(name: str) -> "type[Method]":
    """The class of the method `name`; InputError when there is none."""
    if name in NOT_IMPLEMENTED:
        paper, reason = NOT_IMPLEMENTED[name]
        raise InputError(f"methods: {name} (arXiv {paper}) is not implemented: {reason}")
    place = f"stages/methods/{name}.py"
    if name not in METHODS:
        if name.isidentifier() and Path(__file__).with_name(f"{name}.py").is_file():
            raise InputError(
                f"methods: {place} is there, and not in the registry; put its line into METHODS, stages/methods/__init__.py: "
                f'"{name}": "{name.title().replace("_", "")}"'
            )
        raise InputError(f"methods: unknown method {name!r}; known are {', '.join(METHODS)}")
    try:
        module = import_module(f"stages.methods.{name}")
    except SyntaxError as error:
        raise InputError(f"{place} line {error.lineno}: {error.msg}; correct it")
    except ModuleNotFoundError as error:
        missing = f"{place} is missing" if error.name == f"stages.methods.{name}" else f"{place}: {error}"
        raise InputError(f"{missing}; write it, or correct METHODS in stages/methods/__init__.py")
    found = getattr(module, METHODS[name], None)
    if found is None:
        raise InputError(f"{place} has no class {METHODS[name]}; correct METHODS in stages/methods/__init__.py")
    _check_once(found)
    return found


@cache
def _check_once(method: "type[Method]") -> None:
    from stages.rl.spelling import check_names

    check_names(method)


def build(name: str, settings: dict[str, Any], place: str | None = None) -> "Method":
    """The method `name` with `settings` over its defaults, which stand in the profile at `place`.

    InputError says which of them is unknown or wrong; without a place, of `method_settings.<name>`.
    """
    method, place = class_of(name), place or f"method_settings.{name}"
    try:
        return method(method.Settings(**settings))
    except ValidationError as error:
        raise InputError(f"{place}.{first_problem(error, method.Settings)}")
    except ValueError as error:  # from `Method.__init__`
        raise InputError(f"{place}.{error}")
