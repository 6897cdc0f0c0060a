"""What is asked of EvalScope: which problems are put to which model, and how. Written by stages/sample.py."""

import hashlib
import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError, field_validator

from stages.common.files import InputError, sha256
from stages.common.validation import first_problem
from stages.text.prompts import PROMPTS

EVALSCOPE = "1.14.1"
# A sample depends neither on where the server is and how busy it is kept, nor on where the sample is stored.
NOT_IN_SAMPLES = {"url", "concurrency", "work", "request_timeout"}


class Job(BaseModel):
    """k samples a problem of one benchmark from one model.

    `problems` is the benchmark's JSONL file, `work` the folder in which EvalScope stores the samples as they come.
    `url` is that of an OpenAI-compatible server, up to and with `/v1`; `model` is the model's name there.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    benchmark: str
    problems: Path
    prompt: str = Field(description="key of stages.text.prompts.PROMPTS")
    url: str
    model: str
    model_sha256: str | None = Field(None, description="of the model's files: other weights give other samples")
    k: PositiveInt
    bench_seed: int
    temperature: float = Field(ge=0)
    top_p: float = Field(gt=0, le=1)
    top_k: int = Field(ge=-1, description="-1: no limit")
    max_tokens: PositiveInt
    concurrency: PositiveInt = Field(description="requests under way at a time")
    # A long sample may take many minutes on a CPU, but a server that hangs must be noticed.
    request_timeout: PositiveFloat = Field(3600.0, description="seconds")
    work: Path

    @field_validator("prompt")
    @classmethod
    def _known(cls, prompt: str) -> str:
        if prompt not in PROMPTS:
            raise ValueError(f"give one of {', '.join(PROMPTS)}, not {prompt!r}")
        return prompt


def read_job(path: Path) -> Job:
    """InputError names the file and its first wrong field; so does one if the file of problems is missing."""
    try:
        job = Job.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise InputError(f"{path}: {first_problem(error, Job)}")
    if job.problems.suffix != ".jsonl" or not job.problems.is_file():
        raise InputError(f"{path}: problems: {job.problems} is no JSONL file; run the prepare stage")
    return job


def job_hash(job: Job) -> str:
    """Sixteen hex digits that change with whatever a sample depends on, the content of the problems' file included."""
    inputs = job.model_dump(mode="json", exclude=NOT_IN_SAMPLES, exclude_none=True)
    inputs |= {"problems": sha256(job.problems), "evalscope": EVALSCOPE, "template": PROMPTS[job.prompt]}
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]


def sample_seed(bench_seed: int, benchmark: str, problem_id: str, repeat: int) -> int:
    """A seed in [0, 2^31), the same on every machine."""
    key = f"{bench_seed}\0{benchmark}\0{problem_id}\0{repeat}".encode()
    return int.from_bytes(hashlib.sha256(key).digest()[:4], "big") >> 1
