"""What a job is: which problems are put to which model, how; checked before anything is asked."""

import hashlib
import json
from pathlib import Path
from typing import Any

import httpx

from stages.evaluation import PROMPTS
from stages.files import InputError, read_json, sha256

EVALSCOPE = "1.14.1"
FIELDS = {
    "benchmark": str, "problems": str, "prompt": str, "url": str, "model": str, "k": int, "suite_seed": int,
    "temperature": (int, float), "top_p": (int, float), "top_k": int, "max_tokens": int, "concurrency": int,
    "work": str, "output": str,
}  # fmt: skip
OPTIONAL = {"model_sha256": str, "request_timeout": (int, float)}
NOT_IN_REPLIES = ("url", "concurrency", "work", "output", "request_timeout")  # a reply does not depend on these


def read_job(path: Path) -> dict[str, Any]:
    job = read_json(path)
    for field, kind in {**FIELDS, **OPTIONAL}.items():
        if field not in job and field in OPTIONAL:
            continue
        if not isinstance(job.get(field), kind) or isinstance(job[field], bool):
            raise InputError(f"{path}: {field} is {job.get(field)!r}; give a {kind}")
    if unknown := set(job) - set(FIELDS) - set(OPTIONAL):
        raise InputError(f"{path}: unknown field {min(unknown)!r}; known are {', '.join([*FIELDS, *OPTIONAL])}")
    if job["k"] < 1 or job["concurrency"] < 1 or job["max_tokens"] < 1:
        raise InputError(f"{path}: k, concurrency and max_tokens must each be at least 1")
    if job["prompt"] not in PROMPTS:
        raise InputError(f"{path}: prompt is {job['prompt']!r}; give one of {', '.join(PROMPTS)}")
    if not job["problems"].endswith(".jsonl") or not Path(job["problems"]).is_file():
        raise InputError(f"{path}: problems {job['problems']} is no JSONL file; run the prepare stage")
    return job


def job_hash(job: dict[str, Any]) -> str:
    """Sixteen hex digits that change with whatever a reply depends on."""
    inputs = {key: value for key, value in job.items() if key not in NOT_IN_REPLIES}
    inputs |= {"problems": sha256(Path(job["problems"])), "evalscope": EVALSCOPE, "template": PROMPTS[job["prompt"]]}
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]


def sample_seed(suite_seed: int, benchmark: str, problem_id: str, repeat: int) -> int:
    """A seed in [0, 2^31), the same on every machine."""
    key = f"{suite_seed}\0{benchmark}\0{problem_id}\0{repeat}".encode()
    return int.from_bytes(hashlib.sha256(key).digest()[:4], "big") >> 1


def check_server(job: dict[str, Any]) -> None:
    """InputError unless the server answers and serves the model; asked once, before any request waits for it."""
    try:
        answer = httpx.get(f"{job['url']}/models", timeout=10, trust_env=False)
        served = [model["id"] for model in answer.raise_for_status().json()["data"]]
    except (httpx.HTTPError, ValueError, KeyError) as error:
        reason = type(error).__name__
        raise InputError(f"no OpenAI-compatible server answers at {job['url']} ({reason}): start it, then run again")
    if job["model"] not in served:
        raise InputError(f"the server at {job['url']} serves {served}, not {job['model']!r}; correct the job's `model`")
