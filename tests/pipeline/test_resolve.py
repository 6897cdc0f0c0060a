"""A run depends on exactly what it uses: what a change makes run again, and what it leaves alone."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest
from dvc.repo import Repo

from stages.common.files import read_jsonl
from stages.common.yaml_reader import safe_load
from stages.profile.fingerprint import REGISTRIES, WITHOUT_EFFECT, NotCovered, code_files, fingerprint
from stages.profile.params import load
from stages.profile.resolution import plans
from tests.forks import changed, evaluation, forks, plans_of, plans_of_each
from tests.project import ROOT, copy_project, edited, run, set_params

pytestmark = pytest.mark.processes

STAGES = ("prepare", "model", "train", "sample", "sample_checkpoints", "choose", "diagnose", "report")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy that all tests share: `edited` leaves it as it was."""
    return copy_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def processes(project):
    """Fresh processes in the copy."""
    with forks(project) as opened:
        yield opened


@pytest.fixture(scope="module")
def before(processes):
    return plans_of(processes)


def trainings(*methods: str) -> set[str]:
    return {f"train/{method}-{seed}" for method in methods for seed in (1, 2, 3)}


TRAINING = trainings("grpo", "kl_cov", "opefo")


CHANGED_PARAMS = [
    ("kl_cov: {share: 0.02}", "kl_cov: {share: 0.03}", trainings("kl_cov") | {"report"}),
    ("concurrency: 32", "concurrency: 32\n  samples: {lab_sum: 4}", {"sample", "grade", "report"}),
    ("concurrency: 32", "concurrency: 32\n  graders: {lab_sum: exact_box}", {"grade", "report"}),
    ("concurrency: 32", "concurrency: 16", {"sample"}),
    ("steps: 10", "steps: 19", TRAINING | {"report"}),
    ("test_per_level: 10", "test_per_level: 12", {"prepare"}),
]


@pytest.fixture(scope="module")
def after_changed_params(project, processes, tmp_path_factory):
    """The plans after each change of the parameters, from one process: the code is the same for all."""
    folder, text = tmp_path_factory.mktemp("changed"), (project / "params.yaml").read_text()
    files = [folder / f"{number}.yaml" for number in range(len(CHANGED_PARAMS))]
    for file, (old, new, _) in zip(files, CHANGED_PARAMS, strict=True):
        assert old in text
        file.write_text(text.replace(old, new, 1))
    return plans_of_each(processes, *files)


@pytest.mark.parametrize("number", range(len(CHANGED_PARAMS)))
def test_what_a_changed_setting_runs_again(before, after_changed_params, number):
    assert changed(before, after_changed_params[number]) == CHANGED_PARAMS[number][2]


@pytest.mark.parametrize(
    "file, old, new, expected",
    [
        ("data/protocols/laboratory.yaml", "lab_code: 8", "lab_code: 4", {"sample", "grade", "report"}),
        ("data/protocols/bench.yaml", "top_k: -1", "top_k: 20", set()),
        ("stages/benchmarks/aime24.py", "samples=32", "samples=64", set()),
        ("stages/benchmarks/lab_sum.py", '"math_verify"', '"exact_box"', {"grade", "report"}),
        ("stages/methods/kl_cov.py", "count = max(count, 1)", "count = max(count, 2)", trainings("kl_cov")),
        ("stages/methods/kl_cov.py", '"""KL-Cov: ', '"""Another sentence. KL-Cov: ', set()),
        ("stages/rl/batch.py", "clamp(-20.0, 20.0)", "clamp(-10.0, 10.0)", TRAINING),
        ("stages/backend/agent_loops.yaml", "seeded", "sown", TRAINING),
        ("stages/backend/measure.py", "(correct == 1)", "(correct > 0)", TRAINING),
        ("stages/common/bar.py", '"starting"', '"beginning"', set()),
        ("locks/eval.lock", "antlr4", "antlr5", {"sample", "grade"}),
    ],
)
def test_what_a_change_runs_again(project, processes, before, file, old, new, expected):
    with edited(project, (file, old, new)):
        assert changed(before, plans_of(processes)) == expected


