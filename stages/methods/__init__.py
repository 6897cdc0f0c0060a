"""The registry of methods: a name in `params.yaml` -> the module of that name and its class.

To add one, write `stages/methods/<name>.py` and put its line here.
"""

from importlib import import_module
from typing import Any

from pydantic import ValidationError

from stages.files import InputError
from stages.methods.base import Method

METHODS = {
    "grpo": "Grpo",
    "clip_higher": "ClipHigher",
    "steer": "Steer",
    "par": "Par",
    "flexible": "Flexible",
    "gspo": "Gspo",
    "sapo": "Sapo",
    "cispo": "Cispo",
    "gmpo": "Gmpo",
    "clip_cov": "ClipCov",
    "kl_cov": "KlCov",
    "entropy_bonus": "EntropyBonus",
    "kl_penalty": "KlPenalty",
    "ada_ent_reg": "AdaEntReg",
    "ce_gppo": "CeGppo",
    "archer": "Archer",
    "cure": "Cure",
    "clip_lower": "ClipLower",
    "clip_tighter": "ClipTighter",
    "clip_free": "ClipFree",
    "entropic": "Entropic",
    "aent": "Aent",
    "opefo": "Opefo",
    "nsr_rescue": "NsrRescue",
    "rlrt": "Rlrt",
}


def build(name: str, settings: dict[str, Any]) -> Method:
    """The method `name` with `settings` over its defaults; InputError names what is unknown or wrong."""
    if name not in METHODS:
        raise InputError(f"methods: unknown method {name!r}; known are {', '.join(METHODS)}")
    method = getattr(import_module(f"stages.methods.{name}"), METHODS[name])
    try:
        return method(method.Settings(**settings))
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(map(str, problem["loc"]))
        if problem["type"] == "missing":
            raise InputError(f"method_settings.{name}.{field}: not published, so there is no default; set it")
        known = (
            f"; known settings are {', '.join(method.Settings.model_fields)}"
            if problem["type"] == "extra_forbidden"
            else ""
        )
        raise InputError(f"method_settings.{name}.{field}: {problem['msg'].lower()}, not {problem['input']!r}{known}")
