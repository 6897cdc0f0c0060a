"""Whether the problems of a validation say something of the policy: checked before a session starts."""

from pathlib import Path

from stages.common.files import InputError
from stages.datasets.verl import contents
from stages.profile.sections.train import Train
from stages.sampling.lengths import counter


def check_validation(train: Train, validation: Path, data: Path, model: Path) -> None:
    """InputError where the problems of `train.validation` are too few, too long, or trained on."""
    assert train.validation
    name, wanted = train.validation.dataset, train.validation.prompts
    problems, trained = contents(validation)[:wanted], set(contents(data))
    if len(problems) < wanted:
        raise InputError(
            f"train.validation.prompts: {name} has {len(problems)}, fewer than {wanted}; give at most that"
        )
    if common := sum(problem in trained for problem in problems):
        raise InputError(
            f"train.validation.dataset: {common} of {wanted} prompts of {name} are trained on as well; leave them out of one"
        )
    count = counter(model)
    if long := sum(count(problem) > train.max_prompt_tokens for problem in problems):
        raise InputError(
            f"train.validation.dataset: {long} of {wanted} prompts of {name} have more than train.max_prompt_tokens "
            f"({train.max_prompt_tokens}); leave them out, or give more"
        )
