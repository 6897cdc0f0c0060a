"""How many short answers a second math_verify grades: `MIRROR=… .venv/train/bin/python -m perf.grading`.

The samples are made from the benchmarks' golds, 16 a problem. Half of them give the problem's gold as their boxed answer,
half another problem's; three quarters spell it as the gold is spelled. Prints one line a benchmark; the time includes the
start of the worker processes. The golds are read here, the answers are graded in the evaluation environment.
"""

import json
import random
import subprocess
from collections.abc import Callable

from stages.common.command import expect, run_stage
from stages.datasets.fetch import fetch, load_sources, mirror_folder
from stages.datasets.readers import read

K = 16
SPELLINGS: list[Callable[[str], str]] = [
    *[str] * 12,
    "{}.".format,
    "${}$".format,
    r"\text{{{}}}".format,
    "x = {}".format,
]
BENCHMARKS = ["aime24", "amc_83", "gsm8k_test", "math500", "minerva_math", "olympiadbench_675"]
ASK = """
import json, sys, time
from stages.graders.registry import GRADERS
pairs = json.load(sys.stdin)
started = time.perf_counter()
grades = GRADERS["math_verify"].grade(pairs)
json.dump([time.perf_counter() - started, sum(grade.correct for grade in grades)], sys.stdout)
"""


def main(arguments: list[str]) -> None:
    expect(arguments, "perf.grading")
    sources, mirror = load_sources(), mirror_folder()
    for name in BENCHMARKS:
        golds = [row["answer"] for row in read(sources[name], fetch(sources[name], mirror)).rows]
        draw = random.Random(0)
        pairs = []
        for gold in golds:
            for _ in range(K):
                answer = gold if draw.random() < 0.5 else draw.choice(golds)
                text = f"So we get \\boxed{{{draw.choice(SPELLINGS)(answer)}}} as the answer."
                pairs.append(({"answer": gold}, text))
        command = [".venv/eval/bin/python", "-c", ASK]
        said = subprocess.run(command, input=json.dumps(pairs), stdout=subprocess.PIPE, text=True, check=True).stdout
        seconds, right = json.loads(said)
        print(f"{name}: {len(pairs)} answers in {seconds:.1f} s, {len(pairs) / seconds:.0f} a second, {right} right")


if __name__ == "__main__":
    run_stage(main)
