"""OlympiadBench, its English text-only mathematics with final answers, 675 problems as released with Qwen's evaluation.

One problem states a tolerance of 0.1 (`error` in the source).
"""

from stages.benchmarks.base import BOXED, Benchmark

BENCHMARK = Benchmark(
    title="OlympiadBench (675)",
    source="olympiadbench_675",
    answer_in=BOXED,
    grader="math_verify",
    samples=4,
    called=("Olympiad", "OlympiadBench"),
    ambiguous=("Olympiad", "OlympiadBench"),
    family="olympiadbench",
)
