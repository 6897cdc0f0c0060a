"""The laboratory: functions of x to write as an expression, judged by running it at a few points."""

from stages.benchmarks.base import BOXED, LABORATORY, Benchmark

BENCHMARK = Benchmark(
    title="Laboratory: code",
    source=LABORATORY,
    reply=BOXED,
    grader="sandbox",
    samples=8,
)
