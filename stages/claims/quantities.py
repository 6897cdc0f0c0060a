"""A test's number of every training seed, from the runs that are there."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from stages.artifacts.steps import OWN
from stages.claims.measures import Score, score_of, series, value_at, window_of
from stages.claims.probed import COLUMNS, values
from stages.claims.schema import ALL, OF_ITSELF, Test


@dataclass(frozen=True)
class Measured:
    """`steps` has a row a run and step: method, seed and the columns of steps.jsonl. `scores` has a row a trained run and score:
    method, seed, benchmark, metric (avg, pass, or one of `OF_SAMPLES`), k, value. `probes` has a row a number of a rollout batch
    (stages/claims/probed.py).
    """

    steps: pd.DataFrame
    scores: pd.DataFrame
    probes: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=COLUMNS))

    @property
    def methods(self) -> list[str]:
        return list(dict.fromkeys(self.steps["method"]))

    def seeds(self, runs: list[str]) -> list[int]:
        """The seeds that all of `runs` have."""
        sets = [set(self.steps.loc[self.steps["method"] == run, "seed"]) for run in runs]
        return sorted(set.intersection(*sets)) if sets else []

    def of(self, run: str, seed: int) -> pd.DataFrame:
        return self.steps[(self.steps["method"] == run) & (self.steps["seed"] == seed)]

    def value(self, test: Test, measure: str, run: str, seed: int) -> float:
        """The measure of one run where the test looks; NaN where it has none."""
        score = score_of(measure)
        if score is not None:
            return self._score(score, run, seed)
        steps = self.of(run, seed)
        return value_at(steps, measure, test.window) if _has(steps, measure) else float("nan")

    def _score(self, score: Score, run: str, seed: int) -> float:
        table = self.scores
        chosen = table[(table["method"] == run) & (table["seed"] == seed) & (table["benchmark"] == score.benchmark)]
        chosen = chosen[chosen["metric"] == score.metric]
        if score.k is not None:
            chosen = chosen[chosen["k"] == score.k]
        return float(chosen["value"].iloc[0]) if len(chosen) else float("nan")


def numbers(test: Test, measured: Measured) -> dict[int, float]:
    """Seed, or rollout batch of a probe, -> the test's number. One is left out where a run or a measure is missing."""
    if test.probe is not None:
        return _of_probe(test, measured.probes)
    runs = measured.methods if _asks_over_all(test) else test.runs
    found = {seed: _number(test, measured, runs, seed) for seed in measured.seeds(runs)}
    return {seed: value for seed, value in found.items() if np.isfinite(value)}


def missing_runs(test: Test, measured: Measured) -> list[str]:
    """The runs, or the probe, that it names and that are not there."""
    if test.probe is not None:
        return [] if test.probe in set(measured.probes["probe"]) else [test.probe]
    return [run for run in test.runs if run not in measured.methods]


def identical(test: Test, measured: Measured) -> dict[int, bool]:
    """Seed -> whether the two runs log the same of every step, in what both log; a method's own numbers are left out."""
    same = {}
    for seed in measured.seeds(test.runs):
        one, other = (measured.of(run, seed).set_index("step").drop(columns=["method", "run"]) for run in test.runs)
        both = [
            name for name in one if not name.startswith(OWN) and one[name].notna().any() and other[name].notna().any()
        ]
        same[seed] = bool(len(one) == len(other) and one[both].equals(other[both]))
    return same


def _of_probe(test: Test, probes: pd.DataFrame) -> dict[int, float]:
    found = values(probes, str(test.probe), str(test.measure), test.place)
    if test.against is None:
        return found
    other = values(probes, str(test.probe), str(test.against), test.place)
    return {batch: value - other[batch] for batch, value in found.items() if batch in other}


def _number(test: Test, measured: Measured, runs: list[str], seed: int) -> float:
    measure = test.measure or ""
    if test.compared_with is not None:
        return _correlation(test, measured, runs, seed)
    if test.contrast is not None:
        return sum(weight * measured.value(test, measure, run, seed) for run, weight in test.contrast.items())
    if test.dose is not None:
        values = [measured.value(test, measure, run, seed) for run in test.dose]
        return float(np.polyfit(list(test.dose.values()), values, 1)[0]) if np.isfinite(values).all() else float("nan")
    value = measured.value(test, measure, str(test.of), seed)
    if isinstance(test.against, float):
        other = test.against
    elif test.against in OF_ITSELF:
        other = value_at(measured.of(str(test.of), seed), measure, window_of(test.against))
    else:
        other = measured.value(test, measure, str(test.against), seed)
    return value / other if test.ratio else value - other


def _correlation(test: Test, measured: Measured, runs: list[str], seed: int) -> float:
    """Spearman's, over the runs of the seed or over one run's steps; NaN where one of the two does not vary."""
    pair = (test.measure or "", test.compared_with or "")
    if isinstance(test.of, str) and test.of != ALL:
        steps = measured.of(test.of, seed)
        if not all(_has(steps, measure) for measure in pair):
            return float("nan")
        table = pd.DataFrame({number: series(steps, measure) for number, measure in enumerate(pair)}).dropna()
    else:
        rows = [[measured.value(test, measure, run, seed) for measure in pair] for run in runs]
        table = pd.DataFrame(rows).dropna()
    if len(table) < 3 or (table.nunique() < 2).any():
        return float("nan")
    return float(spearmanr(table[0], table[1]).statistic)


def _asks_over_all(test: Test) -> bool:
    return test.of == ALL


def _has(steps: pd.DataFrame, measure: str) -> bool:
    try:
        return bool(series(steps, measure).notna().any())
    except KeyError:
        return False
