"""Results that are not whole, or not of one protocol, give one sentence that names them, and no report."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from stages.common.files import InputError, read_json, write_json
from stages.report import build_report
from stages.reporting.inputs.results import load
from stages.reporting.inputs.whole import last_object
from stages.reporting.side_files.hours import hours
from stages.reporting.side_files.samples import write_samples
from tests.project import ROOT
from tests.report_results import right, write_grades, write_results

Break = Callable[[Path], None]


def remove(name: str) -> Break:
    return lambda folder: (folder / name).unlink()


def lines_of(name: str, change: Callable[[list[str]], list[str]]) -> Break:
    """Changes the lines of a file."""

    def edit(folder: Path) -> None:
        path = folder / name
        path.write_text("".join(change(path.read_text().splitlines(keepends=True))))

    return edit


def steps(change: Callable[[list[str]], list[str]]) -> Break:
    return lines_of("train/par-1/steps.jsonl", change)


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
    "NaN in scores": (
        record(SCORES, "lab_sum", "avg_at_k", value=float("nan")),
        "scores.json is not whole JSON .holds NaN",
    ),
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
    "samples cut at a whole line": (
        lines_of("samples/par-1/lab_sum.jsonl", lambda lines: lines[:-1]),
        "lab_sum.jsonl ends with lab_sum-0005, repeat 2, where lab_sum-0005, repeat 3, was graded: it was cut short; delete",
    ),
    "samples cut at a whole problem": (
        lines_of("samples/par-1/lab_sum.jsonl", lambda lines: lines[:-4]),
        "ends with lab_sum-0004, repeat 3, where lab_sum-0005, repeat 3, was graded: it was cut short; delete",
    ),
    "no sample at all": (
        lines_of("samples/par-1/lab_sum.jsonl", lambda lines: []),
        "holds no sample at its end, where lab_sum-0005, repeat 3, was graded",
    ),
    "problems cut at a whole line": (
        lines_of("data/eval/lab_sum.jsonl", lambda lines: lines[:-1]),
        "lab_sum.jsonl has no problem lab_sum-0005, which was graded",
    ),
    "problem without an answer": (
        lines_of("data/eval/lab_sum.jsonl", lambda lines: [line.replace('"answer"', '"anser"') for line in lines]),
        "problem lab_sum-0000 has no problem or no answer: run stage prepare again",
    ),
    "no record of a benchmark": (
        record(SCORES, "lab_sum", value=3),
        "scores.json: lab_sum is no JSON object: run stage grade for par-1",
    ),
    "no entry of the data": (
        record("data/manifest.json", "eval/lab_sum.jsonl"),
        "manifest.json: eval/lab_sum.jsonl is missing, which was graded: run stage prepare again",
    ),
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


FILES = {
    "plan/report.json": "dvc repro",
    "data/manifest.json": "run stage prepare again",
    "data/eval/lab_sum.jsonl": "run stage prepare again",
    "train/par-1/steps.jsonl": "run stage train for par-1",
    "train/par-1/versions.json": "run stage train for par-1",
    "samples/par-1/versions.json": "run stage sample for par-1",
    "samples/par-1/lab_sum.jsonl": "run stage sample for par-1",
    "grades/par-1/scores.json": "run stage grade for par-1",
    "train/par-1.timings.jsonl": "delete it",
}
DAMAGED = {
    "torn": b'{"lab_s',
    "a list": b"[]",
    "nothing": b"null",
    "a number": b"3",
    "another object": b'{"key": 1}',
    "another encoding": b'{"key": "\xff"}',
    "nested without end": b"[" * 100_000,
}


@pytest.mark.parametrize("content", DAMAGED)
@pytest.mark.parametrize("file", FILES)
def test_damaged_json_is_named_with_what_makes_it_anew(tmp_path, file, content):
    folder = write_results(tmp_path)
    (folder / file).write_bytes(DAMAGED[content] + b"\n")
    with pytest.raises(InputError) as caught:
        results = load(tmp_path, "smoke")
        hours(results, folder)
        write_samples(results, folder, tmp_path / "samples")
    said = str(caught.value)
    assert "\n" not in said and file in said and (FILES[file] in said or content == "another object"), said


def test_the_end_of_a_long_file_is_found(tmp_path):
    path = tmp_path / "long.jsonl"
    path.write_text('{"place": 1}\n' * 100_000 + '{"place": 2}\n')
    assert last_object(path, "") == {"place": 2}
    path.write_text('{"place": 1}\n' + json.dumps({"place": 3, "text": "x" * 3_000_000}) + "\n")
    assert last_object(path, "")["place"] == 3
    path.write_text("")
    assert last_object(path, "") is None


def test_a_full_disk_is_one_line_and_leaves_the_report_before(tmp_path):
    """On a file system of its own, with room for the results and not for a report."""
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not there")
    write_results(tmp_path / "results")
    small = tmp_path / "small"
    small.mkdir()
    room = ("bwrap", "--dev-bind", "/", "/", "--size", str(700_000), "--tmpfs", str(small), "--chdir", str(small))
    script = (
        "cp -r ../results . && mkdir results/smoke/report && touch results/smoke/report/before &&"
        ' "$PYTHON" -m stages.report smoke; echo "status $?"; ls -A results/smoke; ls results/smoke/report'
    )
    known = {
        "PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT),
        "PATH": os.environ["PATH"],
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run([*room, "sh", "-c", script], env=known, capture_output=True, text=True)
    if "status" not in done.stdout:
        pytest.skip(f"bubblewrap cannot run here: {done.stderr.strip()}")
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: no space is left on ") and "make room and run the same command again" in line
    assert "status 1" in done.stdout and done.stdout.split()[-1] == "before" and "partial" not in done.stdout
