"""MBPP+ (Liu et al., arXiv 2305.01210): 378 problems of MBPP under many more tests."""

from stages.benchmarks.base import PROGRAM, Benchmark

BENCHMARK = Benchmark(
    title="MBPP+",
    source="mbppplus",
    samples=4,
    called=("MBPP+", "MBPPPlus"),
    reply=PROGRAM,
    grader="sandbox",
    prompt="plain",
)
