"""The sections of `params.yaml`, one class each; stages/params.py puts them together and checks what concerns several."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator


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
