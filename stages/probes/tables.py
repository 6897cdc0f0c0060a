"""Findings of all rollout batches -> the tables of stages/artifacts/probes.py."""

from collections.abc import Callable
from typing import Any

import torch

from stages.artifacts.probes import AGREEMENTS, MEANS, OF_A_PART, OF_A_STEP, SOURCES
from stages.probes.agreement import agreement, over_batches
from stages.probes.experiment import Findings, Rows


def tables_of(found: list[Findings], decode: Callable[[int], str]) -> dict[str, Rows]:
    """Name -> rows, over all batches; `decode` gives the text of a token."""
    tables: dict[str, Rows] = {
        name: over_batches([row for batch in found for row in getattr(batch, name)], keys, values)
        for name, (keys, values) in MEANS.items()
    }
    tables["batches"] = [row for number, batch in enumerate(found, 1) for row in numbers_of(number, batch)]
    events: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in (row for batch in found for row in batch.clip_events):
        known = events.setdefault((row["update"], row["probability_from"]), dict.fromkeys(row, 0))
        counted = ("tokens", "clipped_positive", "clipped_negative")
        known |= {key: known[key] + value if key in counted else value for key, value in row.items()}
    tables["clip_events"] = list(events.values())
    tables["coupling"] = coupling_of([row for batch in found for row in batch.coupling])
    tables["tokens"] = [{**row, "token": decode(row["token_id"])} for row in found[0].tokens]
    return tables


def numbers_of(number: int, found: Findings) -> Rows:
    """A row a number of rollout batch `number`, under the name that a claim asks for it by (stages/claims/probed.py)."""
    named = [({name: name for name in OF_A_STEP}, row) for row in found.steps]
    named += [({name: f"{name} {row['estimate']}" for name in AGREEMENTS}, row) for row in found.estimates]
    named += [({name: f"{name} {row['partition']}: {row['part']}" for name in OF_A_PART}, row) for row in found.parts]
    return [
        {key: row[key] for key in ("update", "optimiser", "learning_rate")}
        | {"batch": number, "measure": measure, "value": row[name]}
        for names, row in named
        for name, measure in names.items()
    ]


def coupling_of(states: Rows) -> Rows:
    """A row an optimiser: mean shares of the sources, and how a state's own token agrees with its whole change."""
    lines = []
    for optimiser in dict.fromkeys(row["optimiser"] for row in states):
        own = [row for row in states if row["optimiser"] == optimiser]
        columns = {name: torch.tensor([row[name] for row in own]).numpy() for name in ("own", "total")}
        shares = {f"share_{source}": torch.tensor([row[f"share_{source}"] for row in own]) for source in SOURCES}
        agreed = agreement(columns["own"], columns["total"])
        lines.append(
            {
                "optimiser": optimiser,
                "states": len(own),
                **{name: values.nanmean().item() for name, values in shares.items()},
                **{name: agreed[name] for name in ("pearson", "spearman", "sign")},
            }
        )
    return lines
