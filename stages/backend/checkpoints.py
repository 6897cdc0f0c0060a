"""The checkpoints of a run, and which of them is whole.

verl makes a checkpoint's folder before it writes the first of its files, so a folder proves nothing. When all is written
it puts the step's number into a file of its own, which it first empties. The bench's mark comes after that, and whole: a
kill or a full disk at any moment leaves the mark of the checkpoint before.
"""

import shutil
from pathlib import Path

from stages.common.files import parse_json, write_jsonl, write_text

MARK = "last_whole_step.txt"
OF_VERL = "latest_checkpointed_iteration.txt"  # from which verl takes the checkpoint that it goes on from


def checkpoint(checkpoints: Path, step: int) -> Path:
    """The folder of a step's checkpoint, whole or not."""
    return checkpoints / f"global_step_{step}"


def exported(checkpoint: Path) -> Path:
    """The weights of a checkpoint as an HF folder."""
    return checkpoint / "actor" / "huggingface"


def kept_weights(work: Path, step: int) -> Path:
    """The folder, in a run's work folder, with the weights of a step that is kept beside the last."""
    return work / "kept" / f"step-{step}"


def last_whole(checkpoints: Path) -> int:
    """The step of the last whole checkpoint; 0 if there is none."""
    mark = checkpoints / MARK
    step = int(mark.read_text()) if mark.exists() else 0
    return step if checkpoint(checkpoints, step).is_dir() else 0


def mark_whole(checkpoints: Path, step: int) -> None:
    """To be called when verl has written the step's checkpoint."""
    write_text(checkpoints / MARK, f"{step}\n")


def keep_last_whole(checkpoints: Path) -> None:
    """Removes all other checkpoints, and has verl go on from the whole one, or from the start if there is none."""
    step = last_whole(checkpoints)
    for folder in checkpoints.glob("global_step_*"):
        if folder != checkpoint(checkpoints, step):
            shutil.rmtree(folder)
    if step:
        write_text(checkpoints / OF_VERL, str(step))
    else:
        (checkpoints / OF_VERL).unlink(missing_ok=True)


def rewind_log(log: Path, step: int) -> None:
    """Keeps the lines of the steps up to `step`, as it was when that step's checkpoint was made. A torn last line goes."""
    if log.exists():
        whole, _, _ = log.read_text(encoding="utf-8").rpartition("\n")
        lines = [parse_json(line) for line in whole.split("\n") if line]
        write_jsonl(log, [line for line in lines if line["step"] <= step])
