"""Claims: what a test computes of runs made by hand, what intervals decide, and what is refused."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
import yaml
from pydantic import ValidationError
from scipy.stats import t as student

from stages.claims import schema
from stages.claims.judge import judge, together
from stages.claims.measures import value_at, window_of
from stages.claims.quantities import Measured, numbers
from stages.claims.schema import Claim, read_claims
from stages.common.files import InputError
from stages.profile.claims_setting import check_claims
from stages.profile.params import load
from stages.profile.probes import declared_probes
from stages.reporting.sections.claims import claims_section
from stages.reporting.tables.claims import judged
from tests.project import ROOT

STEPS = 10


def runs(levels, seeds=(1, 2, 3), steps=STEPS, **columns):
    """Run -> its level: the entropy of every step, a little other in each seed; `columns`: name -> function of (level, step)."""
    rows = [
        {
            "run": f"{name}-{seed}",
            "method": name,
            "seed": seed,
            "step": step,
            "entropy": level + 0.01 * seed,
            "reward": 0.1 * step,
        }
        | {column: of(level, step) for column, of in columns.items()}
        for (name, level), seed, step in itertools.product(levels.items(), seeds, range(1, steps + 1))
    ]
    return Measured(pd.DataFrame(rows), pd.DataFrame(columns=["method", "seed", "benchmark", "metric", "k", "value"]))


def of(text):
    return schema.Test.model_validate(yaml.safe_load(text))


def test_each_form_of_a_test_computes_what_it_says():
    measured = runs({"grpo": 0.1, "a": 0.3, "b": 0.5}, kl=lambda level, step: level * step)
    expected = {
        "{measure: entropy, of: a, against: grpo, expect: higher}": 0.2,
        "{measure: entropy, of: a, against: 0.25, expect: higher}": 0.3 + 0.02 - 0.25,
        "{measure: kl, of: a, against: start, expect: higher}": 0.3 * (8 - 1.5),
        "{measure: kl, of: a, against: start, ratio: true, expect: higher}": 8 / 1.5,
        "{measure: kl, of: a, against: middle, expect: higher}": 0.3 * (8 - 5),
        "{measure: kl, at: middle, of: a, against: start, expect: higher}": 0.3 * (5 - 1.5),
        "{measure: kl, at: first 4, of: a, against: grpo, expect: higher}": 0.2 * 2.5,
        "{measure: kl, at: all, of: a, against: grpo, expect: higher}": 0.2 * 5.5,
        "{measure: entropy, contrast: {a: 1, b: 1, grpo: -2}, expect: higher}": 0.6,
        "{measure: entropy, dose: {grpo: 0, a: 1, b: 2}, expect: higher}": 0.2,
        "{measure: kl, with: reward, of: a, expect: higher}": 1.0,
        "{measure: entropy, with: kl, of: [grpo, a, b], expect: higher}": 1.0,
        "{measure: entropy, with: kl, of: all, expect: higher}": 1.0,
    }
    for text, number in expected.items():
        assert np.mean(list(numbers(of(text), measured).values())) == pytest.approx(number), text


def test_at_a_reward_is_where_the_smoothed_reward_first_reaches_it():
    steps = runs({"a": 1.0}, seeds=[1], kl=lambda level, step: float(step)).steps
    # reward 0.1 · step: its mean of five steps is 0.1 · (step − 2), and that of kl is step − 2
    assert value_at(steps, "kl", window_of("reward 0.55")) == pytest.approx(5.5)
    assert math.isnan(value_at(steps, "kl", window_of("reward 0.95")))  # never reached
    assert math.isnan(value_at(steps, "kl", window_of("reward 0.2")))  # above it from the first mean on


def test_the_share_of_unlikely_tokens_among_the_clipped_is_a_ratio_of_sums():
    clip = {
        "clip_fraction_high": lambda level, step: 0.01 * (step == 1),
        "clip_fraction_low": lambda level, step: 0.03 * (step == 2),
    }
    steps = runs({"a": 1.0}, [1], **clip, clip_fraction_unlikely=lambda level, step: 0.01 * (step <= 2)).steps
    assert value_at(steps, "unlikely_among_clipped", window_of("first 10")) == pytest.approx(0.5)
    assert math.isnan(value_at(steps[steps["step"] > 2], "unlikely_among_clipped", window_of("all")))


@pytest.mark.parametrize(
    ("values", "expect", "outcome"),
    [
        ([0.10, 0.11, 0.12], "expect: higher", "supported"),
        ([0.10, 0.11, 0.12], "expect: lower", "contradicted"),
        ([-0.1, 0.0, 0.12], "expect: higher", "inconclusive"),
        ([0.10, 0.11, 0.12], "expect: higher, than: 0.2", "contradicted"),
        ([0.10, 0.11, 0.12], "expect: close, than: 0.11, margin: 0.03", "supported"),
        ([0.10, 0.11, 0.12], "expect: close, than: 0.11, margin: 0.01", "inconclusive"),
        ([0.10, 0.11, 0.12], "expect: close, than: 0.3, margin: 0.03", "contradicted"),
        ([0.10, 0.11], "expect: higher", "inconclusive"),  # two seeds
    ],
)
def test_an_interval_over_seeds_decides(values, expect, outcome):
    steps = [
        {"run": f"{name}-{seed}", "method": name, "seed": seed, "step": 1, "entropy": value * (name == "a")}
        for name in ("grpo", "a")
        for seed, value in enumerate(values)
    ]
    measured = Measured(pd.DataFrame(steps), runs({"a": 0.0}).scores)
    finding = judge(of(f"{{measure: entropy, of: a, against: grpo, {expect}}}"), measured)
    assert finding.outcome == outcome
    if len(values) > 2:
        reach = student.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values))
        assert (finding.low, finding.high) == pytest.approx((np.mean(values) - reach, np.mean(values) + reach))


def test_by_chance_one_interval_in_twenty_decides():
    random, decided, tries = np.random.default_rng(1), 0, 600
    test = of("{measure: entropy, of: a, against: 0.0, expect: higher}")
    for _ in range(tries):
        table = [{"run": "a", "method": "a", "seed": seed, "step": 1, "entropy": random.normal()} for seed in range(3)]
        decided += judge(test, Measured(pd.DataFrame(table), runs({"a": 0.0}).scores)).outcome != "inconclusive"
    assert 0.03 < decided / tries < 0.07


def test_equal_logs_are_equal_but_for_a_method_s_own_numbers():
    measured = runs({"grpo": 0.1, "twin": 0.1, "other": 0.2})
    measured.steps.loc[measured.steps["method"] == "twin", "method_weight"] = 1.0
    assert judge(of("{of: twin, same_as: grpo}"), measured).outcome == "supported"
    assert judge(of("{of: other, same_as: grpo}"), measured).outcome == "contradicted"


def test_a_claim_is_what_its_tests_say_together():
    measured = runs({"grpo": 0.1, "a": 0.3})
    measured.steps["entropy"] += 0.001 * measured.steps["seed"] * (measured.steps["method"] == "a")
    higher = "{measure: entropy, of: a, against: grpo, expect: higher}"
    lower = higher.replace("expect: higher", "expect: lower")
    absent = "{measure: entropy, of: b, against: grpo, expect: higher}"
    for tests, outcome in [
        ([higher], "supported"),
        ([higher, lower], "contradicted"),
        ([higher, absent], "not run"),
        ([lower, absent], "contradicted"),
    ]:
        claim = Claim(source="s", says="t", tests=[of(test) for test in tests])
        assert together(claim, [judge(test, measured) for test in claim.tests]) == outcome
    assert together(Claim(source="s", says="t", not_testable="why"), []) == "not testable here"


def probes(**values):
    """A probe of two updates with an optimiser: measure -> what the last update gave in three rollout batches, the first a tenth."""
    rows = [
        {"probe": "base.grpo", "batch": batch, "update": update, "optimiser": "adamw", "learning_rate": 1e-4}
        | {"measure": f"pearson {name}", "value": value * (0.1 if update == 1 else 1.0)}
        for name, numbers in values.items()
        for batch, value in enumerate(numbers, 1)
        for update in (1, 8)
    ]
    return Measured(runs({"grpo": 0.1}).steps, runs({"grpo": 0.1}).scores, pd.DataFrame(rows))


def test_a_probe_is_asked_for_one_number_a_rollout_batch():
    measured = probes(covariance=[0.1, 0.2, 0.3], steer_eq9=[0.5, 0.6, float("nan")])
    asked = (
        "{probe: base.grpo, measure: pearson steer_eq9, against: pearson covariance, at: %s adamw 1e-4, expect: higher}"
    )
    assert numbers(of(asked % "last"), measured) == pytest.approx({1: 0.4, 2: 0.4})
    assert numbers(of(asked % "first"), measured) == pytest.approx({1: 0.04, 2: 0.04})
    assert judge(of(asked % "last"), measured).reason == "2 of at least 3 rollout batches have this number"
    alone = of("{probe: base.grpo, measure: pearson covariance, at: last adamw 1e-4, expect: lower, than: 0.5}")
    assert judge(alone, measured).outcome == "supported" and judge(alone, measured).seeds == 3
    other = judge(of("{probe: steer-1, measure: residual, at: last adamw 1e-4, expect: lower, than: 0.5}"), measured)
    assert (other.outcome, other.reason) == ("not run", "no probe steer-1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{measure: entropy, of: a, expect: higher}", "one of against"),
        ("{measure: entropy, of: a, against: b, dose: {a: 1, b: 2}, expect: higher}", "against and dose"),
        ("{measure: entropi, of: a, against: b, expect: higher}", "measure: 'entropi'"),
        ("{measure: entropy, at: later, of: a, against: b, expect: higher}", "at: 'later'"),
        ("{measure: entropy, of: a, against: b, expect: close}", "margin"),
        ("{measure: entropy, of: a, against: b, expect: higher, margin: 0.1}", "margin"),
        ("{measure: entropy, of: a, against: b}", "expect: missing"),
        ("{measure: avg lab_sum, at: first 3, of: a, against: b, expect: higher}", "a score"),
        ("{measure: avg lab_sum, of: a, against: start, expect: higher}", "a score"),
        ("{measure: entropy, of: a, same_as: b}", "measure: has no meaning beside same_as"),
        ("{measure: entropy, of: [a, b], against: c, expect: higher}", "of: a list"),
        ("{measure: entropy, against: c, expect: higher}", "of: missing"),
        ("{probe: base.grpo, measure: pearson covarianc, at: first adamw 1e-4, expect: higher}", "measure: 'pearson"),
        (
            "{probe: base.grpo, measure: entropy, at: first adamw 1e-4, expect: higher}",
            "measure: 'entropy' is of no probe",
        ),
        ("{probe: base.grpo, measure: residual, expect: lower, than: 1}", "at: 'end' names no step of a probe"),
        ("{probe: base.grpo, measure: residual, at: first adamw 1-e4, expect: lower}", "at: 'first adamw 1-e4'"),
        ("{probe: base.grpo, measure: residual, of: grpo, at: first adamw 1, expect: lower}", "of: has no meaning"),
        ("{probe: base.grpo, measure: residual, against: 0.5, at: first adamw 1, expect: lower}", "belongs under than"),
    ],
)
def test_what_has_no_meaning_is_refused(text, message):
    with pytest.raises(ValidationError, match=message):
        of(text)


def test_the_shipped_claims_name_runs_of_the_lab_and_nothing_else(tmp_path):
    profile = load(ROOT / "profiles/lab.yaml")
    for path in sorted((ROOT / "data/claims").glob("*.yaml")):
        claims = read_claims(path).claims
        assert {run for claim in claims.values() for run in claim.runs} <= set(profile.methods)
        probed = [test for claim in claims.values() for test in claim.tests if test.probe]
        for test in probed:
            declared = declared_probes(profile)[test.probe]
            optimiser = declared.numbers["optimisers"][test.place.optimiser]
            assert test.place.learning_rate in optimiser.learning_rates
    broken = tmp_path / "x.yaml"
    broken.write_text("scale: s\nclaims: {a: {source: s, says: t, tests: [{measure: x}]}}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"claims\.a\.tests\.0"):
        read_claims(broken)


def test_a_step_that_the_probe_does_not_examine_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("stages.profile.claims_setting.FOLDER", tmp_path)
    test = "{probe: base.grpo, measure: residual, at: first adamw %s, expect: lower}"
    params = load(ROOT / "profiles/lab.yaml").model_copy(update={"claims": ["mine"]})
    for rate, refused in (("1e-4", False), ("3e-4", True)):
        (tmp_path / "mine.yaml").write_text(
            f"scale: s\nclaims: {{a: {{source: s, says: t, tests: [{test % rate}]}}}}\n"
        )
        if refused:
            with pytest.raises(InputError, match=r"claims\.a: at: 'first adamw 3e-4' is no step of probe base.grpo"):
                check_claims(params)
        else:
            check_claims(params)


def test_the_example_of_the_docs_is_a_file_of_claims_that_is_judged(tmp_path):
    text = (ROOT / "docs/claims.md").read_text(encoding="utf-8")
    example, params = (block.partition("```")[0] for block in text.split("```yaml\n")[1:3])
    assert len(example.splitlines()) <= 10
    path = tmp_path / "mine.yaml"
    path.write_text(example, encoding="utf-8")
    claims = {"mine": read_claims(path)}
    assert set(yaml.safe_load(params)["methods"]) == set(claims["mine"].claims["steer_is_free"].runs)
    measured = runs({"grpo": 0.1, "steer": 0.3})
    noise = 0.001 * measured.steps["seed"] * (measured.steps["method"] == "steer")
    measured.steps[["entropy", "reward"]] = measured.steps[["entropy", "reward"]].add(noise, axis=0)
    assert set(judged(claims, measured)["claim_outcome"]) == {"supported"}


def test_the_section_says_how_many_decisions_chance_would_give_and_drops_none(tmp_path):
    path = tmp_path / "many.yaml"
    tests = "".join(
        f"  c{n}: {{source: s, says: t, tests: [{{measure: entropy, of: a{n}, against: grpo, expect: higher}}]}}\n"
        for n in range(6)
    )
    path.write_text(f"scale: s\nclaims:\n{tests}  c7: {{source: s, says: t, not_testable: no way}}\n", encoding="utf-8")
    measured = runs({"grpo": 0.1} | {f"a{n}": 0.1 for n in range(5)})
    random = np.random.default_rng(2)
    for n in range(5):
        for seed in (1, 2, 3):
            chosen = (measured.steps["method"] == f"a{n}") & (measured.steps["seed"] == seed)
            measured.steps.loc[chosen, "entropy"] += (0.05 if n == 0 else 0.0) + 0.001 * random.normal()
    claims = {"many": read_claims(path)}
    table = judged(claims, measured)
    outcomes = table.set_index("claim")["claim_outcome"].to_dict()
    assert outcomes["c0"] == "supported" and outcomes["c5"] == "not run" and outcomes["c7"] == "not testable here"
    assert bool(table.set_index("claim").loc["c0", "stands"])
    section = claims_section(claims, table)
    words = section.blocks[1].text
    assert "5 tests have an interval" in words and "0.2 would have one by chance" in words
    shown = [row[0] for block in section.blocks if block.kind == "table" for _, rows in block.groups for row in rows]
    assert sorted(shown) == sorted(outcomes)
