"""LiveCodeBench (Jain et al., arXiv 2403.07974), code generation, lite copy: release and window are settings.

Which problems a paper means by "LiveCodeBench" depends on both: "v5" alone names 880 problems, of which papers report
279 (2024-08 to 2025-02, the window that some of them print).

Its own harness takes what stands between the last two lines with ``` and bounds time only. So the limits are protective,
but for AtCoder's problems: 1,024 MB of memory are its judge's, and stand on the problems' lines.
"""

from stages.benchmarks.base import PROGRAM_THAT_READS, PROTECTIVE, Benchmark
from stages.datasets.livecodebench import NAME, Settings

BENCHMARK = Benchmark(
    title="LiveCodeBench",
    source=NAME,
    answer_in=PROGRAM_THAT_READS,
    grader="sandbox",
    samples=4,
    prompt="plain",
    limits=PROTECTIVE,
    called=("LiveCodeBench", "LiveCodeBench-v5", "LiveCodeBench-v6", "LiveCodeBench 8/24-2/25"),
    ambiguous=("LiveCodeBench", "LiveCodeBench-v5", "LiveCodeBench-v6"),
    settings=Settings,
)
