"""Requests k samples a problem from an OpenAI-compatible server through EvalScope, and writes them as one JSONL file.

    .venv/eval/bin/python -m stages.evaluation.requests job.json [another.json ...]

Each sample has a seed of its own, derived from (suite seed, benchmark, problem id, repeat): EvalScope would send one
seed with every repeat, and a server that honours seeds would then answer k times the same. EvalScope stores each
reply as it comes; after a kill the same command requests only what is missing. EvalScope's own grading is not used:
its review of a sample records that a reply is stored (`answered` = 1) and nothing else; stages/grade.py judges the
text.

Where EvalScope keeps a job's replies is named by a hash of everything they depend on, the problems' content and, if the
job names it in `model_sha256`, the model's. So a changed problem, prompt or model starts afresh, which EvalScope's own
fingerprint would not notice, and a changed port goes on, which that fingerprint would refuse.
"""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import openai
from evalscope import TaskConfig, run_task
from evalscope.api.benchmark import BenchmarkMeta, DefaultDataAdapter
from evalscope.api.dataset import Sample
from evalscope.api.evaluator import TaskState
from evalscope.api.metric import SampleScore, Score
from evalscope.api.model import GenerateConfig, Model, ModelOutput
from evalscope.api.registry import register_benchmark
from evalscope.constants import EvalType
from evalscope.models.openai_compatible import OpenAICompatibleAPI
from evalscope.models.utils.openai import EmptyCompletionError

from stages.evaluation import prompt_of
from stages.evaluation.job import EVALSCOPE, check_server, job_hash, read_job, sample_seed
from stages.files import InputError, read_jsonl, write_jsonl, write_text
from stages.stage import run_stage

REQUEST_TIMEOUT = 3600.0  # seconds; a long reply on CPU may take many minutes, a hung server must still end
ATTEMPTS, PAUSE = 3, 2  # a request that fails is repeated, with its own seed, so a repetition changes nothing
STOP_REASONS = {"stop": "stop", "max_tokens": "length"}  # EvalScope's word -> the server's


class Server(OpenAICompatibleAPI):
    """EvalScope's client, except that a refused request is an error: its text is never a model's reply."""

    def handle_bad_request(self, ex: openai.APIStatusError) -> ModelOutput:
        raise ex


class Problems(DefaultDataAdapter):
    """A benchmark read from evaluation JSONL. Sample number i is repeat i mod k of problem i div k."""

    job: dict[str, Any]

    def load(self):
        return self.load_from_disk(use_local_loader=True)

    def record_to_sample(self, record: dict[str, Any]) -> Sample:
        return Sample(input=record["problem"], metadata={"id": record["id"]})

    def format_prompt_template(self, sample: Sample) -> str:
        return prompt_of(self.job["prompt"], sample.input)

    def _on_inference(self, model: Model, sample: Sample) -> ModelOutput:
        repeat = sample.id % self.job["k"]
        seed = sample_seed(self.job["suite_seed"], self.job["benchmark"], sample.metadata["id"], repeat)
        output = model.generate(input=sample.input, config=GenerateConfig(seed=seed))
        # What is wrong must not be stored: a resumed run would take it for an answer.
        where = f"{self.job['benchmark']}: {sample.metadata['id']} repeat {repeat}"
        if output.stop_reason not in STOP_REASONS:
            raise InputError(
                f"{where}: the server ended the reply with {output.stop_reason!r}; see its log and run again"
            )
        if output.usage is None:
            raise InputError(f"{where}: the reply does not say how many tokens it has; serve the model with vLLM")
        sample.metadata.update(repeat=repeat, seed=seed)
        return output

    def calculate_metrics(self, task_state: TaskState) -> SampleScore:
        """No grading: see the module's docstring."""
        score = Score(value={"answered": 1.0}, main_score_name="answered")
        return SampleScore(score=score, sample_id=task_state.sample_id, group_id=task_state.group_id)


