"""HumanEval+ (Liu et al., arXiv 2305.01210): HumanEval's problems under many more tests.

Its own harness bounds time, and the stack at 4 GiB: the other limits are protective.
"""

from stages.benchmarks.base import PROGRAM_OR_BODY, PROTECTIVE, Benchmark

BENCHMARK = Benchmark(
    title="HumanEval+",
    source="humanevalplus",
    samples=8,
    called=("HumanEval+", "HumanEvalPlus"),
    answer_in=PROGRAM_OR_BODY,
    grader="sandbox",
    prompt="plain",
    limits=PROTECTIVE,
)
