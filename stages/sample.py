"""Stage sample: k samples a problem of every benchmark from one model, by EvalScope from a vLLM server.

    python -m stages.sample <profile> <run>

A run is <method>-<seed>, `base` for the untrained model, or the name of a released model of the profile's `models`.

Writes `results/<profile>/samples/<run>/<benchmark>.jsonl`, one line a sample. Samples are stored in a work folder as
they come, so a killed stage requests only what is missing. With `backend.share_session` the same server goes on to the
other models that this `dvc repro` has still to sample, and their own stages find all samples stored.
"""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from stages.artifacts.records import SamplingRecord
from stages.artifacts.samples import BASE
from stages.backend.environment import assert_versions
from stages.backend.server import SERVED_NAME, choose_port, load, serving, wait_until_ready, without_weights
from stages.common.bar import Bar
from stages.common.command import run_stage
from stages.common.files import InputError, held, output_folder, sha256, write_jsonl
from stages.common.repro import due
from stages.common.supervise import ProcessFailed
from stages.profile.plans.sample import SamplePlan
from stages.sampling.client import check_environment, request, requesting
from stages.sampling.job import EVALSCOPE, Job
from stages.sampling.stored import collect, missing, number_of_samples


class Sampling(NamedTuple):
    """What is asked of one model: a job a benchmark, whose samples are stored in `work`."""

    run: str
    model: Path
    model_sha256: str
    work: Path
    jobs: list[Job]


def main(arguments: list[str]) -> None:
    profile, run = arguments
    results = Path("results") / profile
    plan = SamplePlan.read(results / "plan" / "sample.json")
    packages = assert_versions(plan.backend.platform)
    check_environment()
    port = choose_port(plan.backend.port)
    wanted = sampling_of(profile, run, plan, port)
    with output_folder(results / "samples" / run) as folder:
        with held(wanted.work / "lock") as mine:
            if not mine:
                raise InputError(f"sampling {run}: another process is at it; run again when that has ended")
            if any(map(missing, wanted.jobs)):
                further = further_runs(profile, run) if plan.backend.share_session else []
                sample(wanted, [sampling_of(profile, other, plan, port) for other in further], plan, port)
        for job in wanted.jobs:
            write_jsonl(folder / f"{job.benchmark}.jsonl", collect(job))
        record = SamplingRecord(
            packages={**packages, "evalscope": EVALSCOPE}, protocol=plan.protocol, model_sha256=wanted.model_sha256
        )
        record.write(folder)


def find_model(profile: str, run: str) -> tuple[Path, str, str]:
    """The folder of the run's model, and the addresses of the stages that make and that sample it."""
    results = Path("results") / profile
    if run == BASE:
        return results / "model", f"model@{profile}", f"sample_base@{profile}"
    if (results / "plan" / "models" / f"{run}.json").is_file():
        return results / "models" / run, f"released@{profile}-{run}", f"sample_released@{profile}-{run}"
    return results / "train" / run / "model", f"train@{profile}-{run}", f"sample@{profile}-{run}"


def further_runs(profile: str, run: str) -> list[str]:
    """The other runs that the `dvc repro` above this process has still to sample."""
    _, _, stage = find_model(profile, run)
    return [address.partition(f"@{profile}-")[2] or BASE for address in due(stage)[1:]]


def sampling_of(profile: str, run: str, plan: SamplePlan, port: int) -> Sampling:
    """What is asked of the run's model at `port`; InputError names the stage that makes the model if there is none."""
    model, maker, _ = find_model(profile, run)
    if not model.is_dir():
        raise InputError(f"{model} is missing: dvc repro {maker} makes it")
    fingerprint, work = sha256(model), Path("work") / profile / "sample" / run
    jobs = [
        Job(
            benchmark=name,
            problems=Path("results") / profile / "data" / "eval" / f"{name}.jsonl",
            prompt=plan.prompts[name],
            url=f"http://127.0.0.1:{port}/v1",
            model=SERVED_NAME,
            model_sha256=fingerprint,
            k=k,
            bench_seed=plan.bench_seed,
            **{key: getattr(plan, key) for key in ("temperature", "top_p", "top_k", "max_tokens", "concurrency")},
            work=work / name,
        )
        for name, k in plan.samples.items()
    ]
    return Sampling(run, model, fingerprint, work, jobs)


def sample(wanted: Sampling, further: list[Sampling], plan: SamplePlan, port: int) -> None:
    """Has the samples of `wanted` stored, and after them those of `further` models that the same server can serve.

    InputError when those of `wanted` cannot be had. A further model that fails is named and left to its own stage.
    """
    failed: dict[str, ProcessFailed] = {}
    with ExitStack() as locks:
        left = [wanted]
        for other in further:
            alike = without_weights(other.model) == without_weights(wanted.model)
            if alike and locks.enter_context(held(other.work / "lock")) and any(map(missing, other.jobs)):
                left.append(other)
        while left:
            first = left[0]
            try:
                sample_in_one_session(left, plan, port)
            except ProcessFailed as error:
                failed[left[0].run] = error
                if left.pop(0) is first:  # a session that has not sampled one model would not sample the next
                    break
    if wanted.run in failed:
        raise InputError(f"sampling {wanted.run} {failed[wanted.run]}")
    for run, reason in failed.items():
        print(f"left to its own stage: sampling {run} {reason}", file=sys.stderr)


def sample_in_one_session(left: list[Sampling], plan: SamplePlan, port: int) -> None:
    """Samples the models, and takes each from `left` when its samples are stored; ProcessFailed is of the next one."""
    first, done = left[0], 0
    total = sum(number_of_samples(job) for sampling in left for job in sampling.jobs)
    title = f"sample {first.run}" + (f" and {len(left) - 1} more" if left[1:] else "")
    log, marks = first.work / "vllm.log", [str(sampling.work.resolve()) for sampling in left]
    with (
        Bar(title, total) as bar,
        serving(first.model, port, plan, log, *(f"serve/{mark}" for mark in marks)) as server,
        requesting(first.work / "evalscope.log", *(f"request/{mark}" for mark in marks)) as client,
    ):
        wait_until_ready(server, port, log)
        while left:
            run, model, _, work, jobs = left[0]
            if plan.backend.share_session:
                load(port, model)

            def show(stored: int, run: str = run, done: int = done) -> None:
                bar.show(done + stored, f"samples of {run}")

            request(client, jobs, work, show)
            done += sum(map(number_of_samples, jobs))
            del left[0]


if __name__ == "__main__":
    run_stage(main)
