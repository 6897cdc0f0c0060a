"""A profile's grids: as many runs for each method, each with the settings of its point, and a held-out set that chooses."""

import re

import pytest

from stages.common.files import InputError, write_jsonl
from stages.methods import build
from stages.profile.params import load
from stages.profile.resolution import plans, report_plan
from tests.project import ROOT

OWN = "own: {own_tuning: {file: tuning.jsonl, licence: ours, k: 4}}"
GRIDS = (
    "tuning: {select_on: own_tuning, grids: {par: {learning_rate: [0.001, 0.002], step: [0.1, 0.2]}, "
    "clip_cov_mine: {learning_rate: [0.0005, 0.001, 0.002, 0.004]}}}"
)
RUNS = [f"{name}_{number}" for name in ("par", "clip_cov_mine") for number in range(1, 5)]


@pytest.fixture
def profile(tmp_path, monkeypatch):
    """Writes smoke with two grids of four points, and what is to take another's place in it; loads it."""
    for name in ("data", "locks", "stages"):
        (tmp_path / name).symlink_to(ROOT / name)
    write_jsonl(tmp_path / "tuning.jsonl", [{"problem": f"total {i} 1", "answer": str(i + 1)} for i in range(4)])
    monkeypatch.chdir(tmp_path)

    def load_it(*changes):
        text = (ROOT / "profiles/smoke.yaml").read_text(encoding="utf-8")
        for old, new in (
            ("methods: [grpo, ", f"methods: [grpo, {', '.join(RUNS)}, "),
            ("method_settings:\n", "method_settings:\n  clip_cov_mine: {method: clip_cov, share: 0.02}\n"),
            ("  prompt: plain\n  lab:\n", f"  prompt: plain\n  {OWN}\n  lab:\n"),
            ("\nbackend:\n", f"\n{GRIDS}\nbackend:\n"),
            *changes,
        ):
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
        return load(tmp_path / "params.yaml")

    return load_it


def test_a_point_is_its_method_with_two_settings_more(profile):
    """Of the method's own settings in the profile, too."""
    params = profile()
    for number, (rate, step) in enumerate([(0.001, 0.1), (0.001, 0.2), (0.002, 0.1), (0.002, 0.2)], 1):
        own = params.method_of("par")[1]
        assert own["threshold_of_start"] == 0.547
        assert params.method_of(f"par_{number}") == ("par", own | {"learning_rate": rate, "step": step})
    expected = build("clip_cov", {"share": 0.02, "learning_rate": 0.004}).settings.model_dump()
    assert params.method_of("clip_cov_mine_4") == ("clip_cov", expected)


def test_a_point_is_trained_on_the_set_of_its_grid(profile):
    params = profile(
        ("  prompt: plain\n  own", "  prompt: plain\n  subsets: {part: {of: lab, by: random, prompts: 64}}\n  own"),
        (
            "clip_cov_mine: {method: clip_cov, share: 0.02}",
            "clip_cov_mine: {method: clip_cov, share: 0.02, dataset: part}",
        ),
    )
    assert [params.train_of(name).dataset for name in ("par_1", "clip_cov_mine_1")] == ["lab", "part"]
    assert params.method_of("clip_cov_mine_1")[0] == "clip_cov"


def test_every_point_is_trained_and_the_held_out_set_is_sampled_and_not_reported(profile):
    params = profile()
    made = plans(params)
    assert {f"train/{name}-1" for name in RUNS} <= made.keys()
    assert made["train/par_3-1"].method_settings["learning_rate"] == 0.002
    assert "own_tuning" in made["sample"].samples and "own_tuning" in made["grade"].graders
    report = report_plan(params)
    assert "own_tuning" not in report.benchmarks and report.protocol.samples["own_tuning"] == 4
    assert report.tuning.points().keys() == set(RUNS)


WRONG = {
    "a benchmark chooses": (
        ("select_on: own_tuning", "select_on: lab_sum"),
        "tuning.select_on: lab_sum is a benchmark.*give a set of data.own",
    ),
    "no such set": (("select_on: own_tuning", "select_on: own_other"), "tuning.select_on: 'own_other' is no set of data.own"),
    "it may be trained on": (
        ("  prompt: plain\n  own:", "  prompt: plain\n  variant: as_released\n  own:"),
        "tuning.select_on: .*set data.variant: decontaminated",
    ),
    "it chooses checkpoints, too": (
        ("\nbackend:\n", "\ncheckpoints: {own: best on own_tuning}\nbackend:\n"),
        "checkpoints.own: own_tuning chooses among the settings",
    ),
    "fewer for one method": (("step: [0.1, 0.2]", "step: [0.1]"), "tuning.grids.clip_cov_mine: 4 points, and par has 2"),
    "one point": ((GRIDS, GRIDS[: GRIDS.index("par:")] + "par: {step: [0.1]}}}"), "tuning.grids.par: one point leaves nothing"),
    "a value twice": (("step: [0.1, 0.2]", "step: [0.1, 0.1]"), r"tuning.grids.par.step: \[0.1, 0.1\] .* repeats a value"),
    "no values": (("step: [0.1, 0.2]", "step: []"), r"tuning.grids.par.step: \[\] is empty"),
    "three settings": (
        ("step: [0.1, 0.2]", "step: [0.1, 0.2], threshold: [0.1]"),
        "tuning.grids.par: threshold is one too many",
    ),
    "another method in a point": (
        ("step: [0.1, 0.2]", "method: [par, steer]"),
        "tuning.grids.par.method: is not tuned; remove it",
    ),
    "a training set in a point": (
        ("step: [0.1, 0.2]", "dataset: [lab, part]"),
        "tuning.grids.par.dataset: is not tuned; remove it",
    ),
    "a run that is not declared": (("par_2, ", ""), "tuning.grids: its runs are to stand in methods; add par_2"),
    "a run that is another's": (
        ("method_settings:\n  clip", "method_settings:\n  par_2: {method: steer}\n  clip"),
        "tuning.grids.par: par_2 is its run, and the name of another",
    ),
    "a setting that there is not": (("step: [0.1, 0.2]", "stepp: [0.1, 0.2]"), "tuning.grids.par.stepp"),
    "a rate that is none": (("[0.0005, 0.001, 0.002, 0.004]", "[0.0005, 0.001, 0.002, 4]"), "tuning.grids.clip_cov_mine.learning_rate"),
    "a method that there is not": (
        ("{par: {learning_rate: [0.001, 0.002], step: [0.1, 0.2]}, ", "{parr: {step: [0.1, 0.2, 0.3, 0.4]}, "),
        "tuning.grids: its runs are to stand in methods; add parr_1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_grid_that_is_wrong_is_refused_by_name(profile, name):
    change, said = WRONG[name]
    with pytest.raises(InputError) as refused:
        profile(change)
    (line,) = str(refused.value).splitlines()
    assert re.search(said, line), line
