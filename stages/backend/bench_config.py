"""The bench's own section of verl's configuration: what trainer and workers are told beside verl's settings.

It travels as `actor_rollout_ref.bench`, because `actor_rollout_ref` is the only section that verl gives its workers.
"""

from pathlib import Path
from typing import Any, Self

from omegaconf import DictConfig, OmegaConf
from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from stages.profile.sections.backend import EngineCorrection
from stages.profile.sections.train import Reward, Validation
from stages.rl.method import Reference

SECTION = "bench"
RUN_BEGINS = "bench: run begins:"  # the trainer prints it before a run's name; session.py looks for it


class Checked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class BenchRun(Checked):
    """One of the runs that a session trains, one after the other."""

    name: str
    method: str
    method_settings: dict[str, Any] = Field(description="complete")
    seed: int = Field(description="of all generators")
    reference: Reference = Field(description="policy whose log-probs are computed beside the old policy's")
    kept_steps: list[int] = Field(description="of which the weights are kept, beside the last")
    work: Path = Field(strict=False, description="folder of the run's checkpoints and logs")
    settings: dict[str, Any] = Field(
        description="verl's settings that this run decides and another may decide otherwise"
    )


class BenchConfig(Checked):
    """`shared`: the session can go from one run to the next, for which every worker keeps a copy of the first weights."""

    runs: list[BenchRun] = Field(min_length=1)
    shared: bool
    reward: Reward = Field(description="the rule that says which responses are right")
    max_response_tokens: PositiveInt
    threads: PositiveInt = Field(description="that an actor worker computes with")
    float32_head: bool = Field(description="whether a bf16 model's logits are computed in float32")
    engine_correction: EngineCorrection
    validation: Validation | None
    validation_file: str | None = Field(description="the parquet file of `validation.dataset`")

    def section(self) -> dict[str, Any]:
        """The settings of `actor_rollout_ref` that carry it."""
        return {SECTION: self.model_dump(mode="json")}

    @classmethod
    def of(cls, actor_rollout_ref: DictConfig) -> Self:
        """The record that `section` put there."""
        return cls.model_validate(OmegaConf.to_container(actor_rollout_ref[SECTION]))
