"""Results that are not whole, or not of one protocol, give one sentence that names them, and no report."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from stages.common.files import InputError, read_json, write_json
from stages.report import build_report
from tests.report_results import right, write_grades, write_results

Break = Callable[[Path], None]


def remove(name: str) -> Break:
    return lambda folder: (folder / name).unlink()


def steps(change: Callable[[list[str]], list[str]]) -> Break:
    def edit(folder: Path) -> None:
        path = folder / "train/par-1/steps.jsonl"
        path.write_text("".join(change(path.read_text().splitlines(keepends=True))))

    return edit


def grades(change: Callable[[pyarrow.Table], pyarrow.Table]) -> Break:
    def edit(folder: Path) -> None:
        path = folder / "grades/par-1/lab_sum.parquet"
        pyarrow.parquet.write_table(change(pyarrow.parquet.read_table(path)), path)

    return edit


def record(file: str, *keys: str, value: object = None) -> Break:
    """Sets a value in a JSON file; takes the key out for None."""

    def edit(folder: Path) -> None:
        content = part = read_json(folder / file)
        for key in keys[:-1]:
            part = part[key]
        part.pop(keys[-1]) if value is None else part.update({keys[-1]: value})
        (folder / file).unlink()
        if isinstance(value, float) and np.isnan(value):
            (folder / file).write_text(json.dumps(content))
        else:
            write_json(folder / file, content)

    return edit


def column(name: str, values: Callable[[list], list]) -> Break:
    def change(table: pyarrow.Table) -> pyarrow.Table:
        place = table.column_names.index(name)
        kind = table.schema.field(name).type
        return table.set_column(place, name, pyarrow.array(values(table[name].to_pylist()), kind))

    return grades(change)


def other_run(folder: Path) -> None:
    """Grades of par-1 are replaced by other ones; scores.json stays."""
    write_grades(folder / "grades/par-1/lab_sum.parquet", "lab_sum", 6, 4, right(6, 4, 0))


def torn_file(folder: Path) -> None:
    path = folder / "grades/par-1/lab_sum.parquet"
    path.write_bytes(path.read_bytes()[:-9])


SCORES = "grades/par-1/scores.json"
CASES = {
    "no training": (remove("train/par-1/steps.jsonl"), "steps.jsonl is missing: run stage train for par-1"),
    "no samples": (remove("samples/base/versions.json"), "versions.json is missing: run stage sample for base"),
    "no texts": (remove("samples/base/lab_sum.jsonl"), "samples/base/lab_sum.jsonl is missing; run stage sample"),
    "no grades": (remove("grades/grpo-1/lab_sum.parquet"), "lab_sum.parquet is missing: run stage grade for grpo-1"),
    "no data": (remove("data/eval/lab_sum.jsonl"), "lab_sum.jsonl is missing: run stage prepare"),
    "missing benchmark": (record(SCORES, "lab_sum"), "benchmark lab_sum is missing: run stage grade for par-1"),
    "half-finished run": (
        steps(lambda lines: lines[:-1]),
        "does not hold the steps 1 to 3, each once and in order: delete the folder",
    ),
    "repeated step": (
        steps(lambda lines: [lines[0], *lines]),
        "does not hold the steps 1 to 3, each once and in order: delete the folder",
    ),
    "NaN in training": (
        steps(lambda lines: [*lines[:-1], lines[-1].replace('"entropy_digit": 0.1', '"entropy_digit": NaN')]),
        "line 3 is not whole JSON .holds NaN, which is no number.: .*run stage train for par-1",
    ),
    "NaN in scores": (record(SCORES, "lab_sum", "avg_at_k", value=float("nan")), "lab_sum.avg_at_k: .*finite"),
    "torn scores": (lambda folder: (folder / SCORES).write_text('{"lab_sum"'), "scores.json is not whole JSON"),
    "missing rows": (grades(lambda table: table.slice(1)), "are not k = 4 each"),
    "duplicated rows": (
        grades(lambda table: pyarrow.concat_tables([table.slice(1), table.slice(5, 1)])),
        "repeats 0 to 3 once: run stage grade for par-1",
    ),
    "empty grade": (column("correct", lambda values: [None, *values[1:]]), "column correct has 1 empty cells"),
    "missing column": (grades(lambda table: table.drop_columns("tokens")), "column tokens is missing"),
    "torn file": (torn_file, "is no whole parquet file"),
    "other grades": (other_run, "but scores.json says"),
    "other k": (record(SCORES, "lab_sum", "k", value=8), "but scores.json says 6, 8"),
    "other grader": (record(SCORES, "lab_sum", "grader_version", value="0.8"), "judged by math_verify 0.8, base by"),
    "other graders": (
        grades(lambda table: table.drop_columns("correct_by_exact_box")),
        "its alternative graders are not those of base",
    ),
    "other problems": (
        column("id", lambda values: [value.replace("lab_sum-0005", "lab_sum-0099") for value in values]),
        "its problems are not those of base",
    ),
    "other protocol": (
        record("samples/par-1/versions.json", "protocol", value="steer 0"),
        "sampled under steer 0, the effective one is bench [0-9a-f]{64}: run stage sample for par-1",
    ),
    "no protocol": (
        record("samples/par-1/versions.json", "protocol"),
        "versions.json: protocol is missing; .*run stage sample for par-1",
    ),
    "other profile": (record("plan/report.json", "profile", value="x"), "is of profile x, not smoke"),
    "malformed plan": (record("plan/report.json", "seeds"), "seeds is missing"),
}


@pytest.mark.parametrize("name", CASES)
def test_wrong_results_are_named(tmp_path, name):
    change, message = CASES[name]
    folder = write_results(tmp_path)
    change(folder)
    with pytest.raises(InputError, match=message) as caught:
        build_report(tmp_path, "smoke")
    assert "\n" not in str(caught.value)
    assert not (folder / "report").exists()
