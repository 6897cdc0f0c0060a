"""The laboratory: sums, the family that every laboratory profile trains on; held-out problems."""

from stages.benchmarks.base import BOXED, LABORATORY, Benchmark

BENCHMARK = Benchmark(
    title="Laboratory: sums",
    source=LABORATORY,
    answer_in=BOXED,
    grader="math_verify",
    samples=8,
)
