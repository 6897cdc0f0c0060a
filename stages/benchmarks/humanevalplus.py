"""HumanEval+ (Liu et al., arXiv 2305.01210): HumanEval's problems under many more tests."""

from stages.benchmarks.base import PROGRAM, Benchmark

BENCHMARK = Benchmark(
    title="HumanEval+",
    source="humanevalplus",
    samples=8,
    called=("HumanEval+", "HumanEvalPlus"),
    reply=PROGRAM,
    grader="sandbox",
    prompt="plain",
)
