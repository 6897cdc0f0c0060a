"""`python -m stages.watch`: states of trainings, from files as trainings leave them, and the flags with their thresholds."""

import json
import os
import subprocess
import sys

import pytest

from stages import watch as command
from stages.common.files import InputError, held
from stages.profile.resolution import training_plan
from stages.watching.flags import Thresholds, flags, stalled
from stages.watching.runs import watch
from stages.watching.table import duration
from tests.pipeline.profiles import of_profile
from tests.project import ROOT

STEPS = 10  # of a smoke run
DEFAULTS = Thresholds()


def line(step, entropy=1.0, length=100.0):
    measured = {"entropy": entropy, "reward": 0.5, "response_length": length, "rollout_probability_difference": 1e-5}
    return {"step": step, **measured}


def log(entropies=(), lengths=()):
    count = max(len(entropies), len(lengths))
    entropies, lengths = entropies or [1.0] * count, lengths or [100.0] * count
    return [line(i + 1, entropy, length) for i, (entropy, length) in enumerate(zip(entropies, lengths, strict=True))]


@pytest.mark.parametrize(
    "lines, expected",
    [
        (log([1.0] * 6), []),
        (log([1.0, 1.0, 1.0, 0.5, 0.19, 0.1]), [("collapse of entropy", 5, 0.1, 0.2)]),
        (log([1.0, 1.0, 1.0, 0.1, 0.5]), []),  # it came back
        (log([1.0, 1.0, 1.0, 0.1, 0.5, 0.1]), [("collapse of entropy", 6, 0.1, 0.2)]),
        (log([0.2, 0.3, 0.1, 0.59, 0.7]), [("explosion of entropy", 5, 0.7, 0.6)]),
        (log((), [100.0, 110.0, 90.0, 199.0, 201.0, 400.0]), [("length blow-up", 5, 400.0, 200.0)]),
        (log([1.0, 0.01]), []),  # no start yet
    ],
)
def test_flags_name_threshold_and_first_step(lines, expected):
    found = flags(lines, DEFAULTS)
    assert [(flag.name, flag.step, flag.value) for flag in found] == [each[:3] for each in expected]
    assert [flag.threshold for flag in found] == pytest.approx([each[3] for each in expected])


def test_thresholds_are_settings():
    lines = log([1.0, 1.0, 1.0, 0.5])
    assert flags(lines, DEFAULTS) == [] and flags(lines, DEFAULTS._replace(collapse=0.6))[0].step == 4
    assert stalled(4, 119.0, 1.0, DEFAULTS) is None and stalled(4, 121.0, 1.0, DEFAULTS).threshold == 120.0
    assert stalled(4, 499.0, 100.0, DEFAULTS) is None and stalled(4, 501.0, 100.0, DEFAULTS).step == 4


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A profile `smoke` with plans, in which nothing has run."""
    params = of_profile("smoke", methods=["grpo", "clip_higher", "steer", "par", "flexible"])
    for name in params.methods:
        path = tmp_path / f"results/smoke/plan/train/{name}-1.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(training_plan(params, name, 1).text())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def leave(folder, run, lines, age=0.0, identity="0" * 16):
    work = folder / f"work/smoke/train/{run}-{identity}"
    work.mkdir(parents=True)
    (work / "lock").touch()
    times = [{"step": each["step"], "seconds": {"step": 2.0}} for each in lines]
    for name, rows in (("steps.jsonl", lines), ("timings.jsonl", times)):
        (work / name).write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"step": 9')  # a torn last line
        written = (work / name).stat().st_mtime - age
        os.utime(work / name, (written, written))
    return work


def states(folder, later=0.0):
    now = max((path.stat().st_mtime for path in folder.rglob("*.jsonl")), default=0.0) + later
    return {each.run: each for each in watch("smoke", DEFAULTS, now, folder)}


def test_states(folder):
    assert {each.state for each in states(folder).values()} == {"waiting"}
    leave(folder, "grpo-1", log([1.0] * STEPS))
    leave(folder, "steer-1", log([1.0] * 4), age=1000)
    failed = leave(folder, "par-1", log([1.0] * 2), age=1000)
    (failed / "failed.json").write_text('{"reason": "not a finite number"}')
    training = leave(folder, "flexible-1", log([1.0] * 5), age=1000)
    leave(folder, "clip_higher-1", log([1.0] * 3))  # as on another machine: no lock is seen, and it has just written
    with held(training / "lock"):
        found = states(folder)
    assert {name: each.state for name, each in found.items()} == {
        "grpo-1": "done",
        "steer-1": "stopped",
        "par-1": "failed",
        "flexible-1": "training",
        "clip_higher-1": "training",
    }
    assert found["par-1"].reason == "not a finite number"
    assert (found["flexible-1"].done, found["flexible-1"].seconds_left) == (5, 2.0 * (STEPS - 5))
    (stall,) = found["flexible-1"].flags
    assert (stall.name, stall.step, stall.threshold) == ("stalled step, seconds", 6, 120.0) and stall.value >= 1000
    assert states(folder)["flexible-1"].state == "stopped"  # the lock ended with its process


def test_the_work_folder_that_was_written_last_counts(folder):
    leave(folder, "grpo-1", log([1.0] * STEPS), age=5000)
    leave(folder, "grpo-1", log([1.0] * 4), age=100, identity="1" * 16)
    leave(folder, "grpo-11", log([1.0] * 9))  # another run, whose name begins alike
    assert (states(folder)["grpo-1"].state, states(folder)["grpo-1"].done) == ("stopped", 4)


def test_the_command_prints_one_table_where_there_is_no_terminal(folder):
    leave(folder, "steer-1", log([1.0, 1.0, 1.0, 0.5, 0.1]), age=1000)
    done = subprocess.run(
        [sys.executable, "-m", "stages.watch", "smoke", "--svg", folder / "table.svg"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "160"},
    )
    assert done.returncode == 0, done.stderr
    assert "4 waiting, 1 stopped" in done.stdout and "5/10" in done.stdout
    assert "collapse of entropy since step 5: 0.1, threshold 0.2" in done.stdout
    assert "5/10" in (folder / "table.svg").read_text()


@pytest.mark.parametrize(
    "wrong, said",
    [
        (["--collapse", "0"], "--collapse"),
        (["--every", "-1"], "--every"),
        (["--stall-seconds", "0"], "--stall-seconds"),
    ],
)
def test_wrong_options(folder, wrong, said):
    with pytest.raises(InputError, match=said):
        command.main(["smoke", *wrong])


def test_a_profile_without_plans_says_what_to_run(folder):
    with pytest.raises(InputError, match="make repro TARGETS=resolve@other"):
        command.main(["other"])


def test_durations():
    assert [duration(s) for s in (None, 40, 720, 14700, 200000)] == ["–", "40 s", "12 min", "4 h 05 min", "2 d 7 h"]
