"""A training step of bare verl beside one of this bench, on the same work in the same minutes.

    python -m perf.training_step [--steps 20] [--rounds 2] [--write]

Both train the smoke model with GRPO on the same prompts, settings and machine, a session each, in turn. Bare verl is verl's
own trainer, worker, agent loop, reward worker and loss, except that it looks at its replay buffer every 0.05 s:
as shipped it looks every 2 s, and that wait would be most of a step so small. Its actor computes the entropy too,
which the bench gives to every method. What is compared is the median over all steps but a session's first. Needs
`make repro TARGETS='prepare@smoke model@smoke'`.
"""

import argparse
import functools
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from stages.backend.config import session_settings
from stages.backend.environment import environment
from stages.common.command import run_stage
from stages.common.files import read_json, read_jsonl, write_json, write_text
from stages.common.options import Options, at_least
from stages.common.tables import markdown_table
from stages.profile.params import load
from stages.profile.plans.train import TrainPlan
from stages.profile.resolution import training_plan
from stages.profile.sections.train import Reward

DOCUMENT = Path("docs/step.md")
WORK = Path("work/perf/training_step").resolve()
# verl's names of the parts of a step, in their order
PARTS = {
    "gen": "responses and their rewards",
    "old_log_prob": "log-probs and entropies of the old policy",
    "adv": "advantages, and what is measured of the step",
    "update_actor": "update",
    "update_weights": "weights to the engine",
    "step": "the whole step",
}


def main(arguments: list[str]) -> None:
    parser = Options("perf.training_step", __doc__)
    parser.add_argument("--steps", type=at_least(1), default=20, help="of each session")
    parser.add_argument("--rounds", type=at_least(1), default=2, help="sessions of each kind")
    parser.add_argument("--write", action="store_true", help=f"put the table into {DOCUMENT}")
    parser.add_argument("--bare", type=Path, help=argparse.SUPPRESS)  # the process that trains with bare verl
    options = parser.parse_args(arguments)
    if options.bare:
        train_bare(options.bare)
        return
    shutil.rmtree(WORK, ignore_errors=True)
    plan = plan_of(options.steps)
    seconds: dict[str, list[dict[str, float]]] = {"bare": [], "bench": []}
    for number in range(options.rounds):
        for kind, lines in seconds.items():
            lines += session(kind, plan, WORK / f"{kind}-{number}")
            print(f"{kind}: round {number + 1} of {options.rounds}", file=sys.stderr)
    text = render(seconds, options)
    print(text)
    if options.write:
        head = "# What the bench adds to a step of verl\n\nWritten by `python -m perf.training_step --write`.\n"
        write_text(DOCUMENT, head + __doc__.partition("\n\n")[2].partition("\n\n")[2] + "\n" + text)


def plan_of(steps: int) -> TrainPlan:
    params = load(Path("profiles/smoke.yaml"))
    plan = training_plan(params, "grpo", params.seeds[0])
    return plan.model_copy(
        update={"train": plan.train.model_copy(update={"steps": steps, "checkpoint_every": steps + 1})}
    )


def session(kind: str, plan: TrainPlan, work: Path) -> list[dict[str, float]]:
    """Seconds by part of every step but the first, which also loads what later ones find loaded."""
    results = Path("results/smoke").resolve()
    settings = session_settings([(plan, work)], results / "data/train/lab.parquet", results / "model")
    launch = work / "launch.json"
    write_json(launch, settings)
    program = ["perf.training_step", "--bare"] if kind == "bare" else ["stages.backend.main"]
    with (work / "log").open("wb") as log:
        subprocess.run(
            [sys.executable, "-m", *program, str(launch)],
            env={**os.environ, **environment(plan.backend)},
            stdout=log,
            stderr=subprocess.STDOUT,
            check=True,
        )
    return [line["seconds"] for line in read_jsonl(work / "timings.jsonl")][1:]


def train_bare(launch: Path) -> None:
    """In a process of its own: verl's own trainer with the same settings."""
    from omegaconf import open_dict
    from verl.trainer import main_ppo
    from verl.trainer.ppo.v1 import PPOTrainerSync, register_trainer

    from stages.backend.config import compose
    from stages.backend.main import start_ray
    from stages.backend.trainer import POLL_SECONDS

    @register_trainer("bare")
    class BareTrainer(PPOTrainerSync):
        def __init__(self, config: Any):
            with open_dict(config):
                config.trainer.v1.trainer_mode = "sync"
            super().__init__(config)
            self.replay_buffer.poll_interval = POLL_SECONDS

        def _compute_metrics(self, batch: Any, metrics: Any, timing_raw: dict[str, float], **place: Any) -> None:
            super()._compute_metrics(batch, metrics, timing_raw, **place)
            with launch.with_name("timings.jsonl").open("a") as stream:
                stream.write(json.dumps({"seconds": dict(timing_raw)}) + "\n")

    config = compose(read_json(launch))
    with open_dict(config):
        config.trainer.v1.trainer_mode = "bare"
        config.actor_rollout_ref.rollout.engine_kwargs.vllm.worker_extension_cls = None
        config.actor_rollout_ref.rollout.agent = {
            **config.actor_rollout_ref.rollout.agent,
            "default_agent_loop": "single_turn_agent",
            "agent_loop_config_path": None,
            "agent_loop_manager_class": None,
            "num_workers": 1,
        }
        config.reward.num_workers = 1
        config.reward.custom_reward_function = {"path": __file__, "name": "compute_score"}
    start_ray(config, sys.executable)
    main_ppo.TaskRunnerV1.__ray_metadata__.modified_class().run(config)


@functools.cache
def reward_rule() -> Reward:
    return load(Path("profiles/smoke.yaml")).train.reward


def compute_score(data_source: str, solution_str: str, ground_truth: str, **_: Any) -> float:
    """The bench's reward as verl's reward worker calls it."""
    from stages.backend.reward import score_response

    return float(score_response(reward_rule(), data_source, solution_str, ground_truth).correct)


def render(seconds: dict[str, list[dict[str, float]]], options: argparse.Namespace) -> str:
    medians = {
        kind: {part: statistics.median(line[part] for line in lines) for part in PARTS}
        for kind, lines in seconds.items()
    }
    bare, bench = medians["bare"], medians["bench"]
    rows = [
        [what, f"{bare[part]:.3f}", f"{bench[part]:.3f}", f"{100 * (bench[part] - bare[part]) / bare['step']:+.1f} %"]
        for part, what in PARTS.items()
    ]
    table = markdown_table(["part", "bare verl, s", "the bench, s", "difference, of bare verl's step"], rows, "lrrr")
    count = len(seconds["bench"])
    return f"16 × 8 responses a step, medians of {count} steps in {options.rounds} sessions, {os.cpu_count()} cores.\n\n{table}\n"


if __name__ == "__main__":
    run_stage(main)