def test_a_new_method_leaves_all_other_runs_alone(project, processes, before):
    grpo = (project / "stages/methods/grpo.py").read_text()
    (project / "stages/methods/twin.py").write_text(grpo.replace("class Grpo", "class Twin"))
    registered = ("stages/methods/__init__.py", "METHODS = {", 'METHODS = {\n    "twin": "Twin",')
    with edited(project, registered, ("params.yaml", "methods: [grpo,", "methods: [grpo, twin,")):
        assert changed(before, plans_of(processes)) == trainings("twin") | {"report"}


TINY = '''"""Two sums."""

from stages.benchmarks.base import BOXED, Benchmark

BENCHMARK = Benchmark(title="Tiny", source="tiny_sums", answer_in=BOXED, grader="math_verify", samples=3)
'''
ROWS = b'{"problem": "1+1", "answer": "2"}\n{"problem": "1+2", "answer": "3"}\n'
TINY_SUMS = f"""
tiny_sums:
  use: evaluation
  licence: MIT
  redistribution: 'yes'
  addresses:
    - {{repo: owner/name, commit: {"a" * 40}, path: tiny.jsonl, sha256: {hashlib.sha256(ROWS).hexdigest()}, bytes: {len(ROWS)}, rows: 2, reader: aime25}}
"""
STAGE_WITH_MIRROR = """
import os, runpy, sys
stage, os.environ["MIRROR"], *sys.argv[1:] = sys.argv[1:]
runpy.run_module(stage, run_name="__main__")
"""


def test_a_new_benchmark_is_a_file_and_a_line(project, processes, before, tmp_path):
    (tmp_path / hashlib.sha256(ROWS).hexdigest()).write_bytes(ROWS)
    (project / "stages/benchmarks/tiny.py").write_text(TINY)
    named = "concurrency: 32\n  benchmarks: [lab_sum, lab_chain, lab_code, tiny]"
    with edited(project, ("stages/benchmarks/__init__.py", "BENCHMARKS = (", 'BENCHMARKS = (\n    "tiny",')):
        assert changed(before, plans_of(processes)) == set()
        source = ("data/sources.yaml", "\ngsm8k_test:", f"{TINY_SUMS}\ngsm8k_test:")
        with edited(project, source, ("params.yaml", "concurrency: 32", named)):
            after = plans_of(processes)
            for stage in ("resolve", "model", "prepare"):
                status, text = processes.run(STAGE_WITH_MIRROR, f"stages.{stage}", str(tmp_path), "smoke")
                assert status == 0, text
    assert changed(before, after) == {"prepare", "sample", "grade", "report"}  # no training, no model
    assert after["sample"]["samples"]["tiny"] == 3
    assert after["sample"]["prompts"]["tiny"] == "plain"
    assert after["grade"]["graders"]["tiny"] == "math_verify"
    overrides = after["report"]["protocol_overrides"]
    assert [(one["field"], one["theirs"]) for one in overrides] == [("benchmark variant (tiny)", "not evaluated")]
    lines = list(read_jsonl(project / "results/smoke/data/eval/tiny.jsonl"))
    assert [line["answer"] for line in lines] == ["2", "3"]
    given = "".join(json.dumps({"problem": line, "text": f"\\boxed{{{line['answer']}}}"}) + "\n" for line in lines)
    done = evaluation().module("stages.graders", "math_verify", given=given)
    assert [json.loads(line)["correct"] for line in done.stdout.splitlines()] == [True, True], done.stderr


