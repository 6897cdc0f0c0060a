"""The schema of `params.yaml` and of the profiles, checked whole before anything expensive starts."""

import re
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from stages.evaluation import PROMPTS
from stages.files import InputError
from stages.methods import METHODS, build
from stages.protocol_in_force import check_evaluation
from stages.sections import Backend, Data, Evaluation, Model, Published, Released, Section, Train

Seed = Annotated[int, Field(ge=0, lt=2**31)]


class Params(Section):
    profile: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    suite_seed: Seed
    seeds: list[Seed] = Field(min_length=1)
    methods: list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]] = Field(min_length=1)
    method_settings: dict[str, dict[str, Any]] = Field(
        {}, description="what differs from a method's defaults; under a name of your own, `method` says which it runs"
    )
    backend: Backend
    data: Data
    model: Model
    train: Train
    evaluation: Evaluation
    published: Published | None = None
    models: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")], Released] = {}

    @model_validator(mode="after")
    def _consistent(self) -> "Params":
        for field in ("seeds", "methods"):
            values = getattr(self, field)
            if len(set(values)) < len(values):
                raise ValueError(f"{field}: {values} repeats an entry; every run is declared once")
        if self.train.dataset not in [*self.data.training, *self.data.subsets]:
            known = f"data.training {self.data.training}"
            known += f" or data.subsets {list(self.data.subsets)}" if self.data.subsets else ""
            raise ValueError(f"train.dataset: {self.train.dataset!r} is not in {known}")
        for field, template in (("data.prompt", self.data.prompt), ("evaluation.prompt", self.evaluation.prompt)):
            if template is not None and template not in PROMPTS:
                raise ValueError(f"{field}: {template!r} is no template; known are {', '.join(PROMPTS)}")
        benchmarks = check_evaluation(self)
        for name in self.models:
            if name == "base" or re.fullmatch(f"(?:{'|'.join({*METHODS, *self.methods})})(?:-[0-9]+)?", name):
                raise ValueError(
                    f"models: {name!r} is the name of a run or method; choose another, such as released-{name}"
                )
        if "base" in self.methods:
            raise ValueError("methods: 'base' is the untrained model, which is always evaluated; choose another name")
        if self.data.lab is None and any(name.startswith("lab") for name in [*self.data.training, *benchmarks]):
            raise ValueError("data.lab: missing, but a laboratory data set is named")
        for name in self.published.rows if self.published else ():
            if name not in self.methods:
                raise ValueError(f"published.rows.{name}: no such run; methods are {', '.join(self.methods)}")
        laboratory = self.data.lab or self.model.source == "lab" or self.evaluation.protocol == "laboratory"
        if self.published and laboratory:
            raise ValueError(
                "published: results of the laboratory are never compared with published numbers; remove it"
            )
        return self

    def method_of(self, name: str) -> tuple[str, dict[str, Any]]:
        """The method that `name` of `methods` or `method_settings` stands for, and its settings over the defaults.

        A name is a method's own, or one that `method_settings.<name>.method` makes a further run of a method. InputError
        where a method's own name is given to another one, or a setting is unknown or wrong.
        """
        settings = dict(self.method_settings.get(name, {}))
        method = str(settings.pop("method", name))
        if name in METHODS and method != name:
            raise InputError(
                f"method_settings.{name}.method: {name} is a method itself; choose another name for a run of {method}"
            )
        try:
            return method, build(method, settings).settings.model_dump()
        except InputError as error:
            raise InputError(str(error).replace(f"method_settings.{method}.", f"method_settings.{name}."))


def load(path: Path) -> Params:
    """The checked parameters; InputError names the first wrong field, what was given and what is expected."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} is missing; copy one of profiles/ there")
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not YAML: {' '.join(str(error).split())}")
    try:
        params = Params.model_validate(content)
    except ValidationError as error:
        # a misspelled field is also a missing one: name the misspelling
        raise InputError(
            f"{path}: {_explain(min(error.errors(), key=lambda problem: problem['type'] != 'extra_forbidden'))}"
        )
    for name in dict.fromkeys([*params.method_settings, *params.methods]):
        _check_lengths(name, params.method_of(name)[1], params.train.max_response_tokens)
    return params


def _check_lengths(name: str, settings: dict[str, Any], longest: int) -> None:
    """Punishing responses beyond the longest that can be would silently do nothing."""
    if settings.get("overlong_shaping") and settings["overlong_length"] > longest:
        raise InputError(
            f"method_settings.{name}.overlong_length: {settings['overlong_length']} tokens, but train.max_response_tokens "
            f"is {longest}; set it and overlong_buffer to this run's lengths, or overlong_shaping: false"
        )


def _explain(problem: dict[str, Any]) -> str:
    field = ".".join(map(str, problem["loc"]))
    if problem["type"] == "value_error":  # our own sentence
        return f"{field}: {problem['ctx']['error']}" if field else str(problem["ctx"]["error"])
    if problem["type"] == "extra_forbidden":
        known = Params
        for part in problem["loc"][:-1]:
            annotation = (
                known.model_fields[part].annotation if part in known.model_fields else None
            )  # else a dict's key
            nested = (annotation, *getattr(annotation, "__args__", ()))
            known = next((a for a in nested if isinstance(a, type) and issubclass(a, BaseModel)), known)
        return f"{field} is no setting; known here are {', '.join(known.model_fields)}"
    given = "" if problem["type"] == "missing" else f", not {problem['input']!r}"
    return f"{field}: {problem['msg'].lower()}{given}"
