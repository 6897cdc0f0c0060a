"""What stage diagnose writes into `probes/<name>/`: `summary.json` and the tables of `TABLES` as CSV.

A value that nothing could be taken for is an empty cell. Of `<value>` that is a mean over rollout batches, `<value>_low` and
`<value>_high` are the ends of its 95 % interval over them.
"""

import csv
import io
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from stages.common.files import InputError, write_json, write_text
from stages.common.validation import read_as

FILE = "summary.json"
DECLARED = "declared.json"  # beside the folders of probes, and of runs: the names of those that the profile has
DIGITS = 8  # of every number, which is more than anyone reads

# estimate -> its name for a reader (stages/probes/estimates.py)
ESTIMATES = {
    "directional": "directional derivative, exact",
    "steer_eq9": "STEER, eq. 9",
    "steer_older": "STEER, older",
    "steer_released": "STEER, released code",
    "steer_times_p": "STEER, p(1 − p)",
    "flexible_first": "Flexible, first term",
    "flexible_full": "Flexible, full",
    "covariance": "covariance",
    "opefo": "OPEFO",
    "current_entropy": "current entropy",
}
# what moves a state -> its name for a reader (stages/probes/coupling.py)
SOURCES = {
    "own": "its own token",
    "response": "other tokens of its response",
    "prompt": "other responses to its prompt",
    "others": "responses to other prompts",
}

_PLACE = ("update", "optimiser", "learning_rate")
# of an estimate with the exact change; stages/probes/agreement.py
AGREEMENTS = ("pearson", "spearman", "sign", "residual")
OF_A_STEP = ("change", "first_order", "remainder", "residual")
OF_A_PART = ("caused", "happened")
# table -> what tells its rows apart, and its means over batches
MEANS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    # change, first_order, remainder: of the mean entropy of the mini-batch, nats; residual over its states
    "steps": (
        _PLACE,
        ("gradient_norm", "step_norm", "relative_step", "entropy", "change", "first_order", "remainder", "residual"),
    ),
    "estimates": ((*_PLACE, "estimate"), AGREEMENTS),
    # share of the tokens; nats of the mean entropy that their gradients changed, and that changed at their states
    "parts": ((*_PLACE, "partition", "part"), ("share", "caused", "happened")),
}
TABLES: dict[str, tuple[str, ...]] = {
    **{
        name: (*keys, *(column for value in values for column in (value, f"{value}_low", f"{value}_high")))
        for name, (keys, values) in MEANS.items()
    },
    # what each rollout batch gave, a row a number: one of `OF_A_STEP`, `pearson covariance`, or `caused region: A > 0, likely token`
    "batches": ("batch", *_PLACE, "measure", "value"),
    # tokens of all batches, by probability under the policy that sampled them
    "clip_events": (
        "update", "probability_from", "probability_to", "tokens", "clipped_positive", "clipped_negative",
    ),
    # shares: of the sum of absolute first-order changes; over the drawn states of all batches
    "coupling": (
        "optimiser", "states", "share_own", "share_response", "share_prompt", "share_others", "pearson", "spearman", "sign",
    ),
    # first batch, first update, first optimiser at its first learning rate
    "tokens": (
        "response", "position", "token_id", "token", "probability", "ratio", "advantage", "entropy", "change", "directional",
        "caused", "steer_eq9", "steer_older", "steer_released", "steer_times_p", "flexible_first", "flexible_full",
        "covariance", "opefo",
    ),
}  # fmt: skip


class ProbeSummary(BaseModel):
    """`updates` is how many a rollout batch has, of which the first and the last are examined. `tokens` are those of all
    rollout batches, `reward` and `entropy` (nats a token) their means. `optimisers`: name -> what it is, in words.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    run: str
    method: str
    packages: dict[str, str]
    model_sha256: str
    batches: int
    prompts: int
    responses: int
    updates: int
    parameters: int
    tokens: int
    reward: float
    entropy: float
    optimisers: dict[str, str]


def write_probe(folder: Path, summary: ProbeSummary, tables: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
    """`tables`: a row a mapping, with the columns of `TABLES`."""
    write_json(folder / FILE, summary.model_dump())
    for name, columns in TABLES.items():
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_cell(row[column]) for column in columns] for row in tables[name])
        write_text(folder / f"{name}.csv", stream.getvalue())


def read_summary(folder: Path, name: str) -> ProbeSummary:
    """InputError names the stage to run when there is none, or it is malformed."""
    return read_as(ProbeSummary, folder / FILE, f"run stage diagnose for {name} (dvc repro does)")


def check_probe(folder: Path, name: str) -> None:
    """InputError unless the summary reads and every table is there with its columns, whole, and not empty."""
    read_summary(folder, name)
    for table, columns in TABLES.items():
        path = folder / f"{table}.csv"
        if not path.is_file():
            raise InputError(f"{path} is missing: run stage diagnose for {name}")
        with path.open(encoding="utf-8", newline="") as stream:
            lines = list(csv.reader(stream))
        if lines[:1] != [list(columns)] or any(len(line) != len(columns) for line in lines):
            raise InputError(f"{path}: not a whole table of {', '.join(columns[:3])}, …: run stage diagnose for {name}")
        if len(lines) < 2 and table != "coupling":
            raise InputError(f"{path} has no rows: run stage diagnose for {name}")


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return f"{value:.{DIGITS}g}" if isinstance(value, float) else str(value)
