"""What EvalScope has stored of a job, read without EvalScope: how many samples are missing, and all of them as our rows."""

import json
from pathlib import Path
from typing import Any

from stages.common.files import InputError, read_jsonl, write_text
from stages.sampling.job import Job, job_hash, sample_seed

STOP_REASONS = {"stop": "stop", "max_tokens": "length"}  # EvalScope's word -> the server's
MODEL_ID = "model"


def store(job: Job) -> Path:
    """The folder in which EvalScope stores the samples of `job` and of no other."""
    return job.work / job_hash(job)


def dataset_name(job: Job) -> str:
    """The name of the job's benchmark in EvalScope."""
    return f"bench_{job.benchmark}"


def stored_samples(job: Job) -> Path:
    """The file to which EvalScope appends each sample as it comes."""
    return store(job) / "predictions" / MODEL_ID / f"{dataset_name(job)}_default.jsonl"


def problem_ids(job: Job) -> list[str]:
    """The ids of the job's problems, in their order; InputError if there is none, or one twice."""
    ids = [row["id"] for row in read_jsonl(job.problems)]
    if not ids or len(set(ids)) < len(ids):
        raise InputError(f"{job.problems}: no problem, or an id twice; rerun the prepare stage")
    return ids


def number_of_samples(job: Job) -> int:
    """How many samples the job asks for."""
    return len(problem_ids(job)) * job.k


def missing(job: Job) -> int:
    """How many of the job's samples are not stored yet. Drops lines that a kill has torn."""
    stored = stored_samples(job)
    keep_whole_lines(stored)
    return number_of_samples(job) - count_lines(stored)


def collect(job: Job) -> list[dict[str, Any]]:
    """The job's samples in the order (problem, repeat); InputError unless there are problems x k of them."""
    stored, ids = stored_samples(job), problem_ids(job)
    found = {}
    for row in read_jsonl(stored) if stored.exists() else ():
        problem, repeat = divmod(row["index"], job.k)
        seed = sample_seed(job.bench_seed, job.benchmark, ids[problem], repeat)
        assert (row["metadata"]["id"], row["metadata"]["seed"]) == (ids[problem], seed), f"{stored}: of another job"
        output = row["model_output"]
        choice = output["choices"][0]
        found[row["index"]] = {
            "id": ids[problem],
            "repeat": repeat,
            "seed": seed,
            "text": choice["message"]["content"],
            "tokens": output["usage"]["output_tokens"],
            "stop_reason": STOP_REASONS[choice["stop_reason"]],
        }
    if len(found) != len(ids) * job.k:
        raise InputError(
            f"{job.benchmark}: {len(found)} samples are stored, not {len(ids)} problems x {job.k}; run again"
        )
    return [found[index] for index in sorted(found)]


def keep_whole_lines(stored: Path) -> None:
    """Drops a line torn by a kill; EvalScope would append the next sample to it and lose both."""
    if not stored.exists():
        return
    lines = stored.read_bytes().split(b"\n")
    whole = [line for line in lines if line.startswith(b"{") and line.endswith(b"}") and _is_json(line)]
    if lines != [*whole, b""]:
        write_text(stored, "".join(f"{line.decode()}\n" for line in whole))


def count_lines(path: Path) -> int:
    """How many whole lines `path` has; none if it does not exist."""
    if not path.exists():
        return 0
    with path.open("rb") as stream:
        return sum(block.count(b"\n") for block in iter(lambda: stream.read(1 << 20), b""))


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True
