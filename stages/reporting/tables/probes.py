"""The tables of all probes (stages/artifacts/probes.py), one below the other, with a column `probe`. Pure."""

import pandas as pd

from stages.reporting.inputs.results import Probe, Results

SHOWN_STEP = 1e-3  # of the norm of the weights: about what an update of a training with AdamW is long


def probe_tables(results: Results) -> dict[str, pd.DataFrame]:
    """`probe_<table>` -> table, without the tokens of the one batch, which stay where they are; nothing without probes."""
    found: dict[str, list[pd.DataFrame]] = {}
    for name, probe in results.probes.items():
        for table, rows in probe.tables.items():
            if table != "tokens":
                own = rows.copy()
                own.insert(0, "probe", name)
                found.setdefault(f"probe_{table}", []).append(own)
    return {name: pd.concat(tables, ignore_index=True) for name, tables in found.items()}


def smallest_rates(probe: Probe) -> dict[str, float]:
    """Optimiser -> the smallest of its learning rates, where a step is nearest to its first order."""
    return {
        str(name): float(rate)
        for name, rate in probe.tables["steps"].groupby("optimiser", sort=False)["learning_rate"].min().items()
    }


def shown_rates(probe: Probe) -> dict[str, float]:
    """Optimiser -> the learning rate at which its first step's length is nearest to `SHOWN_STEP` of the weights, on a scale of
    factors.
    """
    steps = probe.tables["steps"]
    found = {}
    for name, rows in steps[steps["update"] == 1].groupby("optimiser", sort=False):
        factor = (rows["relative_step"] / SHOWN_STEP).where(lambda value: value > 0)
        nearest = factor.where(factor > 1, 1 / factor)
        found[str(name)] = float(
            rows.loc[nearest.idxmin() if nearest.notna().any() else rows.index[0], "learning_rate"]
        )
    return found
