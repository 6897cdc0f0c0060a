r"""What the rows of a source file mean, on small files in the shapes of the real ones."""

import gzip

import pytest

from stages.common.files import InputError
from stages.datasets.assembly import evaluation_set, read_raw
from stages.datasets.cleaning import as_released, clean
from stages.datasets.readers import READERS
from stages.datasets.sources import load_sources
from tests.small_mirror import CONTENT, FIXTURES, ROOT, pinned, put, small_mirror, source_of

SOURCES = load_sources(ROOT / "data/sources.yaml")


@pytest.mark.parametrize(
    ("content", "path", "message"),
    [
        (CONTENT[:-12], "data.jsonl", "row 2 is torn"),
        (CONTENT.replace(b'"answer": "2"', b'"result": "2"'), "data.jsonl", "row 1 is torn or of another kind.*answer"),
        (CONTENT.replace(b'"033"', b"33"), "data.jsonl", "row 2 is torn or of another kind"),
        (CONTENT.replace(b'"2"', b'"two"'), "data.jsonl", "row 1 is torn or of another kind"),
        (CONTENT.replace(b'"1+1"', b'" "'), "data.jsonl", "row 1 is torn or of another kind.*problem is empty"),
        (CONTENT + CONTENT, "data.jsonl", "4 rows, not 2"),
        (gzip.compress(CONTENT, mtime=0)[:-20], "data.jsonl.gz", "the file is torn"),
        (CONTENT, "data.parquet", "the file is torn"),
    ],
)
def test_a_torn_file_is_refused(tmp_path, content, path, message):
    source = source_of(pinned(content, path))
    (tmp_path / source.usable[0].sha256).write_bytes(content)
    with pytest.raises(InputError, match=f"tiny: .*{message}") as caught:
        evaluation_set(source, tmp_path)
    assert "\n" not in str(caught.value)


def wrapped(problem, gold):
    before = (
        "Solve the following math problem step by step. The last line of your response should be of the form "
        "Answer: $Answer (without quotes) where $Answer is the answer to the problem.\n\n"
    )
    content = f'{before}{problem}\n\nRemember to put your answer on its own line after "Answer:".'
    return {"prompt": [{"content": content, "role": "user"}], "reward_model": {"ground_truth": gold, "style": "rule"}}


def hub_file(folder, rows, copies):
    """The hub's DAPO-Math-17k in small: every row `copies` times, each copy under a number of its own."""
    numbered = [{**row, "extra_info": {"index": f"{n}-{copy}"}} for copy in range(copies) for n, row in enumerate(rows)]
    address = SOURCES["dapo_math_17k"].usable[1].model_copy(update={"copies": copies})
    return source_of(put(folder, address, numbered), name="dapo_math_17k", use="training", golds="numbers")


def test_the_hundredfold_file_gives_the_rows_of_the_pinned_one(tmp_path):
    chinese = FIXTURES["steer_training"][3]
    rows = [wrapped("What is $1+1$?", "2"), wrapped("What is $1+2$?", "3"), wrapped("What is $1+1$?", "2"), chinese]
    raw = read_raw(hub_file(tmp_path, rows, 100), {}, tmp_path)
    assert [row["problem"] for row in raw.rows[:3]] == ["What is $1+1$?", "What is $1+2$?", "What is $1+1$?"]
    assert raw.rows[3]["problem"].endswith("一共有多少个球？")
    assert not any("released" in row for row in raw.rows)  # DAPO's "Answer:" is no prompt for rewards that read boxes
    assert (raw.rows_in, raw.dropped) == (400, {"copies": 396})


def test_a_row_that_stands_99_times_is_refused(tmp_path):
    source = hub_file(tmp_path, [wrapped("What is $1+1$?", "2")], 99)
    address = source.usable[0].model_copy(update={"copies": 100})
    with pytest.raises(InputError, match="not every row stands 100 times"):
        read_raw(source.model_copy(update={"addresses": (address,)}), {}, tmp_path)


