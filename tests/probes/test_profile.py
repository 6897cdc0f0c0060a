"""Section `probes`: what it declares, what is refused in one line, and the stages that DVC makes of it."""

import pytest

from stages.common.files import InputError
from stages.profile.params import load
from stages.profile.probes import declared_probes
from stages.profile.resolution import plans
from tests.forks import changed
from tests.project import ROOT, copy_project, edit, run


def profile_with(folder, probes: str):
    path = folder / "params.yaml"
    path.write_text((ROOT / "profiles/smoke.yaml").read_text() + f"probes:\n  {probes}\n")
    return path


def plans_with(folder, probes: str) -> dict:
    return {name: plan.model_dump(mode="json") for name, plan in plans(load(profile_with(folder, probes))).items()}


def test_what_a_section_leaves_out_is_that_of_the_training(tmp_path):
    written = plans_with(tmp_path, "{base: {grpo: {}, opefo: {prompts: 4}}, trained: {kl_cov-1: {batches: 2}}}")
    assert {name for name in written if name.startswith("diagnose/")} == {
        "diagnose/base.grpo",
        "diagnose/base.opefo",
        "diagnose/kl_cov-1",
    }
    numbers = ("batches", "prompts", "responses", "updates")
    assert [written["diagnose/base.grpo"][name] for name in numbers] == [4, 16, 8, 4]
    assert [written["diagnose/base.opefo"][name] for name in numbers] == [
        4,
        4,
        8,
        1,
    ]  # strictly on-policy, its own setting
    assert [written["diagnose/kl_cov-1"][name] for name in numbers] == [2, 16, 8, 4]
    assert written["diagnose/kl_cov-1"]["run"] == "kl_cov-1" and written["diagnose/kl_cov-1"]["method"] == "kl_cov"
    assert written["report"]["probes"] == ["base.grpo", "base.opefo", "kl_cov-1"]


def test_a_probe_runs_nothing_else_again(tmp_path):
    without = {n: p.model_dump(mode="json") for n, p in plans(load(ROOT / "profiles/smoke.yaml")).items()}
    one = plans_with(tmp_path, "base: {grpo: {}}")
    assert changed(without, one) == {"diagnose/base.grpo", "report"}
    assert changed(one, plans_with(tmp_path, "base: {grpo: {}, kl_cov: {}}")) == {"diagnose/base.kl_cov", "report"}


@pytest.mark.parametrize(
    "probes, said",
    [
        ("base: {grop: {}}", "methods: unknown method 'grop'; known are"),
        ("base: {grpo: {batchs: 2}}", "probes.base.grpo.batchs is no setting; known here are batches, prompts"),
        ("base: {grpo: {batches: 0}}", "probes.base.grpo.batches: input should be greater than 0, not 0"),
        ("base: {grpo: {updates: 3}}", "probes.base.grpo.updates: 3 mini-batches cannot share 16 prompts evenly; give a divisor"),
        ("base: {dapo: {}}", "probes.base.dapo: dapo changes how responses are sampled, and a probe samples plainly; remove it"),
        ("base: {rlrt: {}}", "probes.base.rlrt: rlrt needs a reference that is told the answer, which no probe has; remove it"),
        ("base: {passk_adv: {responses: 2}}", "probes.base.passk_adv.responses: 2, and passk_adv draws sets of 4 .k.; give at least"),
        ("trained: {grpo-9: {}}", "probes.trained.grpo-9: no such run; runs are grpo-1, grpo-2"),
        (
            "base: {grpo: {optimisers: {own: {kind: sgd, learning_rates: [1.0], epsilon: 1.0e-8}}}}",
            "probes.base.grpo.optimisers.own.epsilon: sgd has none; remove it",
        ),
        (
            "base: {grpo: {optimisers: {own: {kind: adam, learning_rates: [1.0]}}}}",
            "probes.base.grpo.optimisers.own.kind: input should be 'sgd' or 'adamw', not 'adam'",
        ),
        (
            "base: {grpo: {optimisers: {own: {kind: sgd, learning_rates: []}}}}",
            "probes.base.grpo.optimisers.own.learning_rates: list should have at least 1 item",
        ),
    ],
)  # fmt: skip
def test_what_is_refused_before_anything_runs(tmp_path, probes, said):
    with pytest.raises(InputError, match=said) as error:
        declared_probes(load(profile_with(tmp_path, probes)))
    assert "\n" not in str(error.value)


def test_dvc_has_a_stage_a_probe_and_none_without(tmp_path):
    project = copy_project(tmp_path)
    listed = run(project, "dvc", "stage", "list", "--name-only")
    assert listed.returncode == 0 and "diagnose" not in listed.stdout, listed.stderr
    edit(project, "params.yaml", "\nbackend:\n", "\nprobes: {base: {grpo: {}}, trained: {opefo-1: {}}}\nbackend:\n")
    listed = run(project, "dvc", "stage", "list", "--name-only").stdout.split()
    assert {name for name in listed if "diagnose" in name} == {"diagnose_base@smoke-grpo", "diagnose@smoke-opefo-1"}
