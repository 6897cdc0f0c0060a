"""Our scores handed to the verdicts: which of them count, in points, and under which names."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pandas as pd

from stages.artifacts.samples import BASE
from stages.common.files import InputError
from stages.profile.plans.report import ReportPlan
from stages.protocols.record import load_protocols
from stages.published.schema import RELEASED
from stages.published.table import load_published
from stages.reporting.inputs.results import Results
from stages.reporting.tables.checkpoints import by_run_of
from stages.statistics import greatest_sampling_error
from stages.verdicts import DEFAULT_VARIANTS, PublishedMethod, compare, protocol_diffs


class Comparison(NamedTuple):
    """What the report shows of published numbers: the tables of `verdicts.compare` and `verdicts.protocol_diffs`.

    `left_out`: benchmarks that did not run for every run; none of their numbers is compared. `spelt`: a model that was not
    trained here -> its name in the verdicts.
    """

    verdicts: pd.DataFrame
    differences: pd.DataFrame
    left_out: tuple[str, ...] = ()
    spelt: Mapping[str, str] = MappingProxyType({})


def compare_with_published(results: Results, runs: pd.DataFrame, data: Path) -> Comparison | None:
    """The verdicts on the profile's published setting; None for a profile that names none.

    `runs`: the table of `by_run`; `data`: the folder of `published` and `protocols`. A benchmark that did not run for
    every run is left out, and averages with it are not comparable. Where a paper's rule for a checkpoint is one of the
    profile's `checkpoints`, its numbers are set against those that it chose. InputError as `verdicts.compare`.
    """
    setting, ours = results.plan.published, results.plan.protocol
    if setting is None:
        return None
    published, protocols = load_published(data / "published"), load_protocols(data / "protocols")
    whole = [
        name for name in results.plan.benchmarks if all((run.name, name) in results.grades for run in results.runs)
    ]
    named = {run.method: published_name(run.method, published) for run in results.runs if run.seed is None}

    def points(scores: pd.DataFrame) -> pd.DataFrame:
        rows = scores[scores["benchmark"].isin(whole)]
        errors = _sampling_errors(results, rows)
        return rows.assign(value=100 * rows["value"], error=errors, method=rows["method"].replace(named))

    standing = stands_for(results.plan)
    verdicts = compare(
        points(runs),
        published,
        setting.model,
        setting.train_data,
        ours,
        protocols,
        standing,
        setting.recipe_of,
        setting.equivalence_margins,
        {rule: points(by_run_of(results, name)) for name, rule in results.plan.checkpoints.items()},
    )
    rules = results.plan.checkpoints.values()
    differences = protocol_diffs(published, setting.model, setting.train_data, whole, ours, protocols, rules, standing)
    left_out = tuple(name for name in results.plan.benchmarks if name not in whole)
    return Comparison(verdicts, differences, left_out, named)


def published_tables(compared: Comparison | None) -> dict[str, pd.DataFrame]:
    """Name of `tables/<name>.csv` -> table; none without a published setting."""
    if compared is None:
        return {}
    return {"published": compared.verdicts, "protocol_differences": compared.differences}


def _sampling_errors(results: Results, rows: pd.DataFrame) -> list[float]:
    """[rows] in points: the standard error of the sampling; of one sample a problem, the greatest that it can be."""
    found = []
    for row in rows.itertuples():
        problems = len(results.grades[row.run, row.benchmark].ids)
        found.append(100 * (greatest_sampling_error(row.value, problems) if pd.isna(row.error) else row.error))
    return found


def published_name(model: str, published: pd.DataFrame) -> str:
    """`released:<name>` as a paper spells it; a profile's names are in small letters."""
    if model == BASE:
        return BASE
    known = {name.casefold(): name for name in published["method"].dropna() if name.startswith(RELEASED)}
    return known.get(f"{RELEASED}{model}".casefold(), f"{RELEASED}{model}")


def on_another_set(plan: ReportPlan) -> str:
    """Which runs are compared with no published number for their training set; empty where there is none."""
    rows = plan.published.rows if plan.published else {}
    named = ", ".join(f"`{name}` ({dataset})" for name, dataset in plan.datasets.items() if name not in rows)
    return f"Compared with no published number, because trained on another set: {named}." if named else ""


def stands_for(plan: ReportPlan) -> dict[str, PublishedMethod]:
    """Name of a run -> what it is in the published tables: as `published.rows` says, else what its name says.

    A run that is named as its method is the form of its setting `variant`, spelt as in the tables; `paper` is the main
    one. A run under a name of its own, or trained on another set than train.dataset, is none of the tables' unless the
    profile says which. InputError if two are one.
    """
    if plan.published is None:
        return {}
    found: dict[str, PublishedMethod] = {}
    variants = {run.rpartition("-")[0]: settings.get("variant") for run, settings in plan.method_settings.items()}
    for name, variant in variants.items():
        if row := plan.published.rows.get(name):
            other_set = row.train_data if row.train_data != plan.published.train_data else None
            form = PublishedMethod(row.method, row.variant, other_set)
        elif name != plan.method_of[name] or name in plan.datasets:
            continue
        else:
            form = PublishedMethod(name, DEFAULT_VARIANTS.get(name) if variant in (None, "paper") else variant)
        if form in found.values():
            other = next(name for name in found if found[name] == form)
            form_of = f"{form.method} on {form.train_data}" if form.train_data else form.method
            raise InputError(
                f"published.rows: {name} and {other} both stand for {form_of}, variant {form.variant or 'none'}; give"
                " one of them another row, or a name of its own and none"
            )
        found[name] = form
    return found
