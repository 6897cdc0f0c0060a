"""A run depends on exactly what it uses: what a change makes run again, and what it leaves alone."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from stages.closure import WITHOUT_EFFECT, closure, fingerprint
from stages.params import load
from stages.resolve import plans
from tests.project import ROOT, copy_project, run

STAGES = ("prepare", "model", "train", "sample", "report")


def plans_of(project: Path) -> dict:
    """The plans that a copy's own code writes for its own params.yaml."""
    code = "import json; from pathlib import Path; from stages.params import load; from stages.resolve import plans; print(json.dumps(plans(load(Path('params.yaml')))))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, capture_output=True, text=True, env={"PYTHONPATH": "."}
    )
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)


@pytest.fixture
def project(tmp_path):
    return copy_project(tmp_path)


def changed(before: dict, after: dict) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def edit(project: Path, file: str, old: str, new: str) -> None:
    text = (project / file).read_text()
    assert old in text
    (project / file).write_text(text.replace(old, new, 1))


TRAINING = {f"train/{name}-1" for name in ("grpo", "clip_higher", "steer", "par", "flexible")}


@pytest.mark.parametrize(
    "file, old, new, expected",
    [
        ("params.yaml", "step: 0.125", "step: 0.25", {"train/par-1", "report"}),
        ("params.yaml", "concurrency: 32", "concurrency: 32\n  samples: {lab_sum: 4}", {"sample", "grade", "report"}),
        ("params.yaml", "concurrency: 32", "concurrency: 32\n  graders: {lab_sum: exact_box}", {"grade", "report"}),
        ("params.yaml", "concurrency: 32", "concurrency: 16", {"sample"}),
        ("data/protocols/laboratory.yaml", "lab_code: 8", "lab_code: 4", {"sample", "grade", "report"}),
        ("data/protocols/suite.yaml", "top_k: -1", "top_k: 20", set()),
        ("stages/benchmarks/aime24.py", "samples=32", "samples=64", set()),
        ("stages/benchmarks/lab_sum.py", '"math_verify"', '"exact_box"', {"grade", "report"}),
        ("params.yaml", "steps: 18", "steps: 19", TRAINING | {"report"}),
        ("params.yaml", "test_per_level: 16", "test_per_level: 12", {"prepare"}),
        ("stages/methods/par.py", "entropy < threshold", "entropy <= threshold", {"train/par-1"}),
        ("stages/methods/par.py", '"""PAR: ', '"""Another sentence. PAR: ', set()),
        ("stages/surrogate/batch.py", "clamp(-20.0, 20.0)", "clamp(-10.0, 10.0)", TRAINING | {"report"}),
        ("stages/backend/agent_loops.yaml", "seeded", "sown", TRAINING),
        ("stages/measure.py", "(correct == 1)", "(correct > 0)", TRAINING),
        ("stages/progress.py", '"starting"', '"beginning"', set()),
        ("locks/eval.lock", "antlr4", "antlr5", {"sample", "grade"}),
    ],
)
def test_what_a_change_runs_again(project, file, old, new, expected):
    before = plans_of(project)
    edit(project, file, old, new)
    assert changed(before, plans_of(project)) == expected


def test_a_new_method_leaves_all_other_runs_alone(project):
    before = plans_of(project)
    grpo = (project / "stages/methods/grpo.py").read_text()
    (project / "stages/methods/twin.py").write_text(grpo.replace("class Grpo", "class Twin"))
    edit(project, "stages/methods/__init__.py", "METHODS = {", 'METHODS = {\n    "twin": "Twin",')
    edit(project, "params.yaml", "methods: [grpo,", "methods: [grpo, twin,")
    assert changed(before, plans_of(project)) == {"train/twin-1", "report"}


