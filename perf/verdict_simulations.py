"""Simulated bench runs and papers whose true scores are known, and what the verdicts say of them. For `perf.verdicts`.

Standard deviations over training seeds, 2.5 points on AIME24 and 1 on an average, are assumed (no source prints one); the
rates depend on their ratio to the margin only.
"""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from stages.protocols.record import load_protocols
from stages.published.table import load_published
from stages.statistics import Error, one_model_interval, pool_seeds, trained_error
from stages.verdicts import PublishedMethod, compare
from stages.verdicts.families import FAMILIES, SCORES
from stages.verdicts.judge import EQUIVALENT, INCONCLUSIVE, KINDS, NOT_REPRODUCED, SEEDS, judge
from stages.verdicts.margins import OTHERS, SHARE_OF_GAIN, SMALL_SETS

AIME24, AVERAGE = SMALL_SETS["aime24"], OTHERS
CLAIMED = 8.0  # STEER's claimed gain on AIME24 is 8.2; a gain's margin is half the claimed gain where that is less
SAMPLES, PROBLEMS = 32, 30


class Setting(NamedTuple):
    """One setting of the simulation. Points."""

    quantity: str  # what is judged
    margin: float
    sd: float  # over training seeds, of a score
    gap: float = 0.0  # true difference between ours and the published number
    seeds: int = 3
    ratio: float = 1.0  # variance of the judged method over that of GRPO
    shared: float = 0.0  # share of our variance that a seed's methods have in common
    runs: int = 1  # behind the published number
    gain: bool = False

    @property
    def truth(self) -> str:
        return "same" if self.gap == 0 else "beyond" if abs(self.gap) >= self.margin else "within"


def settings() -> Iterator[Setting]:
    """All settings of the rule: one thing at a time, and what is known to interact."""
    aime = Setting("score, AIME24", AIME24, 2.5)
    average = Setting("score, average", AVERAGE, 1.0)
    gain = Setting("gain, AIME24", min(AIME24, SHARE_OF_GAIN * CLAIMED), 2.5, gain=True)
    average_gain = Setting("gain, average", min(AVERAGE, SHARE_OF_GAIN * CLAIMED), 1.0, gain=True)
    for one in (aime, average):
        for seeds in (1, 2, 3, 5):
            for gap in (0, 3, 7, 10):
                yield one._replace(seeds=seeds, gap=gap)
        yield from (one._replace(runs=2, gap=gap, seeds=seeds) for seeds in (3, 5) for gap in (0, one.margin))
    for one in (aime, average, gain, average_gain):
        for ratio in (10.0, 0.1):
            for seeds in (3, 5):
                yield from (one._replace(ratio=ratio, seeds=seeds, gap=gap) for gap in (0, one.margin))
    for one in (gain, average_gain):
        for shared in (0.0, 0.3, 0.6, 0.9):
            for seeds in (3, 5):
                yield from (one._replace(shared=shared, seeds=seeds, gap=gap) for gap in (0, one.margin, 10))
        yield from (one._replace(shared=0.9, ratio=ratio, gap=gap) for ratio in (10.0, 0.1) for gap in (0, one.margin))


def rates(setting: Setting, simulations: int) -> dict[str, float]:
    """Kind -> its share among the verdicts of so many simulated bench runs and papers."""
    rng = np.random.default_rng(11)
    rows = 2 if setting.gain else 1
    sds = setting.sd * np.sqrt([setting.ratio, 1.0][:rows])
    count = dict.fromkeys(KINDS, 0)
    if setting.seeds < SEEDS:
        return count | {INCONCLUSIVE: 1.0}
    common = rng.normal(0, np.sqrt(setting.shared), (simulations, 1, setting.seeds))
    own = rng.normal(0, np.sqrt(1 - setting.shared), (simulations, rows, setting.seeds))
    ours = (common + own) * sds[:, None] + np.array([setting.gap, 0.0])[:rows, None]
    theirs = rng.normal(0, sds / np.sqrt(setting.runs), (simulations, rows))
    signs = np.array([1.0, -1.0])[:rows]
    differences = (ours.mean(axis=2) - theirs) @ signs
    for scores, difference in zip(ours, differences, strict=True):
        count[judge(float(difference), trained_error(scores, setting.runs), setting.margin).kind] += 1
    return {kind: number / simulations for kind, number in count.items()}


