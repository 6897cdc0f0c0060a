"""The checkpoints that a profile evaluates beside the last one: which are kept, and whether its rules can be followed."""

from collections.abc import Iterable, Mapping

from stages.profile.sections.train import Train
from stages.protocols.checkpoint import LAST, CheckpointRule, checkpoint_rule


def check_rules(rules: Mapping[str, str], train: Train, benchmarks: Iterable[str]) -> None:
    """ValueError names the first of `rules` (name -> rule) that no checkpoint of `train` can follow."""
    for name, text in rules.items():
        try:
            rule = checkpoint_rule(text)
        except ValueError as error:
            raise ValueError(f"checkpoints.{name}: {error}")
        saved = saved_steps(train)
        if text == LAST or rule.step == train.steps:
            raise ValueError(f"checkpoints.{name}: the last checkpoint is always evaluated; remove it")
        if rule.step is not None and rule.step not in saved:
            raise ValueError(
                f"checkpoints.{name}: no checkpoint is saved at step {rule.step}; train.checkpoint_every is "
                f"{train.checkpoint_every} and train.steps {train.steps}"
            )
        if not saved:
            raise ValueError(
                f"checkpoints.{name}: train.checkpoint_every ({train.checkpoint_every}) leaves none before the last step "
                f"({train.steps}); lower it"
            )
        for benchmark in rule.benchmarks:
            if benchmark not in benchmarks:
                raise ValueError(f"checkpoints.{name}: {benchmark} is not evaluated; add it to evaluation.benchmarks")


def saved_steps(train: Train) -> list[int]:
    """The steps before the last at which a checkpoint is saved."""
    return list(range(train.checkpoint_every, train.steps, train.checkpoint_every))


def candidates(rule: CheckpointRule, train: Train) -> list[int]:
    """The steps, the last included, that a rule chooses from."""
    return [rule.step] if rule.step else [*saved_steps(train), train.steps]


def kept_steps(rules: Mapping[str, str], train: Train) -> list[int]:
    """The steps before the last whose weights a training leaves."""
    wanted = {step for text in rules.values() for step in candidates(checkpoint_rule(text), train)}
    return sorted(wanted - {train.steps})
