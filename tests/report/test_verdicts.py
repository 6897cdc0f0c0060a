"""Verdicts on all published numbers of a setting: which number is asked of which run, what forbids it, how often it errs."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from stages.common.files import InputError
from stages.protocols.record import load_protocols
from stages.published.schema import load
from stages.published.table import FOLDER
from stages.verdicts import PublishedMethod, compare, false_alarms, protocol_diffs
from stages.verdicts.judge import EQUIVALENT, INCONCLUSIVE, NOT_COMPARABLE, NOT_REPRODUCED
from tests.project import ROOT
from tests.report.test_published import KEYS

MODEL, DATA = "Qwen2.5-Math-7B", "DAPO-Math-17k"
METHODS = ["grpo", "opo", "entropy_adv", "clip_cov", "kl_cov", "steer"]  # those of STEER's Table 3
BENCHMARKS = {"aime24": 32, "aime25": 32, "amc23_40": 32, "math500": 1, "minerva_math": 1, "olympiadbench_675": 1}
PROTOCOLS = load_protocols(ROOT / "data/protocols")
STEER = PROTOCOLS["steer-2510.10150"]
# differs from STEER's in what the interval accounts for, and in nothing else
OURS = STEER.model_copy(update={"name": "bench", "aggregation": "mean of 3 runs"})


@pytest.fixture(scope="module")
def published() -> pd.DataFrame:
    return load(FOLDER, KEYS)


@pytest.fixture(scope="module")
def table3(published) -> pd.DataFrame:
    """STEER's main table, whose values are means of two runs."""
    return published[(published["paper"] == "steer") & (published["table"] == "Table 3")]


def as_published(table3: pd.DataFrame, noise: np.ndarray, seeds=(1, 2, 3), benchmarks=BENCHMARKS) -> pd.DataFrame:
    """Scores that are the published ones plus `noise` [methods, benchmarks, seeds]."""
    rows = table3[table3["benchmark"].isin(list(benchmarks))]
    truth = dict(zip(zip(rows["method"], rows["benchmark"], strict=True), rows["value"], strict=True))
    return pd.DataFrame(
        [
            (method, seed, benchmark, "avg", k, float(np.clip(truth[method, benchmark] + noise[m, b, s], 0, 100)), 1.0)
            for m, method in enumerate(METHODS)
            for b, (benchmark, k) in enumerate(benchmarks.items())
            for s, seed in enumerate(seeds)
        ],
        columns=["method", "seed", "benchmark", "metric", "k", "value", "error"],
    )


def verdicts(scores: pd.DataFrame, published: pd.DataFrame, **changes) -> pd.DataFrame:
    as_named = {name: PublishedMethod(name) for name in METHODS}
    settings = {"ours": OURS, "protocols": PROTOCOLS, "stands_for": as_named} | changes
    return compare(scores, published, MODEL, DATA, **settings)


def rng_noise(sd=0.5, seeds=3) -> np.ndarray:
    """Varies from seed to seed; the mean over seeds is exactly as published."""
    noise = np.random.default_rng(0).normal(0, sd, size=(len(METHODS), len(BENCHMARKS), seeds))
    return noise - noise.mean(axis=-1, keepdims=True)


def test_a_papers_numbers_are_set_against_the_checkpoints_of_its_rule(table3):
    """The last ones are as published, those that the rule chose ten points above: that is what is said of them."""
    last, chosen = as_published(table3, rng_noise()), as_published(table3, rng_noise() + 10)
    ours = OURS.model_copy(update={"checkpoint": "last"})
    alone = verdicts(last, table3, ours=ours)
    assert set(alone["kind"]) == {NOT_COMPARABLE} and alone["reason"].str.contains("checkpoint is last here").all()
    both = verdicts(last, table3, ours=ours, chosen={STEER.checkpoint: chosen})
    assert set(both["checkpoint"]) == {STEER.checkpoint}
    scores = both[both["quantity"] == "score"]
    assert scores["difference"].to_numpy() == pytest.approx(10, abs=1e-6) and set(scores["kind"]) == {NOT_REPRODUCED}
    another = verdicts(last, table3, ours=ours, chosen={"step 100": chosen})
    assert set(another["kind"]) == {NOT_COMPARABLE} and set(another["checkpoint"]) == {"last"}
    differences = protocol_diffs(table3, MODEL, DATA, list(BENCHMARKS), ours, PROTOCOLS, [STEER.checkpoint])
    assert "checkpoint" not in set(differences["field"])


