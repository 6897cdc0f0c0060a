"""A small profile of two methods in which nearly every stage runs, and how its pipeline is killed.

The first method is the worked example of README, so the example is executed as it stands there. The second reads logits,
and carries a coefficient from step to step.
"""

import functools
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

from stages.common.files import sha256
from tests.project import ONE_CORE, ROOT, clean_environment, copy_project, set_params

SMALL = {
    "profile": "pair",
    "seeds": [1],
    "methods": ["half_sure", "aent"],
    "method_settings": {"aent": {"entropy_low": 0.5, "entropy_high": 0.6}},  # above the model's: it moves in every step
    "data__lab__test_per_level": 2,
    "data__training": ["lab", "own_held_out"],
    "data__own": {"own_held_out": {"file": "held_out.jsonl", "licence": "CC0-1.0"}},
    "train__steps": 6,
    "train__prompts_per_step": 8,
    "train__responses_per_prompt": 4,
    "train__updates_per_step": 2,
    "train__micro_batch": 8,  # two a mini-batch
    "train__checkpoint_every": 2,
    "train__optimiser__warm_up_steps": 0,
    "train__validation": {
        "dataset": "own_held_out",
        "every": 2,
        "prompts": 6,
        "responses_per_prompt": 2,
        "temperature": 1.0,
    },
    "backend__threads": ONE_CORE["threads"],
    "evaluation__benchmarks": ["lab_sum", "lab_code"],
    "evaluation__samples": {"lab_sum": 4, "lab_code": 2},
    "checkpoints": {"paper": "best on lab_sum", "early": "step 2"},
}


def pair_project(folder: Path) -> Path:
    project = copy_project(folder)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    path, code = re.search(r"```python\n# (stages/methods/half_sure\.py)\n(.*?)```", readme, re.DOTALL).groups()
    (project / path).write_text(code)
    (line,) = re.findall(r"^    (\"half_sure\": .*)$", readme, re.MULTILINE)
    registry = project / "stages/methods/__init__.py"
    registry.write_text(registry.read_text().replace("METHODS = {", f"METHODS = {{\n    {line}"))
    sums = [(3, 8), (5, 4), (9, 9), (2, 7, 6), (8, 1, 5), (4, 4, 9)]
    held_out = [{"problem": f"total {' '.join(map(str, terms))}", "answer": str(sum(terms))} for terms in sums]
    (project / "held_out.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in held_out))
    set_params(project, **SMALL)
    return project


def kill_when(project: Path, ready) -> None:
    """Starts `dvc repro` and kills it and all that it started, without a warning, once `ready()` holds."""
    process = subprocess.Popen(
        [project / ".venv/train/bin/dvc", "repro"],
        cwd=project,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=clean_environment(),
    )
    deadline = time.monotonic() + 900
    while not ready():
        assert process.poll() is None, "the pipeline ended before it could be killed"
        assert time.monotonic() < deadline, "the pipeline did not get far enough to be killed"
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)  # dvc and the stage; the stage's processes die or are ended by the next call
    process.wait()


@functools.cache  # whoever waits for samples asks often
def samples_of(project: Path, *model: str) -> Path:
    """The folder in which samples of a model below the results are stored as they come."""
    return project / "work/pair/sample" / sha256(project.joinpath("results/pair", *model))[:16]


def stored(project: Path, *model: str) -> int:
    """How many samples of a model are stored; none where there is no model yet."""
    if not project.joinpath("results/pair", *model).is_dir():
        return 0
    return sum(map(lines_of, samples_of(project, *model).rglob("predictions/**/*.jsonl")))


def lines_of(path: Path) -> int:
    return path.read_bytes().count(b"\n")
