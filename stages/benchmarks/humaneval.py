"""HumanEval (Chen et al., arXiv 2107.03374): 164 heads of functions to complete, asked as they stand.

A sentence about boxes would only mislead: the answer is code.
"""

from stages.benchmarks.base import PROGRAM, Benchmark

BENCHMARK = Benchmark(
    title="HumanEval",
    source="humaneval",
    samples=8,
    called=("HumanEval",),
    reply=PROGRAM,
    grader="sandbox",
    prompt="plain",
)
