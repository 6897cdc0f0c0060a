"""The reference of all settings, read from their schemas: `python -m stages.profile [--write]`; --write: docs/settings.md."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from stages.common.command import run_stage
from stages.common.files import InputError, write_text
from stages.common.tables import markdown_table
from stages.profile.params import Params, load
from stages.profile.plans.base import Plan
from stages.profile.plans.choose import ChoosePlan
from stages.profile.plans.grade import GradePlan
from stages.profile.plans.model import ModelPlan
from stages.profile.plans.prepare import PreparePlan
from stages.profile.plans.report import ReportPlan
from stages.profile.plans.sample import SamplePlan
from stages.profile.plans.subset import SubsetPlan
from stages.profile.plans.train import TrainPlan
from stages.rl.settings import Settings

DOCUMENT = Path("docs/settings.md")
COLUMNS = ["setting", "type", "unit", "default", "meaning"]
PROFILE = Path("profiles/qwen2.5-math-7b-dapo.yaml")  # whose batch is drawn
PLACEHOLDER = re.compile(r"<(\w+)>(?=[^`\n]*(?:`[^`\n]*`[^`\n]*)*$)", re.MULTILINE)  # not in code
HEAD = """# The settings

Written by `python -m stages.profile --write` from the schemas (`stages/profile/sections/`), which refuse what is not in
these tables. `required` settings have no default; a number without a unit is bare.
"""
# The unit of a setting is that of the first pattern that its name fits.
UNITS = {
    r"(.*_)?tokens|overlong_(length|buffer)|max_position_embeddings|context_length": "tokens",
    r"prompts_per_step|prompts": "prompts",
    r"updates_per_step|updates": "optimiser steps",
    r"responses_per_prompt|responses|micro_batch": "responses",
    r"steps|.*_steps|checkpoint_every": "steps",
    r".*_gigabytes": "GiB",
    r".*_share": "share of 1",
    r"(.*_)?devices": "devices",
    r"nodes": "nodes",
    r"threads": "threads",
    r".*_per_level": "problems",
    r"concurrency": "requests",
    r"top_k": "tokens",
    r"k|samples": "samples a problem",
    r"equivalence_margins?": "points of 100",
}
# Of the settings beside the sections: the stages that read them, in plans of their own.
OF_ALL = "resolve, for all stages"
READ_BY = {
    "profile": OF_ALL,
    "bench_seed": OF_ALL,
    "seeds": "dvc.yaml, train, report",
    "methods": "dvc.yaml, train, report",
    "method_settings": "train, diagnose, report",
    "checkpoints": "dvc.yaml, train, sample_checkpoints, choose, report",
    "probes": "dvc.yaml, diagnose, report",
    "claims": "report",
    "models": "dvc.yaml, model, report",
}
READERS: dict[str, tuple[type[Plan], ...]] = {
    "model": (ModelPlan,),
    "data": (PreparePlan, SubsetPlan, TrainPlan),
    "train": (TrainPlan, ReportPlan),
    "backend": (TrainPlan, SamplePlan, SubsetPlan, ReportPlan),
    "evaluation": (PreparePlan, SamplePlan, GradePlan, ChoosePlan, ReportPlan),
    "published": (ReportPlan,),
    "tuning": (ReportPlan,),
}


def document() -> str:
    whole = [[*row, READ_BY.get(row[0]) or _readers(row[0])] for row in _leaves(Params)]
    parts = [HEAD, f"## The whole profile\n\n{markdown_table([*COLUMNS, 'read by'], whole)}\n"]
    for name, field in Params.model_fields.items():
        if schema := _model_in(field.annotation):
            title = f"{name}.<name>" if get_origin(field.annotation) is dict else name
            read = f"\nRead by: {READ_BY.get(name) or _readers(name)}.\n"
            parts += [f"## {title}\n{read}\n{_table(_leaves(schema))}", *_below(schema, title)]
    own = (
        "## method_settings.<name>\n\nOf every method; [methods.md](methods.md) has what each adds, and gives another default."
        "\nBeside these, `method` says which one a name of your own runs, and `dataset` what the run is trained on, one of"
        "\n`data.training` or `data.subsets`; without it that is `train.dataset`.\n\n"
    )
    # Markdown takes <name> for an element of a page, and shows nothing of it
    return PLACEHOLDER.sub(r"&lt;\1&gt;", "\n".join([*parts, own + _table(_leaves(Settings)), batch()]))


def batch() -> str:
    """How a step's responses are shared out, for 1, 2 and 8 GPUs, by the arithmetic of the profile that is named."""
    train = load(PROFILE).train
    responses = train.prompts_per_step * train.responses_per_prompt
    mini = responses // train.updates_per_step
    rows = []
    for devices in (1, 2, 8):
        share = mini // devices
        rows.append(
            [
                str(devices),
                str(responses // devices),
                str(share),
                f"{train.micro_batch}",
                str(share // train.micro_batch),
            ]
        )
    columns = [
        "GPUs",
        "responses a GPU samples in a step",
        "of a mini-batch on each",
        "of them at once",
        "passes an update",
    ]
    return f"""## The batch, drawn

`{PROFILE}`: a step samples `prompts_per_step` {train.prompts_per_step} × `responses_per_prompt` {train.responses_per_prompt} = {responses:,}
responses. `updates_per_step` {train.updates_per_step} cuts them into mini-batches of {responses:,} / {train.updates_per_step} = {mini} responses, an optimiser
step each. GPUs share every mini-batch out evenly, and each goes through its part in micro-batches:

    step          {responses:,} responses
    └ mini-batch  {mini} responses       × {train.updates_per_step} updates
      └ GPU       {mini} / devices
        └ micro-batch  {train.micro_batch} responses, whose gradients are added up

{markdown_table(columns, rows, "rrrrr")}

So devices have to divide {mini}, and micro_batch a GPU's part, unless that is smaller: it is then computed at once. A method that
depends on micro-batches is refused such a part. With `backend.micro_batch_tokens` a GPU packs responses up to that many tokens
instead, and devices alone have to divide {mini}. A method with `updates_per_step` of its own has mini-batches of its own.
"""


def _below(schema: type[BaseModel], title: str) -> Iterator[str]:
    for name, field in schema.model_fields.items():
        if inner := _model_in(field.annotation):
            place = f"{title}.{name}" + (".<name>" if get_origin(field.annotation) is dict else "")
            yield f"### {place}\n\n{_table(_leaves(inner))}"


def _leaves(schema: type[BaseModel]) -> list[list[str]]:
    return [
        [name, _type(field), _unit(name, field), _default(field), field.description or "see below"]
        for name, field in schema.model_fields.items()
    ]


def _table(rows: list[list[str]]) -> str:
    return markdown_table(COLUMNS, rows) + "\n"


def _unit(name: str, field: FieldInfo) -> str:
    """Empty for what is no number."""
    counted = re.search("number", _words(field.annotation))
    return next((unit for pattern, unit in UNITS.items() if counted and re.fullmatch(pattern, name)), "")


def _readers(section: str) -> str:
    return ", ".join(_stage(plan) for plan in READERS[section])


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, dict):
        value = {
            k: one.model_dump(exclude_none=True) if isinstance(one, BaseModel) else one for k, one in value.items()
        }
    return (
        {None: "none", True: "true", False: "false", "": "none"}.get(value, str(value))
        if isinstance(value, str | bool | NoneType)
        else str(value)
    )


def _type(field: FieldInfo) -> str:
    """The type in words, with the bounds of a number."""
    bounds = [*field.metadata, *_bounds(field.annotation)]
    signs = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤", "min_length": "at least"}
    said = [
        f"{sign} {getattr(one, name)}"
        for one in bounds
        for name, sign in signs.items()
        if getattr(one, name, None) is not None
    ]
    return _words(field.annotation) + (f", {', '.join(dict.fromkeys(said))}" if said else "")


def _words(kind: Any) -> str:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _words(inner[0])
    if origin is Literal:
        return " or ".join(map(str, inner))
    if origin in (Union, UnionType):
        return " or ".join(_words(one) for one in inner if one is not NoneType)
    if origin is dict:
        return f"name -> {_words(inner[1])}"
    if origin in (list, tuple):
        return f"list of {_words(inner[0])}"
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return "section"
    return {int: "whole number", float: "number", str: "text", bool: "true or false"}.get(kind, "any")


def _bounds(kind: Any) -> list[Any]:
    found: list[Any] = []
    if get_origin(kind) is Annotated:
        for one in get_args(kind)[1:]:
            found += one.metadata if isinstance(one, FieldInfo) else [one]
    elif get_origin(kind) in (Union, UnionType):
        found += [bound for one in get_args(kind) for bound in _bounds(one)]
    return found


def _model_in(kind: Any) -> type[BaseModel] | None:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind
    return next((found for inner in get_args(kind) if (found := _model_in(inner))), None)


def _stage(plan: type[Plan]) -> str:
    return plan.__name__.removesuffix("Plan").lower()


def main(arguments: list[str]) -> None:
    match arguments:
        case []:
            print(document(), end="")
        case ["--write"]:
            write_text(DOCUMENT, document())
        case _:
            raise InputError("usage: python -m stages.profile [--write]")


if __name__ == "__main__":
    run_stage(main)
