"""MBPP+ (Liu et al., arXiv 2305.01210): 378 problems of MBPP under many more tests.

Its own harness bounds time, and the stack at 4 GiB: the other limits are protective.
"""

from stages.benchmarks.base import PROGRAM_THAT_DEFINES, PROTECTIVE, Benchmark

BENCHMARK = Benchmark(
    title="MBPP+",
    source="mbppplus",
    samples=4,
    called=("MBPP+", "MBPPPlus"),
    answer_in=PROGRAM_THAT_DEFINES,
    grader="sandbox",
    prompt="plain",
    limits=PROTECTIVE,
)
