"""HumanEval (Chen et al., arXiv 2107.03374): 164 heads of functions to complete, asked as they stand.

A sentence about a boxed answer would only mislead: the answer is code.

Its own harness bounds a program's time only: the other limits are protective.
"""

from stages.benchmarks.base import PROGRAM_OR_BODY, PROTECTIVE, Benchmark

BENCHMARK = Benchmark(
    title="HumanEval",
    source="humaneval",
    samples=8,
    called=("HumanEval",),
    answer_in=PROGRAM_OR_BODY,
    grader="sandbox",
    prompt="plain",
    limits=PROTECTIVE,
)