@pytest.mark.parametrize("stage", STAGES)
def test_the_closure_holds_all_that_a_stage_imports(processes, stage):
    """What Python really imports for the stage is in what its plan's fingerprint covers."""
    code = f"import stages.{stage}, sys; print('\\n'.join(m for m in sys.modules if m.startswith('stages.')))"
    status, text = processes.run(code)
    assert status == 0 and f"stages.{stage}" in text.split(), text
    covered = {str(path) for path in code_files([f"stages.{stage}"])}
    # the registries are read for the names in them, on which nothing depends that they import
    registries = {str(path) for path in [*REGISTRIES, *code_files(["stages.rl", "stages.benchmarks.base"])]}
    for module in set(text.split()) - WITHOUT_EFFECT:
        path = Path(*module.split("."))
        file = path / "__init__.py" if (ROOT / path).is_dir() else path.with_suffix(".py")
        assert str(file) in covered | registries


def test_training_covers_what_ray_and_verl_load_by_name():
    """No list names them: they are found as strings in the code that loads them."""
    files = {str(path) for path in code_files(["stages.train", "stages.methods.kl_cov"])}
    assert {
        "stages/backend/main.py",
        "stages/backend/trainer.py",
        "stages/backend/worker.py",
        "stages/backend/loss.py",
        "stages/backend/reward.py",
        "stages/backend/agent_loops.yaml",
        "stages/backend/agent_loop.py",
    } <= files
    assert "stages/methods/par.py" not in files
    graders = {Path(name).stem for name in files if name.startswith("stages/graders/")}
    assert graders == {"__init__", "base", "by_value", "dapo", "exact_box", "steer"}  # what a reward can be
    plan = plans(load(ROOT / "params.yaml"))["train/kl_cov-1"]
    assert plan.code == fingerprint(["stages.train", "stages.methods.kl_cov"])


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ('LOADED = "stages.backend.nowhere.Class"', "names stages.backend.nowhere.Class, and there is no such module"),
        (
            "from importlib import import_module\nimport_module(input())",
            "import_module of a name that is computed",
        ),
    ],
)
def test_what_cannot_be_found_in_the_code_is_an_error(project, processes, code, said):
    program = "from stages.profile.fingerprint import code_files; code_files(['stages.sample'])"
    with edited(project, ("stages/text/prompts.py", "\n\n\n", f"\n\n\n{code}\n")):
        status, text = processes.run(program)
    assert status == 1 and NotCovered.__name__ in text and said in text


OPENED = """
import runpy, sys
root, stage, *arguments = sys.argv[1:]
opened = set()
sys.addaudithook(lambda event, values: opened.add(str(values[0])) if event == "open" else None)
sys.argv = [stage, *arguments]
try:
    runpy.run_module(stage, run_name="__main__")
finally:
    print("opened", *sorted(name.removeprefix(root + "/") for name in opened if name.startswith((root, "data/", "stages/"))))
"""


def test_every_file_of_the_project_that_a_stage_opens_is_in_its_fingerprint(project, processes):
    """What Python really opens while stages run, against what was found by reading their code."""
    for stage in ("resolve", "model", "prepare", "subset"):
        status, text = processes.run(OPENED, str(project), f"stages.{stage}", "smoke")
        assert status == 0, text
        if stage == "resolve":
            continue  # it runs whenever something changes, and has no fingerprint
        (line,) = [line for line in text.splitlines() if line.startswith("opened")]
        names = {re.sub(r"__pycache__/(\w+)\..*", r"\1.py", name) for name in line.split()[1:]}
        ours = {name for name in names if name.startswith(("stages/", "data/")) and (project / name).is_file()}
        free = {str(path) for path in REGISTRIES} | {f"{name.replace('.', '/')}.py" for name in WITHOUT_EFFECT}
        assert f"stages/{stage}.py" in ours
        assert ours - free <= {str(path) for path in code_files([f"stages.{stage}"])}


