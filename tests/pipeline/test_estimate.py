"""`python -m stages.tools.estimate`, the profiles of the studied papers as DVC plans them, and further runs of one method."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from dvc.repo import Repo

from stages import resolve
from stages.common.files import InputError
from stages.common.yaml_reader import safe_load
from stages.profile.effective_protocol import effective_protocol
from stages.profile.params import load
from stages.profile.resolution import plans, report_plan
from stages.profile.sections.published import PublishedRow
from stages.protocols.record import load_protocols
from stages.published.table import load_published
from stages.reporting.tables.comparison import stands_for
from stages.reporting.tables.scores import powers
from stages.tools.estimate import main
from stages.tools.estimation.budget import offers, proposal, with_offer
from stages.tools.estimation.evaluated import evaluation_tokens
from stages.tools.estimation.hours import (
    Assumptions,
    evaluation_hours,
    training_hours,
)
from stages.tools.estimation.text import table
from stages.tools.foreseen_verdicts import foreseen, foreseen_verdicts
from stages.verdicts import PublishedMethod, compare
from tests.pipeline.profiles import PAPERS, of_profile
from tests.project import ROOT, copy_project

# Rows of the papers' tables that are no training of ours.
NOT_TRAINED = {"base"}


@pytest.mark.parametrize("name", PAPERS)
def test_dvc_plans_every_run(name, tmp_path, monkeypatch):
    """The stages that DVC finds, and that each of their inputs is there once the plans are made, or is made by another."""
    project = copy_project(tmp_path)
    (project / "params.yaml").write_text((project / f"profiles/{name}.yaml").read_text())
    params = load(project / "params.yaml")
    monkeypatch.chdir(project)
    resolve.main([name])
    with Repo() as repo:
        repo.index.check_graph()
        stages = repo.index.stages
    made = {Path(out.def_path) for stage in stages for out in stage.outs}
    for path in {Path(dependency.def_path) for stage in stages for dependency in stage.deps}:
        of_a_stage = any(path.is_relative_to(out) or out.is_relative_to(path) for out in made)
        assert path.exists() or (of_a_stage and "plan" not in path.parts), path
    commands = {re.sub(r"^(locks/python cuda|\.venv/eval/bin/python) -m stages\.", "", stage.cmd) for stage in stages}
    runs = {(method, str(seed)) for method in params.methods for seed in params.seeds}
    assert {tuple(c.split()[2:]) for c in commands if c.startswith("train ")} == runs
    for stage in ("sample", "grade"):
        asked = {c.split()[2] for c in commands if c.startswith(f"{stage} ")}
        trained = {f"{method}-{seed}" for method, seed in runs}
        assert asked == {"base", *trained, *(f"{run}.{rule}" for run in trained for rule in params.checkpoints)}
    for stage in ("sample_checkpoints", "choose"):
        asked = {tuple(c.split()[2:]) for c in commands if c.startswith(f"{stage} ")}
        assert asked == {(rule, f"{method}-{seed}") for rule in params.checkpoints for method, seed in runs}
    assert {f"{stage} {name}" for stage in ("resolve", "prepare", "model", "report")} <= commands


@pytest.mark.parametrize(
    "name, paper, place",
    [(PAPERS[0], "steer", "Table 3"), (PAPERS[1], "par", "Table 2"), (PAPERS[2], "flexible", "Table 1 (presumed)")],
)
def test_every_published_row_of_the_table_has_a_run(name, paper, place):
    params = of_profile(name)
    rows = pd.read_csv(ROOT / f"data/published/{paper}.csv")
    rows = rows[(rows["table"] == place) & (rows["model"] == params.published.model) & rows["method"].notna()]
    printed = rows.groupby("method")["method_as_printed"].nunique().drop(NOT_TRAINED, errors="ignore")
    ours = pd.Series([params.method_of(method)[0] for method in params.methods]).value_counts()
    assert len(printed) and (ours.reindex(printed.index, fill_value=0) >= printed).all()
    settings = [tuple(sorted(map(str, params.method_of(method)[1].items()))) for method in params.methods]
    plan = report_plan(params)
    forms = {
        PublishedMethod(row.method, row.variant)
        for row in load_published().query("paper == @paper").itertuples()
        if row.table == place and row.model == params.published.model and row.method not in (None, *NOT_TRAINED)
    }
    assert forms <= set(stands_for(plan).values())
    assert (params.published.recipe_of, params.data.variant) == (paper, "as_released")
    whole = [(params.method_of(method)[0], given) for method, given in zip(params.methods, settings, strict=True)]
    assert len(set(whole)) == len(whole)  # no run is another one under a second name


def standing_for(name: str, methods: list[str], settings: dict, rows: dict) -> dict[str, PublishedMethod]:
    params = of_profile(name)
    params = params.model_copy(
        update={
            "methods": methods,
            "method_settings": params.method_settings | settings,
            "published": params.published.model_copy(update={"rows": rows}),
        }
    )
    return stands_for(report_plan(params))


def test_a_run_under_its_own_name_stands_for_no_row_unless_told():
    """Whatever the order of methods: the run that is named as its method keeps the paper's main row."""
    further = {"steer_05": {"method": "steer", "weight_min": 0.5}}
    for methods in (["grpo", "steer_05", "steer"], ["grpo", "steer", "steer_05"]):
        found = standing_for(PAPERS[0], methods, further, {})
        assert found == {"grpo": PublishedMethod("grpo"), "steer": PublishedMethod("steer")}
    row = PublishedRow(method="steer", variant="lambda_min 0.5")
    assert standing_for(PAPERS[0], ["steer_05", "steer"], further, {"steer_05": row})["steer_05"] == PublishedMethod(
        "steer", "lambda_min 0.5"
    )
    with pytest.raises(InputError, match="published.rows: steer and steer_05 both stand for steer, variant none"):
        standing_for(PAPERS[0], ["steer_05", "steer"], further, {"steer_05": PublishedRow(method="steer")})


