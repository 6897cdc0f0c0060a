"""Benchmarks: the registry, what adding one takes, and that each grader accepts its golds and no others.

The golds of a few committed rows are always tried; those of all pinned files if MIRROR names a folder with them.
"""

import hashlib
import json
import re
import subprocess
from pathlib import Path

import pytest

from stages.benchmarks import BENCHMARKS, find, variants
from stages.benchmarks.__main__ import rows
from stages.benchmarks.base import LABORATORY
from stages.common.files import InputError, read_json, read_jsonl
from stages.datasets import livecodebench
from stages.datasets.sources import load_sources
from stages.graders.registry import GRADERS
from stages.prepare import prepare
from stages.text.prompts import PROMPTS
from tests.forks import Forks, changed, forks, plans_of
from tests.mirror import MIRROR, with_mirror
from tests.plans import prepare_plan
from tests.project import EVALUATION_PYTHON, ROOT, copy_project, edit

FIXTURES = ROOT / "tests/fixtures/benchmarks"
SOURCES = load_sources(ROOT / "data/sources.yaml")
MATHEMATICS = [key for key in BENCHMARKS if find(key).source in SOURCES and find(key).has_short_answers]
CODE = [key for key in BENCHMARKS if find(key).source in SOURCES and find(key).runs_code]
# Golds that their own grader rejects, each a defect upstream.
REJECTED = {"mbpp": {"Mbpp/367"}}  # test of problem 367 names an undefined class `Node`
# (problem, problem whose gold it accepts though written otherwise): equal answers, fair to accept.
FAIR = {"math500": {("test/algebra/1837.json", "test/algebra/2193.json")}}  # 5 and x=5


