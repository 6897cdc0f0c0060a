"""All figures of a report by name, in the order in which they stand in `figures/`."""

import pandas as pd

from stages.reporting.figures.evaluation import (
    answer_figure,
    claim_figure,
    gain_figure,
    pass_figure,
    price_figure,
    reliability_figure,
    score_figure,
    verdict_figure,
)
from stages.reporting.figures.models import lines_of
from stages.reporting.figures.progress import progress_figures
from stages.reporting.figures.specification import Figure
from stages.reporting.inputs.results import Results
from stages.reporting.tables.steps import with_gap


def draw(results: Results, tables: dict[str, pd.DataFrame], drawn_data: dict[str, pd.DataFrame]) -> dict[str, Figure]:
    """Name -> figure; one without anything to draw is left out. `tables`: those of `stages.report.measure`."""
    models = lines_of(results.models)
    scores = tables["scores_by_method"]
    others = {
        "scores": score_figure(scores, models),
        "pass_at_k": pass_figure(scores, models),
        "gains": gain_figure(tables["gains"], results.plan.benchmarks, models),
        "reliability": reliability_figure(tables["reliability"], models),
        "answer": answer_figure(tables["answer"], models),
        "entropy_against": price_figure(tables["prices"], models),
        "claims": claim_figure(drawn_data["claims"]) if "claims" in drawn_data else None,
        "verdicts": verdict_figure(drawn_data["verdicts"]) if "verdicts" in drawn_data else None,
    }
    drawn = progress_figures(with_gap(results.steps), results.plan.train.steps, models)
    return drawn | {name: figure for name, figure in others.items() if figure is not None}
