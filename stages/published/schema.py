"""The schema of `data/published/`: one number a row in `<paper>.csv`, what the paper says of its runs in `<paper>.yaml`."""

import csv
import re
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, PositiveInt, ValidationError, model_validator

from stages.common.files import InputError
from stages.common.validation import first_problem
from stages.common.yaml_reader import read_yaml

# The bench's benchmarks that papers print; `average` marks a mean over benchmarks, which the paper's YAML spells out.
BENCHMARKS = [
    "aime24",
    "aime25",
    "amc23_40",
    "amc_83",
    "math500",
    "minerva_math",
    "olympiadbench_674",
    "olympiadbench_675",
    "gsm8k",
    "humaneval",
    "humanevalplus",
    "mbpp",
    "mbppplus",
    "livecodebench",
]
AVERAGE = "average"
OWN_BENCHMARK = "own_"
NO_ARXIV = "none"  # of a table that is in no paper of arXiv: a report, a blog, one's own
RELEASED = "released:"
NOT_PUBLISHED = "not published"
NUMBERS = ("k", "value", "spread", "runs")
SCORES = ("avg", "pass", "accuracy", "exact_match")  # in points; "accuracy" is avg@k with no stated k

# What a note says was presumed, such as "model and metric presumed"; a number with such a note is never judged.
PRESUMABLE = "|".join(["model", "training data", "method", "benchmark", "metric", "k"])
PRESUMED = re.compile(rf"\b((?:{PRESUMABLE})(?:(?:, | and )(?:{PRESUMABLE}))*) presumed")

