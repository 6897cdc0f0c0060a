"""Stage sample: k samples a problem of every benchmark from one model, by EvalScope from a vLLM server.

    python -m stages.sample <profile> <run>

A run is <method>-<seed>, `base` for the untrained model, or the name of a released model of the profile's `models`.

Writes `results/<profile>/samples/<run>/<benchmark>.jsonl`, one line a sample. Replies are stored in a work folder as
they come, so a killed stage requests only what is missing.
"""

import os
import time
from pathlib import Path

from stages.backend.environment import assert_versions, environment
from stages.backend.server import SERVED_NAME, choose_port, command, wait_until_ready
from stages.files import InputError, output_folder, read_json, sha256, write_json
from stages.progress import Bar
from stages.stage import run_stage
from stages.supervise import ProcessFailed, supervised, wait

EVALUATION_PYTHON = Path(".venv/eval/bin/python")
PATIENCE = 3600.0  # seconds without a reply
BASE = "base"


def main(arguments: list[str]) -> None:
    profile, run = arguments
    results, work = Path("results") / profile, Path("work") / profile / "sample" / run
    plan = read_json(results / "plan" / "sample.json")
    settings = plan["settings"]
    backend = settings["backend"]
    versions = assert_versions(backend["platform"])
    model = find_model(profile, results, run)
    if not EVALUATION_PYTHON.exists():
        raise InputError(f"{EVALUATION_PYTHON} is missing: make setup builds the evaluation environment")
    port, started = choose_port(backend["port"]), time.time()

    problems = {name: results / "data" / "eval" / f"{name}.jsonl" for name in settings["samples"]}
    counts = {name: sum(1 for _ in path.open(encoding="utf-8")) for name, path in problems.items()}
    total = sum(counts[name] * k for name, k in settings["samples"].items())
    fingerprint = sha256(model)
    server_log, log = work / "vllm.log", work / "evalscope.log"
    with output_folder(results / "samples" / run) as folder, Bar(f"sample {run}", total) as bar:
        jobs = []
        for name, k in settings["samples"].items():
            job = {
                "benchmark": name,
                "problems": str(problems[name]),
                "prompt": settings["prompts"][name],
                "url": f"http://127.0.0.1:{port}/v1",
                "model": SERVED_NAME,
                "model_sha256": fingerprint,
                "k": k,
                "suite_seed": plan["suite_seed"],
                **{key: settings[key] for key in ("temperature", "top_p", "top_k", "max_tokens", "concurrency")},
                "work": str(work / name),
                "output": str(folder / f"{name}.jsonl"),
            }
            jobs.append(work / f"{name}.job.json")
            write_json(jobs[-1], job)

        def progress() -> int:
            files = [path for path in work.rglob("predictions/**/*.jsonl") if path.stat().st_mtime >= started]
            stored = sum(map(_lines, files))  # those of an earlier model or setting are not touched again
            bar.show(min(stored, total), "samples")
            return stored

        serve = command(model, port, plan["suite_seed"], settings)
        request = [str(EVALUATION_PYTHON), "-m", "stages.evaluation.requests", *map(str, jobs)]
        try:
            with supervised(serve, environment(backend), server_log, f"serve/{work.resolve()}") as server:
                wait_until_ready(server, port, server_log)
                with supervised(request, {"PYTHONPATH": os.getcwd()}, log, f"request/{work.resolve()}") as client:
                    wait(client, log, PATIENCE, progress)
        except ProcessFailed as error:
            raise InputError(f"sampling {run} {error}")
        write_json(folder / "versions.json", {**versions, "evalscope": "1.14.1", "protocol": settings["protocol"]})


def find_model(profile: str, results: Path, run: str) -> Path:
    """The folder of the run's model; InputError names the stage that makes it."""
    if run == BASE:
        model, maker = results / "model", f"model@{profile}"
    elif (results / "plan" / "models" / f"{run}.json").is_file():
        model, maker = results / "models" / run, f"released@{profile}-{run}"
    else:
        model, maker = results / "train" / run / "model", f"train@{profile}-{run}"
    if not model.is_dir():
        raise InputError(f"{model} is missing: dvc repro {maker} makes it")
    return model


def _lines(path: Path) -> int:
    with path.open("rb") as stream:
        return sum(block.count(b"\n") for block in iter(lambda: stream.read(1 << 20), b""))


if __name__ == "__main__":
    run_stage(main)
