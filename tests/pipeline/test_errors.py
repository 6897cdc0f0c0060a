"""Bad input: one line that names the field and the fix, before Ray or vLLM start."""

import socket
from pathlib import Path

import pytest

from stages import resolve
from stages.backend.server import choose_port
from stages.common.command import run_stage
from stages.common.files import InputError, output_folder, write_text
from stages.profile.params import load
from stages.profile.plans.operation import FILE, Operation
from stages.profile.resolution import plans
from tests.project import ROOT, copy_project, run

pytestmark = pytest.mark.processes

WRONG = {
    "unknown method": ("methods: [grpo,", "methods: [grppo,", ["unknown method 'grppo'", "grpo"]),
    "misspelled setting of a method": (
        "threshold_of_start:",
        "treshold_of_start:",
        ["method_settings.par.treshold_of_start", "threshold_of_start"],
    ),
    "punishment beyond the longest response": (
        "dapo: {overlong_length: 56,",
        "dapo: {overlong_length: 57,",
        ["method_settings.dapo.overlong_length", "57", "train.max_response_tokens", "56"],
    ),
    "misspelled setting": ("prompts_per_step:", "prompts_a_step:", ["train.prompts_a_step", "prompts_per_step"]),
    "wrong type": ("steps: 10", "steps: many", ["train.steps", "integer", "'many'"]),
    "number without a point": (
        "learning_rate: 1.0e-3",
        "learning_rate: 1e-3",
        ["train.optimiser.learning_rate", "'1e-3'"],
    ),
    "no seed": ("seeds: [1, 2, 3]", "seeds: []", ["seeds", "at least 1 item"]),
    "seed twice": ("seeds: [1, 2, 3]", "seeds: [1, 1]", ["seeds", "repeats"]),
    "k of zero": (
        "concurrency: 32",
        "concurrency: 32\n  samples: {lab_sum: 0}",
        ["evaluation.samples.lab_sum", "than 0"],
    ),
    "missing model folder": (
        "source: lab\n",
        "source: folder\n  name: no/such/folder\n",
        ["model", "no/such/folder", "HF folder"],
    ),
    "unknown benchmark": (
        "concurrency: 32",
        "concurrency: 32\n  samples: {lab_chian: 8}",
        ["evaluation.samples", "lab_chian"],
    ),
    "unknown protocol": ("protocol: laboratory", "protocol: labratory", ["evaluation.protocol", "labratory", "bench"]),
    "field that a protocol leaves unknown": (
        "protocol: laboratory",
        "protocol: par-2511.05993\n  benchmarks: [aime24]",
        ["evaluation.top_k", "par-2511.05993", "unknown"],
    ),
    "grader that the bench does not have": (
        "protocol: laboratory",
        "protocol: steer-2510.10150\n  benchmarks: [aime24]\n  grader: steer_box_or_qwen",
        ["evaluation.graders.aime24", "steer_box_or_qwen", "steer_box_or_qwen_math"],
    ),
    "benchmark without a checksum": (
        "protocol: laboratory",
        "protocol: bench\n  benchmarks: [olympiadbench_674]",
        ["evaluation.benchmarks", "olympiadbench_674", "sha256", "olympiadbench_675"],
    ),
    "LiveCodeBench without its settings": (
        "protocol: laboratory",
        "protocol: bench\n  benchmarks: [livecodebench]",
        ["evaluation.benchmark_settings.livecodebench.release", "first_date"],
    ),
    "setting of a benchmark that is not evaluated": (
        "protocol: laboratory",
        "protocol: laboratory\n  benchmarks: [lab_sum]\n  samples: {lab_code: 4}",
        ["lab_code", "evaluation.benchmarks"],
    ),
    "unknown template": ("prompt: plain", "prompt: boxd", ["data.prompt", "'boxd'", "boxed_simplerl"]),
    "released model on a branch": (
        "train:\n",
        "models: {theirs: {hub: owner/model, revision: main}}\ntrain:\n",
        ["models.theirs", "40 hex digits"],
    ),
    "released model without a folder": (
        "train:\n",
        "models: {theirs: {folder: no/such/folder}}\ntrain:\n",
        ["models.theirs", "no/such/folder", "config.json"],
    ),
    "released model named like a run": (
        "train:\n",
        f"models: {{par-2: {{hub: owner/model, revision: {'a' * 40}}}}}\ntrain:\n",
        ["models", "'par-2'", "name of a run"],
    ),
    "released model named like a method": (
        "train:\n",
        f"models: {{steer: {{hub: owner/model, revision: {'a' * 40}}}}}\ntrain:\n",
        ["models", "'steer'", "run or method"],
    ),
    "run named like the base model": (
        "methods: [grpo,",
        "methods: [base, grpo,",
        ["methods", "'base'", "untrained model"],
    ),
    "misspelled setting of a released model": (
        "train:\n",
        f"models: {{theirs: {{hubb: owner/model, revision: {'a' * 40}}}}}\ntrain:\n",
        ["models.theirs.hubb", "hub, revision, folder"],
    ),
    "unknown data set": ("dataset: lab", "dataset: lap", ["train.dataset", "lap"]),
    "batch that does not divide": ("updates_per_step: 4", "updates_per_step: 5", ["prompts_per_step", "multiple"]),
    "devices that do not divide a mini-batch": (
        "threads: 2",
        "threads: 2\n  devices: 3",
        ["backend.devices", "mini-batches", "3 devices"],
    ),
    "fewer tokens at once than a sequence may have": (
        "threads: 2",
        "threads: 2\n  micro_batch_tokens: 87",
        ["backend.micro_batch_tokens", "87", "(88)"],
    ),
    "kernels of GPUs on a CPU": (
        "threads: 2",
        "threads: 2\n  deterministic: true",
        ["backend", "deterministic", "cuda"],
    ),
    "devices that do not divide": (
        "platform: cpu",
        "platform: cuda\n  devices: 8\n  engine_devices: 3",
        ["backend", "devices (8)", "engine_devices (3)"],
    ),
    "one server for models that are split over devices": (
        "platform: cpu",
        "platform: cuda\n  devices: 8\n  engine_devices: 2",
        ["backend", "engine_devices", "share_session: false"],
    ),
    "updates that do not divide": (
        "method_settings:\n",
        "method_settings:\n  grpo: {updates_per_step: 3}\n",
        ["method_settings.grpo.updates_per_step", "3", "prompts_per_step"],
    ),
    "a word for a number list": ("seeds: [1, 2, 3]", "seeds: one", ["seeds"]),
    "not YAML": ("profile: smoke", "profile: [smoke", ["params.yaml", "not YAML"]),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return copy_project(tmp_path_factory.mktemp("project"))


@pytest.mark.parametrize("case", WRONG)
def test_wrong_params(project, case, monkeypatch, capsys):
    """What `python -m stages.resolve smoke` says, in this process; `dvc repro` below starts it as a command."""
    old, new, said = WRONG[case]
    original = (ROOT / "profiles/smoke.yaml").read_text()
    assert old in original
    (project / "params.yaml").write_text(original.replace(old, new, 1))
    monkeypatch.chdir(project)
    monkeypatch.setattr("sys.argv", ["stages.resolve", "smoke"])
    with pytest.raises(SystemExit) as ended:
        run_stage(resolve.main)
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("error: ") and all(word in line for word in said), line
    assert not (project / "results/smoke/plan").exists()


@pytest.mark.parametrize("case", ["unknown method", "no seed"])
def test_dvc_repro_stops_at_the_same_line(project, case):
    old, new, said = WRONG[case]
    original = (ROOT / "profiles/smoke.yaml").read_text()
    assert old in original
    (project / "params.yaml").write_text(original.replace(old, new, 1))
    done = run(project, "dvc", "repro")
    assert done.returncode != 0 and all(word in done.stderr + done.stdout for word in said), done.stderr
    assert not (project / "work").exists()  # where whatever is started has its log


def test_make_repro_checks_before_dvc_parses(project):
    """A key that stands twice is an error that DVC would tell in words of its own."""
    text = (ROOT / "profiles/smoke.yaml").read_text()
    (project / "params.yaml").write_text(text + "\nseeds: [2]\n")
    done = run(project, "python", "-m", "stages.resolve", "--check")
    (line,) = done.stderr.strip().splitlines()
    assert done.returncode == 1 and line.startswith("error: params.yaml") and "seeds" in line and "twice" in line
    recipe = (ROOT / "Makefile").read_text().partition("\nrepro: profile setup\n")[2].splitlines()
    assert [line.split("(OURS)/")[1] for line in recipe[:2]] == [
        "python -m stages.resolve --check",
        "dvc repro $(TARGETS)",
    ]
    (project / "params.yaml").write_text(text)
    done = run(project, "python", "-m", "stages.resolve", "--check")
    assert done.returncode == 0 and not (project / "results/smoke/plan").exists()


def written_plans(folder):
    params = load(ROOT / "params.yaml")
    write_text(folder / "results/smoke/plan" / FILE, Operation.of(params.profile, params.backend).text())
    for name, plan in plans(params).items():
        write_text(folder / "results/smoke/plan" / f"{name}.json", plan.text())


def test_missing_inputs_name_the_stage_that_makes_them(project):
    written_plans(project)
    for arguments, said in (
        (("train", "smoke", "grpo", "1"), "dvc repro prepare@smoke"),
        (("sample", "smoke", "grpo-1"), "grpo-1"),
    ):
        done = run(project, "python", "-m", f"stages.{arguments[0]}", *arguments[1:])
        assert done.returncode == 1 and not (project / "work").exists()
        assert len(done.stderr.strip().splitlines()) == 1 and said in done.stderr


def test_a_port_in_use_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match=f"backend.port: {taken.getsockname()[1]} cannot be used"):
            choose_port(taken.getsockname()[1])


def test_an_unwritable_folder_is_named():
    with (
        pytest.raises(InputError, match="cannot write /proc/results: .*writable"),
        output_folder(Path("/proc/results"), lambda folder: None),
    ):
        pass
