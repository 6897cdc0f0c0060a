"""Published numbers of a profile's setting, set beside ours. No verdict is drawn here."""

from pathlib import Path

import pandas as pd

from stages.files import InputError
from stages.reporting.load import Results, correctness
from stages.reporting.tables import one_model, one_model_pass, over_seeds

COLUMNS = (
    "paper arxiv table model train_data method benchmark metric samples metric_as_printed value evidence source".split()
)

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


def beside(results: Results, table: pd.DataFrame) -> pd.DataFrame:
    """A row a published number of a declared method and benchmark, with ours at the same k in points.

    Columns: benchmark, method, paper, table, printed (method as printed), metric (as printed), published, ours, low,
    high, interval, our_k, evidence, source. avg@k estimates the same at every k, so ours stands at our own k; pass@k
    does not, so ours is empty unless k or more samples a problem were drawn.
    """
    setting = results.settings["published"]
    rows = of_setting(table, setting["model"], setting["train_data"])
    found = []
    for benchmark in results.settings["benchmarks"]:
        for method in ["base", *results.methods]:
            for paper, place, printed in METHODS.get(method, []):
                same = (rows["paper"] == paper) & (rows["table"] == place) & (rows["method"] == printed)
                for row in rows[same & (rows["benchmark"] == BENCHMARKS.get(benchmark))].itertuples():
                    found.append(
                        {
                            "benchmark": benchmark,
                            "method": method,
                            "paper": f"{row.paper} ({row.arxiv})",
                            "table": row.table,
                            "printed": row.method,
                            "metric": row.metric_as_printed,
                            "published": row.value,
                            **_ours(results, method, benchmark, row.metric, row.samples),
                            "evidence": row.evidence,
                            "source": row.source,
                        }
                    )
    return pd.DataFrame(found)


def _ours(results: Results, method: str, benchmark: str, metric: str, k: float) -> dict[str, object]:
    """Our number in points for one published one; empty where none can be given."""
    empty = {"ours": None, "low": None, "high": None, "interval": "none", "our_k": None}
    samples = results.samples[(results.samples["method"] == method) & (results.samples["benchmark"] == benchmark)]
    models = [correctness(group) for _, group in samples.groupby("run", sort=False)]
    if not models:
        return empty
    if metric == "pass":
        if not k <= models[0].shape[1]:  # also when k is not stated (NaN)
            return empty
        estimate = over_seeds([one_model_pass(correct, int(k)) for correct in models])
    else:
        estimate = over_seeds([one_model(correct) for correct in models])
    our_k = int(k) if metric == "pass" else models[0].shape[1]
    points = {"ours": 100 * estimate.value, "low": 100 * estimate.low, "high": 100 * estimate.high}
    return {**points, "interval": estimate.interval, "our_k": our_k}