def rates_of_samples(
    seeds: int, k: int, gap: float, fixed: bool, simulations: int, unstated: bool = False
) -> dict[str, float]:
    """The same for AIME24 with samples drawn one by one: ours avg@32, the published number avg@k.

    A seed of a trained model moves every problem's rate by 2.5 points; of a `fixed` model only the samples vary.
    `unstated`: k is not told to the rule, which takes one sample then.
    """
    said = 1 if unstated else k
    rng = np.random.default_rng(12)
    count = dict.fromkeys(KINDS, 0)
    for _ in range(simulations):
        solved = rng.beta(0.5, 1.5, PROBLEMS)  # most problems hard, some easy

        def correct(number: int, off: float, solved: np.ndarray = solved) -> np.ndarray:
            shift = 0.0 if fixed else rng.normal(0, 0.025)
            moved = np.clip(0.1 + 0.8 * solved + shift + off / 100, 0, 1)
            return rng.random((PROBLEMS, number)) < moved[:, None]

        tables = [correct(SAMPLES, gap) for _ in range(1 if fixed else seeds)]
        scores = 100 * np.array([table.mean() for table in tables])
        errors = [100 * interval.standard_error for interval in map(one_model_interval, tables) if interval]
        noise = float(np.mean(np.square(errors)))
        difference = float(scores.mean() - 100 * correct(k, 0.0).mean())
        if fixed:
            error = Error(float(np.sqrt(noise * (1 + SAMPLES / said))), np.inf)
        else:
            error = trained_error(scores[None], 1, noise * (SAMPLES / said - 1))
        count[judge(difference, error, AIME24).kind] += 1
    return {kind: number / simulations for kind, number in count.items()}


def compared_with_pooling(ratio: float, seeds: int, simulations: int) -> dict[str, tuple[float, float]]:
    """Way to estimate the variance -> (false "not reproduced", mean half width in standard deviations of the others)."""
    rng = np.random.default_rng(13)
    methods, false, halves = 6, dict.fromkeys(WAYS, 0), dict.fromkeys(WAYS, 0.0)
    sds = np.sqrt(np.array([ratio, *[1.0] * (methods - 1)]))
    for _ in range(simulations):
        scores = rng.normal(0, sds[:, None], (methods, seeds))
        difference = scores[0].mean() - rng.normal(0, sds[0])
        own, pooled, others = scores[0].var(ddof=1), pool_seeds(scores), pool_seeds(scores[1:])
        quotient = max(own / others.variance, others.variance / own)
        degrees = (seeds - 1, others.degrees) if own > others.variance else (others.degrees, seeds - 1)
        differs = 2 * stats.f.sf(quotient, *degrees) < 0.05
        estimates = {"own": (own, seeds - 1), "pooled": tuple(pooled)}
        estimates["F-test, then own or pooled"] = estimates["own" if differs else "pooled"]
        for way, (variance, freedom) in estimates.items():
            half = stats.t.ppf(0.975, freedom) * np.sqrt(variance * (1 / seeds + 1))
            false[way] += abs(difference) > half
            halves[way] += half
    return {way: (false[way] / simulations, halves[way] / simulations) for way in WAYS}


WAYS = ("pooled", "F-test, then own or pooled", "own")
PATH_BENCHMARKS = {"aime24": 32, "math500": 1}
PATH_SDS = {"aime24": 2.5, "math500": 1.0}


class Whole(NamedTuple):
    """One setting of the whole path: all numbers of a table are true but those of the paper's own method, `gap` points off."""

    methods: int = 6
    seeds: int = 3
    ratio: float = 1.0  # variance of the paper's own method over the others'
    shared: float = 0.0
    gap: float = 0.0


def path_settings() -> list[Whole]:
    plain = [Whole(methods, seeds) for methods in (6, 22) for seeds in (3, 5)]
    spread = [Whole(6, 3, ratio) for ratio in (10.0, 0.1)] + [Whole(6, 3, 1.0, shared) for shared in (0.3, 0.6, 0.9)]
    return [
        *plain,
        *spread,
        *(Whole(methods, 3, gap=gap) for methods in (6, 22) for gap in (3.0, 7.0, 10.0)),
    ]