Evidence = Literal["first-hand", "second-hand", "derived"]
Points = Annotated[float, Field(ge=0, le=100)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Row(Strict):
    """One published number. An empty field of the table is None: not stated, or not of this bench."""

    paper: str = Field(description="name of the file")
    arxiv: str = Field(pattern=r"^(\d{4}\.\d{5}|none)$", description="`none`: the numbers are in no paper of arXiv")
    version: str | None
    table: str
    model: str | None = Field(description="one spelling for each model")
    train_data: str | None = Field(description="one spelling for each data set")
    method: str | None = Field(description="key of this bench, `base` for the untrained model, or released:<name>")
    variant: str | None = Field(description="how it differs from the paper's main setting")
    method_as_printed: str | None
    benchmark: str | None = Field(description="key of this bench, `average`, or empty where it is not one of ours")
    benchmark_as_printed: str | None
    metric: Literal[
        "avg", "pass", "accuracy", "exact_match", "entropy", "correlation", "mean_squared_error", "difference"
    ]
    k: PositiveInt | None = Field(description="of avg@k and pass@k")
    metric_as_printed: str
    value: FiniteFloat = Field(description="points (0 to 100) for scores and differences, nats for entropy")
    spread: Points | None = Field(
        description="printed standard deviation, in points; over what, metric_as_printed says"
    )
    evidence: Evidence
    source: str
    note: str | None = Field(description="what was presumed (`model and metric presumed`), corrected or found wrong")

    @property
    def presumed(self) -> list[str]:
        """What of this number its source does not state, and the registry presumes."""
        named = [name for found in PRESUMED.finditer(self.note or "") for name in re.split(", | and ", found[1])]
        return list(dict.fromkeys([*named, *["metric"] * ("presumed" in self.metric_as_printed)]))

    @model_validator(mode="after")
    def _presumed(self) -> "Row":
        if "presumed" in (self.note or "") and not PRESUMED.search(self.note or ""):
            raise ValueError("note: write what is presumed as in `model and metric presumed`")
        return self

    @model_validator(mode="after")
    def _score(self) -> "Row":
        if self.metric in SCORES and not 0 <= self.value <= 100:
            raise ValueError(f"value: a score is in points, 0 to 100, not {self.value}")
        return self


class Stated(Strict):
    """Where something that a paper says of its own runs was read."""

    evidence: Evidence
    source: str


class Fact(Stated):
    value: str


class Runs(Stated):
    """How many training runs a value is the mean of; `tables` names those it is stated for, all if absent."""

    value: PositiveInt = Field(description="training runs")
    tables: list[str] | None = None


class Average(Strict):
    """Which columns a printed average is the mean of. `k` and `table` are given where one name means two averages."""

    printed: str = Field(description="its name, as printed")
    of: list[str] = Field(min_length=2, description="names of the columns, as printed")
    k: PositiveInt | None = None
    table: str | None = None


class Paper(Strict):
    """What a paper says of its own runs: `<paper>.yaml`."""

    name: str
    arxiv: str
    protocol: str = Field(description="name of its protocol, a file of data/protocols")
    compute: Fact | Literal["not published"]
    steps: Fact | Literal["not published"]
    runs: Runs | Literal["not published"]
    checkpoint: Fact | Literal["not published"] = Field(description="which checkpoint of a run is evaluated")
    evaluation: Fact | Literal["not published"]
    averages: list[Average] = []

    def runs_of(self, table: str) -> int | None:
        """How many training runs the values of a table are means of; None if the paper does not say."""
        if not isinstance(self.runs, Runs):
            return None
        return self.runs.value if self.runs.tables is None or table in self.runs.tables else None

    def average_of(self, printed: str | None, table: str, k: int | None) -> Average | None:
        """What the average of that printed name, table and k is the mean of; None if the YAML does not say."""
        for average in self.averages:
            if average.printed == printed and average.table in (None, table) and average.k in (None, k):
                return average
        return None


# Two rows that agree in all of these print the same number twice, or hide what tells them apart.
KEY = [
    "paper",
    "table",
    "model",
    "train_data",
    "method_as_printed",
    "variant",
    "benchmark_as_printed",
    "metric",
    "k",
    "metric_as_printed",
]


def load(folder: Path, methods: Collection[str]) -> pd.DataFrame:
    """All rows of `folder`, in the order of its files.

    The table has the columns of `Row`, and from the paper's YAML `protocol` (None if not published), `runs` (how many
    training runs the value is the mean of), for an average `of` (its columns' printed names, joined by "; "), and
    `presumed` (what the source does not state, joined by ", "; None for nothing).
    Empty is None for texts, NaN for numbers. `methods`: the keys a row may name. InputError names file, line and field
    of the first thing wrong.
    """
    rows = []
    for name, paper in load_papers(folder).items():
        file = folder / f"{name}.csv"
        for line, row in read_rows(file, methods):
            average = paper.average_of(row.benchmark_as_printed, row.table, row.k) if row.benchmark == AVERAGE else None
            if row.arxiv != paper.arxiv:
                raise InputError(f"{file} line {line}: arxiv is {row.arxiv}, in {name}.yaml {paper.arxiv}")
            if row.benchmark == AVERAGE and average is None:
                raise InputError(
                    f"{file} line {line}: benchmark_as_printed {row.benchmark_as_printed!r} is an average that"
                    f" {name}.yaml does not spell out under averages"
                )
            derived = {
                "protocol": None if paper.protocol == NOT_PUBLISHED else paper.protocol,
                "runs": paper.runs_of(row.table),
                "of": "; ".join(average.of) if average else None,
                "presumed": ", ".join(row.presumed) or None,
            }
            rows.append({**row.model_dump(), **derived})
    table = pd.DataFrame(rows).astype(dict.fromkeys(NUMBERS, float))
    texts = [name for name in table.columns if name not in NUMBERS]
    return table.assign(**{name: table[name].astype(object).where(table[name].notna(), None) for name in texts})


def load_papers(folder: Path) -> dict[str, Paper]:
    """What each paper says of its own runs, by the name of its table."""
    files = sorted(folder.glob("*.csv"))
    if not files:
        raise InputError(f"{folder} holds no table: restore data/published from the repository")
    return {file.stem: read_paper(file.with_suffix(".yaml")) for file in files}


def read_paper(file: Path) -> Paper:
    """One YAML; InputError names the field that is missing or wrong."""
    if not file.is_file():
        raise InputError(f"{file} is missing: every table of data/published has one beside it")
    try:
        return Paper.model_validate(read_yaml(file))
    except ValidationError as error:
        raise InputError(f"{file}: {first_problem(error, Paper)}")


def read_rows(file: Path, methods: Collection[str]) -> list[tuple[int, Row]]:
    """(line, row) of one table. InputError names the first line with a wrong field, an unknown method or benchmark, or
    a number that another line has already.
    """
    found: dict[tuple, int] = {}
    rows = []
    with file.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        if reader.fieldnames != list(Row.model_fields):
            raise InputError(f"{file} line 1: the columns must be {', '.join(Row.model_fields)}")
        for record in reader:
            where = f"{file} line {reader.line_num}"
            try:
                row = Row.model_validate({name: value or None for name, value in record.items()})
            except ValidationError as error:
                raise InputError(f"{where}: {first_problem(error, Row)}")
            if row.paper != file.stem:
                raise InputError(f"{where}: paper is {row.paper!r}; it must be the file's name, {file.stem!r}")
            own = str(row.benchmark).startswith(OWN_BENCHMARK)  # of a profile's data.own
            if row.benchmark not in (None, AVERAGE, *BENCHMARKS) and not own:
                raise InputError(f"{where}: benchmark {row.benchmark!r} is unknown; known are {', '.join(BENCHMARKS)}")
            if row.method not in (None, "base", *methods) and not str(row.method).startswith(RELEASED):
                raise InputError(
                    f"{where}: method {row.method!r} is unknown; give a key of stages/methods, base,"
                    " released:<name>, or leave it empty"
                )
            key = tuple(getattr(row, name) for name in KEY)
            if key in found:
                raise InputError(
                    f"{where}: the same number as line {found[key]}; make variant or metric_as_printed differ"
                )
            found[key] = reader.line_num
            rows.append((reader.line_num, row))
    return rows
