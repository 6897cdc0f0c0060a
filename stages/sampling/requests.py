"""Requests k samples a problem from an OpenAI-compatible server through EvalScope, which stores them.

    .venv/eval/bin/python -m stages.sampling.requests job.json [another.json ...]
    .venv/eval/bin/python -m stages.sampling.requests          the jobs of one model after another, from standard input

A line of standard input is a JSON list: a log file, which takes all output from then on, and the job files of a model.

Each sample has a seed of its own, derived from (bench seed, benchmark, problem id, repeat): EvalScope would send one
seed with every repeat, and a server that honours seeds would then answer k times the same. EvalScope stores each
sample as it comes; after a kill the same command requests only what is missing. EvalScope's own grading is not used:
its review says of a sample only that it is stored (`answered` = 1), and stages/grade.py grades the text.

The folder in which EvalScope stores a job's samples is named by a hash of everything that they depend on (`job_hash`).
So samples of a changed problem, prompt or model are requested anew, of which EvalScope's own fingerprint knows nothing.
What is stored is the reply as it came, byte for byte; what counts of it is the grader's affair.
And a job goes on at a server on another port, which that fingerprint would refuse.
"""

import json
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import openai
from evalscope import TaskConfig, run_task
from evalscope.api.benchmark import BenchmarkMeta, DefaultDataAdapter
from evalscope.api.dataset import Sample
from evalscope.api.evaluator import TaskState
from evalscope.api.metric import SampleScore, Score
from evalscope.api.model import ChatCompletionChoice, GenerateConfig, Model, ModelOutput
from evalscope.api.registry import BENCHMARK_REGISTRY
from evalscope.constants import EvalType
from evalscope.models.openai_compatible import OpenAICompatibleAPI
from evalscope.models.utils.openai import EmptyCompletionError
from openai.types.chat import ChatCompletion

from stages.common.command import run_stage
from stages.common.files import InputError
from stages.sampling.job import EVALSCOPE, Job, read_job, sample_seed
from stages.sampling.stored import MODEL_ID, STOP_REASONS, dataset_name, missing, store
from stages.text.prompts import prompt_of

ATTEMPTS, PAUSE = 3, 2  # seconds of pause; a failed request is repeated with its own seed, which changes nothing


class Server(OpenAICompatibleAPI):
    """EvalScope's client, except that a refused request is an error: its text is never a model's sample."""

    def handle_bad_request(self, ex: openai.APIStatusError) -> ModelOutput:
        raise ex

    def chat_choices_from_completion(self, completion: ChatCompletion, tools: list[Any]) -> list[ChatCompletionChoice]:
        """With each reply as it came: EvalScope takes the first `<think>…</think>` out of it, and strips the rest."""
        choices = super().chat_choices_from_completion(completion, tools)
        for choice, given in zip(choices, completion.choices, strict=True):
            choice.message.content = given.message.content or ""
        return choices


class Problems(DefaultDataAdapter):
    """A benchmark read from evaluation JSONL. Sample number i is repeat i mod k of problem i div k."""

    job: Job

    def load(self):
        return self.load_from_disk(use_local_loader=True)

    def record_to_sample(self, record: dict[str, Any]) -> Sample:
        return Sample(input=record["problem"], metadata={"id": record["id"]})

    def format_prompt_template(self, sample: Sample) -> str:
        return prompt_of(self.job.prompt, sample.input)

    def _on_inference(self, model: Model, sample: Sample) -> ModelOutput:
        repeat = sample.id % self.job.k
        seed = sample_seed(self.job.bench_seed, self.job.benchmark, sample.metadata["id"], repeat)
        output = model.generate(input=sample.input, config=GenerateConfig(seed=seed))
        # What is wrong must not be stored: a resumed run would take it for an answer.
        where = f"{self.job.benchmark}: {sample.metadata['id']} repeat {repeat}"
        if output.stop_reason not in STOP_REASONS:
            raise InputError(
                f"{where}: the server ended the sample with {output.stop_reason!r}; see its log and run again"
            )
        if output.usage is None:
            raise InputError(
                f"{where}: the server does not say how many tokens the sample has; serve the model with vLLM"
            )
        sample.metadata.update(repeat=repeat, seed=seed)
        return output

    def calculate_metrics(self, task_state: TaskState) -> SampleScore:
        """No grading: see the module's docstring."""
        score = Score(value={"answered": 1.0}, main_score_name="answered")
        return SampleScore(score=score, sample_id=task_state.sample_id, group_id=task_state.group_id)


