"""IF-Eval (Zhou et al., arXiv 2311.07911): 541 prompts with 834 instructions that a program can check, of 25 kinds.

Four accuracies are in use, and a paper that prints "IF-Eval" may mean any: of prompts (every instruction of it is
followed) or of instructions, strict or loose (docs/ifeval.md). Here a sample is right if it follows every instruction of its
prompt, strictly. `scores.json` also has avg@k and pass@k of instructions, and a profile that names `ifeval_loose` under
`also_graded_by` has the loose ones.
"""

from stages.benchmarks.base import TEXT, Benchmark

BENCHMARK = Benchmark(
    title="IF-Eval",
    source="ifeval",
    answer_in=TEXT,
    grader="ifeval_strict",
    samples=1,
    prompt="plain",  # the prompts say themselves what is wanted
    called=("IF-Eval", "IFEval"),
    ambiguous=("IF-Eval", "IFEval"),  # of prompts or of instructions, strict or loose
    grader_files=("punkt_tab",),
)