def test_a_released_model_is_evaluated_and_nothing_else_runs_again(project, processes, before, shipped_model):
    shutil.copytree(shipped_model, project / "stand_in")
    with edited(project, ("params.yaml", "train:\n", "models: {theirs-1.5b: {folder: stand_in}}\ntrain:\n")):
        _check_a_released_model(project, before, plans_of(processes))


def _check_a_released_model(project: Path, before: dict, after: dict) -> None:
    assert changed(before, after) == {"models/theirs-1.5b", "report"}
    assert after["report"]["released"] == ["theirs-1.5b"]
    with Repo(str(project), uninitialized=True) as repo:
        listed = [stage.name for stage in repo.index.stages]
    stages = [name for name in listed if name.endswith("@smoke-theirs-1.5b")]
    assert stages == [f"{stage}@smoke-theirs-1.5b" for stage in ("released", "sample_released", "grade_released")]
    done = run(project, "dvc", "repro", stages[0])
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("config.json", "model.safetensors"):
        released = project / "results/smoke/models/theirs-1.5b" / name
        assert released.read_bytes() == (project / "stand_in" / name).read_bytes()
    (project / "results/smoke/data/eval").mkdir(parents=True, exist_ok=True)  # which prepare makes
    dry = run(project, "dvc", "repro", "--dry", "--single-item", stages[1])
    assert re.findall("> (.*)", dry.stdout) == ["locks/python cpu -m stages.sample smoke theirs-1.5b"], dry.stderr


def test_where_nothing_is_trained_the_report_depends_on_what_is_made(tmp_path):
    """Each of its dependencies is there, or some stage of the profile makes it or something in it."""
    project = copy_project(tmp_path)
    (project / "theirs").mkdir()
    (project / "theirs/config.json").write_text("{}")
    set_params(project, methods=[], models={"theirs": {"folder": "theirs"}})
    with Repo(str(project), uninitialized=True) as repo:
        stages = {stage.name: stage for stage in repo.index.stages}
        made = [Path(out.fs_path) for stage in stages.values() for out in stage.outs]
        needed = [Path(dep.fs_path) for dep in stages["report@smoke"].deps]
    assert (
        not any(name.startswith(("train", "sample@")) for name in stages) and "sample_released@smoke-theirs" in stages
    )
    for path in needed:
        assert path.exists() or any(out == path or path in out.parents or out in path.parents for out in made), path


def test_every_stage_depends_on_its_own_plan():
    pipeline = safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    for name, stage in pipeline.items():
        if name != "resolve":
            own = {"train": "train/${item.method}-${item.seed}", "released": "models/${item.name}"}
            own |= {stage: f"{stage}/${{item.rule}}" for stage in ("sample_checkpoints", "choose")}
            own |= {"diagnose_base": "diagnose/base.${item.method}", "diagnose": "diagnose/${item.run}"}
            plan = f"plan/{own.get(name) or re.sub('_(base|released|chosen)$', '', name)}.json"
            assert f"results/${{item.profile}}/{plan}" in stage["deps"]
            assert "params" not in stage


def test_runs_of_different_seeds_get_different_seeds():
    written = plans(load(ROOT / "params.yaml").model_copy(update={"seeds": [1, 2, 3]}))
    seeds = [written[f"train/grpo-{seed}"].seed for seed in (1, 2, 3)]
    assert len(set(seeds)) == 3
    # methods are compared on the same draws
    assert seeds == [written[f"train/opefo-{seed}"].seed for seed in (1, 2, 3)]


def test_smoke_in_force_is_the_smoke_profile():
    assert (ROOT / "params.yaml").read_text() == (ROOT / "profiles/smoke.yaml").read_text()


@pytest.mark.parametrize("profile", sorted(path.stem for path in (ROOT / "profiles").glob("*.yaml")))
def test_every_profile_resolves(profile):
    params = load(ROOT / f"profiles/{profile}.yaml")
    assert params.profile == profile
    assert len([name for name in plans(params) if name.startswith("train/")]) == len(params.methods) * len(params.seeds)