def path_rates(setting: Whole, simulations: int) -> dict[str, float]:
    """What the whole path says, of a table that it is given as published and of scores that are given to it as ours."""
    rng = np.random.default_rng(14)
    names = ["own", *(f"other_{number}" for number in range(setting.methods - 2)), "grpo"]
    truth = {(name, b): 40.0 + CLAIMED * (name != "grpo") for name in names for b in PATH_BENCHMARKS}
    protocol = load_protocols()["steer-2510.10150"]
    total = dict.fromkeys(("scores", "equivalent", "refuted", "withdrawn"), 0.0)
    alarms = dict.fromkeys(set(FAMILIES) - {SCORES}, 0)
    for _ in range(simulations):
        sds = {(n, b): PATH_SDS[b] * np.sqrt(setting.ratio if n == "own" else 1.0) for n, b in truth}
        published = _published({place: value + rng.normal(0, sds[place]) for place, value in truth.items()})
        common = {b: rng.normal(0, np.sqrt(setting.shared), setting.seeds) for b in PATH_BENCHMARKS}
        scores = [
            (name, seed, b, "avg", k, value + setting.gap * (name == "own") + sds[name, b] * shift, 1.0)
            for (name, b), value in truth.items()
            for k in [PATH_BENCHMARKS[b]]
            for seed, shift in enumerate(common[b] + rng.normal(0, np.sqrt(1 - setting.shared), setting.seeds))
        ]
        columns = ["method", "seed", "benchmark", "metric", "k", "value", "error"]
        found = compare(
            pd.DataFrame(scores, columns=columns).assign(value=lambda table: table["value"].clip(0, 100)),
            published,
            "m",
            "d",
            protocol,
            {protocol.name: protocol},
            {name: PublishedMethod(name) for name in names},
            "own",
        )
        target = (found["run"] == "own") & (setting.gap != 0)
        false = found[~target & (found["kind"] == NOT_REPRODUCED)]
        headline = found[(found["run"] == "own") & (found["quantity"] == "gain over grpo, average over benchmarks")]
        beyond = found[target & (abs(setting.gap) >= found["margin"])]
        of_scores = found[~target & (found["family"] == SCORES)]
        for family in alarms.keys() & set(false["family"]):
            alarms[family] += 1
        total["scores"] += float((of_scores["kind"] == NOT_REPRODUCED).mean())
        total["equivalent"] += float((beyond["kind"] == EQUIVALENT).mean()) if len(beyond) else 0.0
        total["refuted"] += float((headline["kind"] == NOT_REPRODUCED).any())
        total["withdrawn"] += float(headline["withdrawn"].any())
    rates_of_all = {name: value / simulations for name, value in total.items()}
    return rates_of_all | {"families": max(alarms.values()) / simulations}


@cache
def _columns() -> list[str]:
    return list(load_published().columns)


def _published(values: dict[tuple[str, str], float]) -> pd.DataFrame:
    """A table of one paper, with the average of its columns, in the shape of `stages.published.schema.load`."""
    empty = dict.fromkeys(_columns()) | {"spread": np.nan, "runs": np.nan}
    shared = {
        "paper": "own",
        "table": "1",
        "model": "m",
        "train_data": "d",
        "metric": "avg",
        "metric_as_printed": "avg",
    }
    shared |= {"evidence": "derived", "protocol": "steer-2510.10150"}
    rows = []
    for name in dict.fromkeys(name for name, _ in values):
        own = {b: values[name, b] for b in PATH_BENCHMARKS}
        places: list[tuple[str, str, float, float, str | None]] = [
            (b, b, float(PATH_BENCHMARKS[b]), value, None) for b, value in own.items()
        ]
        places.append(("average", "Avg", np.nan, float(np.mean(list(own.values()))), "; ".join(own)))
        for benchmark, printed, k, value, of in places:
            named = {"method": name, "method_as_printed": name, "benchmark": benchmark, "benchmark_as_printed": printed}
            rows.append({**empty, **shared, **named, "k": k, "value": value, "of": of})
    return pd.DataFrame(rows)