def test_a_run_on_another_set_stands_for_no_row_unless_told(tmp_path):
    """Whether it is named as its method or not; in the estimate it is named with its set."""
    content = safe_load((ROOT / f"profiles/{PAPERS[0]}.yaml").read_text())
    content["data"]["subsets"] = {"part": {"of": "steer_dapo_math_17k", "by": "random", "prompts": 512}}
    content["method_settings"] |= {
        "grpo_part": {"method": "grpo", "dataset": "part"},
        "steer": {**content["method_settings"].get("steer", {}), "dataset": "part"},
    }
    content["methods"].append("grpo_part")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    params = load(tmp_path / "params.yaml")
    found = stands_for(report_plan(params))
    assert "grpo" in found and not {"grpo_part", "steer"} & found.keys()
    said = "Compared with no published number, because trained on another set: `steer` (part), `grpo_part` (part)."
    assert said in foreseen_verdicts(params)
    assert {"grpo", "steer (on part)", "grpo_part (grpo, on part)"} <= set(table(params, None)["run"])
    content["published"]["rows"] = {"grpo_part": {"method": "grpo"}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match="published.rows.grpo_part: it is trained on 'part'.*; give train_data, .*row"):
        load(tmp_path / "params.yaml")
    content["published"]["rows"] = {"grpo": {"method": "grpo", "train_data": "DAPO-Math-17k, 616 random"}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match="published.rows.grpo.train_data: it is trained on train.dataset.*remove"):
        load(tmp_path / "params.yaml")


def test_a_run_on_another_set_stands_for_the_row_that_names_its_set():
    """In Table 3 of PAR all rows have a run; a set that is called as the setting's own is that one."""
    params = of_profile("par-data-diversity")
    plan = report_plan(params)
    rows = load_published().query("paper == 'par' and table == 'Table 3' and method == 'grpo'")
    sets = {form.train_data or params.published.train_data for form in stands_for(plan).values()}
    assert sets == set(rows["train_data"]) and len(sets) == len(params.methods) == 11
    text = "\n".join(foreseen_verdicts(params))
    assert "on DAPO-Math-17k and on 10 other training sets that a model here stands for" in text
    assert "| par, Table 3, on DAPO-Math-17k, 616 random " in text and "because trained on another set" not in text
    found = verdicts_of("par-data-diversity")
    table3 = found[(found["paper"] == "par") & (found["table"] == "Table 3") & ~found["fixed"]]
    assert table3.groupby("train_data")["comparable"].sum().nunique() == 1 and table3["comparable"].any()
    same = PublishedRow(method="grpo", train_data=params.published.train_data)
    setting = params.published.model_copy(update={"rows": {**params.published.rows, "grpo_random_616": same}})
    with pytest.raises(InputError, match="grpo_random_616 and grpo both stand for grpo, variant none"):
        stands_for(plan.model_copy(update={"published": setting}))


def test_a_plan_names_a_training_set_only_where_a_row_does():
    assert "train_data" not in PublishedRow(method="grpo").model_dump()
    assert PublishedRow(method="grpo", train_data="part").model_dump()["train_data"] == "part"


