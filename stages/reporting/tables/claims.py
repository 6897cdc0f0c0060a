"""The profile's claims as tables: a row a test, with what becomes of its claim. Pure, but for the files of claims."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control, ttest_1samp

from stages.artifacts.grades import NotRun, Score, of_samples
from stages.claims.judge import Finding, judge, together
from stages.claims.probed import COLUMNS as PROBED
from stages.claims.quantities import Measured
from stages.claims.schema import Claims, Test, read_claims
from stages.reporting.inputs.results import Results

FALSE_DISCOVERIES = 0.05  # of the decided tests that stand after correction, the share expected to be chance
SCORES = ["run", "method", "seed", "benchmark", "metric", "k", "value"]
COLUMNS = [
    "file", "claim", "source", "says", "claim_outcome", "test", "outcome", "number", "low", "high", "seeds", "expected", "reason",
    "p", "stands", "runs",
]  # fmt: skip


def read_all(results: Results, data: Path) -> dict[str, Claims]:
    """File -> its claims, for the files that the profile names; InputError names the first wrong field."""
    return {name: read_claims(data / "claims" / f"{name}.yaml") for name in results.plan.claims}


def measured(results: Results) -> Measured:
    """What tests can ask of: the trained runs, and the probes."""
    scores = [
        {"run": run.name, "method": run.method, "seed": run.seed, "benchmark": benchmark} | one
        for run in results.runs
        for benchmark in results.plan.benchmarks
        if run.seed is not None and (run.name, benchmark) in results.grades
        for one in scores_of(results.grades[run.name, benchmark].score)
    ]
    probes = [probe.tables["batches"].assign(probe=name) for name, probe in results.probes.items()]
    table = pd.concat(probes, ignore_index=True)[PROBED] if probes else pd.DataFrame(columns=PROBED)
    return Measured(results.steps, pd.DataFrame(scores, columns=SCORES), table)


def scores_of(score: Score | NotRun) -> list[dict[str, Any]]:
    """A row a number of one run on one benchmark: metric, k (None but for avg and pass), value."""
    if isinstance(score, NotRun):
        return []
    found = [{"metric": "avg", "k": score.k, "value": score.avg_at_k}]
    found += [{"metric": "pass", "k": int(k), "value": value} for k, value in score.pass_at_k.items()]
    return found + [{"metric": name, "k": None, "value": value} for name, value in of_samples(score).items()]


def judged(claims: dict[str, Claims], measured: Measured) -> pd.DataFrame:
    """A row a test, `COLUMNS`; a claim without tests has one row. `number`, `low`, `high`: mean over seeds and its 95 % interval.

    `p` is of the two-sided t-test that the number is what the claim expects it above or below; `stands` whether the decision
    is among those kept when at most `FALSE_DISCOVERIES` of all kept ones shall be chance (Benjamini and Hochberg 1995), over
    all tests of the profile's claims that have a p.
    """
    rows: list[tuple[object, ...]] = []
    for file, content in claims.items():
        for name, claim in content.claims.items():
            findings = [judge(test, measured) for test in claim.tests]
            outcome = together(claim, findings)
            fixed = (file, name, claim.source, claim.says, outcome)
            if not claim.tests:
                rows.append(
                    (*fixed, "", outcome, *[float("nan")] * 3, 0, "", claim.not_testable, float("nan"), None, "")
                )
            for test, finding in zip(claim.tests, findings, strict=True):
                shown = (finding.outcome, finding.mean, finding.low, finding.high, finding.seeds)
                p = p_value(test, finding)
                rows.append((*fixed, asked(test), *shown, expected(test), finding.reason, p, None, " ".join(test.runs)))
    table = pd.DataFrame(rows, columns=COLUMNS)
    tested = table["p"].notna()
    if tested.any():
        kept = false_discovery_control(table.loc[tested, "p"].to_numpy()) <= FALSE_DISCOVERIES
        table.loc[tested, "stands"] = kept & table.loc[tested, "outcome"].isin(["supported", "contradicted"])
    return table


def p_value(test: Test, finding: Finding) -> float:
    """NaN where the outcome is no statement about one side of one number, or there are too few seeds."""
    if test.expect == "close" or not finding.values:
        return float("nan")
    found = np.array(finding.values) - test.bound
    if not found.std():
        return float("nan") if not found.any() else 0.0
    return float(ttest_1samp(found, 0.0).pvalue)


def asked(test: Test) -> str:
    """The test's number in words."""
    if test.probe is not None:
        less = f" − {test.against}" if test.against else ""
        update, optimiser, rate = test.place
        return f"{test.measure}{less}: probe {test.probe}, {update} update, {optimiser} {rate:g}"
    where = f" at {test.at}" if test.scored is None and test.measure and test.at != "end" else ""
    if test.same_as is not None:
        return f"{test.of} logs the same as {test.same_as}"
    if test.compared_with is not None:
        over = "runs" if not isinstance(test.of, str) or test.of == "all" else f"steps of {test.of}"
        return f"rank correlation of {test.measure} and {test.compared_with}{where} over {over}"
    if test.contrast is not None:
        terms = " ".join(
            f"{'+' if weight > 0 else '−'} {abs(weight):g} · {run}" for run, weight in test.contrast.items()
        )
        return f"{test.measure}{where}: {terms.removeprefix('+ ')}"
    if test.dose is not None:
        points = ", ".join(f"{run} {value:g}" for run, value in test.dose.items())
        return f"slope of {test.measure}{where} over {points}"
    other = f"{test.against:g}" if isinstance(test.against, float) else test.against
    return f"{test.measure}{where}: {test.of} {'/' if test.ratio else '−'} {other}"


def expected(test: Test) -> str:
    if test.same_as is not None:
        return "the same"
    if test.expect == "close":
        return f"{test.bound:g} ± {test.margin:g}"
    return f"{'>' if test.expect == 'higher' else '<'} {test.bound:g}".replace("-", "−")


def compares_entropies(judged: pd.DataFrame) -> pd.Series:
    """[rows of `judged`] whether a test's number is an entropy of one run less that of another, and has an interval."""
    against_run = judged["test"].str.match(r"entropy( at \S+ \S+)?: \S+ − [a-z]") & ~judged["test"].str.endswith(
        "− start"
    )
    return against_run & judged["low"].notna()
