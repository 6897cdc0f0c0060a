"""MBPP (Austin et al., arXiv 2108.07732), all 974 problems. Problem 367 fails its own gold: `Node` is undefined.

Papers that say MBPP may mean these 974, the 500 of its test split, or the 427 of the sanitised copy.

Its authors publish no harness and no limits: these are protective.
"""

from stages.benchmarks.base import PROGRAM_THAT_DEFINES, PROTECTIVE, Benchmark

BENCHMARK = Benchmark(
    title="MBPP",
    source="mbpp",
    samples=1,
    called=("MBPP",),
    ambiguous=("MBPP",),
    answer_in=PROGRAM_THAT_DEFINES,
    grader="sandbox",
    prompt="plain",
    limits=PROTECTIVE,
)
