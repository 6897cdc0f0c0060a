"""The lab's kept results: the document is what they give, this code still gives them, and runs of another day join them."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stages.artifacts.records import TrainingRecord
from stages.artifacts.steps import COLUMNS, line_of
from stages.claims.quantities import Measured
from stages.claims.schema import read_claims
from stages.common.files import InputError, write_jsonl
from stages.profile.params import load
from stages.profile.resolution import plans
from stages.profile.sections.subset import Subset
from stages.reporting.tables.claims import SCORES
from stages.tools.kept import KEPT, collect, read, settings_of_all
from stages.tools.ledger import CLAIMS, DOCUMENT, FIGURES, written
from stages.tools.rerun import differences
from stages.tools.told_apart import methods_section
from tests.made_up_probe import write_made_up
from tests.project import ROOT, copy_project, run


@pytest.fixture(autouse=True)
def in_the_project(monkeypatch):
    monkeypatch.chdir(ROOT)


def test_the_document_is_what_the_kept_results_give():
    document, figures = written(KEPT, CLAIMS)
    assert DOCUMENT.read_text(encoding="utf-8") == document
    assert {name: (FIGURES / f"{name}.svg").read_text(encoding="utf-8") for name in figures} == figures


def came_later(kept: pd.DataFrame) -> dict[str, float]:
    """A value for each column that the step log did not have when `kept` was."""
    return dict.fromkeys((name for name in COLUMNS if name not in kept), 0.0)


def test_the_kept_steps_are_whole_and_of_declared_runs():
    kept, origin = read(KEPT)
    params = load(Path("profiles/lab.yaml"))
    settings = settings_of_all(params)
    of_origin = {run: said for training in origin.trainings for run, said in training.runs.items()}
    assert {*kept.steps["run"], *kept.probes["probe"]} == set(of_origin) and set(kept.scores["run"]) <= set(of_origin)
    assert of_origin.items() <= settings.items()
    for (_, _), steps in kept.steps.groupby(["method", "seed"]):
        assert steps["step"].tolist() == list(range(1, len(steps) + 1))
        first = steps.iloc[0].drop(["run", "method", "seed"]).dropna().map(float).to_dict()
        line_of(first | came_later(kept.steps))
    claimed = {
        run for path in CLAIMS.glob("*.yaml") for claim in read_claims(path).claims.values() for run in claim.runs
    }
    assert set(kept.methods) <= claimed | {"positive_flipped"}


def test_a_subset_concerns_only_what_was_trained_on_it():
    params = load(Path("profiles/lab.yaml"))

    def with_part(prompts: int) -> dict[str, str]:
        part = {
            "part": Subset(of="lab", by="random", prompts=prompts),
            "other": Subset(of="lab", by="random", prompts=8),
        }
        return settings_of_all(
            params.model_copy(
                update={
                    "data": params.data.model_copy(update={"subsets": part}),
                    "methods": [*params.methods, "grpo_part"],
                    "method_settings": {**params.method_settings, "grpo_part": {"method": "grpo", "dataset": "part"}},
                }
            )
        )

    before, small, large = settings_of_all(params), with_part(32), with_part(64)
    assert before.items() <= small.items() and small.keys() - before.keys() == {f"grpo_part-{s}" for s in params.seeds}
    assert {run for run in small if small[run] != large[run]} == small.keys() - before.keys()


def test_methods_are_told_apart_by_more_than_their_seeds_spread():
    """Two that differ by 0.1 and one that is like the first; a fourth lacks a seed."""
    levels, noise = {"grpo": 0.1, "twin": 0.1, "other": 0.2, "short": 0.2}, np.random.default_rng(1)
    rows = [
        {"run": f"{method}-{seed}", "method": method, "seed": seed, "step": step, "reward": 0.5, "entropy_style": 1.0}
        | {"entropy": level + 0.05 * seed + 0.002 * noise.normal()}
        for method, level in levels.items()
        for seed in ((1, 2, 3) if method != "short" else (1, 2))
        for step in range(1, 7)
    ]
    rows = [
        row | {"reward": row["reward"] + 0.001 * noise.normal(), "entropy_style": 1 + noise.normal()} for row in rows
    ]
    section = methods_section(Measured(pd.DataFrame(rows), pd.DataFrame(columns=SCORES)), "none")
    said, table = section.blocks[0].text, section.blocks[-1]
    assert "Of 3 pairs of 3 methods with 3 seeds each" in said and "in entropy 2, which differ by more than 0.0" in said
    assert "Left out: 1 method without these seeds" in said
    (_, lines), *_ = table.groups
    assert [(line[0], line[2].endswith("*"), line[-1]) for line in lines if line[0] == "other"] == [
        ("other", True, "2")
    ]
    assert {line[0]: line[-1] for line in lines} == {"grpo": "1", "twin": "1", "other": "2"}
    assert not any("*" in line[3] for line in lines)  # of noise alone


def test_a_step_that_moved_is_told():
    kept, _ = read(KEPT)
    expected = kept.of("grpo", 1).head(3)
    lines = [
        {name: value for name, value in row.dropna().items() if name not in ("run", "method", "seed")}
        for _, row in expected.iterrows()
    ]
    assert differences(expected, lines, exactly=True) == []
    lines[1] = lines[1] | {"reward": lines[1]["reward"] + 1e-9}
    assert len(differences(expected, lines, exactly=True)) == 1
    assert differences(expected, lines, exactly=False) == []
    del lines[1]["reward"]
    before = expected.drop(columns="engine_kl").assign(kl=float("nan"))  # columns that came later
    assert differences(before, lines, exactly=True) == []
    lines[1] = lines[1] | {"entropy": 0.0}
    assert len(differences(before, lines, exactly=True)) == 1


@pytest.fixture
def trained(tmp_path):
    """What a clone has that trained some runs: kept steps of them, and the plans that this code gives."""
    measured, _ = read(KEPT)
    given = plans(load(Path("profiles/lab.yaml")))

    def write(name: str, *runs: str) -> Path:
        folder = tmp_path / name / "lab"
        for plan in ["model", "prepare", "subset", "diagnose/base.grpo", *(f"train/{one}" for one in runs)]:
            path = folder / "plan" / f"{plan}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(given[plan].text())
        for one in runs:
            lines = measured.steps[measured.steps["run"] == one].drop(columns=["run", "method", "seed"])
            (folder / "train" / one).mkdir(parents=True)
            logged = [row.dropna().to_dict() | came_later(lines) for _, row in lines.iterrows()]
            write_jsonl(folder / "train" / one / "steps.jsonl", [line_of(line) for line in logged])
            TrainingRecord(packages={"torch": "2"}, seed=1, prompts=2, prompts_too_long=0).write(folder / "train" / one)
        return folder.parent

    return write


def test_runs_of_two_clones_and_two_days_stand_together(tmp_path, trained):
    kept = tmp_path / "kept"
    collect([trained("one", "grpo-2"), trained("two", "steer-1", "grpo-1")], kept, "first")
    third = trained("three", "grpo-2", "steer-2")
    write_made_up(third / "lab/probes/base.grpo")
    collect([third], kept, "second")
    measured, origin = read(kept)
    assert [(training.commit, sorted(training.runs)) for training in origin.trainings] == [
        ("first", ["grpo-1", "steer-1"]),
        ("second", ["base.grpo", "grpo-2", "steer-2"]),
    ]
    assert list(measured.steps["run"].unique()) == ["grpo-1", "grpo-2", "steer-1", "steer-2"]
    assert measured.probes["batch"].tolist() == [1, 2, 3] and set(measured.probes["value"]) == {0.1}
    expected = read(KEPT)[0].of("grpo", 2)
    assert measured.of("grpo", 2)["entropy"].tolist() == expected["entropy"].tolist()


def test_runs_of_other_settings_or_other_code_do_not_join(tmp_path, trained):
    kept = tmp_path / "kept"
    collect([trained("one", "grpo-2", "grpo-3")], kept, "first")
    origin = (kept / "origin.json").read_text()
    settings = read(kept)[1].trainings[0].runs["grpo-2"]
    (kept / "origin.json").write_text(origin.replace(settings, "0" * 64))
    collect([trained("two", "steer-1")], kept, "second")
    assert list(read(kept)[0].steps["run"].unique()) == ["grpo-3", "steer-1"]

    other = trained("three", "steer-2")
    plan = other / "lab/plan/train/steer-2.json"
    plan.write_text(plan.read_text().replace('"code": "', '"code": "0'))
    with pytest.raises(InputError, match=r"steer-2.json is not what profiles/lab.yaml and this code give"):
        collect([other], kept, "third")
    shutil.rmtree(other / "lab/train")
    with pytest.raises(InputError, match="holds no run of it"):
        collect([other], kept, "third")


@pytest.mark.slow
def test_a_run_of_the_lab_gives_what_is_kept_of_it(tmp_path, with_data_and_model):
    """Alone, with other checkpoints, where the kept one was trained after others in a session of many. CURE branches responses
    and drops groups, so that more than with another method depends on the order of requests.
    """
    project = copy_project(tmp_path / "project")
    with_data_and_model(project, "lab")
    again = run(project, "python", "-m", "stages.tools.rerun", "cure-2")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "cure-2: as kept" in again.stdout
