"""Stage sample_checkpoints: what a rule looks at to choose one of a run's checkpoints.

    python -m stages.sample_checkpoints <profile> <rule> <run>

Samples every checkpoint of the run on the benchmarks of the rule, one of the profile's `checkpoints`, from one server; with
`backend.share_session` those of the other runs and rules, too, that this `dvc repro` has still to look at. Writes
`results/<profile>/checkpoints/<run>.<rule>/step-<n>/<benchmark>.jsonl`. A rule that names a step looks at nothing.
"""

from pathlib import Path

from stages.artifacts.records import SamplingRecord
from stages.artifacts.samples import check_samples
from stages.backend.environment import assert_versions
from stages.backend.server import choose_port
from stages.common.command import expect, run_stage
from stages.common.files import InputError, held, output_folder, write_jsonl
from stages.common.repro import due
from stages.profile.plans.sample_checkpoints import SampleCheckpointsPlan
from stages.sample import Sampling, find_checkpoint, sample, sampling_of
from stages.sampling.client import check_environment
from stages.sampling.job import EVALSCOPE
from stages.sampling.stored import collect, missing, number_of_samples


def main(arguments: list[str]) -> None:
    expect(arguments, "stages.sample_checkpoints <profile> <rule> <run>")
    profile, rule, run = arguments
    results = Path("results") / profile
    plan = read_plan(profile, rule)
    packages = {**assert_versions(plan.backend.platform), "evalscope": EVALSCOPE}
    check_environment()
    port = choose_port(plan.backend.port)
    wanted = samplings(profile, rule, run, port)

    def check(folder: Path) -> None:
        for step, sampling in wanted.items():
            check_samples(folder / f"step-{step}", {job.benchmark: number_of_samples(job) for job in sampling.jobs})

    with (
        output_folder(results / "checkpoints" / f"{run}.{rule}", check) as folder,
        held(Path("work") / profile / "sample" / f"{run}.{rule}.lock") as mine,
    ):
        if not mine:
            raise InputError(f"sampling checkpoints of {run}: another process is at it; run again when that has ended")
        if left := [sampling for sampling in wanted.values() if any(map(missing, sampling.jobs))]:
            if plan.backend.share_session:
                for address in due(f"sample_checkpoints@{profile}-{rule}-{run}")[1:]:
                    other, _, trained = address.partition(f"@{profile}-")[2].partition("-")
                    left += samplings(profile, other, trained, port).values()
            # all are of one shape, so that one server takes the weights of each
            shared = plan.model_copy(update={"backend": plan.backend.model_copy(update={"share_session": True})})
            sample(left[0], left[1:], shared, port)
        for step, sampling in wanted.items():
            for job in sampling.jobs:
                write_jsonl(folder / f"step-{step}" / f"{job.benchmark}.jsonl", collect(job))
            record = SamplingRecord(packages=packages, protocol=plan.protocol, model_sha256=sampling.model_sha256)
            record.write(folder / f"step-{step}")


def read_plan(profile: str, rule: str) -> SampleCheckpointsPlan:
    return SampleCheckpointsPlan.read(Path("results") / profile / "plan" / "sample_checkpoints" / f"{rule}.json")


def samplings(profile: str, rule: str, run: str, port: int) -> dict[int, Sampling]:
    """Step -> what is asked of the run's checkpoint there; InputError names the stage that makes what is missing."""
    plan = read_plan(profile, rule)
    models = {step: find_checkpoint(profile, run, step) for step in plan.steps}
    return {step: sampling_of(profile, f"{run} step {step}", model, plan, port) for step, model in models.items()}


if __name__ == "__main__":
    run_stage(main)
