"""The schema of `params.yaml` and of the profiles, checked whole before anything expensive starts."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError, model_validator

from stages.evaluation import PROMPTS
from stages.files import InputError
from stages.methods import METHODS, build
from stages.protocol_in_force import check_evaluation

Seed = Annotated[int, Field(ge=0, lt=2**31)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Lab(Section):
    """The generated problems (see stages/lab/problems.py)."""

    families: list[Literal["sum", "chain", "code"]] = Field(min_length=1, description="what is trained on")
    train_per_level: PositiveInt
    test_per_level: PositiveInt


class Subset(Section):
    """Part of a training set: `prompts` of it at random, or the `largest` of its `clusters`."""

    of: str
    by: Literal["random", "clusters"]
    prompts: PositiveInt | None = None
    clusters: PositiveInt | None = None
    largest: PositiveInt | None = None

    @model_validator(mode="after")
    def _sized(self) -> "Subset":
        wanted = {"random": ["prompts"], "clusters": ["clusters", "largest"]}[self.by]
        if wanted != [name for name in ("prompts", "clusters", "largest") if getattr(self, name) is not None]:
            raise ValueError(f"by {self.by} takes {' and '.join(wanted)}, and nothing else")
        if self.by == "clusters" and self.largest > self.clusters:
            raise ValueError(f"largest ({self.largest}) cannot be more than clusters ({self.clusters})")
        return self


class Data(Section):
    training: list[str] = Field(min_length=1)
    variant: Literal["as_released", "decontaminated"] = Field("decontaminated", description="of training sets")
    prompt: str = Field(description="template of the training problems, a key of stages.evaluation.PROMPTS")
    subsets: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")], Subset] = {}
    lab: Lab | None = None

    @model_validator(mode="after")
    def _subsets_of_training_sets(self) -> "Data":
        for name, subset in self.subsets.items():
            if subset.of not in self.training:
                raise ValueError(f"subsets.{name}.of: {subset.of!r} is not in training {self.training}")
            if name in self.training:
                raise ValueError(f"subsets.{name}: a training set has that name; choose another")
        return self


class Model(Section):
    """Where the base model comes from: `lab` (weights shipped or rebuilt), `package`, `hub` or `folder`."""

    source: Literal["lab", "package", "hub", "folder"]
    name: str = Field("", description="hub id, package or folder")
    revision: str = Field("", description="hub commit")
    rebuild: bool = Field(False, description="lab: repeat the warm start instead of taking the shipped weights")
    warm_start_steps: PositiveInt = 5000
    max_position_embeddings: PositiveInt | None = Field(
        None, description="tokens the model is allowed to hold, where its own config.json allows fewer"
    )

    @model_validator(mode="after")
    def _named(self) -> "Model":
        if self.source != "lab" and not self.name:
            raise ValueError(f"name is missing: source {self.source} needs one")
        _check_place("name", self.source, self.name, self.revision)
        return self


def _check_place(field: str, source: str, name: str, revision: str) -> None:
    if source == "hub" and not re.fullmatch(r"[0-9a-f]{40}", revision):
        raise ValueError("revision must be a full commit of 40 hex digits: a branch moves")
    if source == "folder" and not (Path(name) / "config.json").is_file():
        raise ValueError(f"{field}: no model in folder {name} (config.json is missing); give an existing HF folder")


class Optimiser(Section):
    learning_rate: PositiveFloat
    betas: tuple[float, float] = Field(strict=False)
    epsilon: PositiveFloat = Field(description="Adam's ε")
    weight_decay: float = Field(ge=0)
    warm_up_steps: int = Field(ge=0)
    schedule: Literal["constant", "cosine"]
    gradient_clip: PositiveFloat


class Train(Section):
    dataset: str
    steps: PositiveInt
    prompts_per_step: PositiveInt
    responses_per_prompt: PositiveInt
    updates_per_step: PositiveInt
    micro_batch: PositiveInt = Field(description="responses a device holds at once")
    temperature: PositiveFloat
    max_prompt_tokens: PositiveInt
    max_response_tokens: PositiveInt
    checkpoint_every: PositiveInt = Field(description="steps")
    optimiser: Optimiser

    @model_validator(mode="after")
    def _divisible(self) -> "Train":
        if self.prompts_per_step % self.updates_per_step:
            raise ValueError(
                f"prompts_per_step ({self.prompts_per_step}) must be a multiple of updates_per_step ({self.updates_per_step})"
            )
        return self


class Evaluation(Section):
    """A named protocol, and what this profile has otherwise: each override is shown as a departure from it."""

    protocol: str = Field(description="a file of data/protocols")
    benchmarks: list[str] = Field([], description="those to evaluate; empty: all of the protocol's")
    benchmark_settings: dict[str, dict[str, Any]] = {}
    concurrency: PositiveInt = Field(description="requests in flight; no result depends on it")
    samples: dict[str, PositiveInt] = Field({}, description="benchmark -> samples a problem (k)")
    prompt: str | None = Field(None, description="for all benchmarks whose problems do not say what is wanted")
    temperature: float | None = Field(None, ge=0)
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=-1)
    max_tokens: PositiveInt | None = None
    grader: str | None = Field(None, description="for all benchmarks that run no code")
    graders: dict[str, str] = Field({}, description="benchmark -> grader")
    also_graded_by: dict[str, list[str]] = Field({}, description="benchmark -> further graders, for comparison")


class Released(Section):
    """A checkpoint that others trained: evaluated like a run of this suite, never trained."""

    hub: str = ""
    revision: str = Field("", description="hub commit")
    folder: str = ""

    @model_validator(mode="after")
    def _one_place(self) -> "Released":
        if bool(self.hub) == bool(self.folder):
            raise ValueError("give either hub with revision, or folder")
        _check_place("folder", self.source, self.folder, self.revision)
        return self

    @property
    def source(self) -> str:
        return "hub" if self.hub else "folder"


class Backend(Section):
    platform: Literal["cpu", "cuda"]
    dtype: Literal["float32", "bfloat16"]
    devices: PositiveInt = 1
    threads: PositiveInt = Field(1, description="threads the actor computes with; they fix the order of float sums")
    engine_gigabytes: PositiveFloat = Field(1.0, description="cpu: memory for vLLM's KV cache")
    engine_memory_share: float | None = Field(None, gt=0, lt=1, description="cuda: vLLM's gpu_memory_utilization")
    port: int = Field(0, ge=0, lt=65536, description="of the server that is sampled; 0 takes a free one")


class PublishedRow(Section):
    """A method and its form, spelt as in the published tables."""

    method: str
    variant: str | None = Field(None, description="none: the paper's main setting")


class Published(Section):
    """Which published numbers ours are set against."""

    model: str
    train_data: str
    replays: str | None = Field(None, description="the paper whose training recipe this is, a file of data/published")
    rows: dict[str, PublishedRow] = Field({}, description="what a run stands for, where its name does not say")


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
            if name == "base" or re.fullmatch(f"(?:{'|'.join({*METHODS, *self.methods})})-[0-9]+", name):
                raise ValueError(f"models: {name!r} is the name of a run; choose another, such as released-{name}")
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