def test_a_faithful_rerun_is_reproduced_headline_first(table3):
    result = verdicts(as_published(table3, rng_noise()), table3)
    assert set(result.loc[result["margin"] >= 3, "kind"]) == {EQUIVALENT}
    assert NOT_REPRODUCED not in set(result["kind"])  # small claimed gains have small margins
    assert list(dict.fromkeys(result["quantity"])) == [
        "gain over grpo, average over benchmarks",
        "average over benchmarks",
        "gain over grpo",
        "score",
    ]
    assert result["quantity"].value_counts().to_dict() == {
        "score": 36,
        "gain over grpo": 30,
        "average over benchmarks": 6,
        "gain over grpo, average over benchmarks": 5,
    }
    assert result["headline"].tolist() == [True] * 41 + [False] * 36
    assert (result["seeds"] == 3).all() and not result["withdrawn"].any()
    assert result["family"].value_counts().to_dict() == {
        "scores": 36,
        "gains": 30,
        "averages": 6,
        "gains in averages": 4,
        "own claims": 1,
    }
    alarms = false_alarms(result)
    assert (alarms.scores, alarms.families) == (36, 4) and alarms.expected == pytest.approx(1.8)
    assert "1.8 of 36" in alarms.text and "each of the 4 other families" in alarms.text


def test_numbers_of_the_whole_path_by_hand(table3):
    noise = rng_noise()
    noise -= noise[:1]  # grpo exactly as published
    scores = as_published(table3, noise)
    rows = verdicts(scores, table3).set_index(["quantity", "method", "benchmark"])
    ours = scores.pivot_table(index="method", columns=["benchmark", "seed"], values="value", sort=False)[
        "aime24"
    ].to_numpy()
    score = rows.loc[("score", "steer", "aime24")]
    assert score["published"] == 36.2 and score["difference"] == pytest.approx(ours[5].mean() - 36.2)
    spread = np.sqrt(ours[5].var(ddof=1) * (1 / 3 + 1 / 2))  # the table's values are means of two runs
    assert score["half_width"] == pytest.approx(stats.t.ppf(0.975, 2) * spread)
    gain = rows.loc[("gain over grpo", "steer", "aime24")]
    assert gain["published"] == pytest.approx(36.2 - 28.0) and gain["ours"] == pytest.approx((ours[5] - ours[0]).mean())
    average = rows.loc[("average over benchmarks", "steer", "Avg")]
    assert average["published"] == 48.6
    assert average["ours"] == pytest.approx(scores[scores["method"] == "steer"]["value"].mean())


def test_a_seed_that_shifts_all_methods_shifts_no_gain_of_ours(table3):
    """The published pair is not known to share it: its own variance stays in the interval of a gain, ours cancels."""
    noise = rng_noise(sd=0.2)
    shifted = noise + np.array([-6.0, 0.0, 6.0])
    printed_by_many = table3.assign(runs=1e9)
    calm, rough = (verdicts(as_published(table3, each), printed_by_many) for each in (noise, shifted))
    gains = calm["quantity"] == "gain over grpo"
    assert rough.loc[gains, "half_width"].to_numpy() == pytest.approx(
        calm.loc[gains, "half_width"].to_numpy(), rel=1e-3
    )
    once = verdicts(as_published(table3, shifted), table3)
    assert (once.loc[gains, "half_width"].to_numpy() > 5 * rough.loc[gains, "half_width"].to_numpy()).all()


