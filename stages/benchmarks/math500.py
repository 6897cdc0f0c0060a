"""500 problems of MATH's test set, chosen by OpenAI (Lightman et al., arXiv 2305.20050)."""

from stages.benchmarks.base import BOXED, Benchmark

BENCHMARK = Benchmark(
    title="MATH-500",
    source="math500",
    answer_in=BOXED,
    grader="math_verify",
    samples=4,
    called=("MATH500", "MATH-500", "MATH"),
    ambiguous=("MATH",),
)
