r"""AIME 2025, both papers. One gold is `336^\circ`; prepare makes it 336, as an AIME answer is a whole number."""

from stages.benchmarks.base import BOXED, Benchmark

BENCHMARK = Benchmark(
    title="AIME 2025",
    source="aime25",
    answer_in=BOXED,
    grader="math_verify",
    samples=32,
    called=("AIME25", "AIME 2025", "AIME'25"),
)