def test_fewer_samples_behind_a_published_number_widen_its_interval(table3):
    """avg@32 of ours has a sampling error of 1 point; one sample a problem has 32 times the variance."""
    scores = as_published(table3, rng_noise())
    aime = table3[table3["benchmark"] == "aime24"]
    found = {}
    for k in (32.0, 1.0, np.nan):
        rows = verdicts(scores, aime.assign(k=k, metric="avg" if k == k else "accuracy")).set_index(
            ["quantity", "method"]
        )
        found[k] = rows.loc[("score", "steer")]
    runs, own = (
        2,
        scores[(scores["method"] == "steer") & (scores["benchmark"] == "aime24")]["value"].var() * (1 / 3 + 1 / 2),
    )
    total = own + (32 - 1) * 1.0 / runs
    degrees = 2 * (total / own) ** 2
    assert found[1.0]["half_width"] == pytest.approx(stats.t.ppf(0.975, degrees) * np.sqrt(total))
    assert found[32.0]["half_width"] == pytest.approx(stats.t.ppf(0.975, 2) * np.sqrt(own))
    unstated = found[next(k for k in found if k != k)]
    assert unstated["half_width"] == pytest.approx(found[1.0]["half_width"]) and "samples" in unstated["unknown"]


# What is never judged ---------------------------------------------------------------------------------------------


def test_two_seeds_are_inconclusive_everywhere(table3):
    result = verdicts(as_published(table3, rng_noise(seeds=2), seeds=(1, 2)), table3)
    assert set(result["kind"]) == {INCONCLUSIVE} and result["half_width"].isna().all()
    assert result["reason"].str.contains("2 of at least 3 seeds, 1 missing").all()


def test_what_is_presumed_of_a_number_forbids_it(published, table3):
    """Flexible's two rows: their own note says that model and metric are presumed. So is GRPO's row in a gain over it."""
    flexible = published[published["paper"] == "flexible"]
    scores = as_published(table3, rng_noise())
    scores["method"] = scores["method"].replace("steer", "flexible")
    form = {"flexible": PublishedMethod("flexible", "increase_decrease")}
    result = verdicts(scores, flexible, stands_for=form, ours=PROTOCOLS["flexible-2602.09782"])
    assert len(result) == 2 and set(result["kind"]) == {NOT_COMPARABLE}
    assert result["reason"].str.contains("lets presume: model, metric").all()
    of_grpo = table3.assign(presumed=table3["presumed"].where(table3["method"] != "grpo", "metric"))
    result = verdicts(as_published(table3, rng_noise()), of_grpo)
    forbidden = result["quantity"].str.startswith("gain") | (result["method"] == "grpo")
    assert forbidden.equals(result["kind"] == NOT_COMPARABLE)


@pytest.mark.parametrize("change", [{"prompts": {}, "prompt": "boxed"}, {"grader": "math_dapo"}])
def test_another_prompt_or_grader_forbids_scores_and_not_gains(table3, change):
    protocols = {STEER.name: STEER.model_copy(update=change)}
    result = verdicts(as_published(table3, rng_noise()), table3, protocols=protocols)
    gains = result["quantity"].str.startswith("gain")
    assert set(result.loc[~gains, "kind"]) == {NOT_COMPARABLE}
    assert set(result.loc[gains & (result["margin"] >= 3), "kind"]) == {EQUIVALENT}
    assert NOT_COMPARABLE not in set(result.loc[gains, "kind"])
    assert result.loc[gains, "reason"].str.contains("there, which shifts both scores of the gain alike").all()
    assert result.loc[~gains, "reason"].str.contains("is .* here, .* there").all()


def test_the_verdict_says_how_much_is_unknown(table3):
    unknown = {"temperature": "unknown", "prompt": "unknown", "prompts": {}}
    result = verdicts(
        as_published(table3, rng_noise()),
        table3,
        protocols={STEER.name: STEER.model_copy(update=unknown)},
        recipe_of="steer",
    )
    assert set(result["unknown"]) == {"prompt, temperature"}
    assert result["verdict"].str.endswith(", 2 fields unknown").all()


