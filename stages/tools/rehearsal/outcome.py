"""What a rehearsal has to have left, and what it did."""

from pathlib import Path

from stages.artifacts.records import TrainingRecord
from stages.artifacts.steps import read_steps
from stages.common.files import InputError, read_json, read_jsonl
from stages.tools.rehearsal.scaling import STEPS

NEAR = 1e-2  # largest difference of a token's probability between trainer and engine: with other weights it is larger


def check_training(root: Path, profile: str, run: str) -> str:
    """The line of a trained run; InputError where it learnt nothing or its engine had other weights."""
    folder = root / "results" / profile / "train" / run
    lines = read_steps(folder / "steps.jsonl", STEPS)
    TrainingRecord.read(folder, "train", run)
    for line in lines:
        if not line["gradient_norm"] > 0:
            raise InputError(
                f"{run}: the gradient of step {line['step']} is {line['gradient_norm']}: it learns nothing"
            )
        if line["rollout_probability_difference"] > NEAR:
            raise InputError(
                f"{run}: step {line['step']}: probabilities of trainer and engine differ by "
                f"{line['rollout_probability_difference']:.2g}: the weights did not reach the engine"
            )
    (work,) = (root / "work" / profile / "train").glob(f"{run}-*")
    if not read_json(work / "ended.json")["weights_changed"]:
        raise InputError(f"{run}: its weights are those of the base model")
    norms = " and ".join(f"{line['gradient_norm']:.3g}" for line in lines)
    last = lines[-1]
    return (
        f"{run}: gradient norms {norms}, entropy {last['entropy']:.2f}, {last['response_length']:.0f} tokens a response"
    )


def check_resumed(root: Path, profile: str, run: str) -> str:
    """InputError unless the run went on from the checkpoint of its first step."""
    (work,) = (root / "work" / profile / "train").glob(f"{run}-*")
    log = (work / "verl.log").read_text(encoding="utf-8", errors="replace")
    resumed = log.rpartition("Resuming from")[2][:400]
    if "Resuming from" not in log or "global_step_1" not in resumed:
        raise InputError(f"{run}: it did not go on from the checkpoint of step 1; {work / 'verl.log'} says what it did")
    return f"{run}: killed after step 1, went on from its checkpoint"


def check_grades(root: Path, profile: str, model: str) -> str:
    """The line of an evaluated model: how many samples each benchmark has, and what came of grading them."""
    scores = read_json(root / "results" / profile / "grades" / model / "scores.json")
    parts = []
    for name, score in scores.items():
        rows = list(read_jsonl(root / "results" / profile / "samples" / model / f"{name}.jsonl"))
        parts.append(f"{name} {len(rows)} ({score['status']})")
    return f"{model}: {', '.join(parts)}"
