"""GSM8K's test set (Cobbe et al., arXiv 2110.14168), 1,319 problems."""

from stages.benchmarks.base import BOXED, Benchmark

BENCHMARK = Benchmark(
    title="GSM8K",
    source="gsm8k_test",
    answer_in=BOXED,
    grader="math_verify",
    samples=1,
    called=("GSM8K",),
)