def request_samples(job: dict[str, Any]) -> None:
    """Writes `job["output"]`; raises InputError when a request fails or rows would differ from problems x k."""
    problems = list(read_jsonl(Path(job["problems"])))
    ids = [row["id"] for row in problems]
    if not ids or len(set(ids)) < len(ids):
        raise InputError(f"{job['problems']}: no problem, or an id twice; rerun the prepare stage")
    folder, name = Path(job["work"]) / job_hash(job), f"suite_{job['benchmark']}"
    stored = folder / "predictions" / "model" / f"{name}_default.jsonl"
    keep_whole_lines(stored)
    if count_lines(stored) < len(ids) * job["k"]:
        check_server(job)
    meta = BenchmarkMeta(
        name=name,
        pretty_name=name,
        description="Whether a reply is stored; graded elsewhere.",
        dataset_id=str(Path(job["problems"]).absolute()),
        eval_split="test",
        metric_list=["answered"],
    )
    register_benchmark(meta)(type("Problems", (Problems,), {"job": job}))
    server = Server(
        model_name=job["model"],
        base_url=job["url"],
        api_key="EMPTY",
        max_retries=0,  # EvalScope counts attempts itself
        http_client=openai.DefaultHttpxClient(trust_env=False),  # the server is ours: no proxy between
    )
    sampling = {key: job[key] for key in ("temperature", "top_p", "top_k", "max_tokens")}
    task = TaskConfig(
        model=server,
        model_id="model",
        eval_type=EvalType.CUSTOM,
        datasets=[name],
        repeats=job["k"],
        eval_batch_size=job["concurrency"],
        generation_config={
            **sampling,
            "timeout": job.get("request_timeout", REQUEST_TIMEOUT),
            "retries": ATTEMPTS,
            "retry_interval": PAUSE,
        },
        use_cache=str(folder),
        rerun_review=True,  # EvalScope's word for "take the stored replies"; which they are is decided by job_hash
        collect_perf=False,
    )
    try:
        run_task(task)
    except (openai.APIError, EmptyCompletionError) as error:
        raise InputError(
            f"{job['benchmark']}: a request to {job['url']} failed "
            f"({type(error).__name__}: {' '.join(str(error).split())}); "
            "stored replies are kept: see the server's log, then run again"
        )
    write_jsonl(Path(job["output"]), collect(stored, ids, job))


def collect(stored: Path, ids: list[str], job: dict[str, Any]) -> list[dict[str, Any]]:
    """Our rows from EvalScope's, in the order (problem, repeat); InputError unless there are problems x k of them."""
    found = {}
    for row in read_jsonl(stored):
        problem, repeat = divmod(row["index"], job["k"])
        seed = sample_seed(job["suite_seed"], job["benchmark"], ids[problem], repeat)
        assert (row["metadata"]["id"], row["metadata"]["seed"]) == (ids[problem], seed), (
            f"{stored}: not this job's reply"
        )
        output = ModelOutput.model_validate(row["model_output"])
        found[row["index"]] = {
            "id": ids[problem],
            "repeat": repeat,
            "seed": seed,
            "text": output.completion,
            "tokens": output.usage.output_tokens,
            "stop_reason": STOP_REASONS[output.stop_reason],
        }
    if len(found) != len(ids) * job["k"]:
        raise InputError(
            f"{job['benchmark']}: {len(found)} samples are stored, not {len(ids)} problems x {job['k']}; run again"
        )
    return [found[index] for index in sorted(found)]


def keep_whole_lines(stored: Path) -> None:
    """Drops a line torn by a kill; EvalScope would append the next reply to it and lose both."""
    if not stored.exists():
        return
    lines = stored.read_bytes().split(b"\n")
    whole = [line for line in lines if line.startswith(b"{") and line.endswith(b"}") and _is_json(line)]
    if lines != [*whole, b""]:
        write_text(stored, "".join(f"{line.decode()}\n" for line in whole))


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def count_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def main(arguments: list[str]) -> None:
    if not arguments:
        raise InputError("usage: python -m stages.evaluation.requests job.json [another.json ...]")
    if version("evalscope") != EVALSCOPE:
        raise InputError(f"evalscope is {version('evalscope')}, not {EVALSCOPE}; rebuild the evaluation environment")
    for job in [read_job(Path(argument)) for argument in arguments]:
        request_samples(job)


if __name__ == "__main__":
    run_stage(main)
