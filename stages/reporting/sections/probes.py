"""The report's section on single optimiser steps: what moves the entropy, and which estimate sees it."""

from typing import Any

import pandas as pd

from stages.artifacts.probes import ESTIMATES, SOURCES
from stages.reporting.inputs.results import Probe, Results
from stages.reporting.sections.blocks import Block, Group, Section, Table, Text
from stages.reporting.sections.numbers import MISSING, count_of, interval, number, signed
from stages.reporting.tables.probes import shown_rates, smallest_rates

PARTITIONS = {
    "region": "by sign of the advantage, and whether the token is likelier than e^−H",
    "probability": "by sign of the advantage and probability",
    "clip": "by what the clip takes",
    "ratio": "by ratio π/π_old",
    "all": "",
}
MILLINATS = 1000.0


def probes_section(results: Results) -> Section:
    blocks: list[Block] = [
        Text(
            "Each probe makes single optimiser steps in float64 and computes, at every state (a prefix of a response), the exact"
            " entropy over the whole vocabulary before and after. Estimates are compared with that change over the states of a"
            " mini-batch; brackets are 95 % intervals over rollout batches. The directional derivative along the step is exact in"
            " the weights: what it misses is what first order misses. Residual: the part of the change that an estimate, with the"
            " factor that suits it best, leaves unexplained, 0 for nothing and 1 for all of it."
        )
    ]
    for name, probe in results.probes.items():
        blocks += _probe(name, probe)
    return Section("probes", "What moves entropy", blocks)


def _probe(name: str, probe: Probe) -> list[Block]:
    found = probe.summary
    text = (
        f"Probe `{name}`: steps of {found.method} from {'the base model' if found.run == 'base' else found.run};"
        f" {count_of(found.batches, 'rollout batch') if found.batches == 1 else f'{found.batches} rollout batches'} of"
        f" {count_of(found.prompts, 'prompt')} × {count_of(found.responses, 'response')}, {count_of(found.tokens, 'token')}, in"
        f" {count_of(found.updates, 'update')} each; mean reward {number(found.reward, 2)}, mean entropy"
        f" {number(found.entropy, 3)} nats a token. Optimisers:"
        f" {'; '.join(f'{key} is {words}' for key, words in found.optimisers.items())}."
    )
    tables = [_estimates(name, probe), _by_rate(name, probe), _parts(name, probe), _clip_events(name, probe)]
    if len(probe.tables["coupling"]):
        tables.append(_coupling(name, probe))
    return [Text(text), *tables]


def _of(row: Any, value: str, scale: float = 1.0, digits: int = 2, sign: bool = False) -> str:
    """The mean `value` of a row with its interval."""
    estimate = pd.Series({"value": row[value], "low": row[f"{value}_low"], "high": row[f"{value}_high"]})
    return interval(estimate, scale, digits, sign)


def _update(number_of_update: int, probe: Probe) -> str:
    """Which of a pass's updates, in words."""
    if number_of_update == 1:
        return "first update, on-policy"
    return f"update {number_of_update} of {probe.summary.updates}, after the profile's own optimiser made the others"


def _estimates(name: str, probe: Probe) -> Table:
    """A row an estimate; Pearson, sign and residual of each optimiser at its smallest learning rate."""
    rates, rows = smallest_rates(probe), probe.tables["estimates"]
    groups: list[Group] = []
    for update, own in rows.groupby("update", sort=False):
        lines = []
        for estimate, label in ESTIMATES.items():
            cells = [label]
            for optimiser, rate in rates.items():
                (row,) = own[
                    (own["estimate"] == estimate) & (own["optimiser"] == optimiser) & (own["learning_rate"] == rate)
                ].to_dict("records")
                cells += [
                    _of(row, "pearson"),
                    number(row["spearman"], 2),
                    number(row["sign"], 2),
                    number(row["residual"], 3),
                ]
            lines.append(cells)
        groups.append((_update(int(str(update)), probe), lines))
    header = ["estimate"]
    for optimiser in rates:
        header += [f"{optimiser}: Pearson", "Spearman", "same sign", "residual"]
    at = ", ".join(f"{rate:g} for {optimiser}" for optimiser, rate in rates.items())
    caption = f"Probe {name}: estimates against the exact change of each state's entropy; learning rates {at}"
    return Table(f"probe_estimates_{_plain(name)}", caption, header, groups)


