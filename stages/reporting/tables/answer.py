"""What became of each model, a row each: what the report opens with. Pure."""

import numpy as np
import pandas as pd

from stages.reporting.inputs.results import Results
from stages.reporting.tables.comparison import Comparison
from stages.reporting.tables.gains import AVERAGE, REFERENCE
from stages.reporting.tables.steps import ends

DROPPED = "dropped_groups"
TRAINED = ["entropy_first", "entropy_last", "kept", "reward_first", "reward_last", "tokens", "responses"]
SCORED = ["score", "score_low", "score_high", "gain", "gain_low", "gain_high"]


def answer(results: Results, averages: pd.DataFrame, gains: pd.DataFrame) -> pd.DataFrame:
    """A row a model: method, `TRAINED`, `SCORED`. Untrained models first, then methods by the entropy they kept.

    entropy (nats a token) and reward: means over seeds and over the first, and the last, `window` of steps; kept is the
    share of the first entropy that the last one is. tokens and responses: of a run, trained on and sampled, means over
    seeds. score and gain: the average over the benchmarks that ran, 0–1, for a model that has them all; GRPO's gain over
    itself is 0. `averages` and `gains`: the tables of those names.
    """
    trained = _trained(results)
    scored = averages[averages["benchmarks"] == averages["benchmarks"].max()].set_index("method")
    gained = gains[gains["benchmark"] == AVERAGE].set_index("method")
    rows = []
    for model in results.models:
        row = dict.fromkeys([*TRAINED, *SCORED], np.nan) | trained.get(model, {})
        for name, table in (("score", scored), ("gain", gained)):
            if model in table.index:
                found = table.loc[model, ["value", "low", "high"]].astype(float)
                row |= dict(zip((name, f"{name}_low", f"{name}_high"), found, strict=True))
        if model == REFERENCE and len(gained):
            row |= {"gain": 0.0, "gain_low": 0.0, "gain_high": 0.0}
        rows.append({"method": model, **row})
    table = pd.DataFrame(rows)
    return table.sort_values("kept", ascending=False, kind="stable", na_position="first").reset_index(drop=True)


def picture_of(found: pd.DataFrame) -> str | None:
    """What the picture shows: `gain` or `score` against entropy, `score alone` where nothing was trained, or nothing."""
    for name in ("gain", "score"):
        if found[["kept", name]].notna().all(axis=1).any():
            return name
    return "score alone" if found["score"].notna().any() else None


def _trained(results: Results) -> dict[str, dict[str, float]]:
    """Method -> `TRAINED`."""
    steps, train = results.steps, results.plan.train
    entropy, reward = ends(steps, "entropy"), ends(steps, "reward")
    found = {}
    for method, rows in steps.groupby("method", sort=False):
        first, last = entropy[str(method)]
        groups, dropped = train.prompts_per_step * len(rows), rows[DROPPED].sum() if DROPPED in rows else 0
        batch, runs = train.prompts_per_step * train.responses_per_prompt, rows["seed"].nunique()
        found[str(method)] = {
            "entropy_first": first,
            "entropy_last": last,
            "kept": last / first if first > 0 else np.nan,
            "reward_first": reward[str(method)][0],
            "reward_last": reward[str(method)][1],
            "tokens": float(rows["response_length"].sum()) * batch / runs,
            "responses": float(groups + dropped) * train.responses_per_prompt / runs,
        }
    return found


def with_verdicts(found: pd.DataFrame, compared: Comparison | None) -> pd.DataFrame:
    """The table `answer` with a column verdicts: how many of each kind a model has; empty for none."""
    if compared is None:
        return found
    rows = compared.verdicts.replace({"run": {run: model for model, run in compared.spelt.items()}})
    counts = {
        model: ", ".join(f"{count} {kind}" for kind, count in kinds.value_counts(sort=False).items())
        for model, kinds in rows.groupby("run")["kind"]
    }
    return found.assign(verdicts=found["method"].map(counts).fillna(""))
