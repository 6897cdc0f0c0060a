"""AMC 12 of 2023, the 40 problems of Qwen's evaluation: a subset of `amc_83`. Golds are floats there (`27.0`)."""

from stages.benchmarks.base import BOXED, Benchmark

BENCHMARK = Benchmark(
    title="AMC 2023",
    source="amc23_40",
    answer_in=BOXED,
    grader="math_verify",
    samples=32,
    called=("AMC23", "AMC 2023", "AMC"),
    ambiguous=("AMC23", "AMC"),
    family="amc",
)
