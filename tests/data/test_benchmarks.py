"""Benchmarks: the registry, what adding one takes, and that each grader accepts its golds and no others.

The golds of a few committed rows are always tried; those of all pinned files if MIRROR names a folder with them.
"""

import hashlib
import json
import re
import subprocess
from itertools import islice
from pathlib import Path
from typing import NamedTuple

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
from tests.mirror import MIRROR, with_mirror
from tests.plans import prepare_plan
from tests.project import EVALUATION_PYTHON, ROOT

FIXTURES = ROOT / "tests/fixtures/benchmarks"
SOURCES = load_sources(ROOT / "data/sources.yaml")
MATHEMATICS = [key for key in BENCHMARKS if find(key).source in SOURCES and find(key).has_short_answers]
CODE = [key for key in BENCHMARKS if find(key).source in SOURCES and find(key).runs_code]
# Golds that their own grader rejects, each a defect upstream.
REJECTED = {"mbpp": {"Mbpp/367"}}  # test of problem 367 names an undefined class `Node`
# (problem, problem whose gold it accepts though written otherwise): equal answers, fair to accept.
FAIR = {"math500": {("test/algebra/1837.json", "test/algebra/2193.json")}}  # 5 and x=5


def grade(name: str, pairs: list[tuple[dict, str]]) -> list[dict]:
    lines = "".join(json.dumps({"problem": problem, "text": text}) + "\n" for problem, text in pairs)
    command = [EVALUATION_PYTHON, "-m", "stages.graders", name]
    done = subprocess.run(command, input=lines, cwd=ROOT, capture_output=True, text=True, timeout=3000)
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


class Judged(NamedTuple):
    """What a benchmark's grader says of the golds of all its problems, each beside its own problem and beside another's."""

    lines: list[dict]
    own: list[bool]
    strangers: list[tuple[dict, dict]]
    wrong: list[bool]


def judged(folder: Path, keys: list[str]) -> dict[str, Judged | None]:
    """Benchmark -> what its grader says of `folder`/<benchmark>.jsonl, or None; each grader is started once."""
    lines = {key: list(read_jsonl(folder / f"{key}.jsonl")) for key in keys}
    others = {key: strangers(lines[key]) for key in keys}
    found: dict[str, Judged | None] = dict.fromkeys(keys)
    for name in {find(key).grader for key in keys}:
        if GRADERS[name].unavailable():
            continue
        mine = [key for key in keys if find(key).grader == name]
        own = [(line, gold(key, line)) for key in mine for line in lines[key]]
        wrong = [(line, gold(key, other)) for key in mine for line, other in others[key]]
        correct = [one["correct"] for one in grade(name, own + wrong)]
        of_own, of_wrong = iter(correct[: len(own)]), iter(correct[len(own) :])
        for key in mine:
            size = len(lines[key])
            found[key] = Judged(lines[key], list(islice(of_own, size)), others[key], list(islice(of_wrong, size)))
    return found


def check_golds(key: str, of_all: dict[str, Judged | None]) -> None:
    if (found := of_all[key]) is None:
        pytest.skip(str(GRADERS[find(key).grader].unavailable()))
    rejected = {line["id"] for line, right in zip(found.lines, found.own, strict=True) if not right}
    assert rejected == REJECTED.get(key, set()) & {line["id"] for line in found.lines}
    pairs = [(line["id"], other["id"]) for line, other in found.strangers]
    accepted = {pair for pair, right in zip(pairs, found.wrong, strict=True) if right}
    assert accepted == FAIR.get(key, set()) & set(pairs)


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


# Golds

SMALL = ["gsm8k", "math500", "humaneval", "lab_sum", "lab_chain", "lab_code"]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The golds of the committed rows, which have gone through the whole of prepare, and of the laboratory's problems."""
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
    return judged(prepared(folder / "data", SMALL, mirror, sources, lab), SMALL)


@pytest.mark.parametrize("key", SMALL)
def test_golds_of_the_committed_rows(small, key):
    check_golds(key, small)


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("real") / "data", [*MATHEMATICS, *CODE], Path(MIRROR), SOURCES)


@pytest.fixture(scope="module")
def real_golds(real):
    return judged(real, [*MATHEMATICS, *CODE])


@with_mirror
@pytest.mark.parametrize("key", [*MATHEMATICS, *CODE])
def test_golds_of_every_problem(real_golds, key):
    check_golds(key, real_golds)


@with_mirror
def test_every_problem_has_its_prompt_and_its_source(real):
    manifest = read_json(real.parent / "manifest.json")
    for key in (*MATHEMATICS, *CODE):
        assert manifest[f"eval/{key}.jsonl"]["source"] == find(key).source
        assert all(line["problem"].strip() for line in read_jsonl(real / f"{key}.jsonl"))
