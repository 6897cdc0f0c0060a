"""A profile that trains nothing says nothing of training: `methods: []`, and sections `data` and `train` left out.

DVC reads `methods` and `seeds` in dvc.yaml and knows no default for a list, so that both are written all the same.
"""

from typing import Any

# What the plans of such a profile hold in these places. No stage reads it: there is no training, and no set to train on.
NO_TRAINING = {
    "dataset": "none",
    "steps": 1,
    "prompts_per_step": 1,
    "responses_per_prompt": 2,
    "updates_per_step": 1,
    "micro_batch": 1,
    "reward": "by_value",
    "temperature": 1.0,
    "max_response_tokens": 1,
    "checkpoint_every": 1,
    "optimiser": {
        "learning_rate": 1.0e-6,
        "betas": (0.9, 0.999),
        "epsilon": 1.0e-8,
        "weight_decay": 0.0,
        "warm_up_steps": 0,
        "schedule": "constant",
        "gradient_clip": 1.0,
    },
}
OF_A_TRAINING = ("checkpoints", "probes", "tuning")


def completed(content: Any) -> Any:
    """The settings in `content`, with what a profile without a method may leave out.

    ValueError where what is left out is needed.
    """
    if not isinstance(content, dict) or not isinstance(content.get("evaluation"), dict):
        return content  # the schema says what is wrong with it
    if "methods" not in content:
        raise ValueError("methods: missing; name what is trained, or write methods: [] where nothing is")
    if content["methods"]:
        for name in ("data", "train"):
            if name not in content:
                raise ValueError(f"{name}: missing, and methods names what is trained; add the section, or methods: []")
        return content
    found, evaluation = dict(content), content["evaluation"]
    if "train" not in content:
        if asked := next((name for name in OF_A_TRAINING if content.get(name)), None):
            raise ValueError(f"train: missing, and {asked} is about a training; add section train, or remove {asked}")
        if "max_prompt_tokens" not in evaluation:
            raise ValueError("evaluation.max_prompt_tokens: missing, and there is no train.max_prompt_tokens; give it")
        found["train"] = NO_TRAINING | {"max_prompt_tokens": evaluation["max_prompt_tokens"]}
    data = content.get("data", {})
    if isinstance(data, dict) and "prompt" not in data:
        found["data"] = {"prompt": evaluation.get("prompt") or "plain"} | data
    return found
