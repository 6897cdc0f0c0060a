"""What it changes to evaluate the checkpoint that a rule chose in place of the last one. Pure; scores are shares in 0–1."""

import pandas as pd

from stages.protocols.checkpoint import checkpoint_rule
from stages.reporting.inputs.results import Results
from stages.reporting.tables.scores import scores_of
from stages.statistics import avg_at_k

COLUMNS = [
    "rule", "method", "seed", "step", "optimism", "benchmark", "looked_at", "k", "last", "chosen", "difference",
]  # fmt: skip


def chosen_checkpoints(results: Results) -> pd.DataFrame:
    """One row a rule, run and benchmark, `COLUMNS`: avg@k of the last checkpoint and of the chosen one, and their difference.

    `looked_at`: whether the rule chose by this benchmark. `optimism` is of the mean of those that it looked at: by how much
    the score of the chosen checkpoint falls when it is sampled again (stages/statistics/selection.py).
    """
    rows = []
    for (rule, name), choice in results.choices.items():
        run = next(run for run in results.runs if run.name == name)
        looked_at = checkpoint_rule(choice.rule).benchmarks
        for benchmark, k in results.plan.benchmarks.items():
            last, chosen = results.grades.get((name, benchmark)), results.chosen.get((rule, name, benchmark))
            if last is not None and chosen is not None:
                scores = avg_at_k(last.correct), avg_at_k(chosen.correct)
                own = (rule, run.method, run.seed, choice.step, choice.optimism, benchmark, benchmark in looked_at, k)
                rows.append((*own, *scores, scores[1] - scores[0]))
    return pd.DataFrame(rows, columns=COLUMNS)


def by_run_of(results: Results, rule: str) -> pd.DataFrame:
    """`by_run` of stages/reporting/tables/scores.py, each trained run at the checkpoint that `rule` chose."""
    untrained = {run.name for run in results.runs if run.seed is None}
    chosen = {(run, benchmark): graded for (name, run, benchmark), graded in results.chosen.items() if name == rule}
    return scores_of(results, {key: graded for key, graded in results.grades.items() if key[0] in untrained} | chosen)
