"""The trainings of a profile as their files show them: `steps.jsonl` and `timings.jsonl` in work/ and results/."""

import json
import statistics
from pathlib import Path
from typing import Any, Literal, NamedTuple

from stages.common.files import InputError, read_json
from stages.profile.plans.train import TrainPlan
from stages.watching.flags import Flag, Thresholds, flags, stalled

State = Literal["waiting", "training", "stopped", "failed", "done"]
RECENT_STEPS = 10  # whose median is the time that a step takes
LOCKS = Path("/proc/locks")


class Watched(NamedTuple):
    """A training. `last` is its last line, None before its first; `seconds` those of a step and those left, None if unknown."""

    run: str
    state: State
    steps: int
    last: dict[str, Any] | None
    seconds_a_step: float | None
    seconds_left: float | None
    flags: list[Flag]
    reason: str = ""

    @property
    def done(self) -> int:
        return int(self.last["step"]) if self.last else 0


def watch(profile: str, thresholds: Thresholds, now: float, root: Path = Path()) -> list[Watched]:
    """Every declared training of `profile`, in the order of their names; `now` in seconds since 1970.

    InputError when the profile has no plans.
    """
    plans = sorted((root / "results" / profile / "plan" / "train").glob("*.json"))
    if not plans:
        raise InputError(
            f"{root / 'results' / profile / 'plan' / 'train'} holds no plan of a training: make repro TARGETS=resolve@{profile} makes them, "
            "or name another profile"
        )
    return [_watched(TrainPlan.read(path), profile, root, thresholds, now) for path in plans]


def _watched(plan: TrainPlan, profile: str, root: Path, thresholds: Thresholds, now: float) -> Watched:
    steps, run = plan.train.steps, plan.run
    work, result = _work_folder(root / "work" / profile / "train", run), root / "results" / profile / "train" / run
    training = work is not None and (_is_held(work / "lock") or _grows(work, now))
    if work is None or (
        result.exists() and not training and _written(result / "steps.jsonl") > _written(work / "steps.jsonl")
    ):
        log, clock = result / "steps.jsonl", result.with_name(f"{run}.timings.jsonl")
    else:
        log, clock = work / "steps.jsonl", work / "timings.jsonl"
    lines, times = whole_lines(log), whole_lines(clock)
    last = lines[-1] if lines else None
    reason = ""
    if last is not None and last["step"] >= steps:
        state: State = "done"
    elif work is not None and (work / "failed.json").exists():
        state, reason = "failed", str(read_json(work / "failed.json")["reason"])
    elif training:
        state = "training" if lines else "waiting"
    else:
        state = "stopped" if lines else "waiting"
    recent = [time["seconds"]["step"] for time in times[-RECENT_STEPS:]]
    usual = statistics.median(recent) if recent else None
    left = usual * (steps - last["step"]) if usual is not None and last is not None and state != "done" else None
    found = flags(lines, thresholds)
    if state == "training" and last is not None and usual is not None:
        stall = stalled(last["step"] + 1, now - _written(log), usual, thresholds)
        found += [stall] if stall else []
    return Watched(run, state, steps, last, usual, left, found, reason)


def _work_folder(folder: Path, run: str) -> Path | None:
    """The one that was written last: a change of settings or code gives a run another, and leaves the old one."""
    # a name is the run's with 16 hex digits: `par-1-…` is none of `par-1`'s neighbours `par-11-…`
    found = [path for path in folder.glob(f"{run}-*") if len(path.name) == len(run) + 17]
    return max(
        found, key=lambda path: max(_written(path / "steps.jsonl"), _written(path / "session_log.txt")), default=None
    )


def _written(path: Path) -> float:
    """When it was written last, in seconds since 1970; 0 if it is not there."""
    return path.stat().st_mtime if path.exists() else 0.0


def whole_lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a log that may be growing."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def _is_held(lock: Path) -> bool:
    """Whether a process of this machine holds `lock`, as the kernel lists it: looking must not take it."""
    if not lock.exists():
        return False
    inode = str(lock.stat().st_ino)
    locks = [line.split() for line in LOCKS.read_text(encoding="ascii").splitlines() if "->" not in line]
    return any(fields[5].rpartition(":")[2] == inode for fields in locks)


def _grows(work: Path, now: float) -> bool:
    """Whether the log was written a moment ago, of steps that take so long: as on another machine, whose locks are not seen."""
    recent = [time["seconds"]["step"] for time in whole_lines(work / "timings.jsonl")[-RECENT_STEPS:]]
    return bool(recent) and now - _written(work / "timings.jsonl") < 3 * statistics.median(recent)
