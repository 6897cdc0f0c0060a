"""Minerva's undergraduate physics and chemistry questions (Lewkowycz et al., arXiv 2206.14858), 272 problems.

Golds in e-notation (`5.3e-9`) are common, and some are formulas as programs write them (`np.arcsin(10/13)`, `-3./2`):
docs/answers.md says how they are read. Two public copies have 29 wrong
golds; this one has none.
"""

from stages.benchmarks.base import BOXED, Benchmark

BENCHMARK = Benchmark(
    title="Minerva Math",
    source="minerva_math",
    answer_in=BOXED,
    grader="math_verify",
    samples=4,
    called=("Minerva", "Minerva Math", "MinervaMath"),
)
