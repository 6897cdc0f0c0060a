"""Section `backend`: the machine that trains and samples."""

from typing import Literal

from pydantic import Field, PositiveInt

from stages.profile.sections.base import Section


class Backend(Section):
    platform: Literal["cpu", "cuda"]
    dtype: Literal["float32", "bfloat16"]
    devices: PositiveInt = 1
    threads: PositiveInt = Field(1, description="threads the actor computes with; they fix the order of float sums")
    engine_gigabytes: PositiveInt = Field(1, description="cpu: memory for vLLM's KV cache")
    engine_memory_share: float | None = Field(None, gt=0, lt=1, description="cuda: vLLM's gpu_memory_utilization")
    port: int = Field(0, ge=0, lt=65536, description="of the server that is sampled; 0 takes a free one")
    share_session: bool = Field(
        False, description="train and sample all runs that are due in one process, not each in its own"
    )
