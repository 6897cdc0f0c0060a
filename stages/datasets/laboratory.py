"""The laboratory's generated problems as sets of lines."""

from typing import Any

from stages.datasets import contamination
from stages.datasets.assembly import Dataset
from stages.files import InputError
from stages.lab.problems import CODE_POINTS, FAMILIES, Problem, generate_set

LAB_TRAINING = "lab"
LAB_BENCHMARKS = {f"lab_{family}": family for family in FAMILIES}
LAB_LICENCE = "this project's own"


def lab_training(lab: dict[str, Any], suite_seed: int) -> Dataset:
    """Disjoint from the benchmarks by how both are generated; what is found of them in it is recorded all the same."""
    dataset = _generated("lab", f"{suite_seed}:train", tuple(lab["families"]), "train_per_level", lab, held_out=False)
    index = contamination.index_of({name: lab_benchmark(name, lab, suite_seed).lines for name in LAB_BENCHMARKS})
    found = contamination.counts(contamination.matches(dataset.lines, index))
    return Dataset(dataset.lines, {**dataset.entry, "found": found})


def lab_benchmark(name: str, lab: dict[str, Any], suite_seed: int) -> Dataset:
    return _generated(name, f"{suite_seed}:{name}", (LAB_BENCHMARKS[name],), "test_per_level", lab, held_out=True)


def _generated(
    name: str, seed: str, families: tuple[str, ...], size: str, lab: dict[str, Any], held_out: bool
) -> Dataset:
    """`size` names the field of `lab` with the number of problems for each family and level."""
    try:
        problems = generate_set(seed, families, lab[size], held_out)
    except ValueError as error:
        raise InputError(f"data.lab.{size}: {error}; lower it")
    lines = [lab_line(f"{name}-{index:04d}", problem, tests=held_out) for index, problem in enumerate(problems)]
    entry = {
        "rows_in": len(lines),
        "rows_out": len(lines),
        "dropped": {},
        "mended": {},
        "source": "stages/lab/problems.py",
        "source_sha256": None,
        "address": f"generated from seed {seed}",
        "licence": LAB_LICENCE,
        "redistribution": "yes",
    }
    return Dataset(lines, entry)


def lab_line(identity: str, problem: Problem, tests: bool) -> dict[str, Any]:
    line = {
        "id": identity,
        "problem": problem.prompt,
        "answer": problem.answer,
        "source": "lab",
        "level": problem.level,
        "family": problem.family,
    }
    if tests and problem.family == "code":  # training compares the values instead (stages/rewards.py)
        pairs = zip(CODE_POINTS, problem.answer.split())
        line |= {"tests": "".join(f"assert solution({x}) == {y}\n" for x, y in pairs), "entry_point": "solution"}
    return line
