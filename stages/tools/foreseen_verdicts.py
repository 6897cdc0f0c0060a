"""Which published numbers a profile can get a verdict on, which not and why, and what its seeds can resolve.

For `python -m stages.tools.estimate`: everything here is known before a single GPU hour.
"""

from collections import Counter
from pathlib import Path

import pandas as pd

from stages.artifacts.samples import BASE
from stages.profile.effective_protocol import effective_protocol
from stages.profile.params import Params
from stages.profile.read_once import read_once
from stages.profile.resolution import report_plan
from stages.protocols.effective import EffectiveProtocol
from stages.protocols.record import FOLDER, load_protocols
from stages.published.table import load_published
from stages.reporting.tables.comparison import on_another_set, published_name, stands_for
from stages.reporting.tables.gains import AVERAGE
from stages.reporting.tables.scores import powers
from stages.statistics import least_difference, planned_error, seeds_for_equivalence
from stages.statistics.contrasts import MOST_SEEDS
from stages.verdicts import PublishedMethod, foresee
from stages.verdicts.judge import SEEDS
from stages.verdicts.margins import SMALL_SETS, margin_on
from stages.verdicts.scores import Measure

# Standard deviations over training seeds, in points, until some are measured. No source prints one.
ASSUMED_OF_SMALL_SETS, ASSUMED = 2.5, 1.0


def foreseen_verdicts(params: Params, results: Path = Path("results")) -> list[str]:
    """The lines to print; one for a profile without a published setting. `results`: where measured variances may lie."""
    if params.published is None:
        return ["published numbers: none, the profile names no published setting"]
    protocol = effective_protocol(params.evaluation, params.data.prompt, len(params.seeds))
    found = foreseen(params, protocol)
    judged = found[_judged(found, params)]
    fixed, gains = int(judged["fixed"].sum()), int(judged["quantity"].str.startswith("gain").sum())
    rest = len(judged) - fixed - gains
    further = len(set(found["train_data"].dropna()) - {params.published.train_data})
    others = f" and on {further} other training set{'s' * (further > 1)}" if further else ""
    lines = [
        f"published numbers of {params.published.model} on {params.published.train_data}{others} that a model here"
        f" stands for: {len(found)}; a verdict on {len(judged)}: {fixed} of models not trained here, {gains} gains over"
        f" GRPO, {rest} scores and averages of trained methods"
    ]
    if params.methods and len(params.seeds) < SEEDS:
        lines.append(
            f"verdicts on trained methods need {SEEDS} training seeds, of which the profile has {len(params.seeds)}"
        )
    if other_sets := on_another_set(report_plan(params)):
        lines.append(other_sets)
    return [
        *lines,
        "",
        _by_table(found, judged, params.published.train_data),
        "",
        *_resolution(params, protocol, _published_runs(params, found), results),
    ]


def judged_numbers(params: Params) -> int:
    """How many published numbers the profile gets a verdict on."""
    if params.published is None:
        return 0
    protocol = effective_protocol(params.evaluation, params.data.prompt, len(params.seeds))
    return int(_judged(foreseen(params, protocol), params).sum())


def _judged(found: pd.DataFrame, params: Params) -> pd.Series:
    """Trained models need training seeds; those that were not trained here need none."""
    return found["comparable"] & (found["fixed"] | (len(params.seeds) >= SEEDS))


def foreseen(params: Params, protocol: EffectiveProtocol) -> pd.DataFrame:
    """The table of `verdicts.foresee` for a profile with a published setting."""
    setting, published = params.published, load_published()
    assert setting is not None
    known = {name: PublishedMethod(name) for name in (BASE, *(published_name(m, published) for m in params.models))}
    known |= stands_for(report_plan(params))
    measured = [
        Measure(name, metric, j)
        for name, k in protocol.samples.items()
        for metric, ks in (("avg", [k]), ("pass", powers(k)))
        for j in ks
    ]
    return foresee(
        published,
        setting.model,
        setting.train_data,
        protocol,
        read_once(load_protocols, FOLDER),
        known,
        measured,
        setting.recipe_of,
        setting.equivalence_margins,
        params.checkpoints.values(),
    )


