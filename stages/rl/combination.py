"""Methods made of others: `class RlooSteer(Rloo, Steer)` has RLOO's advantage and STEER's token weight.

Python's inheritance combines the hooks. It would also let one part silently hide what another part defines, and it
cannot merge what every part adds to. So when such a class is made, `Method` has `combine`

- refuse parts that define the same thing: a hook, a reference, a setting, or a helper by the same name;
- make one class of the parts' settings, in which a default that a part changed wins over GRPO's (pydantic would take
  every field that two parts share from the first of them);
- join the statistics, logit terms and sources of the parts.

Whether the parts take their statistics of the same batch depends on their settings, so that is checked when the method
is built.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import create_model
from torch import Tensor

from stages.common.files import InputError
from stages.rl import sources
from stages.rl.batch import Update
from stages.rl.settings import BatchStatistics, BatchStatisticsSettings, Settings

Method = Any  # `stages.rl.method.Method`, which this module completes and so cannot import

# What every part may define, since it is joined, and the combination itself may not.
ASKED = ("uses_logits", "uses_engine_log_prob")  # it is enough that one part asks for it
JOINED = {
    "Settings",
    "settings",
    "sources",
    "logit_terms",
    "statistics",
    "batch_statistics",
    "selects",
    "weighs",
    "asked_in_loss",
    "without_control",
    "unread",
    *ASKED,
}
DEMANDS: tuple[BatchStatistics, ...] = ("none", "micro_batch", "old_policy", "current_policy")  # more and more


def combine(combined: type[Method], parts: list[type[Method]], root: type[Method]) -> None:
    """Completes the class `combined` of these `parts`, methods that derive from `root`.

    InputError names two parts that define the same thing.
    """
    if own := JOINED & vars(combined).keys():
        raise InputError(
            f"{_name(combined)} defines {', '.join(sorted(own))}, which is joined of its parts; leave it out"
        )
    _refuse_two({part: part.changed_hooks() for part in parts}, "both change the {}")
    _refuse_two({part: ["reference"] for part in parts if part.changes("reference")}, "both ask for a {}")
    _refuse_two({part: _own_settings(part) for part in parts}, "both have a setting {}")
    _refuse_two({part: _definitions(part, root) - JOINED for part in parts}, "both define {}")
    checks = {part: _definitions(part.Settings, BatchStatisticsSettings) for part in parts}
    _refuse_two(checks, "both have a check {} of their settings")

    def logit_terms(self: Method, logits: Tensor) -> dict[str, Tensor]:
        return _join({part: part.logit_terms(self, logits) for part in parts}, "both have a logit term {}")

    def statistics(self: Method, mini_batch: Update) -> dict[str, Tensor]:
        return _join({part: part.statistics(self, mini_batch) for part in parts}, "both have a statistic {}")

    def batch_statistics(self: Method) -> BatchStatistics:
        return _most_demanding({part: _demand(part, self) for part in parts if _has_statistics(part)})

    joined: dict[str, Any] = {
        "Settings": _settings(combined, parts),
        "sources": sources.merged([part.sources for part in parts]),
        **{name: any(getattr(part, name) for part in parts) for name in ASKED},
        **{
            kind: tuple(name for part in parts for name in getattr(part, kind))
            for kind in ("selects", "weighs", "asked_in_loss")
        },
        "unread": tuple(dict.fromkeys(name for part in parts for name in part.unread)),
        "logit_terms": logit_terms,
        "statistics": statistics,
        "batch_statistics": property(batch_statistics),
    }
    for name, member in joined.items():
        setattr(combined, name, member)


def _refuse_two(defined: Mapping[type[Method], Iterable[str]], said: str) -> None:
    """InputError when two parts have a name in common; `said` is what is wrong with the name {}."""
    owner: dict[str, type[Method]] = {}
    for part, names in defined.items():
        for name in names:
            if name in owner:
                both = f"{_name(owner[name])} and {_name(part)}"
                raise InputError(f"{both} {said.format(name)}: they cannot be combined")
            owner[name] = part


def _join(found: dict[type[Method], dict[str, Tensor]], said: str) -> dict[str, Tensor]:
    _refuse_two(found, said)
    return {name: value for of_part in found.values() for name, value in of_part.items()}


def _own_settings(part: type[Method]) -> list[str]:
    """The settings that only this method has; those of `BatchStatisticsSettings` mean the same in all of them."""
    return [name for name in part.Settings.model_fields if name not in BatchStatisticsSettings.model_fields]


def _definitions(cls: type, root: type) -> set[str]:
    """The names that `cls` and its bases define beside `root` and its bases."""
    names = {name for c in cls.__mro__ if not issubclass(root, c) for name in vars(c)}
    return {name for name in names if not name.startswith("__")} - {"_abc_impl", "model_config"}


def _settings(combined: type[Method], parts: list[type[Method]]) -> type[Settings]:
    changed: dict[str, Any] = {
        name: (field.annotation, field)
        for part in parts
        for name, field in part.Settings.model_fields.items()
        if name not in Settings.model_fields or part.changes(name)
    }
    classes = list(dict.fromkeys(part.Settings for part in parts))
    bases = [c for c in classes if not any(c is not other and issubclass(other, c) for other in classes)]
    return create_model("Settings", __base__=tuple(bases), __module__=combined.__module__, **changed)


def _has_statistics(part: type[Method]) -> bool:
    """Whether a part needs statistics of its own; one that does not would answer for its partner's settings."""
    return issubclass(part.Settings, BatchStatisticsSettings) or any(map(part.changes, ("batch_statistics", "mask")))


def _demand(part: type[Method], method: Method) -> BatchStatistics:
    """What `part` alone would say of the batch of its statistics, at the settings of `method`."""
    return vars(next(c for c in part.__mro__ if "batch_statistics" in vars(c)))["batch_statistics"].fget(method)


def _most_demanding(demands: dict[type[Method], BatchStatistics]) -> BatchStatistics:
    most: BatchStatistics = max(demands.values(), key=DEMANDS.index, default="none")
    for part, demand in demands.items():
        if demand == "micro_batch" and most != "micro_batch":
            other = next(other for other in demands if demands[other] == most)
            raise ValueError(
                f"variant: this one of {_name(part)} takes its statistics of the micro-batch and {_name(other)} of the "
                "mini-batch: they cannot be combined; choose another variant"
            )
    return most


def _name(method: type[Method]) -> str:
    return method.__module__.rpartition(".")[2]
