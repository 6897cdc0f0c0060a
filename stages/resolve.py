"""Stage resolve: checks `params.yaml` whole and writes one small plan for each stage and run of the profile.

    python -m stages.resolve <profile>

Every other stage depends on its own plan instead of on `params.yaml` and the source tree. A plan holds the stage's
settings and a fingerprint of the code that the stage imports (without comments and docstrings), so a stage runs again
exactly when something that it uses has changed: a new method or a changed setting leaves all other runs as they are.
"""

from pathlib import Path
from typing import Any

from stages.benchmarks import find
from stages.closure import fingerprint
from stages.files import InputError, output_folder, sha256, write_json
from stages.params import Params, load
from stages.protocol_in_force import benchmark_settings, departures, protocol_in_force
from stages.protocols import SAMPLING
from stages.stage import run_stage

LOCKS = {"train": {"cpu": "locks/train.lock", "cuda": "locks/gpu.lock"}, "eval": "locks/eval.lock"}


def plans(params: Params) -> dict[str, dict[str, Any]]:
    """Relative path below the profile's plan folder -> plan."""
    backend, protocol = params.backend.model_dump(), protocol_in_force(params)
    runs = {f"{name}-{seed}": (name, seed) for name in params.methods for seed in params.seeds}
    methods = {name: params.method_of(name) for name in params.methods}
    training_lock, evaluation_lock = sha256(Path(LOCKS["train"][params.backend.platform])), sha256(Path(LOCKS["eval"]))

    def plan(
        stage: str, settings: dict[str, Any], *modules: str, lock: str = training_lock, **more: Any
    ) -> dict[str, Any]:
        code = fingerprint([f"stages.{stage}", *modules])
        return {"suite_seed": params.suite_seed, "settings": settings, "code": code, "environment": lock, **more}

    written = {
        "prepare": plan(
            "prepare",
            {
                "training": params.data.training,
                "variant": params.data.variant,
                "benchmarks": list(protocol.samples),
                "benchmark_sources": {name: find(name).source for name in protocol.samples},
                "benchmark_settings": benchmark_settings(params),
                "prompt": params.data.prompt,
                "lab": params.data.lab.model_dump() if params.data.lab else None,
            },
        ),
        "subset": plan(
            "subset",
            {
                "subsets": {name: subset.model_dump() for name, subset in params.data.subsets.items()},
                "dtype": params.backend.dtype,
                "platform": params.backend.platform,
                "threads": params.backend.threads,
            },
        ),
        "model": plan("model", {**params.model.model_dump(), "dtype": params.backend.dtype}),
        "sample": plan(
            "sample",
            {
                "protocol": protocol.asked_by,
                "samples": protocol.samples,
                "prompts": protocol.prompts,
                **{name: getattr(protocol, name) for name in SAMPLING},
                "concurrency": params.evaluation.concurrency,
                "backend": backend,
                "context_length": params.train.max_prompt_tokens + protocol.max_tokens,
            },
            "stages.evaluation.requests",
            evaluation_environment=evaluation_lock,
        ),
        "grade": plan(
            "grade",
            {
                "samples": protocol.samples,
                "graders": protocol.graders,
                "alternatives": params.evaluation.also_graded_by,
            },
            lock=evaluation_lock,
        ),
        "report": plan(
            "report",
            {
                "profile": params.profile,
                "suite_seed": params.suite_seed,
                "methods": params.methods,
                "method_of": {name: method for name, (method, _) in methods.items()},
                "seeds": params.seeds,
                "runs": list(runs),
                "method_settings": {run: methods[name][1] for run, (name, _) in runs.items()},
                "benchmarks": protocol.samples,
                "protocol": protocol.model_dump(),
                "protocol_departures": [difference._asdict() for difference in departures(params)],
                "released": list(params.models),
                "train": params.train.model_dump(),
                "backend": backend,
                "published": params.published.model_dump() if params.published else None,
            },
        ),
    }
    for name, released in params.models.items():
        place = {"source": released.source, "name": released.hub or released.folder, "revision": released.revision}
        written[f"models/{name}"] = plan("model", place)
    for run, (name, seed) in runs.items():
        method, method_settings = methods[name]
        settings = {
            "method": method,
            "method_settings": method_settings,
            "train": params.train.model_dump(),
            "training_folder": "subsets" if params.train.dataset in params.data.subsets else "data/train",
            "backend": backend,
        }
        written[f"train/{run}"] = plan(
            "train", settings, "stages.backend.main", "stages.backend.trainer", "stages.backend.agent_loop",
            "stages.backend.reward", f"stages.methods.{method}", run=run, seed=derive_seed(params.suite_seed, seed),
        )  # fmt: skip
    return written


def derive_seed(suite_seed: int, seed: int) -> int:
    """The seed of a run: every generator of a training run is given this one number."""
    return (suite_seed * 1_000_003 + seed) % 2**31


def main(arguments: list[str]) -> None:
    params = load(Path("params.yaml"))
    if arguments != [params.profile]:
        raise InputError(
            f"profile: params.yaml holds {params.profile!r}, not {' '.join(arguments)!r}; "
            "cp profiles/<name>.yaml params.yaml"
        )
    written = plans(params)
    if params.published:  # pandas: bad input is told without waiting for it
        from stages.published import check_setting, load_published
        from stages.reporting.plan import Plan
        from stages.reporting.published import stands_for

        check_setting(load_published(), params.published)
        stands_for(Plan.model_validate(written["report"]["settings"]))
    with output_folder(Path("results") / params.profile / "plan") as folder:
        for name, content in written.items():
            write_json(folder / f"{name}.json", content)


if __name__ == "__main__":
    run_stage(main)