def _by_table(found: pd.DataFrame, judged: pd.DataFrame, train_data: str) -> str:
    """A row a paper and table: how many numbers and verdicts, what is unknown of those, what forbids the rest.

    Numbers of another training set than `train_data` have a row of their own, which names it.
    """
    rows = []
    other_set = found["train_data"].fillna(train_data).map(lambda name: "" if name == train_data else f", on {name}")
    for (paper, table, on), numbers in found.groupby(["paper", "table", other_set], sort=False):
        own = judged.loc[judged.index.intersection(numbers.index)]
        clauses = Counter(
            clause
            for text in numbers.loc[~numbers["comparable"], "forbidding"]
            for clause in dict.fromkeys(_short(each) for each in text.split("; "))
        )
        unknown = dict.fromkeys(name for text in own["unknown"] for name in text.split(", ") if name)
        why = "; ".join(f"{clause} ({count})" for clause, count in clauses.most_common())
        rows.append(
            (f"{paper}, {table}{on}", len(numbers), len(own), ", ".join(unknown) or "none" if len(own) else "", why)
        )
    header = ["paper, table", "numbers", "verdicts", "unknown of those", "what forbids the others (how many)"]
    frame = pd.DataFrame(rows, columns=header).sort_values("verdicts", ascending=False, kind="stable")
    return frame.to_markdown(index=False, disable_numparse=True, colalign=["left", "right", "right", "left", "left"])


def _short(clause: str) -> str:
    """A clause without what it lists, so that those of many rows are counted together."""
    return "another variant of the method" if clause.startswith("variant of ") else clause.partition(": ")[0]


def _published_runs(params: Params, found: pd.DataFrame) -> int:
    """How many trainings most numbers of the paper whose recipe it is are means of; 1 where that is not stated."""
    assert params.published is not None
    own = found[(found["paper"] == params.published.recipe_of) & ~found["fixed"] & found["variant"].isna()]
    return int(own["runs"].mode().iloc[0]) if len(own) else 1


def _resolution(params: Params, protocol: EffectiveProtocol, runs: int, results: Path) -> list[str]:
    """What the profile's seeds can resolve, a row the average and a row a benchmark. `runs`: behind a published number."""
    assert params.published is not None
    seeds = len(params.seeds)
    if not params.methods:
        return ["nothing is trained: each number is judged by the noise of its samples"]
    if seeds < 2:
        return ["one training seed shows no variance of training, so it resolves no difference between methods"]
    path = results / params.profile / "report" / "tables" / "resolution.csv"
    measured = pd.read_csv(path).set_index("benchmark")["sd_score"].to_dict() if path.is_file() else {}
    rows = []
    for place in [AVERAGE, *protocol.samples]:
        sd = measured.get(place, ASSUMED_OF_SMALL_SETS if place in SMALL_SETS else ASSUMED)
        margin = margin_on("average" if place == AVERAGE else place, params.published.equivalence_margins)
        gain = planned_error(2 * sd**2, seeds), planned_error(2 * sd**2, seeds, 2 * sd**2 / runs, rows=2)
        needed = seeds_for_equivalence(margin, sd**2, sd**2 / runs)
        score = least_difference(planned_error(sd**2, seeds, sd**2 / runs))
        numbers = [f"{value:.1f}" for value in (*map(least_difference, gain), score, margin)]
        origin = f"{sd:.1f}, {'measured' if place in measured else 'assumed'}"
        rows.append((place, origin, *numbers, str(needed or f"> {MOST_SEEDS}")))
    header = ["place", "sd over seeds", "gain over GRPO", "gain against a published one"]
    header += ["score against a published one", "margin", "seeds for equivalence"]
    table = pd.DataFrame(rows, columns=header)
    text = f"mean of {runs} runs" if runs > 1 else "single run"
    return [
        f"what {seeds} seeds resolve, in points: the least true difference that is found in four of five cases, each test by"
        f" itself, a published number being a {text} that varies as ours; and the seeds that show equal scores to be"
        " equivalent within the margin as often. A gain has √2 times the standard deviation of a score, as if methods"
        " shared nothing of a seed; “assumed” until a report of this profile has measured it, as no source prints one",
        "",
        table.to_markdown(index=False, disable_numparse=True, colalign=["left", "left", *["right"] * 5]),
    ]
