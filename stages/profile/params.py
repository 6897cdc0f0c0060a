"""The schema of `params.yaml` and of the profiles, checked whole before anything expensive starts."""

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from stages.common.files import InputError
from stages.common.validation import first_problem
from stages.common.yaml_reader import read_yaml
from stages.methods import METHODS, NOT_IMPLEMENTED, build
from stages.profile.checkpoints import check_rules
from stages.profile.effective_protocol import check_evaluation, effective_protocol
from stages.profile.evaluate_only import completed
from stages.profile.model_folder import check_models
from stages.profile.own_sets import with_own_benchmarks
from stages.profile.sections.backend import LOCAL, Backend
from stages.profile.sections.base import Section
from stages.profile.sections.data import Data
from stages.profile.sections.evaluation import Evaluation
from stages.profile.sections.model import Model
from stages.profile.sections.probes import Probes
from stages.profile.sections.published import Published
from stages.profile.sections.released import Released
from stages.profile.sections.train import Train
from stages.profile.sections.tuning import Point, Tuning
from stages.profile.training_reward import check_reward
from stages.profile.training_sets import check_training_sets
from stages.profile.tuning import check_tuning
from stages.protocols.checkpoint import checkpoint_rule
from stages.rl.method import Method
from stages.text.prompts import PROMPTS

Seed = Annotated[int, Field(ge=0, lt=2**31)]


