"""Our scores handed to the verdicts: which of them count, in points, and under which names."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from stages.protocols import load_protocols
from stages.publications.schema import RELEASED
from stages.published import load_published
from stages.reporting.load import BASE, Results
from stages.reporting.plan import Plan
from stages.verdicts import VARIANTS, Form, protocol_diffs
from stages.verdicts import compare as draw_verdicts


class Comparison(NamedTuple):
    """What the report shows of published numbers: the tables of `verdicts.compare` and `verdicts.protocol_diffs`."""

    verdicts: pd.DataFrame
    differences: pd.DataFrame


def compare(results: Results, scores: pd.DataFrame, data: Path) -> Comparison | None:
    """The verdicts on the profile's published setting; None for a profile that replays none.

    `scores`: `tables.by_run`; `data`: the folder of `published` and `protocols`. A benchmark that did not run for every
    run has no score here: the averages that it enters are not comparable. InputError as `verdicts.compare`.
    """
    setting, ours = results.plan.published, results.plan.protocol
    if setting is None:
        return None
    published, protocols = load_published(data / "published"), load_protocols(data / "protocols")
    whole = [
        name for name in results.plan.benchmarks if all((run.name, name) in results.grades for run in results.runs)
    ]
    named = {run.method: _published_name(run.method, published) for run in results.runs if run.seed is None}
    rows = scores[scores["benchmark"].isin(whole)]
    points = rows.assign(value=100 * rows["value"], method=rows["method"].replace(named))
    verdicts = draw_verdicts(
        points, published, setting.model, setting.train_data, ours, protocols, stands_for(results.plan), setting.replays
    )
    return Comparison(verdicts, protocol_diffs(published, setting.model, setting.train_data, whole, ours, protocols))


def _published_name(model: str, published: pd.DataFrame) -> str:
    """`released:<name>` as a paper spells it; a profile's names are in small letters."""
    if model == BASE:
        return BASE
    known = {name.casefold(): name for name in published["method"].dropna() if name.startswith(RELEASED)}
    return known.get(f"{RELEASED}{model}".casefold(), f"{RELEASED}{model}")


def stands_for(plan: Plan) -> dict[str, Form]:
    """Name of a run -> what it is in the published tables: as `published.rows` says, else by its method and variant.

    The form is the setting `variant`, spelt as in the tables; `paper` is the main one. A further run of a method whose
    setting says no variant is none of the tables', unless the profile says which.
    """
    declared = {run.rpartition("-")[0]: settings.get("variant") for run, settings in plan.method_settings.items()}
    found = {}
    for name, variant in declared.items():
        method = plan.method_of[name]
        own = VARIANTS.get(method) if name == method else None
        found[name] = Form(
            method if name == method or variant else name, own if variant in (None, "paper") else variant
        )
    return found | {name: Form(row.method, row.variant) for name, row in plan.published.rows.items()}
