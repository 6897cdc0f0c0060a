"""How often verdicts err, by simulation: `docs/verdict_errors.md`.

    .venv/train/bin/python -m perf.verdicts [--write] [--simulations N] [--paths N]

True scores are known here, so every verdict is right or false. The rule is simulated alone, in every setting that its
assumptions touch, and the whole path with a published table of its own (`perf/verdict_simulations.py`).
"""

from pathlib import Path

import numpy as np
import pandas as pd

from perf.verdict_simulations import (
    AIME24,
    AVERAGE,
    WAYS,
    Setting,
    compared_with_pooling,
    path_rates,
    path_settings,
    rates,
    rates_of_samples,
    settings,
)
from stages.common.command import run_stage
from stages.common.files import write_text
from stages.common.options import Options, at_least
from stages.verdicts.judge import EQUIVALENT, KINDS, NOT_REPRODUCED

PAGE = Path("docs/verdict_errors.md")
SIMULATIONS, PATHS = 10_000, 1_000


def page(simulations: int, paths: int) -> str:
    return "\n\n".join(
        [
            _introduction(simulations, paths),
            "## The rule",
            _table(_rule_rows(simulations), RULE),
            "## Samples drawn one by one",
            "AIME24, ours avg@32, the published number avg@k of one model; “unstated” is judged as one sample a problem and"
            " was 32.",
            _table(_sample_rows(simulations // 4), SAMPLED),
            "## The whole path",
            "A table of so many methods, GRPO among them, on AIME24, MATH500 and their average, every number of a single run."
            " All published numbers are true but those of the paper's own method, whose scores are `gap` points off. “family: any"
            " false”: the share of tables with any false “not reproduced” in the worst family but that of single scores. Refuted: the"
            " own method's gain in the average is “not reproduced”, which at a gap of 0 is false and at another is right.",
            _table(_path_rows(paths), WHOLE),
            "## Why no variance is pooled",
            "False “not reproduced” on the score of one of six methods, and the mean half width in standard deviations of a"
            " method of ratio 1. Pooling is narrow, and false as soon as one method varies more than the others. An F-test"
            " does not find that in three seeds. A method's own variance is wide, and right.",
            _table(_pooling_rows(simulations), POOLING),
            "",
        ]
    )


RULE = [
    "quantity",
    "margin",
    "seeds",
    "gap",
    "variance",
    "shared",
    "runs",
    "equivalent",
    "not reproduced",
    "inconclusive",
    "false",
]
SAMPLED = ["model", "seeds", "k there", "gap", "equivalent", "not reproduced", "inconclusive", "false"]
WHOLE = [
    "methods",
    "seeds",
    "gap",
    "variance",
    "shared",
    "family: any false",
    "score: false",
    "false equivalent",
    "refuted",
    "withdrawn",
]
POOLING = ["variance", "seeds", *(f"{way}: {what}" for way in WAYS for what in ("false", "half width"))]


def _introduction(simulations: int, paths: int) -> str:
    average = Setting("score, average", AVERAGE, 1.0)
    reached = {seeds: rates(average._replace(seeds=seeds), simulations)[EQUIVALENT] for seeds in (3, 5)}
    return (
        "# How often verdicts err\n\n"
        "`python -m perf.verdicts --write` simulates this page. A verdict is false if it says “not reproduced” of a number that is"
        " true (gap 0), or “equivalent” of one that is off by the margin or more. Each may be false in 6 % of cases.\n\n"
        "The choice: every method's variance over training seeds is its own. A score has S − 1 degrees of freedom. A gain is"
        " paired by seed on our side, and the published pair is taken to share nothing; the degrees are Satterthwaite's"
        " (`stages/statistics/contrasts.py`). Fewer than three seeds are inconclusive. What that costs: an average that is"
        f" equal to that of a single published run is found equivalent in {_percent(reached[3])} of cases with three seeds, and"
        f" in {_percent(reached[5])} with five. `make estimate` says what a profile's seeds resolve.\n\n"
        f"{simulations:,} simulations a row of the rule: the standard error of a rate of 5 % is"
        f" {100 * np.sqrt(0.05 * 0.95 / simulations):.1f} %. {paths} of the whole path: {100 * np.sqrt(0.05 * 0.95 / paths):.1f} %."
        " Standard deviations over seeds, 2.5 points on AIME24 and 1 on MATH500 and on averages, are assumed; no source prints one."
        " “variance”: of the method over the others'. “shared”: share of the variance that a seed's methods have in common."
        " “runs”: trainings behind the published number. The assumption that no simulation tests: a published run varies as"
        " ours of the same method."
    )


def _false(truth: str, found: dict[str, float]) -> str:
    """The share of false verdicts; a number that is off, but within the margin, has none."""
    return {"same": _percent(found[NOT_REPRODUCED]), "beyond": _percent(found[EQUIVALENT]), "within": ""}[truth]


def _rule_rows(simulations: int) -> list[list[str]]:
    rows = []
    for one in dict.fromkeys(settings()):
        found = rates(one, simulations)
        facts = [
            one.quantity,
            f"{one.margin:g}",
            str(one.seeds),
            f"{one.gap:g}",
            f"×{one.ratio:g}",
            f"{one.shared:g}",
            str(one.runs),
        ]
        rows.append([*facts, *(_percent(found[kind]) for kind in KINDS[:3]), _false(one.truth, found)])
    return rows


def _sample_rows(simulations: int) -> list[list[str]]:
    rows = []
    for fixed in (False, True):
        for k, said in ((32, "32"), (1, "1"), (32, "unstated")):
            for gap in (0.0, AIME24):
                found = rates_of_samples(3, k, gap, fixed, simulations, unstated=said == "unstated")
                truth = "same" if gap == 0 else "beyond"
                name, seeds = ("fixed", "·") if fixed else ("trained", "3")
                rows.append(
                    [
                        name,
                        seeds,
                        said,
                        f"{gap:g}",
                        *(_percent(found[kind]) for kind in KINDS[:3]),
                        _false(truth, found),
                    ]
                )
    return rows


def _path_rows(simulations: int) -> list[list[str]]:
    rows = []
    for one in path_settings():
        found = path_rates(one, simulations)
        facts = [str(one.methods), str(one.seeds), f"{one.gap:g}", f"×{one.ratio:g}", f"{one.shared:g}"]
        equivalent = "" if one.gap == 0 else _percent(found["equivalent"])
        rows.append(
            [
                *facts,
                *(_percent(found[n]) for n in ("families", "scores")),
                equivalent,
                *(_percent(found[n]) for n in ("refuted", "withdrawn")),
            ]
        )
    return rows


def _pooling_rows(simulations: int) -> list[list[str]]:
    rows = []
    for ratio in (1.0, 10.0, 0.1):
        for seeds in (3, 5):
            found = compared_with_pooling(ratio, seeds, simulations)
            rows.append(
                [
                    f"×{ratio:g}",
                    str(seeds),
                    *(text for way in WAYS for text in (_percent(found[way][0]), f"{found[way][1]:.1f}")),
                ]
            )
    return rows


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _table(rows: list[list[str]], header: list[str]) -> str:
    return pd.DataFrame(rows, columns=header).to_markdown(
        index=False, disable_numparse=True, colalign=["left", *["right"] * (len(header) - 1)]
    )


def main(arguments: list[str]) -> None:
    parser = Options("perf.verdicts", __doc__)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE} instead of printing")
    parser.add_argument("--simulations", type=at_least(1), default=SIMULATIONS, help="of the rule, a row")
    parser.add_argument("--paths", type=at_least(1), default=PATHS, help="simulations of the whole path, a row")
    options = parser.parse_args(arguments)
    text = page(options.simulations, options.paths)
    if options.write:
        write_text(PAGE, text)
    else:
        print(text, end="")


if __name__ == "__main__":
    run_stage(main)
