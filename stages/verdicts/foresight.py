"""Before anything runs: which published numbers a profile can get a verdict on, which not and why. Pure; reads no score."""

from collections.abc import Collection, Mapping

import pandas as pd

from stages.protocols.record import Protocol
from stages.verdicts.claims import PublishedMethod, claims
from stages.verdicts.comparability import comparability, evaluated_for
from stages.verdicts.margins import margin_of
from stages.verdicts.scores import Measure

SHARED = ("paper", "table", "quantity", "variant", "train_data", "run", "benchmark", "metric", "headline")


def foresee(
    published: pd.DataFrame,
    model: str,
    train_data: str,
    ours: Protocol,
    protocols: Mapping[str, Protocol],
    known: Mapping[str, PublishedMethod],
    measured: Collection[Measure],
    recipe_of: str | None = None,
    margins: Mapping[str, float] | None = None,
    rules: Collection[str] = (),
) -> pd.DataFrame:
    """One row a claim, whether three seeds or more will give it a verdict.

    `known`: each model that will be evaluated -> what it is in the published tables. `measured`: what will be scored.
    `rules`: those for a checkpoint that will be followed beside ours.
    The others as of `compare.compare`. Columns: `SHARED`, fixed (not trained here), runs (trainings behind the published
    number, 1 where it is not stated), margin (points), comparable, forbidding (clauses joined by "; "), unknown (fields
    joined by ", ").
    """
    rows = []
    for claim in claims(published, model, train_data, known, measured):
        own = evaluated_for(protocols.get(claim.protocol or ""), ours, rules)
        found = comparability(claim, own, protocols, recipe_of)
        shared = {name: claim.row[name] for name in SHARED}
        rows.append(
            {
                **shared,
                "fixed": claim.fixed,
                "runs": claim.runs or 1,
                "margin": margin_of(claim, margins or {}),
                "comparable": not found.forbidding,
                "forbidding": "; ".join(found.forbidding),
                "unknown": ", ".join(found.unknown),
            }
        )
    return pd.DataFrame(rows, columns=[*SHARED, "fixed", "runs", "margin", "comparable", "forbidding", "unknown"])
