"""Published numbers of a profile's setting, set beside ours. No verdict is drawn here."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from stages.files import InputError
from stages.reporting.estimates import one_model, one_model_pass, over_seeds
from stages.reporting.load import Results

COLUMNS = (
    "paper arxiv table model train_data method benchmark metric samples metric_as_printed value evidence source".split()
)

VERDICT_COLUMNS = (
    "headline quantity paper table method variant benchmark metric k published evidence ours difference half_width seeds"
    " verdict reason"
).split()

BENCHMARKS = {
    "aime24": "AIME24",
    "aime25": "AIME25",
    "amc23_40": "AMC23",
    "math500": "MATH500",
    "minerva_math": "Minerva",
    "olympiadbench_675": "Olympiad",
}

# Ours -> (paper, table, method as printed). A table is named where a paper prints the same method under other settings.
METHODS = {
    "base": [("STEER", "Table 3", "Base"), ("PAR", "Table 2", "Base (no RL)")],
    "grpo": [
        ("STEER", "Table 3", "GRPO"),
        ("PAR", "Table 2", "GRPO (N_update = 1)"),
        ("PAR", "Table 2", "GRPO (N_update = 2)"),
        ("PAR", "Table 2", "GRPO (N_update = 4)"),
        ("FlexEntropy", "Table 1 (presumed)", "baseline (identity unstated; presumably GRPO)"),
    ],
    "clip_higher": [("PAR", "Table 2", "Clip-Higher")],
    "steer": [("STEER", "Table 3", "STEER")],
    "par": [("PAR", "Table 2", "Pos-Adv-Reweight (Entropy-guided)")],
    "flexible": [("FlexEntropy", "Table 1 (presumed)", "Increase-then-Decrease (ID)")],
}


class Comparison(NamedTuple):
    """What the report shows of published numbers.

    `verdicts` has VERDICT_COLUMNS, numbers in points; `verdict` and `reason` are empty where none is drawn.
    `differences` has the columns paper, benchmark, field, ours, theirs, known: a row a field in which protocols differ.
    """

    verdicts: pd.DataFrame
    differences: pd.DataFrame | None


def read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise InputError(f"{path} is missing: restore it from the repository")
    table = pd.read_csv(path, dtype={"arxiv": str})  # 2510.10150 is no number
    if list(table.columns) != COLUMNS:
        raise InputError(f"{path}: the columns must be {', '.join(COLUMNS)}")
    return table


def of_setting(table: pd.DataFrame, model: str, train_data: str) -> pd.DataFrame:
    """Rows of a model and training set. Case and the mark "(presumed)" aside, names must be equal."""

    def plain(name: str) -> str:
        return name.removesuffix("(presumed)").strip().casefold()

    same_model = table["model"].fillna("").map(plain) == plain(model)
    return table[same_model & (table["train_data"].fillna("").map(plain) == plain(train_data))]


def compare(results: Results, path: Path) -> Comparison | None:
    """Published numbers of the profile's setting beside ours; None for a profile that replays no published setting.

    avg@k estimates the same at every k, so ours stands at our own k; pass@k does not, so ours is empty unless k or more
    samples a problem were drawn.
    """
    setting = results.plan.published
    if setting is None:
        return None
    rows = of_setting(read(path), setting.model, setting.train_data)
    found = []
    for benchmark in results.plan.benchmarks:
        for method in results.models:
            for paper, place, printed in METHODS.get(method, []):
                same = (rows["paper"] == paper) & (rows["table"] == place) & (rows["method"] == printed)
                for row in rows[same & (rows["benchmark"] == BENCHMARKS.get(benchmark))].itertuples():
                    found.append(
                        {
                            "headline": False,
                            "quantity": "score",
                            "paper": f"{row.paper} ({row.arxiv})",
                            "table": row.table,
                            "method": method,
                            "variant": row.method,
                            "benchmark": benchmark,
                            "metric": row.metric,
                            "k": row.samples,
                            "published": row.value,
                            "evidence": row.evidence,
                            **_ours(results, method, benchmark, row.metric, row.samples, row.value),
                            "verdict": "",
                            "reason": "",
                        }
                    )
    return Comparison(pd.DataFrame(found, columns=VERDICT_COLUMNS), None)


def _ours(
    results: Results, method: str, benchmark: str, metric: str, k: float, published: float
) -> dict[str, float | None]:
    """Our number in points for one published one; empty where none can be given."""
    found = [
        results.grades[run.name, benchmark].correct
        for run in results.runs
        if run.method == method and (run.name, benchmark) in results.grades
    ]
    known = bool(found) and (metric != "pass" or k <= found[0].shape[1])  # an unstated k is NaN, and no k
    if not known:
        return {"ours": None, "difference": None, "half_width": None, "seeds": len(found)}
    estimates = [one_model_pass(correct, int(k)) if metric == "pass" else one_model(correct) for correct in found]
    ours, low, high, *_ = over_seeds(estimates)
    numbers = {"ours": 100 * ours, "difference": 100 * ours - published, "half_width": 100 * (high - low) / 2}
    return {**numbers, "seeds": len(found)}