def test_a_name_of_ones_own_is_a_run_of_its_method(tmp_path):
    text = (ROOT / "profiles/smoke.yaml").read_text()
    (tmp_path / "params.yaml").write_text(
        text.replace("methods: [grpo,", "methods: [grpo, kl_cov_5,").replace(
            "method_settings:\n", "method_settings:\n  kl_cov_5: {method: kl_cov, share: 0.05}\n"
        )
    )
    with_alias, without = plans(load(tmp_path / "params.yaml")), plans(load(ROOT / "profiles/smoke.yaml"))
    own_runs = {f"train/kl_cov_5-{seed}" for seed in without["report"].seeds}
    assert {name for name in with_alias if with_alias[name] != without.get(name)} == own_runs | {"report"}
    own, plain = with_alias["train/kl_cov_5-1"], with_alias["train/kl_cov-1"]
    assert own.method == "kl_cov" and own.method_settings["share"] == 0.05
    assert (own.code, own.seed, own.run) == (plain.code, plain.seed, "kl_cov_5-1")
    report = with_alias["report"]
    assert "kl_cov_5-1" in report.runs and report.method_settings["kl_cov_5-1"]["share"] == 0.05
    assert (report.method_of["kl_cov_5"], report.method_of["grpo"]) == ("kl_cov", "grpo")


@pytest.mark.parametrize(
    "settings, said",
    [
        ("par_stage: {variant: stage}", "unknown method 'par_stage'"),
        ("par_stage: {method: parr}", "'parr' is no method"),
        ("par_stage: {method: par, variants: stage}", "method_settings.par_stage.variants"),
        ("par_stage: {method: par, variant: epoch}", "method_settings.par_stage.data_epochs"),
        ("dapo: {method: par}", "method_settings.dapo.method: dapo is a method itself"),
    ],
)
def test_a_wrong_name_of_ones_own(settings, said, tmp_path):
    data = safe_load((ROOT / "profiles/smoke.yaml").read_text())
    data["method_settings"] |= safe_load(f"{{{settings}}}")
    data["methods"].append("par_stage" if "par_stage" in settings else "dapo")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(data))
    with pytest.raises(InputError, match=re.escape(said)):
        load(tmp_path / "params.yaml")


def test_a_budget_buys_what_it_says():
    params, assumed, rate = of_profile(PAPERS[0]), Assumptions(7e9), 2.5
    one_seed = rate * sum(training_hours(params, assumed).values())
    offered = offers(params, assumed, rate, 4.5 * one_seed)
    assert [offer.seeds for offer in offered][:3] == [1, 2, 3] and all(o.dollars <= 4.5 * one_seed for o in offered)
    for offer in offered:
        assert "aime24" in offer.benchmarks  # the rule for the checkpoint looks at it
        own = with_offer(params, offer)
        hours = evaluation_hours(sum(evaluation_tokens(own).values()), assumed)
        assert offer.dollars == pytest.approx(offer.seeds * one_seed + rate * hours)
    assert proposal(offered).seeds >= 3
    assert offers(params, assumed, rate, 0.5 * one_seed) == []
    with pytest.raises(InputError, match="--budget"):
        main([str(ROOT / f"profiles/{PAPERS[0]}.yaml"), "--budget", "1", "--dollars-per-gpu-hour", "2.5"])


def test_what_is_printed(capsys):
    main([str(ROOT / "profiles/steer-qwen2.5-math-7b.yaml"), "--peak", "1000"])
    shown = capsys.readouterr().out
    assert "33 runs of 200 steps" in shown and "peak = 1000 TFLOP/s" in shown and "An estimate" in shown
    assert "of prompts and responses, every sequence as long as allowed" in shown
    assert "224.0 GB of checkpoints" in shown and "steer_released (steer)" in shown
    assert "18,480.0 GB of weights" in shown  # 33 runs, 20 checkpoints a run, 28 GB each
    main([str(ROOT / "profiles/smoke.yaml")])
    shown = capsys.readouterr().out
    assert "9 runs of 10 steps" in shown and "GPU hours: none" in shown


@pytest.mark.parametrize(
    "wrong",
    [
        ["--peak", "0"],
        ["--parameters", "-1"],
        ["--training-utilisation", "1.5"],
        ["--budget", "500"],
        ["--dollars-per-gpu-hour", "0"],
        ["no.yaml"],
    ],
)
def test_wrong_options(wrong):
    with pytest.raises(InputError, match=re.escape(wrong[0])):
        main(wrong if len(wrong) == 1 else [str(ROOT / "profiles/smoke.yaml"), *wrong])


# Published numbers that a profile can get a verdict on -------------------------------------------------------------


def verdicts_of(name: str, checkpoints: bool = True, **changes: object) -> pd.DataFrame:
    """What is foreseen for a profile, with or without its rules for checkpoints, whose effective protocol has `changes`."""
    params = of_profile(name) if checkpoints else of_profile(name, checkpoints={})
    protocol = effective_protocol(params.evaluation, params.data.prompt, len(params.seeds))
    return foreseen(params, protocol.model_copy(update=changes))


