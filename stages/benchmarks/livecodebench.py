"""LiveCodeBench (Jain et al., arXiv 2403.07974), code generation, lite copy: release and window are settings.

Which problems a paper means by "LiveCodeBench" depends on both: "v5" alone names 880 problems, of which papers report
279 (2024-08 to 2025-02, the window that some of them print).
"""

from stages.benchmarks.base import PROGRAM, Benchmark
from stages.datasets.livecodebench import NAME, Settings

BENCHMARK = Benchmark(
    title="LiveCodeBench",
    source=NAME,
    reply=PROGRAM,
    grader="sandbox",
    samples=4,
    prompt="plain",
    called=("LiveCodeBench", "LiveCodeBench-v5", "LiveCodeBench-v6", "LiveCodeBench 8/24-2/25"),
    ambiguous=("LiveCodeBench", "LiveCodeBench-v5", "LiveCodeBench-v6"),
    settings=Settings,
)
