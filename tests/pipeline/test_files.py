"""Nothing half-written is taken for whole: outputs, checkpoints and plans, whoever ends or writes when."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from stages.artifacts.model import check_model
from stages.backend.checkpoints import checkpoint, keep_last_whole, last_whole, mark_whole, rewind_log
from stages.backend.session import Run
from stages.common.command import run_stage
from stages.common.files import InputError, output_folder, read_json, write_json, write_text
from stages.profile.params import load
from stages.profile.plans.grade import GradePlan
from stages.profile.resolution import training_plan
from tests.plans import grade_plan
from tests.project import ROOT, copy_project, run

pytestmark = pytest.mark.processes


def accept(folder):
    """A check that every folder passes."""


def files_of(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_an_output_that_its_check_refuses_leaves_the_one_before(tmp_path):
    path = tmp_path / "out"
    with output_folder(path, accept) as folder:
        write_text(folder / "a", "first")

    def refuse(folder):
        assert files_of(folder) == {"b": "second"}
        raise InputError("b is not whole")

    with pytest.raises(InputError, match="b is not whole"), output_folder(path, refuse) as folder:
        write_text(folder / "b", "second")
    assert files_of(path) == {"a": "first"} and os.listdir(tmp_path) == ["out"]


WRITER = """
import sys, time
from pathlib import Path
from stages.common.files import InputError, output_folder, write_text
name, path, begin = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
time.sleep(max(0, begin - time.time()))
try:
    with output_folder(path, lambda folder: None) as folder:
        for number in range(200):
            write_text(folder / f"{number}", name)
except InputError as error:
    sys.exit(str(error))
"""


def writer(*arguments: object) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", WRITER, *map(str, arguments)], cwd=ROOT, stderr=subprocess.PIPE)


def test_of_two_writers_one_is_told_and_the_other_is_whole(tmp_path):
    """Begun at one moment, five times: each ends well with its own 200 files in place, or says that another one writes."""
    for number in range(5):
        path, begin = tmp_path / f"out{number}", time.time() + 0.3
        writers = [writer(name, path, begin) for name in "ab"]
        said = [process.communicate()[1].decode() for process in writers]
        assert all("another process is writing" in text for text, w in zip(said, writers, strict=True) if w.returncode)
        won = {name for name, process in zip("ab", writers, strict=True) if process.returncode == 0}
        found = files_of(path)
        assert won and len(found) == 200 and len(set(found.values())) == 1 and set(found.values()) <= won
    assert all(not name.startswith(".") for name in os.listdir(tmp_path))


def test_a_killed_writer_leaves_what_was_there_and_the_next_one_clears_up(tmp_path):
    path = tmp_path / "out"
    with output_folder(path, accept) as folder:
        write_text(folder / "a", "first")
    program = f"""
        import time
        from pathlib import Path
        from stages.common.files import output_folder
        with output_folder(Path({str(path)!r}), lambda folder: None) as folder:
            (folder / "half").write_text("")
            print("at it", flush=True)
            time.sleep(300)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "at it\n"
    with pytest.raises(InputError, match="another process is writing"), output_folder(path, accept):
        pass
    process.kill()
    process.wait()
    assert files_of(path) == {"a": "first"}
    (tmp_path / ".out.1.old").mkdir()  # as a kill between the two renames leaves it
    with output_folder(path, accept) as folder:
        assert files_of(folder) == {}
        write_text(folder / "b", "second")
    assert files_of(path) == {"b": "second"} and os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("kind", ["link", "file"])
def test_what_stands_in_the_place_of_an_output_is_named(tmp_path, kind):
    path = tmp_path / "out"
    (tmp_path / "elsewhere").mkdir()
    path.symlink_to(tmp_path / "elsewhere") if kind == "link" else path.touch()
    with pytest.raises(InputError, match=f"it is a {kind}; remove it"), output_folder(path, accept):
        pass
    assert path.is_symlink() == (kind == "link") and (tmp_path / "elsewhere").is_dir()


def write_to_a_full_disk(arguments):
    with open("/dev/full", "w") as stream:
        stream.write("x" * 100_000)


def write_in_words(arguments):
    raise RuntimeError("IoError: No space left on device (os error 28)")


def write_half_a_pair(arguments):
    write_text(Path(arguments[0]) / "file", "a\ud800b")


