"""The laboratory: chains of operations: never trained on in smoke, its out-of-domain benchmark."""

from stages.benchmarks.base import BOXED, LABORATORY, Benchmark

BENCHMARK = Benchmark(
    title="Laboratory: chains",
    source=LABORATORY,
    answer_in=BOXED,
    grader="exact_box",
    samples=8,
)
