"""`grades/<run>/`: a table a benchmark with a row a sample, and `scores.json` with a record a benchmark.

Read back, a table is an array [problems, samples a problem] of what the grader said, checked against its record.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow
import pyarrow.parquet
from pydantic import BaseModel, ConfigDict, FiniteFloat, NonNegativeInt, ValidationError

from stages.common.files import InputError, read_json
from stages.common.validation import first_problem
from stages.statistics import avg_at_k

SCORES = "scores.json"
ALTERNATIVE = "correct_by_"  # begins the column of an alternative grader
_TEXT = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
COLUMNS = {
    "id": pyarrow.string(),
    "repeat": pyarrow.int16(),
    "level": pyarrow.int16(),  # empty where no difficulty is stated
    "tokens": pyarrow.int32(),
    "stop_reason": _TEXT,
    "extracted": pyarrow.string(),  # the answer as the grader read it, its beginning; empty without one
    "correct": pyarrow.bool_(),
    "status": _TEXT,  # graded, no answer, timeout, limit: <name>, or error: <name>
}
MAY_BE_EMPTY = ("level", "extracted")


class NotRun(BaseModel):
    """The record of a benchmark whose grader cannot run here; `status` is `not run: ` and why."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    status: str
    problems: NonNegativeInt
    k: NonNegativeInt
    rows: NonNegativeInt

    @property
    def reason(self) -> str:
        return self.status.removeprefix("not run:").strip()


class InstructionScore(BaseModel):
    """Of the instructions of all prompts together: `avg_at_k` is the share that is followed, each instruction weighing the
    same; `pass_at_k`: j -> the share that is followed in one of j samples.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    instructions: NonNegativeInt
    avg_at_k: FiniteFloat
    pass_at_k: dict[str, FiniteFloat]


class ReliabilityBin(BaseModel):
    """Problems whose vote share lies in one tenth of (0, 1]: how many, its mean, the share of them whose vote is right."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    problems: NonNegativeInt
    confidence: FiniteFloat
    right: FiniteFloat


class Score(BaseModel):
    """The record of a graded benchmark. Counts are of samples, `rows` of them; what cannot be judged is wrong.

    `pass_at_k`: j -> pass@j. `statuses`: as in the table, with their counts. `diversity`: distinct_1_to_5 (product of
    distinct n-gram shares; absent where no sample has five words) and answers_per_problem (different final answers).
    self_bleu, of all samples, and self_bleu_right, of as many right ones; answer_entropy in nats. `calibration`:
    expected_calibration_error and brier_score of the vote over a problem's samples, and `reliability` its bins; absent where
    no sample has an answer.
    `disagreement`: alternative grader -> counts of both_right, only_primary, only_alternative, both_wrong.
    `alternatives`: alternative grader -> its version, or `not run: ` and why.
    `instruction_level`: grader -> its score of single instructions, where prompts give several; else absent.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    status: Literal["graded"]
    problems: NonNegativeInt
    k: NonNegativeInt
    rows: NonNegativeInt
    grader: str
    grader_version: str
    avg_at_k: FiniteFloat
    pass_at_k: dict[str, FiniteFloat]
    truncated: NonNegativeInt
    no_answer: NonNegativeInt
    timeouts: NonNegativeInt
    errors: NonNegativeInt
    statuses: dict[str, NonNegativeInt]
    diversity: dict[str, FiniteFloat]
    calibration: dict[str, FiniteFloat] | None = None
    reliability: list[ReliabilityBin] | None = None
    disagreement: dict[str, dict[str, NonNegativeInt]]
    alternatives: dict[str, str]
    instruction_level: dict[str, InstructionScore] | None = None


# What is measured of a benchmark's samples beside avg and pass@k.
OF_SAMPLES = (
    "distinct_1_to_5", "self_bleu", "self_bleu_right", "answers_per_problem", "answer_entropy", "expected_calibration_error",
    "brier_score",
)  # fmt: skip


def of_samples(score: Score) -> dict[str, float]:
    """Those of `OF_SAMPLES` that were measured."""
    return score.diversity | (score.calibration or {})


def write_table(path: Path, columns: Mapping[str, Iterable[Any]]) -> None:
    """`columns`: those of `COLUMNS` and any of alternative graders; the same bytes for the same content."""
    fields = [(name, COLUMNS.get(name, pyarrow.bool_())) for name in columns]
    table = pyarrow.table({name: list(values) for name, values in columns.items()}, schema=pyarrow.schema(fields))
    pyarrow.parquet.write_table(table, path, compression="zstd")


def read_scores(folder: Path, benchmarks: Iterable[str], run: str) -> dict[str, Score | NotRun]:
    """A record for each of `benchmarks`; InputError names the first that is missing or malformed."""
    path, again = folder / SCORES, f"run stage grade for {run}"
    if not path.is_file():
        raise InputError(f"{path} is missing: {again} (dvc repro does)")
    content, found = read_json(path), {}
    for benchmark in benchmarks:
        record = content.get(benchmark, {})
        if "status" not in record:
            raise InputError(f"{path}: benchmark {benchmark} is missing: {again}")
        kind = Score if record["status"] == "graded" else NotRun
        try:
            found[benchmark] = kind.model_validate(record)
        except ValidationError as error:
            raise InputError(f"{path}: {first_problem(error, kind, benchmark)}: {again}")
    return found


def check_grades(folder: Path, samples: Mapping[str, int], run: str) -> None:
    """InputError unless the folder holds a record of each benchmark, and a whole table of each that was graded.

    `samples`: benchmark -> samples a problem.
    """
    for benchmark, score in read_scores(folder, samples, run).items():
        if isinstance(score, Score):
            read_grades(folder / f"{benchmark}.parquet", score, samples[benchmark], run)


@dataclass(frozen=True)
class Graded:
    """What graders say of one run's samples on one benchmark; problems in the order of their ids, P problems × K samples.

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
        for grades in self.alternatives.values():
            differs |= grades != self.correct
        return differs

    def count(self, status: str) -> int:
        """Samples whose status is `status`, or starts with it and a colon."""
        chosen = [i for i, name in enumerate(self.statuses) if name == status or name.startswith(f"{status}:")]
        return int(np.isin(self.status, chosen).sum())


def read_grades(path: Path, score: Score, k: int, run: str) -> Graded:
    """InputError unless every problem has its k samples once, nothing is empty and `score` agrees."""
    again = f"run stage grade for {run}"
    if not path.is_file():
        raise InputError(f"{path} is missing: {again} (dvc repro does)")
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
    for column in (name for name in COLUMNS if name not in MAY_BE_EMPTY):
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