def test_a_problem_outside_its_known_prompt_is_refused(tmp_path):
    bare = {**wrapped("", "2"), "prompt": [{"content": "What is 1+1?", "role": "user"}]}
    with pytest.raises(InputError, match="row 1 is torn or of another kind.*no known prompt"):
        read_raw(hub_file(tmp_path, [bare], 100), {}, tmp_path)


def row(problem, answer, **more):
    return {"id": 0, "problem": problem, "answer": answer, **more}


DEFECTIVE = [
    row("What is  1+1?", "2"),
    row("what is 1+1?", "2"),
    row("What is 2+2?", "4"),
    row("What is 2 + 2?", "5"),
    row("A third?", "\\frac13"),
    row("a third?", "\\dfrac{1}{3}"),
    row("Nothing?", ""),
    row("$\\frac{2020}{6063}$", "8083"),
    row("Of $x^k$ with $k<0$?", "a"),
    row("Of $x^k$ with $k>0$?", "b"),
    row("Three?", "3", released="Three? Say it.", mended="leftover prompt"),
    row("Of another split?", "1", not_used="not of the test split"),
]


def test_defects_are_dropped_by_reason():
    cleaned = clean(DEFECTIVE)
    assert [kept["answer"] for kept in cleaned.rows] == ["2", "\\frac13", "a", "b", "3"]
    assert cleaned.dropped == {
        "duplicate": 2, "conflicting golds": 2, "empty gold": 1, "no question": 1, "not of the test split": 1
    }  # fmt: skip
    assert cleaned.mended == {"leftover prompt": 1}
    assert cleaned.rows[-1]["problem"] == "Three?"


def test_as_released_keeps_whatever_has_an_answer_as_it_stands():
    kept = as_released(DEFECTIVE)
    assert kept.dropped == {"empty gold": 1, "not of the test split": 1}
    assert kept.mended == {}
    assert [one["problem"] for one in kept.rows[-2:]] == ["Of $x^k$ with $k>0$?", "Three? Say it."]


def test_math_answer_is_the_last_box_of_the_solution():
    def answer(solution):
        gold = {"ground_truth": {"solution": solution}}
        return READERS["math"]({"level": "Level 3", "prompt": [{"content": "?"}], "reward_model": gold})["answer"]

    assert answer(r"First \boxed{1}, then $\boxed{\frac{1}{2}}$.") == r"\frac{1}{2}"
    assert answer(r"So $x = \boxed 9$.") == "9"
    assert answer(r"There are $\boxed{}$ primes.") == ""


@pytest.mark.parametrize("name", [name for name, source in SOURCES.items() if source.use == "evaluation"])
def test_every_evaluation_reader_gives_lines_with_their_keys(tmp_path, name):
    dataset = evaluation_set(small_mirror(tmp_path)[name], tmp_path)
    assert dataset.lines
    for line in dataset.lines:
        assert line["problem"].strip() and line["answer"].strip() and line["source"] == name
        assert not {"released", "mended", "not_used"} & set(line)


def test_mbpp_is_asked_for_with_its_asserts_and_only_its_test_split_is_taken(tmp_path):
    dataset = evaluation_set(small_mirror(tmp_path)["mbpp"], tmp_path)
    (line,) = dataset.lines
    assert dataset.entry.dropped == {"not of the test split": 1}
    assert (line["id"], line["entry_point"]) == ("Mbpp/11", "triple")
    assert line["problem"].startswith(
        "Write a function to triple a number. Your code should pass these tests:\n\nassert "
    )
    assert "\r" not in line["answer"] + line["problem"]


def test_numbers_and_ids_of_the_golds(tmp_path):
    sources = small_mirror(tmp_path)
    golds = {n: [line["answer"] for line in evaluation_set(sources[n], tmp_path).lines] for n in ("aime25", "amc23_40")}
    assert golds == {"aime25": ["336", "23"], "amc23_40": ["138", "27"]}
    assert evaluation_set(sources["aime25"], tmp_path).lines[1]["id"] == "aime25-0001"
    assert evaluation_set(sources["math500"], tmp_path).lines[0]["id"] == "test/geometry/1.json"
