"""IF-Eval: what follows an instruction and what does not, strictly and loosely, of prompts and of instructions.

The sentences' parameters are Punkt's in small (tests/small_mirror.py); the real ones are read where MIRROR holds them.
"""

import json
from pathlib import Path

import pytest

from stages.benchmarks import find
from stages.common.files import read_jsonl
from stages.datasets.sources import load_sources
from stages.prepare import prepare
from tests.forks import evaluation
from tests.graders.test_grade import sample, write_run
from tests.mirror import MIRROR, with_mirror
from tests.plans import prepare_plan
from tests.project import ROOT
from tests.small_mirror import small_mirror

pytestmark = pytest.mark.processes

SETTING = {
    "benchmarks": ["ifeval"],
    "benchmark_sources": {"ifeval": "ifeval"},
    "grader_files": list(find("ifeval").grader_files),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """What stage prepare writes for IF-Eval, from two prompts of our own."""
    folder = tmp_path_factory.mktemp("ifeval")
    sources = small_mirror(folder / "mirror")
    prepare(prepare_plan(**SETTING), folder / "data", folder / "mirror", sources)
    return folder / "data"


def grade(files: Path, name: str, cases: list[tuple[list[dict], str]], prompt: str = "Say it.") -> list[dict]:
    problems = [{"problem": prompt, "instructions": instructions, "files": str(files)} for instructions, _ in cases]
    lines = [json.dumps({"problem": problem, "text": text}) for problem, (_, text) in zip(problems, cases, strict=True)]
    done = evaluation().module("stages.graders", name, given="\n".join(lines))
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def one(name: str, **arguments) -> dict:
    return {"name": name, "arguments": arguments}


SENTENCES = one("length_constraints:number_sentences", num_sentences=2, relation="at least")
FEWER = one("length_constraints:number_sentences", num_sentences=3, relation="less than")
# an instruction, a text, whether it is followed: strictly, loosely
CASES = [
    (one("punctuation:no_comma"), "First this; then that.", True, True),
    (one("punctuation:no_comma"), "First this, then that.", False, False),
    (one("punctuation:no_comma"), "Sure, here it is:\nFirst this; then that.", False, True),
    (one("punctuation:no_comma"), "First this; then that.\nThere, done.", False, True),
    (SENTENCES, "It rains. It pours.", True, True),
    (SENTENCES, "Dr. Smith met St. Nicholas.", False, False),  # two abbreviations
    (FEWER, "Dr. Smith met St. Nicholas. They spoke.", True, True),
    (FEWER, "Sure.\nDr. Smith met St. Nicholas. They spoke.", False, True),
    (one("length_constraints:number_words", num_words=4, relation="at least"), "one two three four", True, True),
    (one("length_constraints:number_words", num_words=4, relation="less than"), "one two three four", False, False),
    (one("length_constraints:number_paragraphs", num_paragraphs=2), "One.\n***\nTwo.", True, True),
    (one("length_constraints:number_paragraphs", num_paragraphs=2), "One.\n\nTwo.", False, False),
    (one("detectable_format:json_format"), '```json\n{"a": 1}\n```', True, True),
    (one("detectable_format:json_format"), '{"a": }', False, False),
    (one("detectable_format:number_bullet_lists", num_bullets=2), "* one\n* two", True, True),
    (one("detectable_format:number_bullet_lists", num_bullets=2), "* one", False, False),
    (one("detectable_format:title"), "<<A title>>\nText.", True, True),
    (one("detectable_format:title"), "**<<A title>>**", True, True),
    (one("keywords:forbidden_words", forbidden_words=["rain"]), "It pours.", True, True),
    (one("keywords:forbidden_words", forbidden_words=["rain"]), "Rain pours.", False, False),
    (one("keywords:letter_frequency", letter="z", let_frequency=2, let_relation="at least"), "zigzag", True, True),
    (one("keywords:letter_frequency", letter="z", let_frequency=3, let_relation="at least"), "zigzag", False, False),
    (one("change_case:capital_word_frequency", capital_frequency=2, capital_relation="at least"), "GO ON now", True, True),
    (one("change_case:capital_word_frequency", capital_frequency=2, capital_relation="less than"), "GO ON now", False, False),
    (one("change_case:english_lowercase"), "all of this is written in small letters", True, True),
    (one("change_case:english_lowercase"), "All of this is not written in small letters", False, False),
    (one("language:response_language", language="de"), "Der Igel hat vier Beine und einen langen Weg.", True, True),
    (one("language:response_language", language="de"), "The hedgehog has four legs and a long way.", False, False),
    (one("startend:quotation"), '"Quoted."', True, True),
    (one("startend:quotation"), '*"Quoted."*', False, True),
    (one("startend:end_checker", end_phrase="The end."), "All is told. The end.", True, True),
    (one("startend:end_checker", end_phrase="The end."), "The end. Or is it?", False, False),
    (one("combination:two_responses"), "yes\n******\nno", True, True),
    (one("combination:repeat_prompt", prompt_to_repeat="Say it."), "Say it. Said.", True, True),
    (one("combination:repeat_prompt", prompt_to_repeat="Say it."), "Said.", False, False),
    (one("punctuation:no_comma"), " \n", False, False),  # an empty sample follows nothing
]  # fmt: skip


@pytest.mark.parametrize("name, column", [("ifeval_strict", 2), ("ifeval_loose", 3)])
def test_what_follows_an_instruction(data, name, column):
    found = grade(data / "eval/files", name, [([case[0]], case[1]) for case in CASES])
    assert [one["correct"] for one in found] == [case[column] for case in CASES]
    assert all(one["parts"] == [one["correct"]] for one in found)
    assert [one["status"] for one in found] == [*["graded"] * (len(CASES) - 1), "no answer"]


def test_a_prompt_is_followed_if_all_of_its_instructions_are(data):
    both = [one("punctuation:no_comma"), SENTENCES]
    found = grade(
        data / "eval/files", "ifeval_strict", [(both, "It rains. It pours."), (both, "It rains."), (both, "")]
    )
    assert [(one["correct"], one["parts"]) for one in found] == [
        (True, [True, True]), (False, [True, False]), (False, [False, False]),
    ]  # fmt: skip


def test_what_only_the_whole_archive_knows_is_not_taken_from_elsewhere(data, tmp_path):
    """Without the file of the sources there is no grade, whatever copies of Punkt a machine has."""
    problem = {"problem": "", "instructions": [SENTENCES], "files": str(tmp_path)}
    for changed, message in (
        (problem, "punkt_tab.zip is missing; run stage prepare again"),
        (problem | {"files": str(data / "eval/files"), "instructions": [one("punctuation:no_dots")]}, "no instruction 'punctuation:no_dots'"),
        (problem | {"files": str(data / "eval/files"), "instructions": [one("detectable_format:number_bullet_lists", num_bullets=0)]},
         "number_bullet_lists: argument num_bullets is missing"),
        ({"problem": "", "id": "a"}, "problem a: instructions is missing"),
    ):  # fmt: skip
        given = json.dumps({"problem": changed, "text": "It rains."})
        done = evaluation().module("stages.graders", "ifeval_strict", given=given)
        assert done.returncode == 1 and message in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_lines_instructions_have_the_arguments_that_are_given(data):
    first, second = read_jsonl(data / "eval/ifeval.jsonl")
    assert first["instructions"] == [one("punctuation:no_comma"), SENTENCES]
    assert (second["id"], second["instructions"]) == ("IFEval/8", [one("language:response_language", language="de")])


def test_scores_of_prompts_and_of_instructions(data, tmp_path):
    """Two prompts of two instructions, two samples each. Strictly, the samples follow (1, 1), (1, 0), (0, 0), (1, 1)."""
    files = tmp_path / "results/toy/data/eval/files"
    files.parent.mkdir(parents=True)
    files.symlink_to(data / "eval/files")
    texts = [["It rains. It pours.", "It rains."], ["No, never. Ever.", "Well, yes.\nIt rains. It pours."]]
    samples = [sample(i, j, text) for i, row in enumerate(texts) for j, text in enumerate(row)]
    instructions = [one("punctuation:no_comma"), SENTENCES]
    result, grades = write_run(tmp_path, samples, "ifeval_strict", ["ifeval_loose"], instructions=instructions)
    assert result.returncode == 0, result.stderr
    score = json.loads((grades / "scores.json").read_text())["toy"]
    assert (score["avg_at_k"], score["pass_at_k"]) == (0.25, {"1": 0.25, "2": 0.5})
    assert score["instruction_level"] == {
        "ifeval_strict": {"instructions": 4, "avg_at_k": 5 / 8, "pass_at_k": {"1": 5 / 8, "2": 3 / 4}},
        "ifeval_loose": {"instructions": 4, "avg_at_k": 6 / 8, "pass_at_k": {"1": 6 / 8, "2": 1.0}},
    }
    counts = {"both_right": 1, "only_primary": 0, "only_alternative": 1, "both_wrong": 2}
    assert score["disagreement"]["ifeval_loose"] == counts


# The real prompts


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> Path:
    sources = load_sources(ROOT / "data/sources.yaml")
    if not all((Path(MIRROR) / sources[name].usable[0].sha256).is_file() for name in ("ifeval", "punkt_tab")):
        pytest.skip("MIRROR does not hold IF-Eval and Punkt: python -m stages.prepare --mirror fetches them")
    folder = tmp_path_factory.mktemp("real")
    prepare(prepare_plan(**SETTING), folder / "data", Path(MIRROR), sources)
    return folder / "data"


@with_mirror
def test_every_instruction_of_every_prompt_is_complete_and_judged(real):
    lines = list(read_jsonl(real / "eval/ifeval.jsonl"))
    assert len(lines) == 541 and sum(len(line["instructions"]) for line in lines) == 834
    text = "Dr. Smith went to Washington D.C. yesterday. He liked it!"
    found = grade(real / "eval/files", "ifeval_strict", [(line["instructions"], text) for line in lines])
    assert {one["status"] for one in found} == {"graded"}
    assert [len(one["parts"]) for one in found] == [len(line["instructions"]) for line in lines]


@with_mirror
def test_the_real_parameters_know_more_abbreviations(real):
    text = "Dr. Smith went to Washington D.C. yesterday. He liked it!"
    two = one("length_constraints:number_sentences", num_sentences=3, relation="less than")
    (found,) = grade(real / "eval/files", "ifeval_strict", [([two], text)])
    assert found["correct"]
