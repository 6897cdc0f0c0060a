"""The laboratory: functions of x to write as an expression, graded by running it at a few points."""

from stages.benchmarks.base import BOXED, LABORATORY, Benchmark

BENCHMARK = Benchmark(
    title="Laboratory: code",
    source=LABORATORY,
    answer_in=BOXED,
    grader="sandbox",
    samples=8,
)
