"""Stage sample: k samples a problem of every benchmark from one model, by EvalScope from a vLLM server.

    python -m stages.sample <profile> <run>

A run is <method>-<seed>, <method>-<seed>.<rule> for the checkpoint that a rule of `checkpoints` chose, `base` for the
untrained model, or the name of a released model of the profile's `models`.

Writes `results/<profile>/samples/<run>/<benchmark>.jsonl`, one line a sample, and beside those of a chosen checkpoint
which one it is. Samples are stored in a work folder as
they come, so a killed stage requests only what is missing. With `backend.share_session` the same server goes on to the
other models that this `dvc repro` has still to sample, and their own stages find all samples stored.
"""

import shutil
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from stages.artifacts.choices import FILE as CHOICE
from stages.artifacts.choices import read_choice
from stages.artifacts.records import SamplingRecord
from stages.artifacts.samples import BASE, check_samples
from stages.backend.environment import assert_versions
from stages.backend.server import SERVED_NAME, choose_port, load, serving, wait_until_ready, without_weights
from stages.common.bar import Bar
from stages.common.command import expect, run_stage
from stages.common.files import InputError, held, output_folder, read_jsonl, sha256, write_jsonl
from stages.common.repro import due
from stages.common.supervise import ProcessFailed
from stages.profile.plans.sample import SamplePlan
from stages.sampling.client import check_environment, request, requesting
from stages.sampling.job import EVALSCOPE, Job
from stages.sampling.lengths import check_context, check_prompts, counter
from stages.sampling.stored import collect, missing, number_of_samples


class Sampling(NamedTuple):
    """What is asked of one model: a job a benchmark, whose samples are stored in `work`."""

    run: str
    model: Path
    model_sha256: str
    work: Path
    jobs: list[Job]


def main(arguments: list[str]) -> None:
    expect(arguments, "stages.sample <profile> <run>")
    profile, run = arguments
    results = Path("results") / profile
    plan = SamplePlan.read(results / "plan" / "sample.json")
    packages = assert_versions(plan.backend.platform)
    check_environment()
    port = choose_port(plan.backend.port)
    wanted = sampling_of(profile, run, find_model(profile, run), plan, port)
    counts = {job.benchmark: number_of_samples(job) for job in wanted.jobs}
    with output_folder(results / "samples" / run, lambda folder: check_samples(folder, counts)) as folder:
        with held(wanted.work / "lock") as mine:
            if not mine:
                raise InputError(f"sampling {run}: another process is at it; run again when that has ended")
            if any(map(missing, wanted.jobs)):
                further = further_runs(profile, run) if plan.backend.share_session else []
                if is_released(profile, run):  # another tokenizer than the base model's, by which stage prepare counted
                    check_fit(wanted, plan)
                others = [sampling_of(profile, other, find_model(profile, other), plan, port) for other in further]
                sample(wanted, others, plan, port)
        for job in wanted.jobs:
            write_jsonl(folder / f"{job.benchmark}.jsonl", collect(job))
        record = SamplingRecord(
            packages={**packages, "evalscope": EVALSCOPE}, protocol=plan.protocol, model_sha256=wanted.model_sha256
        )
        record.write(folder)
        if (choice := results / "choices" / run / CHOICE).is_file():
            shutil.copyfile(choice, folder / CHOICE)


def find_model(profile: str, run: str) -> Path:
    """The folder of the run's model; InputError names the stage that makes it if there is none."""
    results, (trained, _, rule) = Path("results") / profile, run.partition(".")
    if run == BASE:
        model, maker = results / "model", f"model@{profile}"
    elif is_released(profile, run):
        model, maker = results / "models" / run, f"released@{profile}-{run}"
    elif rule:
        return find_checkpoint(profile, trained, read_choice(results / "choices" / run, run).step)
    else:
        model, maker = results / "train" / run / "model", f"train@{profile}-{run}"
    if not model.is_dir():
        raise InputError(f"{model} is missing: dvc repro {maker} makes it")
    return model


def check_fit(wanted: Sampling, plan: SamplePlan) -> None:
    """InputError where the model has no room for a prompt and its sample."""
    check_context(wanted.model, plan.context_length)
    count = counter(wanted.model)
    for job in wanted.jobs:
        longest = plan.context_length - plan.max_tokens
        check_prompts(f"{job.benchmark} for {wanted.run}", read_jsonl(job.problems), job.prompt, longest, count)


def find_checkpoint(profile: str, run: str, step: int) -> Path:
    """The folder of a trained run's model after `step`, the last or one that was kept."""
    earlier = Path("results") / profile / "train" / run / "checkpoints" / f"step-{step}"
    return earlier if earlier.is_dir() else find_model(profile, run)


def is_released(profile: str, run: str) -> bool:
    return (Path("results") / profile / "plan" / "models" / f"{run}.json").is_file()


def stage_of(profile: str, run: str) -> str:
    """The address of the stage that samples the run."""
    if run == BASE:
        return f"sample_base@{profile}"
    if is_released(profile, run):
        return f"sample_released@{profile}-{run}"
    trained, _, rule = run.partition(".")
    return f"sample_chosen@{profile}-{rule}-{trained}" if rule else f"sample@{profile}-{run}"


def further_runs(profile: str, run: str) -> list[str]:
    """The other runs that the `dvc repro` above this process has still to sample and whose models are there."""
    found = []
    for address in due(stage_of(profile, run))[1:]:
        stage, _, name = address.partition(f"@{profile}")
        rule, _, trained = name.removeprefix("-").partition("-")
        found.append(f"{trained}.{rule}" if stage == "sample_chosen" else name.removeprefix("-") or BASE)
    return found


def sampling_of(profile: str, run: str, model: Path, plan: SamplePlan, port: int) -> Sampling:
    """What is asked of the run's `model` at `port`."""
    # Samples follow from the weights: where two runs have the same, they share them.
    fingerprint = sha256(model)
    work = Path("work") / profile / "sample" / fingerprint[:16]
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
    log, works = first.work / "vllm.log", [sampling.work for sampling in left]
    with (
        Bar(title, total) as bar,
        serving(first.model, port, plan, log, *(work / "server_log.txt" for work in works)) as server,
        requesting(first.work / "evalscope.log", *(work / "client_log.txt" for work in works)) as client,
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
