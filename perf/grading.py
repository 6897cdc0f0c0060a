"""How many short answers a second math_verify grades: `MIRROR=… .venv/eval/bin/python -m perf.grading`.

The samples are made from the benchmarks' golds, 16 a problem. Half of them give the problem's gold as their boxed answer,
half another problem's; three quarters spell it as the gold is spelled. Prints one line a benchmark; the time includes the
start of the worker processes.
"""

import os
import random
import time
from pathlib import Path

from stages.datasets.fetch import fetch, load_sources
from stages.datasets.readers import read
from stages.graders import GRADERS

K = 16
SPELLINGS = [*[str] * 12, "{}.".format, "${}$".format, r"\text{{{}}}".format, "x = {}".format]
BENCHMARKS = ["aime24", "amc_83", "gsm8k_test", "math500", "minerva_math", "olympiadbench_675"]


def main() -> None:
    sources, mirror = load_sources(), Path(os.environ["MIRROR"]) if os.environ.get("MIRROR") else None
    for name in BENCHMARKS:
        golds = [row["answer"] for row in read(sources[name], fetch(sources[name], mirror)).rows]
        draw = random.Random(0)
        pairs = []
        for gold in golds:
            for _ in range(K):
                answer = gold if draw.random() < 0.5 else draw.choice(golds)
                text = f"So we get \\boxed{{{draw.choice(SPELLINGS)(answer)}}} as the answer."
                pairs.append(({"answer": gold}, text))
        started = time.perf_counter()
        grades = GRADERS["math_verify"].grade(pairs)
        seconds = time.perf_counter() - started
        right = sum(grade.correct for grade in grades)
        print(f"{name}: {len(pairs)} answers in {seconds:.1f} s, {len(pairs) / seconds:.0f} a second, {right} right")


if __name__ == "__main__":
    main()