@pytest.mark.parametrize("stage", STAGES)
def test_the_closure_holds_all_that_a_stage_imports(stage):
    """What Python really imports for the stage is in what its plan's fingerprint covers."""
    code = f"import stages.{stage}, sys; print('\\n'.join(m for m in sys.modules if m.startswith('stages.')))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    covered = {str(path) for path in closure([f"stages.{stage}"])}
    registry = {
        "stages/methods/__init__.py",
        "stages/benchmarks/__init__.py",
    }  # count for no run: see stages/closure.py
    for module in set(done.stdout.split()) - WITHOUT_EFFECT:
        path = Path(*module.split("."))
        file = path / "__init__.py" if (ROOT / path).is_dir() else path.with_suffix(".py")
        assert str(file) in covered | registry


def test_training_covers_what_ray_and_verl_load_by_name():
    steer = plans(load(ROOT / "params.yaml"))["train/steer-1"]
    modules = [
        "stages.train",
        "stages.backend.main",
        "stages.backend.trainer",
        "stages.backend.agent_loop",
        "stages.backend.reward",
        "stages.methods.steer",
    ]
    assert steer["code"] == fingerprint(modules)
    files = {str(path) for path in closure(modules)}
    assert {
        "stages/backend/worker.py",
        "stages/backend/loss.py",
        "stages/rewards.py",
        "stages/backend/agent_loops.yaml",
    } <= files
    assert "stages/methods/par.py" not in files and not any(name.startswith("stages/graders") for name in files)


def test_a_released_model_is_evaluated_and_nothing_else_runs_again(project):
    before = plans_of(project)
    stand_in = project / "stand_in"
    stand_in.mkdir()
    (stand_in / "config.json").write_text("{}")
    with (project / "params.yaml").open("a") as params:
        params.write("\nmodels: {theirs-1.5b: {folder: stand_in}}\n")
    after = plans_of(project)
    assert changed(before, after) == {"models/theirs-1.5b", "report"}
    assert after["report"]["settings"]["released"] == ["theirs-1.5b"]
    listed = run(project, "dvc", "stage", "list", "--name-only").stdout.split()
    stages = [name for name in listed if name.endswith("@smoke-theirs-1.5b")]
    assert stages == [f"{stage}@smoke-theirs-1.5b" for stage in ("released", "sample_released", "grade_released")]
    done = run(project, "dvc", "repro", "prepare@smoke", stages[0])
    assert done.returncode == 0, done.stdout + done.stderr
    assert (project / "results/smoke/models/theirs-1.5b/config.json").read_text() == "{}"
    dry = run(project, "dvc", "repro", "--dry", stages[1])
    assert re.findall("> (.*)", dry.stdout) == [".venv/train/bin/python -m stages.sample smoke theirs-1.5b"], dry.stderr


def test_every_stage_depends_on_its_own_plan():
    pipeline = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    for name, stage in pipeline.items():
        if name != "resolve":
            own = {"train": "train/${item.method}-${item.seed}", "released": "models/${item.name}"}
            plan = f"plan/{own.get(name) or name.removesuffix('_base').removesuffix('_released')}.json"
            assert f"results/${{item.profile}}/{plan}" in stage["deps"]
            assert "params" not in stage


def test_runs_of_different_seeds_get_different_seeds():
    written = plans(load(ROOT / "params.yaml").model_copy(update={"seeds": [1, 2, 3]}))
    seeds = [written[f"train/grpo-{seed}"]["seed"] for seed in (1, 2, 3)]
    assert len(set(seeds)) == 3
    assert seeds == [
        written[f"train/par-{seed}"]["seed"] for seed in (1, 2, 3)
    ]  # methods are compared on the same draws


def test_smoke_in_force_is_the_smoke_profile():
    assert (ROOT / "params.yaml").read_text() == (ROOT / "profiles/smoke.yaml").read_text()


@pytest.mark.parametrize("profile", sorted(path.stem for path in (ROOT / "profiles").glob("*.yaml")))
def test_every_profile_resolves(profile):
    params = load(ROOT / f"profiles/{profile}.yaml")
    assert params.profile == profile
    assert len([name for name in plans(params) if name.startswith("train/")]) == len(params.methods) * len(params.seeds)
