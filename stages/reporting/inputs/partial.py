"""The part of the declared runs that is there, while others still run."""

from itertools import combinations
from pathlib import Path

from stages.artifacts.grades import SCORES
from stages.artifacts.records import FILE as RECORD
from stages.artifacts.samples import BASE
from stages.common.files import InputError
from stages.profile.plans.report import ReportPlan


def part_that_is_there(folder: Path, plan: ReportPlan) -> tuple[ReportPlan, list[str], list[str]]:
    """The plan of what can be compared, the runs and models that are missing, and those that are there and left out.

    Compared is the largest set of methods that all have the same seeds: means over other seeds would say more of seeds
    than of methods. Of two equally large sets it is the one with more methods. InputError where nothing can be compared.
    """
    if not _is_there(folder, BASE, trained=False):
        raise InputError(f"{folder / 'grades' / BASE} is missing: dvc repro grade_base@{plan.profile} makes it")
    there = {run for run in plan.runs if _is_there(folder, run, trained=True)}
    methods, seeds = _rectangle(plan, there)
    released = [name for name in plan.released if _is_there(folder, name, trained=False)]
    runs = [f"{method}-{seed}" for method in methods for seed in seeds]
    if plan.runs and not runs:
        raise InputError(f"{folder}: no run is trained, sampled and graded yet; dvc repro goes on with them")
    rules = {
        rule: text
        for rule, text in plan.checkpoints.items()
        if all(_is_there(folder, f"{run}.{rule}", trained=False) for run in runs)
    }
    probes = [name for name in plan.probes if (folder / "probes" / name).is_dir()]
    aggregation = "1 run" if len(seeds) == 1 else f"mean of {len(seeds)} runs"
    part = plan.model_copy(
        update={
            "methods": methods,
            "seeds": seeds,
            "runs": runs,
            "method_of": {name: plan.method_of[name] for name in methods},
            "method_settings": {run: plan.method_settings[run] for run in runs},
            "datasets": {name: dataset for name, dataset in plan.datasets.items() if name in methods},
            "released": released,
            "checkpoints": rules,
            "probes": probes,
            "protocol": plan.protocol.model_copy(update={"aggregation": aggregation}),
        }
    )
    missing = [run for run in plan.runs if run not in there] + [name for name in plan.released if name not in released]
    missing += [f"the checkpoints of rule {rule}" for rule in plan.checkpoints if rule not in rules]
    missing += [f"the probe {name}" for name in plan.probes if name not in probes]
    return part, missing, sorted(there - set(runs))


def _rectangle(plan: ReportPlan, there: set[str]) -> tuple[list[str], list[int]]:
    """The methods and seeds of the largest set of runs that are all there."""
    best: tuple[list[str], list[int]] = ([], [])
    for size in range(1, len(plan.seeds) + 1):
        for seeds in combinations(plan.seeds, size):
            methods = [name for name in plan.methods if all(f"{name}-{seed}" in there for seed in seeds)]
            if len(methods) * size > len(best[0]) * len(best[1]):
                best = methods, list(seeds)
    return best


def _is_there(folder: Path, run: str, trained: bool) -> bool:
    wanted = [folder / "samples" / run / RECORD, folder / "grades" / run / SCORES]
    return all(file.is_file() for file in [*wanted, *([folder / "train" / run / "steps.jsonl"] if trained else [])])