class Params(Section):
    profile: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", description="names the folder of results/")
    bench_seed: Seed = Field(description="every generator of the bench is seeded from it")
    seeds: list[Seed] = Field(min_length=1, description="of training: each method runs once with each")
    methods: list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]] = Field(
        description="that are trained, or names that method_settings gives to further runs of one; []: the base model and "
        "`models` are evaluated, and nothing is trained",
    )
    method_settings: dict[str, dict[str, Any]] = Field(
        {},
        description="what differs from a method's defaults; under a name of your own, `method` says which it runs; "
        "`dataset`: what is trained on in the place of train.dataset",
    )
    tuning: Tuning | None = Field(
        None, description="settings that are tried for each method, and what chooses among them"
    )
    backend: Backend = Field(description="the machine that trains and samples")
    data: Data = Field(description="what is trained on; left out where `methods` is []")
    model: Model = Field(description="the base model")
    train: Train = Field(description="the training that all methods share; left out where `methods` is []")
    evaluation: Evaluation = Field(description="how models are evaluated")
    checkpoints: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], str] = Field(
        {}, description="those evaluated beside the last: name -> rule (stages/protocols/checkpoint.py)"
    )
    probes: Probes = Field(Probes(), description="optimiser steps that are examined (docs/probes.md)")
    published: Published | None = Field(None, description="which published numbers ours are set against")
    claims: list[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]] = Field(
        [], description="files of data/claims whose claims the report judges"
    )
    models: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")], Released] = Field(
        {}, description="what others trained: evaluated and never trained"
    )

    @model_validator(mode="before")
    @classmethod
    def _completed(cls, content: Any) -> Any:
        known = not isinstance(content, dict) or content.keys() <= cls.model_fields.keys()
        return completed(content) if known else content  # a misspelt name comes first

    @model_validator(mode="after")
    def _consistent(self) -> "Params":
        for field in ("seeds", "methods"):
            values = getattr(self, field)
            if len(set(values)) < len(values):
                raise ValueError(f"{field}: {values} repeats an entry; every run is declared once")
        if self.backend.nodes > 1 and self.backend.ray_address == LOCAL:  # here: no plan has the address
            raise ValueError(
                f"backend.nodes: {self.backend.nodes} nodes need a Ray cluster that stands (docs/cluster.md); give ray_address: "
                "auto, or its host:port"
            )
        if not self.data.training and self.methods:
            raise ValueError("data.training: missing, and methods names what is trained; name a set")
        own = {name: settings["dataset"] for name, settings in self.method_settings.items() if "dataset" in settings}
        trained_on = {"train.dataset": self.train.dataset} if self.data.training else {}
        trained_on |= {f"method_settings.{name}.dataset": dataset for name, dataset in own.items()}
        for field, dataset in trained_on.items():
            if dataset not in [*self.data.training, *self.data.subsets]:
                known = f"data.training {self.data.training}"
                known += f" or data.subsets {list(self.data.subsets)}" if self.data.subsets else ""
                raise ValueError(f"{field}: {dataset!r} is not in {known}")
            subset, wanted = self.data.subsets.get(dataset), self.train.prompts_per_step
            if subset and subset.by == "random" and subset.prompts < wanted:
                raise ValueError(
                    f"data.subsets.{dataset}.prompts: {subset.prompts} are fewer than train.prompts_per_step ({wanted}), so "
                    "that no step could be taken; give at least that"
                )
        if (validation := self.train.validation) and self.methods:
            others = [name for name in self.data.training if name != self.train.dataset]
            if validation.dataset not in others:
                raise ValueError(
                    f"train.validation.dataset: {validation.dataset!r} is not among data.training beside the one that is trained "
                    f"on, {others}; declare it there"
                )
            for name, dataset in own.items():
                if dataset == validation.dataset:
                    raise ValueError(
                        f"method_settings.{name}.dataset: {dataset!r} is what train.validation validates on; train or "
                        "validate on another set"
                    )
        for field, template in (("data.prompt", self.data.prompt), ("evaluation.prompt", self.evaluation.prompt)):
            if template is not None and template not in PROMPTS:
                raise ValueError(f"{field}: {template!r} is no template; known are {', '.join(PROMPTS)}")
        # what is declared under data.own is evaluated as if it stood under evaluation
        object.__setattr__(self, "evaluation", with_own_benchmarks(self.evaluation, self.data.own))
        for name, template in self.evaluation.prompts.items():
            if template not in PROMPTS:
                raise ValueError(
                    f"evaluation.prompts.{name}: {template!r} is no template; known are {', '.join(PROMPTS)}"
                )
        for train in (self.train, *map(self.train_of, own)):
            check_reward(train, self.data)
        benchmarks = check_evaluation(self.evaluation, self.data.prompt, len(self.seeds))
        check_rules(self.checkpoints, self.train, benchmarks)
        if self.checkpoints and self.backend.engine_devices > 1:
            raise ValueError(
                "checkpoints: one server is given the weights of each, which cannot be checked where they are split over "
                "devices; set backend.engine_devices: 1, or remove checkpoints"
            )
        longest = self.train.max_prompt_tokens + self.train.max_response_tokens
        if self.backend.micro_batch_tokens is not None and self.backend.micro_batch_tokens < longest:
            raise ValueError(
                f"backend.micro_batch_tokens: {self.backend.micro_batch_tokens} is less than one sequence may have, "
                f"train.max_prompt_tokens + train.max_response_tokens ({longest}); give at least that"
            )
        for name in self.models:
            if name == "base" or re.fullmatch(f"(?:{'|'.join({*METHODS, *self.methods})})(?:-[0-9]+)?", name):
                raise ValueError(
                    f"models: {name!r} is the name of a run or method; choose another, such as released-{name}"
                )
        check_training_sets(self.data)
        if self.tuning:
            check_tuning(self.tuning, self.methods, self.method_settings, self.data, {*METHODS, *NOT_IMPLEMENTED})
            for name, text in self.checkpoints.items():
                if self.tuning.select_on in checkpoint_rule(text).benchmarks:
                    raise ValueError(
                        f"checkpoints.{name}: {self.tuning.select_on} chooses among the settings of tuning; choose "
                        "checkpoints on another set"
                    )
        if "base" in self.methods:
            raise ValueError("methods: 'base' is the untrained model, which is always evaluated; choose another name")
        if self.data.lab is None and any(name.startswith("lab") for name in [*self.data.training, *benchmarks]):
            raise ValueError("data.lab: missing, but a laboratory data set is named")
        for name, row in self.published.rows.items() if self.published else ():
            if name not in self.methods:
                raise ValueError(f"published.rows.{name}: no such run; methods are {', '.join(self.methods)}")
            dataset = self.train_of(name).dataset
            if dataset != self.train.dataset and row.train_data is None:
                raise ValueError(
                    f"published.rows.{name}: it is trained on {dataset!r}, and published.train_data is what train.dataset "
                    "stands for; give train_data, the set's name in the published tables, or remove the row"
                )
            if dataset == self.train.dataset and row.train_data is not None:
                raise ValueError(
                    f"published.rows.{name}.train_data: it is trained on train.dataset ({dataset!r}), which stands for "
                    "published.train_data; remove train_data"
                )
        laboratory = self.data.lab or self.model.source == "lab" or self.evaluation.protocol == "laboratory"
        if self.published and laboratory:
            raise ValueError(
                "published: results of the laboratory are never compared with published numbers; remove it"
            )
        return self

    def method_of(self, name: str) -> tuple[str, dict[str, Any]]:
        """The method that `name` of `methods` or `method_settings` stands for, and its settings over the defaults.

        A name is a method's own, one that `method_settings.<name>.method` makes a further run of a method, or one of
        `tuning`. InputError where a method's own name is given to another one, or a setting is unknown or wrong.
        """
        point, settings = self._declared(name)
        settings.pop("dataset", None)
        method = str(settings.pop("method", point.of if point else name))
        if point:
            place = f"tuning.grids.{point.of}"
            return method, build(method, settings | point.settings, place).settings.model_dump()
        if name in METHODS and method != name:
            raise InputError(
                f"method_settings.{name}.method: {name} is a method itself; choose another name for a run of {method}"
            )
        return method, build(method, settings, f"method_settings.{name}").settings.model_dump()

    def train_of(self, name: str) -> Train:
        """Section `train` as it is for `name` of `methods` or `method_settings`, whose `dataset` comes first."""
        _, settings = self._declared(name)
        return self.train.model_copy(update={"dataset": settings.get("dataset", self.train.dataset)})

    def _declared(self, name: str) -> tuple[Point | None, dict[str, Any]]:
        """The point of `tuning` that a run is, and what `method_settings` says of it; a point's is said of its grid."""
        point = self.tuning.points().get(name) if self.tuning else None
        return point, dict(self.method_settings.get(point.of if point else name, {}))


