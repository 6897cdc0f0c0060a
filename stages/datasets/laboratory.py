"""The laboratory's generated problems as sets of lines."""

from collections.abc import Sequence
from typing import Any

from stages.artifacts.manifest import Entry
from stages.common.files import InputError
from stages.datasets import contamination
from stages.datasets.assembly import Dataset
from stages.datasets.contamination import Match
from stages.lab.problems import CODE_POINTS, FAMILIES, Problem, generate_set

LAB_TRAINING = "lab"
LAB_BENCHMARKS = {f"lab_{family}": family for family in FAMILIES}
LAB_LICENCE = "this project's own"


def lab_training(
    families: Sequence[str], per_level: int, test_per_level: int, bench_seed: int
) -> tuple[Dataset, list[Match]]:
    """`per_level` problems for each family and level, disjoint from the benchmarks by how both are generated; and what
    is found in it of benchmarks with `test_per_level` problems all the same.
    """
    dataset = _generated("lab", f"{bench_seed}:train", families, "train_per_level", per_level, held_out=False)
    tests = {name: lab_benchmark(name, test_per_level, bench_seed).lines for name in LAB_BENCHMARKS}
    found = contamination.matches(dataset.lines, contamination.index_of(tests))
    return Dataset(dataset.lines, dataset.entry.model_copy(update={"found": contamination.counts(found)})), found


def lab_benchmark(name: str, per_level: int, bench_seed: int) -> Dataset:
    return _generated(name, f"{bench_seed}:{name}", [LAB_BENCHMARKS[name]], "test_per_level", per_level, held_out=True)


def _generated(name: str, seed: str, families: Sequence[str], field: str, per_level: int, held_out: bool) -> Dataset:
    """`per_level` problems for each family and level, a number that stands in `field` of `data.lab`."""
    try:
        problems = generate_set(seed, tuple(families), per_level, held_out)
    except ValueError as error:
        raise InputError(f"data.lab.{field}: {error}; lower it")
    lines = [lab_line(f"{name}-{index:04d}", problem, tests=held_out) for index, problem in enumerate(problems)]
    entry = Entry(
        source="stages/lab/problems.py",
        source_sha256=None,
        address=f"generated from seed {seed}",
        licence=LAB_LICENCE,
        redistribution="yes",
        rows_in=len(lines),
        rows_out=len(lines),
        dropped={},
        mended={},
    )
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
    if tests and problem.family == "code":  # training compares the values instead (stages/backend/reward.py)
        pairs = zip(CODE_POINTS, problem.answer.split(), strict=True)
        line |= {"tests": "".join(f"assert solution({x}) == {y}\n" for x, y in pairs), "entry_point": "solution"}
    return line
