"""Stage choose: one of a run's checkpoints, by a rule. Needs no model and no server.

    .venv/eval/bin/python -m stages.choose <profile> <rule> <run>

Grades what stage sample_checkpoints sampled, as stage grade would, and writes `results/<profile>/choices/<run>.<rule>/`:
`choice.json` has the score of every checkpoint and the chosen step. A rule that names a step is followed without a look.
"""

from pathlib import Path

import numpy as np

from stages.artifacts.choices import Choice, read_choice
from stages.common.command import expect, run_stage
from stages.common.files import InputError, output_folder
from stages.grade import check_grader, pairs_of
from stages.graders.registry import GRADERS
from stages.profile.plans.choose import ChoosePlan
from stages.statistics.selection import chosen, optimism


def main(arguments: list[str]) -> None:
    expect(arguments, "stages.choose <profile> <rule> <run>")
    profile, rule, run = arguments
    results, name = Path("results") / profile, f"{run}.{rule}"
    plan = ChoosePlan.read(results / "plan" / "choose" / f"{rule}.json")
    correct: dict[str, np.ndarray] = {}  # [checkpoints, problems, samples]
    for benchmark, k in plan.samples.items():
        grader = plan.graders[benchmark]
        check_grader(benchmark, grader)
        if reason := GRADERS[grader].unavailable():
            raise InputError(f"checkpoints.{rule}: {benchmark} cannot be graded here: {reason}")
        tables = []
        for step in plan.steps:
            samples = results / "checkpoints" / name / f"step-{step}"
            pairs = pairs_of(results / "data" / "eval", samples, benchmark, k, plan.limits)
            grades = GRADERS[grader].grade([(problem, sample.text) for problem, sample in pairs])
            tables.append(np.array([grade.correct for grade in grades]).reshape(-1, k))
        correct[benchmark] = np.stack(tables)
    tables = list(correct.values())
    choice = Choice(
        rule=plan.rule,
        step=plan.steps[chosen(tables)] if tables else plan.steps[0],
        scores={
            step: {benchmark: float(table[index].mean()) for benchmark, table in correct.items()}
            for index, step in enumerate(plan.steps if tables else [])
        },
        optimism=optimism(tables, plan.bench_seed) if tables else None,
    )
    with output_folder(results / "choices" / name, lambda folder: read_choice(folder, name)) as folder:
        choice.write(folder)
    print(f"{run}, {plan.rule}: step {choice.step}")


if __name__ == "__main__":
    run_stage(main)
