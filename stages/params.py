"""The schema of `params.yaml` and of the profiles, checked whole before anything expensive starts."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError, model_validator

from stages.files import InputError
from stages.methods import build

# Benchmark -> the grader that judges it.
BENCHMARK_GRADERS = {
    "lab_sum": "math_verify",
    "lab_chain": "exact_box",
    "lab_code": "sandbox",
    "aime24": "math_verify",
    "aime25": "math_verify",
    "amc23_40": "math_verify",
    "math500": "math_verify",
    "minerva_math": "math_verify",
    "olympiadbench_675": "math_verify",
    "humaneval": "sandbox",
}

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
    prompt: Literal["plain", "boxed"]
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

    @model_validator(mode="after")
    def _named(self) -> "Model":
        if self.source != "lab" and not self.name:
            raise ValueError(f"name is missing: source {self.source} needs one")
        if self.source == "hub" and not re.fullmatch(r"[0-9a-f]{40}", self.revision):
            raise ValueError("revision must be a full commit of 40 hex digits: a branch moves")
        if self.source == "folder" and not (Path(self.name) / "config.json").is_file():
            raise ValueError(
                f"name: no model in folder {self.name} (config.json is missing); give an existing HF folder"
            )
        return self


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
    samples: dict[str, PositiveInt] = Field(min_length=1, description="benchmark -> samples a problem (k)")
    temperature: float = Field(ge=0)
    top_p: float = Field(gt=0, le=1)
    top_k: int = Field(ge=-1)
    max_tokens: PositiveInt
    concurrency: PositiveInt


class Backend(Section):
    platform: Literal["cpu", "cuda"]
    dtype: Literal["float32", "bfloat16"]
    devices: PositiveInt = 1
    threads: PositiveInt = Field(1, description="threads the actor computes with; they fix the order of float sums")
    engine_gigabytes: PositiveFloat = Field(1.0, description="cpu: memory for vLLM's KV cache")
    engine_memory_share: float | None = Field(None, gt=0, lt=1, description="cuda: vLLM's gpu_memory_utilization")
    port: int = Field(0, ge=0, lt=65536, description="of the server that is sampled; 0 takes a free one")


class Published(Section):
    model: str
    train_data: str


class Params(Section):
    profile: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    suite_seed: Seed
    seeds: list[Seed] = Field(min_length=1)
    methods: list[str] = Field(min_length=1)
    method_settings: dict[str, dict[str, Any]] = {}
    backend: Backend
    data: Data
    model: Model
    train: Train
    evaluation: Evaluation
    published: Published | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "Params":
        for field in ("seeds", "methods"):
            values = getattr(self, field)
            if len(set(values)) < len(values):
                raise ValueError(f"{field}: {values} repeats an entry; every run is declared once")
        if self.train.dataset not in [*self.data.training, *self.data.subsets]:
            subsets = f" or data.subsets {list(self.data.subsets)}" if self.data.subsets else ""
            raise ValueError(
                f"train.dataset: {self.train.dataset!r} is not in data.training {self.data.training}{subsets}"
            )
        unknown = sorted(set(self.evaluation.samples) - set(BENCHMARK_GRADERS))
        if unknown:
            raise ValueError(
                f"evaluation.samples: unknown benchmark {', '.join(unknown)}; known are {', '.join(BENCHMARK_GRADERS)}"
            )
        if self.data.lab is None and any(
            name.startswith("lab") for name in [*self.data.training, *self.evaluation.samples]
        ):
            raise ValueError("data.lab: missing, but a laboratory data set is named")
        return self


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
    for name, settings in params.method_settings.items():
        build(name, settings)
    for name in params.methods:
        build(name, params.method_settings.get(name, {}))
    return params


def _explain(problem: dict[str, Any]) -> str:
    field = ".".join(map(str, problem["loc"]))
    if problem["type"] == "value_error":  # our own sentence
        return f"{field}: {problem['ctx']['error']}" if field else str(problem["ctx"]["error"])
    if problem["type"] == "extra_forbidden":
        known = Params
        for part in problem["loc"][:-1]:
            annotation = known.model_fields[part].annotation
            known = next(
                a
                for a in (annotation, *getattr(annotation, "__args__", ()))
                if isinstance(a, type) and issubclass(a, BaseModel)
            )
        return f"{field} is no setting; known here are {', '.join(known.model_fields)}"
    given = "" if problem["type"] == "missing" else f", not {problem['input']!r}"
    return f"{field}: {problem['msg'].lower()}{given}"
