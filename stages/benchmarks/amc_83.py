"""AMC 12 of 2022 and 2023, the 83 problems of AI-MO's validation set; `amc23_40` is inside."""

from stages.benchmarks.base import BOXED, Benchmark

BENCHMARK = Benchmark(
    title="AMC 2022 and 2023",
    source="amc_83",
    answer_in=BOXED,
    grader="math_verify",
    samples=32,
    called=("AMC", "AMC23", "AMC 22/23"),
    ambiguous=("AMC", "AMC23"),
    family="amc",
)