def grade(name: str, pairs: list[tuple[dict, str]]) -> list[dict]:
    if name == "sandbox" and (reason := GRADERS[name].unavailable()):
        pytest.skip(reason)
    lines = "".join(json.dumps({"problem": problem, "text": text}) + "\n" for problem, text in pairs)
    command = [EVALUATION_PYTHON, "-m", "stages.graders", name]
    done = subprocess.run(command, input=lines, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def gold(key: str, line: dict) -> str:
    """A sample that gives the problem's own answer."""
    if key == "lab_code":
        expression = "x"
        for word, operand in re.findall(r"(add|minus|double) ?(\d*)", line["problem"]):
            sign = {"add": "+", "minus": "-", "double": "*2"}[word]
            expression = f"({expression}{sign}{operand})"
        return f"\\boxed{{{expression}}}"
    return f"```python\n{line['answer']}\n```" if find(key).runs_code else f"\\boxed{{{line['answer']}}}"


def strangers(lines: list[dict]) -> list[tuple[dict, dict]]:
    """Each problem with the next one, in the file's order and around its end, whose answer is written otherwise."""
    pairs = []
    for index, line in enumerate(lines):
        others = lines[index + 1 :] + lines[:index]
        pairs.append((line, next(other for other in others if other["answer"].split() != line["answer"].split())))
    return pairs


def check_golds(key: str, lines: list[dict]) -> None:
    name = find(key).grader
    own = grade(name, [(line, gold(key, line)) for line in lines])
    rejected = {line["id"] for line, one in zip(lines, own, strict=True) if not one["correct"]}
    assert rejected == REJECTED.get(key, set()) & {line["id"] for line in lines}
    pairs = strangers(lines)
    wrong = grade(name, [(line, gold(key, other)) for line, other in pairs])
    accepted = {(line["id"], other["id"]) for (line, other), one in zip(pairs, wrong, strict=True) if one["correct"]}
    assert accepted == FAIR.get(key, set()) & {(line["id"], other["id"]) for line, other in pairs}


def prepared(folder: Path, keys: list[str], mirror: Path, sources: dict, lab: dict | None = None) -> Path:
    plan = prepare_plan(benchmarks=keys, benchmark_sources={key: find(key).source for key in keys}, lab=lab)
    prepare(plan, folder, mirror, sources)
    return folder / "eval"


# The registry


def test_every_file_is_registered_and_every_key_has_a_file():
    files = {path.stem for path in (ROOT / "stages/benchmarks").glob("*.py")} - {"__init__", "__main__", "base"}
    assert files == set(BENCHMARKS)


@pytest.mark.parametrize("key", BENCHMARKS)
def test_a_benchmark_names_what_exists(key):
    one = find(key)
    assert one.grader in GRADERS and one.prompt in (None, *PROMPTS) and one.samples >= 1 and one.answer_in
    assert set(one.ambiguous) <= set(one.called)
    known = {LABORATORY, livecodebench.NAME, *SOURCES}
    assert one.source in known or one.unusable


def test_a_name_that_two_benchmarks_share_is_called_ambiguous_by_both():
    for name in {name for key in BENCHMARKS for name in find(key).called}:
        sharing = [key for key in BENCHMARKS if name in find(key).called]
        if len(sharing) > 1:
            assert all(name in find(key).ambiguous for key in sharing), name
            assert all(set(sharing) == {key, *variants(key)} for key in sharing), name


def test_an_unknown_one_is_named_with_those_that_exist():
    with pytest.raises(InputError, match="unknown benchmark aime26; known are aime24, aime25"):
        find("aime26")


def test_the_table_has_a_row_a_benchmark():
    assert [row[0] for row in rows()] == list(BENCHMARKS)


# Adding one


TINY = '''"""Two sums."""

from stages.benchmarks.base import BOXED, Benchmark

BENCHMARK = Benchmark(title="Tiny", source="tiny_sums", answer_in=BOXED, grader="math_verify", samples=3)
'''
ROWS = b'{"problem": "1+1", "answer": "2"}\n{"problem": "1+2", "answer": "3"}\n'


STAGE_WITH_MIRROR = """
import os, runpy, sys
stage, os.environ["MIRROR"], *sys.argv[1:] = sys.argv[1:]
runpy.run_module(stage, run_name="__main__")
"""


def test_adding_one_is_a_file_and_a_line(tmp_path):
    project = copy_project(tmp_path / "project")
    with forks(project, tmp_path / "output") as processes:
        check_adding_one(project, tmp_path / "mirror", processes)


def check_adding_one(project: Path, mirror: Path, processes: Forks) -> None:
    before = plans_of(processes)
    (project / "stages/benchmarks/tiny.py").write_text(TINY)
    edit(project, "stages/benchmarks/__init__.py", "BENCHMARKS = (", 'BENCHMARKS = (\n    "tiny",')
    assert changed(before, plans_of(processes)) == set()
    digest = hashlib.sha256(ROWS).hexdigest()
    mirror.mkdir()
    (mirror / digest).write_bytes(ROWS)
    with (project / "data/sources.yaml").open("a") as sources:
        sources.write(
            f"\ntiny_sums:\n  use: evaluation\n  licence: MIT\n  redistribution: 'yes'\n  addresses:\n"
            f"    - {{repo: owner/name, commit: {'a' * 40}, path: tiny.jsonl, sha256: {digest}, bytes: {len(ROWS)}, rows: 2, reader: aime25}}\n"
        )
    edit(
        project, "params.yaml", "concurrency: 32", "concurrency: 32\n  benchmarks: [lab_sum, lab_chain, lab_code, tiny]"
    )
    after = plans_of(processes)
    assert changed(before, after) == {"prepare", "sample", "grade", "report"}  # no training, no model
    assert after["sample"]["samples"]["tiny"] == 3
    assert after["sample"]["prompts"]["tiny"] == "plain"
    assert after["grade"]["graders"]["tiny"] == "math_verify"
    overrides = after["report"]["protocol_overrides"]
    assert [(one["field"], one["theirs"]) for one in overrides] == [("benchmark variant (tiny)", "not evaluated")]
    for stage in ("resolve", "model", "prepare"):
        status, text = processes.run(STAGE_WITH_MIRROR, f"stages.{stage}", str(mirror), "smoke")
        assert status == 0, text
    lines = list(read_jsonl(project / "results/smoke/data/eval/tiny.jsonl"))
    assert [line["answer"] for line in lines] == ["2", "3"]
    grades = grade("math_verify", [(line, f"\\boxed{{{line['answer']}}}") for line in lines])
    assert [one["correct"] for one in grades] == [True, True]


# Golds


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The committed rows through the whole of prepare, and the laboratory's problems."""
    folder = tmp_path_factory.mktemp("small")
    mirror, sources = folder / "mirror", {}
    mirror.mkdir()
    for name in ("gsm8k_test", "math500", "humaneval"):
        content = (FIXTURES / f"{name}.jsonl").read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        (mirror / digest).write_bytes(content)
        size = {"bytes": len(content), "rows": content.count(b"\n"), "sha256": digest, "path": f"{name}.jsonl"}
        address = SOURCES[name].usable[0].model_copy(update=size)
        sources[name] = SOURCES[name].model_copy(update={"addresses": (address,)})
    lab = {"families": ["sum"], "train_per_level": 1, "test_per_level": 4}
    keys = ["gsm8k", "math500", "humaneval", "lab_sum", "lab_chain", "lab_code"]
    return prepared(folder / "data", keys, mirror, sources, lab)


@pytest.mark.parametrize("key", ["gsm8k", "math500", "humaneval", "lab_sum", "lab_chain", "lab_code"])
def test_golds_of_the_committed_rows(small, key):
    check_golds(key, list(read_jsonl(small / f"{key}.jsonl")))


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("real") / "data", [*MATHEMATICS, *CODE], Path(MIRROR), SOURCES)


@with_mirror
@pytest.mark.parametrize("key", [*MATHEMATICS, *CODE])
def test_golds_of_every_problem(real, key):
    check_golds(key, list(read_jsonl(real / f"{key}.jsonl")))


@with_mirror
def test_every_problem_has_its_prompt_and_its_source(real):
    manifest = read_json(real.parent / "manifest.json")
    for key in (*MATHEMATICS, *CODE):
        assert manifest[f"eval/{key}.jsonl"]["source"] == find(key).source
        assert all(line["problem"].strip() for line in read_jsonl(real / f"{key}.jsonl"))
