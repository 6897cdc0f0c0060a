"""A run's grade tables: every verdict as an array [problems, samples a problem], checked against scores.json."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
from pydantic import BaseModel, ConfigDict, FiniteFloat, NonNegativeInt, ValidationError

from stages.files import InputError
from stages.statistics import avg_at_k

REQUIRED = ("id", "repeat", "tokens", "stop_reason", "correct", "status")
ALTERNATIVE = "correct_by_"


class Score(BaseModel):
    """A benchmark's record in scores.json, as far as the report reads it.

    `disagreement`: grader -> counts of both_right, only_primary, only_alternative, both_wrong. `alternatives`:
    grader -> its version, or "not run: " and why. `diversity`: distinct_1_to_5 (product of distinct n-gram shares) and answers_per_problem (different final answers).
    """

    model_config = ConfigDict(frozen=True)

    status: str
    problems: NonNegativeInt
    k: NonNegativeInt
    avg_at_k: FiniteFloat
    grader: str
    grader_version: str
    disagreement: dict[str, dict[str, int]] = {}
    alternatives: dict[str, str] = {}
    diversity: dict[str, FiniteFloat] = {}


@dataclass(frozen=True)
class Graded:
    """One run's samples on one benchmark; problems in the order of their ids, P problems × K samples.

    `correct`, `truncated`, `alternatives[grader]` are bool [P, K]; `tokens` int32 [P, K]; `status` is an index [P, K]
    into `statuses`; `levels` is int [P] or None where no difficulty is stated.
    """

    ids: list[str]
    levels: np.ndarray | None
    correct: np.ndarray
    tokens: np.ndarray
    truncated: np.ndarray
    status: np.ndarray
    statuses: list[str]
    alternatives: dict[str, np.ndarray]
    score: Score

    @property
    def disagree(self) -> np.ndarray:
        """[P, K]: some alternative grader judges otherwise."""
        differs = np.zeros_like(self.correct)
        for verdicts in self.alternatives.values():
            differs |= verdicts != self.correct
        return differs

    def count(self, status: str) -> int:
        """Samples whose status is `status`, or starts with it and a colon."""
        chosen = [i for i, name in enumerate(self.statuses) if name == status or name.startswith(f"{status}:")]
        return int(np.isin(self.status, chosen).sum())


def read_grades(path: Path, record: dict[str, Any], k: int, run: str) -> Graded:
    """InputError unless every problem has its k samples once, no verdict is missing and scores.json agrees."""
    again = f"run stage grade for {run}"
    try:
        score = Score.model_validate(record)
    except ValidationError as error:
        problem = error.errors()[0]
        raise InputError(
            f"{path.parent / 'scores.json'}: {path.stem}.{'.'.join(map(str, problem['loc']))}:"
            f" {problem['msg'].lower()}: {again}"
        )
    table = _table(path, again)
    ids = table["id"].dictionary_encode()
    names = ids.dictionary.to_pylist()
    rank = np.argsort(np.argsort(names, kind="stable"), kind="stable")
    problem, repeat = rank[ids.indices.to_numpy()], table["repeat"].to_numpy()
    order = np.lexsort((repeat, problem))
    whole = len(order) == len(names) * k > 0
    if not whole or (repeat[order].reshape(-1, k) != np.arange(k)).any() or (np.diff(problem[order][::k]) != 1).any():
        raise InputError(
            f"{path}: {len(order)} rows of {len(names)} problems are not k = {k} each, repeats 0 to {k - 1} once: {again}"
        )

    def square(column: str) -> np.ndarray:
        return table[column].to_numpy(zero_copy_only=False)[order].reshape(-1, k)

    status, stop = (table[column].dictionary_encode() for column in ("status", "stop_reason"))
    truncated = np.array([name == "length" for name in stop.dictionary.to_pylist()])[stop.indices.to_numpy()]
    graded = Graded(
        ids=sorted(names),
        levels=_levels(table, order[::k]),
        correct=square("correct").astype(bool),
        tokens=square("tokens"),
        truncated=truncated[order].reshape(-1, k),
        status=status.indices.to_numpy()[order].reshape(-1, k),
        statuses=status.dictionary.to_pylist(),
        alternatives={
            name.removeprefix(ALTERNATIVE): square(name).astype(bool) for name in table if name.startswith(ALTERNATIVE)
        },
        score=score,
    )
    average = avg_at_k(graded.correct)
    if (score.problems, score.k) != (len(names), k) or abs(score.avg_at_k - average) > 1e-9:
        raise InputError(
            f"{path}: {len(names)} problems, k = {k}, avg@{k} {average:.6g}, but scores.json says {score.problems},"
            f" {score.k}, {score.avg_at_k:.6g}: {again}"
        )
    return graded


def _table(path: Path, again: str) -> dict[str, pyarrow.Array]:
    """Column -> plain values, without the extracted answers, which only the samples' pages show."""
    try:
        present = [name for name in pyarrow.parquet.read_schema(path).names if name != "extracted"]
        table = pyarrow.parquet.read_table(path, columns=present)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise InputError(f"{path} is no whole parquet file ({' '.join(str(error).split())[:80]}): {again}")
    for column in REQUIRED:
        if column not in present:
            raise InputError(f"{path}: column {column} is missing: {again}")
    for column in present:
        if column != "level" and table[column].null_count:
            raise InputError(f"{path}: column {column} has {table[column].null_count} empty cells: {again}")
    return {name: _plain(table[name]) for name in present}


def _plain(column: pyarrow.ChunkedArray) -> pyarrow.Array:
    encoded = pyarrow.types.is_dictionary(column.type)
    return (column.cast(column.type.value_type) if encoded else column).combine_chunks()


def _levels(table: dict[str, pyarrow.Array], firsts: np.ndarray) -> np.ndarray | None:
    if "level" not in table or table["level"].null_count:
        return None
    return table["level"].to_numpy()[firsts]