def request_samples(job: Job) -> None:
    """Has every sample of `job` stored; raises InputError when a request fails."""
    if not missing(job):
        return
    check_server(job)
    name = dataset_name(job)
    meta = BenchmarkMeta(
        name=name,
        pretty_name=name,
        description="Whether a sample is stored; graded elsewhere.",
        dataset_id=str(job.problems.absolute()),
        eval_split="test",
        metric_list=["answered"],
    )
    # Not by EvalScope's `register_benchmark`, which refuses the same benchmark for the next model.
    meta.data_adapter = type("Problems", (Problems,), {"job": job})
    BENCHMARK_REGISTRY[name] = meta
    server = Server(
        model_name=job.model,
        base_url=job.url,
        api_key="EMPTY",
        max_retries=0,  # EvalScope counts attempts itself
        http_client=openai.DefaultHttpxClient(trust_env=False),  # the server is ours: no proxy between
    )
    task = TaskConfig(
        model=server,
        model_id=MODEL_ID,
        eval_type=EvalType.CUSTOM,
        datasets=[name],
        repeats=job.k,
        eval_batch_size=job.concurrency,
        generation_config={
            **job.model_dump(include={"temperature", "top_p", "top_k", "max_tokens"}),
            "timeout": job.request_timeout,
            "retries": ATTEMPTS,
            "retry_interval": PAUSE,
        },
        use_cache=str(store(job)),
        rerun_review=True,  # EvalScope's word for "take the stored samples"; which they are is decided by job_hash
        collect_perf=False,
    )
    try:
        run_task(task)
    except (openai.APIError, EmptyCompletionError) as error:
        raise InputError(
            f"{job.benchmark}: a request to {job.url} failed "
            f"({type(error).__name__}: {' '.join(str(error).split())}); "
            "stored samples are kept: see the server's log, then run again"
        )
    if lacking := missing(job):
        raise InputError(f"{job.benchmark}: {lacking} samples were not stored; run again")


def check_server(job: Job) -> None:
    """InputError unless the server answers and serves the model; asked once, before any request waits for it."""
    try:
        answer = httpx.get(f"{job.url}/models", timeout=10, trust_env=False)
        served = [model["id"] for model in answer.raise_for_status().json()["data"]]
    except (httpx.HTTPError, ValueError, KeyError) as error:
        reason = type(error).__name__
        raise InputError(f"no OpenAI-compatible server answers at {job.url} ({reason}): start it, then run again")
    if job.model not in served:
        raise InputError(f"the server at {job.url} serves {served}, not {job.model!r}; correct the job's `model`")


def request_all(jobs: list[str]) -> None:
    for job in [read_job(Path(path)) for path in jobs]:
        request_samples(job)


def main(arguments: list[str]) -> None:
    if version("evalscope") != EVALSCOPE:
        raise InputError(f"evalscope is {version('evalscope')}, not {EVALSCOPE}; rebuild the evaluation environment")
    if arguments:
        request_all(arguments)
        return
    for line in sys.stdin:
        log, *jobs = json.loads(line)
        sys.stdout.flush()
        with open(log, "ab") as stream:
            os.dup2(stream.fileno(), sys.stdout.fileno())
            os.dup2(stream.fileno(), sys.stderr.fileno())
        request_all(jobs)


if __name__ == "__main__":
    run_stage(main)
