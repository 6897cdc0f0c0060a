"""Every profile of profiles/: it is what its name says, its published setting is one, and it can be estimated."""

import functools
import re

import pytest

from stages.common.files import InputError
from stages.profile.params import load
from stages.profile.published_setting import check_setting
from stages.profile.resolution import plans, report_plan
from stages.published.table import load_published
from stages.reporting.tables.comparison import stands_for
from stages.tools.estimate import main
from tests.project import ROOT, copy_project, run

PROFILES = sorted(path.stem for path in (ROOT / "profiles").glob("*.yaml"))
EVALUATE_ONLY = {"single-gpu-evaluation", "released-math-7b", "steer-code-qwen2.5-coder-7b"}
OF_NO_PAPER = {"smoke", "laptop", "lab", "qwen2.5-math-7b-dapo"}
# What a value must say of itself: where it is from, or that it is ours.
ORIGIN = re.compile(
    r"launcher|second-hand|not published|ours|paper|script|table|sober|STEER|verl|torch|§|Table|eval.sh|no result|no run here|"
    r"as public|because|reason|that file|figures|read",
    re.IGNORECASE,
)
SETTING = re.compile(r"^  (?:  )?(?P<name>\w+): [^{#\s]")
NEEDS_NONE = {
    "source",
    "platform",
    "training",
    "hub",
    "model",
    "train_data",
    "recipe_of",
    "dataset",
    "protocol",
    "devices",
}


@functools.cache
def profile(name):
    return load(ROOT / f"profiles/{name}.yaml")


@pytest.mark.parametrize("name", PROFILES)
def test_it_resolves(name):
    """As stage resolve does it, without the files that it writes."""
    params = profile(name)
    assert params.profile == name and bool(params.methods) != (name in EVALUATE_ONLY)
    trained = {plan for plan in plans(params) if plan.startswith("train/")}
    assert trained == {f"train/{method}-{seed}" for method in params.methods for seed in params.seeds}
    if params.published:
        check_setting(load_published(), params.published)
        assert set(stands_for(report_plan(params))) <= set(params.methods)


@pytest.mark.parametrize("name", PROFILES)
def test_it_can_be_estimated(name, capsys):
    params = profile(name)
    main([str(ROOT / f"profiles/{name}.yaml"), "--dollars-per-gpu-hour", "2.5"])
    shown = capsys.readouterr().out
    if params.backend.platform == "cuda":
        hours, training, evaluation = (
            float(number.replace(",", ""))
            for number in re.search(
                r"GPU hours: ([\d,.]+) \(([\d,.]+) of training, ([\d,.]+) of evaluation\)", shown
            ).groups()
        )
        assert hours == pytest.approx(training + evaluation, abs=1)
        assert evaluation > 0 and (training > 0) == bool(params.methods) and "dollars: " in shown
    else:
        assert "GPU hours: none" in shown


@pytest.mark.parametrize("name", sorted(set(PROFILES) - OF_NO_PAPER - EVALUATE_ONLY - {"single-gpu"}))
def test_every_value_of_a_papers_profile_names_its_source(name):
    """Beside it, or in the comment above the lines of its block."""
    above, unsaid, commented = "", [], False
    text = (ROOT / f"profiles/{name}.yaml").read_text()
    for line in text[text.index("\nbackend:") : text.index("\npublished:")].splitlines():
        if line.strip().startswith("#"):
            above, commented = (above if commented else "") + line, True
            continue
        commented = False
        found = SETTING.match(line)
        if found and found["name"] not in NEEDS_NONE and not ORIGIN.search(line.partition("#")[2] + above):
            unsaid.append(line.strip())
        above += line.partition("#")[2]
    assert unsaid == []


EVALUATION = """profile: evaluation
bench_seed: 1
seeds: [1]
methods: []
backend: {platform: cpu, dtype: float32}
model: {source: lab}
evaluation: {protocol: laboratory, benchmarks: [lab_sum], max_prompt_tokens: 32, concurrency: 8}
"""
LAB = "data: {lab: {families: [sum], train_per_level: 4, test_per_level: 2}}\n"


def test_a_profile_that_trains_nothing_has_no_training_settings(tmp_path):
    """Nor has DVC, which draws the whole pipeline of it."""
    project = copy_project(tmp_path)
    (project / "params.yaml").write_text(EVALUATION + LAB)
    written = plans(load(project / "params.yaml"))
    assert written.keys() == {"prepare", "subset", "model", "sample", "grade", "report"}
    assert written["prepare"].training == [] and written["sample"].context_length == 32 + written["sample"].max_tokens
    drawn = run(project, "dvc", "stage", "list", "--name-only").stdout.split()
    assert drawn == [
        f"{name}@evaluation"
        for name in ("resolve", "prepare", "model", "subset", "sample_base", "grade_base", "report")
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("methods: []", "methods: [grpo]", "train: missing.*methods: \\[\\]"),
        ("max_prompt_tokens: 32, ", "", "evaluation.max_prompt_tokens: missing"),
        ("model:", "probes: {base: {grpo: {}}}\nmodel:", "train: missing, and probes"),
        ("model:", "checkpoints: {early: step 1}\nmodel:", "train: missing, and checkpoints"),
        ("methods: []\n", "", "methods: missing.*methods: \\[\\]"),
    ],
)
def test_what_a_training_needs_is_asked_for_where_one_is_declared(tmp_path, old, new, said):
    path = tmp_path / "params.yaml"
    path.write_text((EVALUATION + LAB).replace(old, new))
    with pytest.raises(InputError, match=said):
        load(path)


def test_evaluation_of_what_others_trained_gets_verdicts_without_a_training_seed():
    from stages.tools.foreseen_verdicts import judged_numbers

    params = profile("single-gpu-evaluation")
    models = 1 + len(params.models)
    assert judged_numbers(params) >= models * len(params.evaluation.benchmarks)