@pytest.mark.parametrize(
    "main, said",
    [
        (write_to_a_full_disk, "no space is left"),
        (write_in_words, "no space is left"),
        (write_half_a_pair, "half of a surrogate pair"),
    ],
)
def test_a_stage_ends_in_one_line(main, said, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["stage", str(tmp_path)])
    monkeypatch.setattr("signal.signal", lambda *_: None)  # the handlers would stay with this process
    with pytest.raises(SystemExit) as ended:
        run_stage(main)
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert ended.value.code == 1 and said in line and os.listdir(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize("ignored", [False, True])
def test_an_ended_stage_clears_up_and_nohup_keeps_its_meaning(tmp_path, number, ignored):
    program = f"""
        import sys, time
        from pathlib import Path
        from stages.common.command import run_stage
        from stages.common.files import output_folder
        def main(arguments):
            with output_folder(Path({str(tmp_path / "out")!r}), lambda folder: None):
                print("at it", flush=True)
                time.sleep(0.7 if {ignored} else 300)
        run_stage(main)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL),
    )
    assert process.stdout.readline() == "at it\n"
    process.send_signal(number)
    _, error = process.communicate(timeout=300)
    if ignored:
        assert process.returncode == 0 and os.listdir(tmp_path) == ["out"]
    else:
        assert process.returncode == 130 and error.startswith("interrupted: ") and os.listdir(tmp_path) == []


# -- models ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    write_json(folder / "config.json", {"model_type": "qwen2"})
    write_json(folder / "model.safetensors.index.json", {"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}})
    for file, tensor in (("1.safetensors", "a"), ("2.safetensors", "b")):
        save_file({tensor: np.ones((64, 64), np.float32)}, folder / file)
    check_model(folder)
    return folder


def test_no_torn_model_is_whole(model):
    """Every file missing, empty, or cut off at any of many lengths."""
    for path in sorted(model.iterdir()):
        content = path.read_bytes()
        for length in {0, 1, 7, 8, 9, len(content) // 2, len(content) - 2}:
            path.write_bytes(content[:length])
            with pytest.raises(InputError, match=str(path.name)):
                check_model(model)
        path.unlink()
        if not path.name.endswith("index.json"):  # without an index, a file is a model
            with pytest.raises(InputError):
                check_model(model)
        path.write_bytes(content)
    for path in model.glob("*.safetensors"):
        path.unlink()
    (model / "model.safetensors.index.json").unlink()
    with pytest.raises(InputError, match="holds no weights"):
        check_model(model)


# -- checkpoints -------------------------------------------------------------------------------------------------------


def save(checkpoints: Path, step: int) -> None:
    checkpoint(checkpoints, step).mkdir(parents=True)
    (checkpoint(checkpoints, step) / "model.pt").write_text("weights")


def test_a_checkpoint_counts_when_it_is_marked_and_no_earlier(tmp_path):
    assert last_whole(tmp_path) == 0
    save(tmp_path, 2)
    assert last_whole(tmp_path) == 0
    mark_whole(tmp_path, 2)
    assert last_whole(tmp_path) == 2
    save(tmp_path, 4)  # the kill comes here; verl may also have emptied its own file
    (tmp_path / "latest_checkpointed_iteration.txt").write_text("")
    assert last_whole(tmp_path) == 2
    keep_last_whole(tmp_path)
    assert sorted(path.name for path in tmp_path.glob("global_step_*")) == ["global_step_2"]
    assert (tmp_path / "latest_checkpointed_iteration.txt").read_text() == "2"
    shutil.rmtree(checkpoint(tmp_path, 2))
    keep_last_whole(tmp_path)
    assert last_whole(tmp_path) == 0 and not (tmp_path / "latest_checkpointed_iteration.txt").exists()


def test_a_run_is_done_when_its_last_checkpoint_is_whole(tmp_path):
    """Its last step is logged before the checkpoint, whose folder appears before its first file."""
    params = load(ROOT / "profiles/smoke.yaml")
    training = Run(training_plan(params, "grpo", 1), tmp_path)
    steps = training.plan.train.steps
    training.steps.write_text("".join(f'{{"step": {step}}}\n' for step in range(1, steps + 1)))
    save(training.checkpoints, steps - 1)
    mark_whole(training.checkpoints, steps - 1)
    save(training.checkpoints, steps)
    assert not training.is_done()
    mark_whole(training.checkpoints, steps)
    assert training.is_done()


@pytest.mark.parametrize("torn", ["", '{"step": 4, "entr', '{"step": 4}'])
def test_a_log_goes_back_to_its_checkpoint(tmp_path, torn):
    log = tmp_path / "steps.jsonl"
    log.write_text("".join(f'{{"step": {step}}}\n' for step in (1, 2, 3)) + torn)
    rewind_log(log, 2)
    assert log.read_text() == '{"step": 1}\n{"step": 2}\n'


# -- plans -------------------------------------------------------------------------------------------------------------


def test_a_plan_of_other_parameters_is_refused(tmp_path, monkeypatch):
    """As when params.yaml is edited while stage resolve runs, and DVC takes the later file for the one that was read."""
    project = copy_project(tmp_path / "project")
    monkeypatch.chdir(project)
    assert run(project, "python", "-m", "stages.resolve", "smoke").returncode == 0
    path, params = Path("results/smoke/plan/grade.json"), Path("params.yaml")
    original = params.read_text()
    GradePlan.read(path)
    params.write_text(f"# a comment\n{original}")
    GradePlan.read(path)  # which says the same
    params.write_text(original.replace("steps: 10", "steps: 19"))
    with pytest.raises(InputError, match="dvc repro -f -s resolve@smoke"):
        GradePlan.read(path)
    params.write_text(original.replace("profile: smoke", "profile: other").replace("steps: 10", "steps: 19"))
    GradePlan.read(path)  # another profile is in force, and this one's results stay readable
    params.unlink()
    GradePlan.read(path)


def test_parameters_that_change_while_the_plan_is_made_give_no_plan(tmp_path):
    project = copy_project(tmp_path / "project")
    program = """
        from pathlib import Path
        import stages.resolve as resolve
        original = resolve.plans
        def edited_meanwhile(*given):
            path = Path("params.yaml")
            path.write_text(path.read_text().replace("steps: 10", "steps: 19"))
            return original(*given)
        resolve.plans = edited_meanwhile
        resolve.run_stage(resolve.main)
    """
    done = run(project, "python", "-c", textwrap.dedent(program), "smoke")
    assert done.returncode == 1 and "params.yaml has changed while the plan was made" in done.stderr
    assert not (project / "results/smoke/plan").exists()


def test_a_plan_by_hand_needs_no_record(tmp_path):
    path = tmp_path / "grade.json"
    path.write_text(grade_plan({"a": 1}, {"a": "exact_box"}, {}).text())
    assert read_json(path) == json.loads(GradePlan.read(path).text())