def load(path: Path) -> Params:
    """The checked parameters; InputError names the first wrong field, what was given and what is expected."""
    try:
        content = read_yaml(path)
    except FileNotFoundError:
        raise InputError(f"{path} is missing; copy one of profiles/ there")
    if not isinstance(content, dict):
        what = "is empty" if content is None else "holds no settings, which are lines of `name: value`"
        raise InputError(f"{path} {what}; copy one of profiles/ there")
    try:
        params = Params.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{path}: {first_problem(error, Params)}")
    for name in dict.fromkeys([*params.methods, *params.method_settings]):
        _check_name(name, params)
        method, settings = params.method_of(name)
        _check_lengths(name, settings, params.train.max_response_tokens)
        _check_sets(name, settings, params.train.responses_per_prompt)
        if name in params.methods:
            _check_sizes(name, build(method, settings), params)
            _check_correction(name, build(method, settings), params.backend)
    protocol = effective_protocol(params.evaluation, params.data.prompt, len(params.seeds))
    longest = params.evaluation.max_prompt_tokens or params.train.max_prompt_tokens
    trained = params.train if params.methods else None
    check_models(params.model, params.models, trained, longest, protocol.max_tokens)
    return params


def _check_name(name: str, params: Params) -> None:
    """Settings of a name that is neither a method nor a run would silently do nothing."""
    settings = params.method_settings.get(name, {})
    if (method := settings.get("method")) is not None and method not in METHODS:
        raise InputError(f"method_settings.{name}.method: {method!r} is no method; known are {', '.join(METHODS)}")
    if name in {*METHODS, *NOT_IMPLEMENTED} or name in params.methods:
        return
    if params.tuning and name in params.tuning.grids and method is not None:
        return
    if "method" not in settings:
        raise InputError(
            f"method_settings.{name}: {name!r} is no method; write the name of one (python -m stages.methods lists them), "
            "or give `method`, the one that this name runs"
        )
    raise InputError(f"method_settings.{name}: no run has this name; put it into methods, or remove it")


def _check_sizes(name: str, method: Method, params: Params) -> None:
    """A mini-batch is shared out evenly among the devices, and on each of them cut into whole micro-batches.

    A part smaller than a micro-batch is computed at once, unless the method would then be another one.
    """
    train, backend, own = params.train, params.backend, method.settings.updates_per_step
    updates = own or train.updates_per_step
    if train.prompts_per_step % updates:
        raise InputError(
            f"method_settings.{name}.updates_per_step: {own}, which does not divide train.prompts_per_step "
            f"({train.prompts_per_step}); give a divisor"
        )
    responses = train.prompts_per_step // updates * train.responses_per_prompt
    if responses % backend.all_devices:
        raise InputError(
            f"backend.devices: {name} has mini-batches of {responses} responses, which {backend.all_devices} devices cannot "
            "share evenly; give a number that divides them"
        )
    part, exact = responses // backend.all_devices, method.depends_on_micro_batches
    counted = exact or (backend.micro_batch_tokens is None and part > train.micro_batch)
    if counted and part % train.micro_batch:
        kind = ", which depends on micro-batches," if exact else ""
        raise InputError(
            f"train.micro_batch: {name}{kind} has {part} responses of a mini-batch on each device, which micro-batches of "
            f"{train.micro_batch} cannot share evenly; give a number that divides them"
        )


def _check_correction(name: str, method: Method, backend: Backend) -> None:
    """The same ratio would count twice."""
    if method.uses_engine_log_prob and backend.engine_correction != "none":
        raise InputError(
            f"backend.engine_correction: {name} has the engine's probabilities in its own loss; set none, or leave {name} out "
            "of methods"
        )


def _check_lengths(name: str, settings: dict[str, Any], longest: int) -> None:
    """Punishing responses beyond the longest that can be would silently do nothing."""
    if settings.get("overlong_shaping") and settings["overlong_length"] > longest:
        raise InputError(
            f"method_settings.{name}.overlong_length: {settings['overlong_length']} tokens, but train.max_response_tokens "
            f"is {longest}; set it and overlong_buffer to this run's lengths, or overlong_shaping: false"
        )


def _check_sets(name: str, settings: dict[str, Any], responses: int) -> None:
    """A set of k responses to a prompt is drawn from those that are sampled."""
    if settings.get("k", 0) > responses:
        raise InputError(
            f"method_settings.{name}.k: {settings['k']} responses in a set, but train.responses_per_prompt is {responses}; "
            "set at most that"
        )