def test_a_margin_of_the_profile_is_the_one_that_counts(table3):
    scores = as_published(table3, rng_noise())
    own = verdicts(scores, table3, margins={"aime24": 0.5, "average": 0.25}).set_index(
        ["quantity", "method", "benchmark"]
    )
    assert own.loc[("score", "steer", "aime24"), ["margin", "kind"]].tolist() == [0.5, INCONCLUSIVE]
    assert own.loc[("average over benchmarks", "steer", "Avg"), "margin"] == 0.25
    gain = (
        verdicts(scores, table3)
        .set_index(["quantity", "method", "benchmark"])
        .loc[("gain over grpo", "steer", "aime24")]
    )
    assert gain["margin"] == pytest.approx((36.2 - 28.0) / 2)  # less than the 7 points of the benchmark


def test_another_protocol_is_not_comparable(table3):
    protocols = {STEER.name: STEER.model_copy(update={"temperature": 0.6})}
    result = verdicts(as_published(table3, rng_noise()), table3, protocols=protocols)
    assert set(result["kind"]) == {NOT_COMPARABLE} and result[["difference", "half_width"]].isna().all(axis=None)
    assert result["reason"].str.contains("temperature is 1.0 here, 0.6 there", regex=False).all()
    assert false_alarms(result).text == ""


def test_a_paper_without_protocol_is_not_comparable(table3):
    result = verdicts(as_published(table3, rng_noise()), table3.assign(protocol=None))
    assert set(result["kind"]) == {NOT_COMPARABLE}
    assert result["reason"].str.contains("protocol is bench here, not published there").all()


def test_laboratory_results_are_never_compared(table3):
    result = verdicts(as_published(table3, rng_noise()), table3, ours=PROTOCOLS["laboratory"])
    assert set(result["kind"]) == {NOT_COMPARABLE} and result["ours"].isna().all()
    assert result["reason"].str.startswith("laboratory results are never compared").all()


def test_another_form_of_a_method_is_not_comparable(published):
    """STEER's Table 6 clips at 0.99/5, PAR's GRPO rows differ in their updates a batch."""
    scores = as_published(published[(published["paper"] == "steer") & (published["table"] == "Table 3")], rng_noise())
    result = verdicts(scores, published[published["paper"] == "steer"])
    extreme = result[result["table"].str.startswith("Table 6")]
    assert len(extreme) and set(extreme["kind"]) == {NOT_COMPARABLE}
    assert extreme["reason"].str.contains("variant of .* is the method's default here, clip 0.99/5 there").all()
    chosen = verdicts(
        scores,
        published[published["paper"] == "steer"],
        stands_for={name: PublishedMethod(name, "clip 0.99/5") for name in METHODS},
    )
    assert (chosen.loc[chosen["table"].str.startswith("Table 6"), "kind"] != NOT_COMPARABLE).all()


def test_a_run_under_a_name_of_its_own_gets_the_row_it_stands_for(published):
    """Table 6 is asked of the runs of its clip, Table 3 of the others; each gain is over GRPO of the same clip."""
    steer = published[published["paper"] == "steer"]
    scores = as_published(steer[steer["table"] == "Table 3"], rng_noise())
    wide = scores[scores["method"].isin(["grpo", "steer"])].assign(method=lambda rows: rows["method"] + "_wide")
    wide["value"] = wide["value"] / 2
    stands_for = {name: PublishedMethod(name) for name in METHODS}
    stands_for |= {f"{name}_wide": PublishedMethod(name, "clip 0.99/5") for name in ("grpo", "steer")}
    result = verdicts(pd.concat([scores, wide]), steer, stands_for=stands_for, recipe_of="steer")
    table6, table3 = (result[result["table"].str.startswith(name)] for name in ("Table 6", "Table 3"))
    assert set(table6.loc[table6["method"].isin(["grpo", "steer"]), "run"]) == {"grpo_wide", "steer_wide"}
    assert set(table6.loc[table6["method"] == "clip_cov", "run"]) == {"clip_cov"}
    assert (table6["kind"] == NOT_COMPARABLE).equals(table6["method"].isin(["clip_cov", "entropy_adv"]))
    assert (table3["run"] == table3["method"]).all() and (table3["kind"] != NOT_COMPARABLE).all()
    gains = table6[table6["quantity"].str.startswith("gain") & (table6["method"] == "steer") & (table6["k"] == 32)]
    mine = table3[table3["quantity"].str.startswith("gain") & (table3["method"] == "steer") & (table3["k"] == 32)]
    assert len(gains) and np.allclose(gains["ours"].to_numpy(), mine["ours"].to_numpy() / 2)


