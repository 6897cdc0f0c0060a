"""AIME 2024, both papers, in DAPO's wording. Qwen's copy has another text of the torus problem, a garbled one."""

from stages.benchmarks.base import BOXED, Benchmark

BENCHMARK = Benchmark(
    title="AIME 2024",
    source="aime24",
    answer_in=BOXED,
    grader="math_verify",
    samples=32,
    called=("AIME24", "AIME 2024", "AIME'24"),
)
