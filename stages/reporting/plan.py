"""What the report needs of its plan (`results/<profile>/plan/report.json`), checked. Other keys are other readers'."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, PositiveInt, ValidationError

from stages.files import InputError, read_json
from stages.protocols import Protocol


class Section(BaseModel):
    model_config = ConfigDict(frozen=True)


class Train(Section):
    """The fields the text speaks of; all others are printed as they are."""

    model_config = ConfigDict(extra="allow", frozen=True)
    steps: PositiveInt
    prompts_per_step: PositiveInt
    responses_per_prompt: PositiveInt
    max_prompt_tokens: PositiveInt


class Departure(Section):
    """A field of the protocol in which this profile differs from the protocol that it names."""

    field: str
    ours: str
    theirs: str
    known: bool  # False where the named protocol does not say: they may be the same


class Row(Section):
    """What a run stands for in the published tables."""

    method: str
    variant: str | None = None


class Setting(Section):
    """The published setting that a profile replays."""

    model: str
    train_data: str
    replays: str | None = None
    rows: dict[str, Row] = {}


class Plan(Section):
    """`benchmarks`: name -> samples a problem. `released`: evaluated checkpoints without a training of ours.

    `protocol`: the one in force, in which nothing is unknown.
    """

    profile: str
    suite_seed: int
    methods: list[str]
    method_of: dict[str, str]
    seeds: list[int]
    runs: list[str]
    method_settings: dict[str, dict[str, Any]]
    benchmarks: dict[str, PositiveInt]
    train: Train
    backend: dict[str, Any] = {}
    published: Setting | None = None
    protocol: Protocol
    protocol_departures: list[Departure]
    released: list[str]


def read_plan(path: Path, profile: str) -> Plan:
    """InputError when the plan is missing, malformed or another profile's."""
    if not path.is_file():
        raise InputError(f"{path} is missing: run stage resolve for {profile} (dvc repro does)")
    try:
        plan = Plan.model_validate(read_json(path)["settings"])
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(map(str, problem["loc"]))
        raise InputError(f"{path}: {field}: {problem['msg'].lower()}: run stage resolve again")
    if plan.profile != profile:
        raise InputError(f"{path} is of profile {plan.profile}, not {profile}: run stage resolve again")
    return plan