PART = "half of DAPO-Math-17k"


def with_part(table3: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores and a table of two training sets: all methods have rows of both, grpo and steer runs on the part as well.

    There grpo has three points more than on the whole, steer five.
    """
    more = {"grpo": 3, "steer": 5}
    rows = table3[table3["method"].isin(METHODS)]
    part = rows.assign(train_data=PART, value=(rows["value"] + rows["method"].map(more).fillna(0)).round(2))
    scores = as_published(table3, rng_noise())
    own = scores[scores["method"].isin(more)]
    own = own.assign(method=own["method"] + "_part", value=own["value"] + own["method"].map(more))
    return pd.concat([scores, own]), pd.concat([table3, part])


def test_a_number_is_set_against_the_run_on_its_training_set(table3):
    """Scores, averages and gains of the part are asked of the runs on it, those of the whole are as without it."""
    scores, both = with_part(table3)
    whole = {name: PublishedMethod(name) for name in METHODS}
    on_part = {f"{name}_part": PublishedMethod(name, train_data=PART) for name in ("grpo", "steer")}
    result = verdicts(scores, both, stands_for=whole | on_part)
    part = result[result["train_data"] == PART]
    assert set(part["method"] + "_part") == set(part["run"]) == set(on_part)
    assert part["quantity"].value_counts().to_dict() == {
        "score": 12,
        "gain over grpo": 6,
        "average over benchmarks": 2,
        "gain over grpo, average over benchmarks": 1,
    }
    assert part["difference"].abs().max() < 0.1  # printed averages are rounded
    rest = result[result["train_data"] != PART].reset_index(drop=True)
    alone = verdicts(as_published(table3, rng_noise()), table3)
    columns = ["run", "quantity", "benchmark", "train_data", "published", "ours", "difference", "half_width", "family"]
    pd.testing.assert_frame_equal(rest[columns], alone[columns])
    gain = "gain over grpo, average over benchmarks"
    gains = result[(result["quantity"] == gain) & (result["method"] == "steer")].set_index("train_data")["published"]
    assert gains[PART] == pytest.approx(gains[DATA] + 2)


def test_a_gain_asks_for_grpo_on_the_same_training_set(table3):
    """GRPO on the whole is no baseline on the part, and a run on the part named `grpo` has no row of the whole."""
    scores, both = with_part(table3)
    on_part = PublishedMethod("steer", train_data=PART)
    alone = verdicts(scores, both, stands_for={"grpo": PublishedMethod("grpo"), "steer_part": on_part})
    assert set(alone.loc[alone["train_data"] == PART, "quantity"]) == {"score", "average over benchmarks"}
    assert set(alone["run"]) == {"grpo", "steer_part"}
    result = verdicts(scores, both, stands_for={"grpo": PublishedMethod("grpo", train_data=PART)})
    assert set(result["train_data"]) == {PART} and set(result["run"]) == {"grpo"}


def test_protocols_of_all_training_sets_are_compared(table3):
    elsewhere = table3.assign(train_data=PART)
    on_part = {"grpo_part": PublishedMethod("grpo", train_data=PART)}
    ours = OURS.model_copy(update={"checkpoint": "last"})
    arguments = (MODEL, DATA, list(BENCHMARKS), ours, PROTOCOLS)
    assert protocol_diffs(elsewhere, *arguments).empty
    found = protocol_diffs(elsewhere, *arguments, stands_for=on_part)
    assert "checkpoint" in set(found["field"]) and found.equals(protocol_diffs(table3, *arguments))


def test_numbers_of_another_recipe_are_said_to_be(published):
    steer = published[published["paper"] == "steer"]
    scores = as_published(steer[steer["table"] == "Table 3"], rng_noise())
    for recipe_of, said in (("steer", False), (None, True), ("par", True)):
        reasons = verdicts(scores, steer[steer["table"] == "Table 3"], recipe_of=recipe_of)["reason"]
        assert (reasons.str.contains("not stated on one side: training recipe")).eq(said).all()


def test_another_k_of_pass_and_an_unrun_benchmark_are_named(table3):
    scores = as_published(table3, rng_noise())
    result = verdicts(scores[scores["benchmark"] != "math500"], table3)
    averages = result[result["benchmark"] == "Avg"]
    assert set(averages["kind"]) == {NOT_COMPARABLE} and averages["reason"].str.contains("avg@1 on MATH500").all()
    assert "math500" not in set(result["benchmark"])
    aime = verdicts(scores, table3[table3["benchmark"] == "aime24"].assign(metric="pass"))
    assert set(aime["kind"]) == {NOT_COMPARABLE}
    assert aime["reason"].str.contains("not measured here: avg@32 on AIME24").all()


# Models that were not trained here --------------------------------------------------------------------------------


def with_base(table3: pd.DataFrame, off: float) -> pd.DataFrame:
    """Trained ones as published, and the base model as published but for AIME24; a sampling error of 1 point each."""
    printed = table3[(table3["method"] == "base") & (table3["benchmark"] != "average")]
    base = [
        (
            "base",
            None,
            row.benchmark,
            "avg",
            BENCHMARKS[row.benchmark],
            row.value + off * (row.benchmark == "aime24"),
            1.0,
        )
        for row in printed.itertuples()
    ]
    trained = as_published(table3, rng_noise())
    return pd.concat([pd.DataFrame(base, columns=trained.columns), trained])


def test_the_base_model_is_judged_by_its_sampling_noise(table3):
    """Other seeds, checkpoint and training prompt are nothing to it; the same k there has the same error."""
    last = STEER.model_copy(update={"checkpoint": "last", "train_prompt": "boxed", "name": "bench"})
    result = verdicts(with_base(table3, 0.0), table3, ours=last)
    base = result[result["method"] == "base"]
    assert len(base) == 7 and set(base["kind"]) == {EQUIVALENT} and set(base["family"]) == {"fixed models"}
    aime = base.set_index("benchmark").loc["aime24"]
    assert aime["half_width"] == pytest.approx(1.959964 * np.sqrt(2))
    average = base.set_index("benchmark").loc["Avg"]
    assert average["half_width"] == pytest.approx(1.959964 * np.sqrt(2 / 6))
    assert set(result.loc[result["method"] != "base", "kind"]) == {NOT_COMPARABLE}


def test_a_printed_deviation_of_a_fixed_model_takes_the_place_of_its_sampling_variance(table3):
    printed = table3.assign(spread=np.where(table3["method"] == "base", 4.0, np.nan), runs=10.0)
    row = verdicts(with_base(table3, 0.0), printed).set_index(["method", "benchmark"]).loc[("base", "aime24")]
    total, theirs = 1.0 + 16 / 10, 16 / 10
    half = stats.t.ppf(0.975, 9 * (total / theirs) ** 2) * np.sqrt(total)
    assert row["half_width"] == pytest.approx(half)


def test_a_base_model_that_is_off_is_said_beside_what_was_trained(table3):
    result = verdicts(with_base(table3, 8.0), table3)
    rows = result.set_index(["method", "benchmark", "quantity"])
    assert rows.loc[("base", "aime24", "score"), "kind"] == NOT_REPRODUCED
    assert rows.loc[("base", "aime25", "score"), "kind"] == EQUIVALENT
    said = result["reason"].str.contains("base is off as well, by [+]8.0: nobody trained it")
    assert said.equals((result["benchmark"] == "aime24") & (result["method"] != "base"))


def test_the_base_model_is_the_same_whatever_a_paper_trained_on(table3):
    """Also where runs are on two sets: its rows of either are claims, each once."""
    elsewhere = table3[table3["method"] == "base"].assign(train_data="another set", table="Table 9")
    trained = table3[table3["method"] == "grpo"].assign(train_data="another set", table="Table 9")
    rows = pd.concat([table3, elsewhere, trained])
    result = verdicts(with_base(table3, 0.0), rows)
    assert set(result.loc[result["table"] == "Table 9", "method"]) == {"base"}
    on_it = {"opo": PublishedMethod("grpo", train_data="another set"), "grpo": PublishedMethod("grpo")}
    both = verdicts(with_base(table3, 0.0), rows, stands_for=on_it)
    fixed = [each[each["family"] == "fixed models"].reset_index(drop=True) for each in (result, both)]
    assert len(fixed[0]) == 14 and fixed[0]["train_data"].isna().all()
    pd.testing.assert_frame_equal(*fixed)
    assert set(both.loc[both["table"] == "Table 9", "run"]) == {"base", "opo"}


def test_an_average_that_does_not_add_up_is_judged_by_its_columns(table3):
    wrong = table3.copy()
    wrong.loc[(wrong["method"] == "steer") & (wrong["benchmark"] == "average"), "value"] += 9
    row = (
        verdicts(as_published(table3, rng_noise()), wrong)
        .set_index(["quantity", "method"])
        .loc[("average over benchmarks", "steer")]
    )
    assert row["published"] == pytest.approx(48.55) and row["kind"] == EQUIVALENT and row["evidence"] == "derived"
    assert "printed as 57.6, but its columns give 48.55" in row["reason"]


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda s: s.assign(value=s["value"].where(s.index != 5)), "grpo seed 3 on aime25 is nan"),
        (lambda s: s.assign(value=s["value"] * 10), "a score is in points"),
        (lambda s: pd.concat([s, s.iloc[[7]]]), "avg@32 of grpo seed 2 on amc23_40 stands twice"),
        (lambda s: s.drop(index=5), "grpo seed 3 has no avg@32 on aime25"),
        (
            lambda s: s[~((s["method"] == "steer") & (s["benchmark"] == "math500"))],
            "steer seed 1 has no avg@1 on math500",
        ),
        (lambda s: s[~((s["method"] == "opo") & (s["seed"] == 3))], "opo seed 3 has no avg@32 on aime24"),
        (lambda s: s.assign(k=s["k"].where(s.index != 5, 8)), "avg on aime25 has k 8, 32"),
        (lambda s: s.drop(columns="k"), "column k is missing"),
        (lambda s: s.assign(error=s["error"].where(s.index != 5)), "grpo seed 3 on aime25 has the error nan"),
    ],
)
def test_spoilt_scores_are_errors_never_numbers(table3, spoil, message):
    with pytest.raises(InputError, match=message):
        verdicts(spoil(as_published(table3, rng_noise())), table3)


def test_protocols_field_by_field(published):
    par = PROTOCOLS["par-2511.05993"].model_copy(update={"temperature": "unknown"})
    protocols = {STEER.name: STEER.model_copy(update={"temperature": 0.6}), par.name: par}
    table = protocol_diffs(published, MODEL, DATA, ["aime24", "math500"], OURS, protocols)
    rows = table.set_index(["paper", "benchmark", "field"])
    assert tuple(rows.loc[("steer", "aime24", "temperature")]) == ("1.0", "0.6", True)
    assert tuple(rows.loc[("par", "math500", "temperature")]) == ("1.0", "unknown", False)
    assert tuple(table[table["paper"] == "cure"].iloc[0][["field", "theirs", "known"]]) == (
        "protocol",
        "not published",
        False,
    )
