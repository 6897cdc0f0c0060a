"""Section `backend`: the machines that train and sample."""

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, model_validator

from stages.profile.sections.base import Section

Few = Annotated[int, Field(gt=0, le=4096)]  # more than any one machine has
Logger = Literal["wandb", "tensorboard", "mlflow"]
EngineCorrection = Literal["none", "truncated_importance_sampling", "icepop"]
LOCAL = "local"  # the address of a Ray cluster of this session's own


class Backend(Section):
    platform: Literal["cpu", "cuda"] = Field(description="the environment: .venv/train, or .venv/gpu for NVIDIA GPUs")
    dtype: Literal["float32", "bfloat16"] = Field(description="that the model is computed in, in training and sampling")
    devices: Few = Field(
        1, description="GPUs of each node, or on a CPU processes, that training is shared out among and that sample"
    )
    nodes: Few = Field(1, description="that train together; one of them samples")
    threads: Few = Field(1, description="threads the actor computes with; they fix the order of float sums")
    engine_gigabytes: PositiveInt = Field(1, description="cpu: memory for vLLM's KV cache")
    engine_memory_share: float | None = Field(None, gt=0, lt=1, description="cuda: vLLM's gpu_memory_utilization")
    engine_devices: PositiveInt = Field(
        1, description="cuda: devices that one copy of the model is split over while it samples (tensor parallel)"
    )
    micro_batch_tokens: PositiveInt | None = Field(
        None,
        description="tokens a device computes on at once, prompts and responses without padding; none: as many responses "
        "as train.micro_batch says, padded. A method that depends on micro-batches has train.micro_batch all the same",
    )
    offload: bool = Field(
        False,
        description="cuda: weights and optimiser states wait in main memory while another phase needs the devices",
    )
    deterministic: bool = Field(
        False,
        description="cuda: kernels whose results depend neither on the batch nor on the order of additions, which are "
        "slower (docs/gpu.md)",
    )
    head_dtype: Literal["model", "float32"] = Field(
        "model",
        description="dtype bfloat16: that a training's logits are computed in, by trainer and engine; float32 takes twice the "
        "memory for them, and evaluation has the model's own",
    )
    engine_correction: EngineCorrection = Field(
        "none",
        description="how each token's loss is weighted because the engine that sampled it has not quite the trainer's "
        "probabilities (stages/rl/engine.py)",
    )
    port: int = Field(0, ge=0, lt=65536, description="of the server that is sampled; 0 takes a free one")
    share_session: bool = Field(
        False, description="train and sample all runs that are due in one process, not each in its own"
    )
    # No result depends on these two: they stand in no plan, and a change of them trains nothing again (plans/operation.py).
    loggers: list[Logger] = Field(
        [], exclude=True, description="where a training's numbers go as well, by verl's own loggers"
    )
    ray_address: str = Field(
        LOCAL,
        exclude=True,
        pattern=r"^(local|auto|[A-Za-z0-9_.-]+:[0-9]+)$",
        description="of the Ray cluster that trains: local starts one and ends it, auto takes the one that RAY_ADDRESS names or "
        "that this machine belongs to, host:port that one",
    )

    @property
    def all_devices(self) -> int:
        """Devices that train together."""
        return self.nodes * self.devices

    verl: dict[str, Any] = Field(
        {},
        description="settings of verl's that the bench has none for, as `actor_rollout_ref.model.enable_gradient_checkpointing: true`; verl "
        "checks their names and types, and the report names them as overrides",
    )

    @model_validator(mode="after")
    def _possible(self) -> "Backend":
        only_on_gpus = ("engine_devices", "engine_memory_share", "offload", "deterministic")
        given = [name for name in only_on_gpus if getattr(self, name) != type(self).model_fields[name].default]
        if self.platform == "cpu" and given:
            raise ValueError(f"{given[0]}: only platform cuda has it; remove it")
        if self.platform == "cuda" and self.engine_gigabytes != 1:
            raise ValueError("engine_gigabytes: only platform cpu has it; set engine_memory_share, and remove it")
        if self.dtype == "float32" and self.head_dtype == "float32":
            raise ValueError("head_dtype: with dtype float32 the head is in float32 already; remove it")
        if self.devices % self.engine_devices:
            raise ValueError(f"devices ({self.devices}) must be a multiple of engine_devices ({self.engine_devices})")
        if len(set(self.loggers)) < len(self.loggers):
            raise ValueError(f"loggers: {self.loggers} repeats an entry")
        if self.engine_devices > 1 and self.share_session:
            raise ValueError(
                "engine_devices: weights that are split over devices cannot be checked when one server is given those of "
                "several models; set share_session: false, or engine_devices: 1"
            )
        return self