@pytest.mark.parametrize(
    "name, rule, place", [(PAPERS[0], "best on aime24", "Table 3"), (PAPERS[1], "best on aime25", "Table 2")]
)
def test_the_papers_own_checkpoint_rule_lets_its_main_table_be_judged(name, rule, place):
    """Under the last checkpoint nothing trained can be; under the paper's rule gains can, whatever the grader is."""
    paper = of_profile(name).published.recipe_of
    assert rule in of_profile(name).checkpoints.values()
    last, replayed = (verdicts_of(name, checkpoints) for checkpoints in (False, True))
    main = [
        found[(found["paper"] == paper) & (found["table"] == place) & ~found["fixed"]] for found in (last, replayed)
    ]
    assert not main[0]["comparable"].any()
    assert main[0]["forbidding"].str.contains(f"checkpoint is last here, {rule} there").any()
    gains = main[1][main[1]["quantity"].str.startswith("gain") & main[1]["comparable"]]
    assert len(gains) and (gains["quantity"] == "gain over grpo, average over benchmarks").any()
    assert ((gains["margin"] > 0) & (gains["margin"] <= 7)).any()


def test_steers_scores_need_its_grader_and_its_base_model_no_checkpoint():
    steer = {"table": "Table 3", "paper": "steer"}
    graders = dict.fromkeys(["aime24", "aime25", "amc23_40", "math500", "minerva_math", "olympiadbench_675"])
    with_grader = verdicts_of(PAPERS[0], checkpoints=False, graders=dict.fromkeys(graders, "steer_box_or_qwen_math"))
    rows = with_grader[(with_grader["paper"] == steer["paper"]) & (with_grader["table"] == steer["table"])]
    assert rows.loc[rows["fixed"], "comparable"].all() and rows["fixed"].sum() == 7
    assert not rows.loc[~rows["fixed"], "comparable"].any()


def test_what_flexible_presumes_gets_no_verdict():
    found = verdicts_of(PAPERS[2])
    own = found[found["paper"] == "flexible"]
    assert len(own) and own["forbidding"].str.contains("lets presume: model, metric").all()


def test_the_counts_that_are_printed_are_those_of_the_table(capsys):
    main([str(ROOT / f"profiles/{PAPERS[1]}.yaml")])
    shown = capsys.readouterr().out
    found = verdicts_of(PAPERS[1])
    assert f"that a model here stands for: {len(found)}; a verdict on {int(found['comparable'].sum())}: " in shown
    assert "what 3 seeds resolve" in shown
    assert "sd over seeds" in shown and "measured" in shown


def test_fewer_seeds_and_no_setting_say_so():
    params = of_profile(PAPERS[1], seeds=[1])
    lines = "\n".join(foreseen_verdicts(params))
    assert "need 3 training seeds, of which the profile has 1" in lines and "0 gains over GRPO, 0 scores" in lines
    assert "one training seed shows no variance of training" in lines
    assert foreseen_verdicts(of_profile("smoke")) == ["published numbers: none, the profile names no published setting"]


def test_measured_variances_take_the_place_of_assumed_ones(tmp_path):
    params = of_profile(PAPERS[1])
    place = tmp_path / params.profile / "report" / "tables"
    place.mkdir(parents=True)
    (place / "resolution.csv").write_text("benchmark,sd_score\naverage of benchmarks,0.5\n")
    lines = "\n".join(foreseen_verdicts(params, tmp_path))
    assert re.search(r"average of benchmarks \| 0.5, measured", lines) and re.search(r"aime24 +\| 2.5, assumed", lines)


@pytest.mark.parametrize("checkpoints, trained", [({}, False), ({"paper": "best on aime24"}, True)])
def test_what_is_foreseen_is_what_scores_of_every_declared_run_get(checkpoints, trained):
    """Synthetic scores of STEER's profile, three seeds: what can be judged is, and nothing else."""
    params = of_profile(PAPERS[0], checkpoints=checkpoints)
    protocol = effective_protocol(params.evaluation, params.data.prompt, 3)
    found, rng = foreseen(params, protocol), np.random.default_rng(0)
    runs = [("base", pd.NA), *((name, seed) for name in params.methods for seed in params.seeds)]
    scores = pd.DataFrame(
        [
            (run, seed, benchmark, metric, j, float(rng.uniform(20, 60)), 1.0)
            for run, seed in runs
            for benchmark, k in protocol.samples.items()
            for metric, j in [("avg", k), *(("pass", j) for j in powers(k))]
        ],
        columns=["method", "seed", "benchmark", "metric", "k", "value", "error"],
    )
    setting = (params.published.model, params.published.train_data)
    result = compare(
        scores,
        load_published(),
        *setting,
        protocol,
        load_protocols(),
        stands_for(report_plan(params)),
        "steer",
        chosen=dict.fromkeys(checkpoints.values(), scores),
    )
    judged = result[result["kind"] != "not comparable"]
    assert len(result) == len(found) and len(judged) == found["comparable"].sum()
    assert judged["p"].notna().all() and (judged["family"] != "fixed models").any() == trained