def _by_rate(name: str, probe: Probe) -> Table:
    steps, rows = probe.tables["steps"], probe.tables["estimates"]
    shown = ("steer_eq9", "flexible_full", "covariance")
    groups: list[Group] = []
    for (update, optimiser), own in steps.groupby(["update", "optimiser"], sort=False):
        lines = []
        for step in own.to_dict("records"):
            same = rows[
                (rows["update"] == update)
                & (rows["optimiser"] == optimiser)
                & (rows["learning_rate"] == step["learning_rate"])
            ].set_index("estimate")
            lines.append(
                [
                    f"{step['learning_rate']:g}",
                    _scientific(step["relative_step"]),
                    _scientific(step["change"]),
                    _scientific(step["first_order"]),
                    _of(step, "residual", digits=3),
                    number(same.loc["directional", "sign"], 2),
                    *(number(same.loc[estimate, "pearson"], 2) for estimate in shown),
                ]
            )
        groups.append((f"{_update(int(str(update)), probe)}: {optimiser}", lines))
    header = [
        "learning rate", "step, share of the weights' norm", "change of mean entropy, nats", "its first order", "residual",
        "states with the sign of first order", *(f"Pearson of {ESTIMATES[estimate]}" for estimate in shown),
    ]  # fmt: skip
    caption = f"Probe {name}: what first order leaves over as the step grows"
    return Table(f"probe_steps_{_plain(name)}", caption, header, groups)


def _parts(name: str, probe: Probe) -> Table:
    rates, rows = shown_rates(probe), probe.tables["parts"]
    groups: list[Group] = []
    for (update, optimiser), own in rows.groupby(["update", "optimiser"], sort=False):
        at = own[own["learning_rate"] == rates[str(optimiser)]]
        for partition, words in PARTITIONS.items():
            known = at[(at["partition"] == partition) & ((at["share"] > 0) | (partition == "all"))]
            lines = [
                [
                    str(row["part"]),
                    number(100 * row["share"], 1) if row["share"] else MISSING,
                    _of(row, "caused", MILLINATS, 3, sign=True),
                    signed(MILLINATS * row["happened"], 3) if row["share"] else MISSING,
                ]
                for row in known.to_dict("records")
            ]
            title = f"{_update(int(str(update)), probe)}; {optimiser}, learning rate {rates[str(optimiser)]:g}"
            if lines:
                groups.append((f"{title}: {words}" if words else f"{title}: what completes each of these", lines))
    header = ["tokens", "% of tokens", "changed by their gradients", "changed at their states"]
    caption = (
        f"Probe {name}: the change of the mini-batch's mean entropy, in 1/1000 nats, by the tokens whose gradients made it (first"
        " order; the remainder completes it to the exact change) and by the tokens at whose states it happened (exact)"
    )
    return Table(f"probe_parts_{_plain(name)}", caption, header, groups, folded=True)


def _clip_events(name: str, probe: Probe) -> Table:
    rows = probe.tables["clip_events"].groupby(["probability_from", "probability_to"], sort=True).sum().reset_index()
    clipped = rows["clipped_positive"] + rows["clipped_negative"]
    lines = [
        [
            f"{row['probability_from']:g} to {row['probability_to']:g}",
            f"{int(row['tokens']):,}",
            f"{int(row['clipped_positive']):,}",
            f"{int(row['clipped_negative']):,}",
            number(100 * events / row["tokens"], 2) if row["tokens"] else MISSING,
            number(100 * events / clipped.sum(), 1) if clipped.sum() else MISSING,
        ]
        for row, events in zip(rows.to_dict("records"), clipped, strict=True)
    ]
    header = [
        "probability when sampled",
        "tokens",
        "clipped, A > 0",
        "clipped, A < 0",
        "% of them clipped",
        "% of all clipped",
    ]
    caption = f"Probe {name}: which tokens the clip takes, over all updates of all rollout batches"
    return Table(f"probe_clip_{_plain(name)}", caption, header, [("", lines)])


def _coupling(name: str, probe: Probe) -> Table:
    lines = [
        [
            str(row["optimiser"]),
            f"{int(row['states']):,}",
            *(number(100 * row[f"share_{source}"], 2) for source in SOURCES),
            *(number(row[measure], 2) for measure in ("pearson", "spearman", "sign")),
        ]
        for row in probe.tables["coupling"].to_dict("records")
    ]
    header = [
        "optimiser", "states", *(f"{words}, %" for words in SOURCES.values()), "own against whole: Pearson", "Spearman", "same sign",
    ]  # fmt: skip
    caption = (
        f"Probe {name}: who moves a state's entropy in the first update; shares of the sum of absolute first-order changes by the"
        " gradient of each token, and whether what its own token does agrees with its whole change"
    )
    return Table(f"probe_coupling_{_plain(name)}", caption, header, [("", lines)])


def _scientific(value: float) -> str:
    return MISSING if pd.isna(value) else f"{value:.2e}".replace("-", "−")


def _plain(name: str) -> str:
    """The name of a probe as part of a file's name."""
    return name.replace(".", "_")
