"""Nine ways in which EvalScope 1.14.1 scores wrong without a word. Each is set here for EvalScope itself, asked by our
jobs, and what comes out of sampling and grading must be right, or an error in words."""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pyarrow.parquet
import pytest

from stages.common.files import write_jsonl
from stages.graders import availability
from tests.chat_server import Server, complete, last_line, run, samples, write_job
from tests.forks import evaluation
from tests.plans import grade_plan
from tests.project import EVALUATION_PYTHON, ROOT

pytestmark = pytest.mark.processes

REASON = availability.available()
needs_sandbox = pytest.mark.skipif(REASON is not None, reason=str(REASON))


def problem(number, answer="1", **more):
    return {"id": f"toy-{number}", "problem": f"total {number}", "answer": answer, "source": "real", **more}


def evaluate(folder, rows, answer, grader, k=1, search=os.environ["PATH"], **changes):
    """Samples through EvalScope, graded by the stage: (its result, the scores, the table's rows)."""
    job = write_job(folder, Server(answer=answer).url, rows=rows, k=k, **changes)
    sampled = run(job)
    assert sampled.returncode == 0, sampled.stderr
    results = folder / "results" / "toy"
    for path in ("plan", "data/eval", "samples/base"):
        (results / path).mkdir(parents=True, exist_ok=True)
    (results / "plan/grade.json").write_text(grade_plan({"toy": k}, {"toy": grader}, {}).text())
    (results / "data/eval/toy.jsonl").write_bytes((folder / "toy.jsonl").read_bytes())
    write_jsonl(results / "samples/base/toy.jsonl", samples(folder))
    return grade(folder, search)


def grade(folder, search=os.environ["PATH"]):
    environment = {"PYTHONPATH": str(ROOT), "PATH": search}
    return graded(folder, evaluation().module("stages.grade", "toy", "base", folder=folder, environment=environment))


def grade_beside_others(folder):
    command = [EVALUATION_PYTHON, "-m", "stages.grade", "toy", "base"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    return graded(folder, subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True))


def graded(folder, result):
    grades = folder / "results/toy/grades/base"
    if result.returncode:
        return result, None, None
    table = grades / "toy.parquet"
    rows = pyarrow.parquet.read_table(table).to_pylist() if table.exists() else None
    return result, json.loads((grades / "scores.json").read_text())["toy"], rows


def test_1_one_seed_for_all_repeats(tmp_path):
    """A server that honours seeds would give k times the same sample, and pass@k = pass@1."""
    texts = []
    for concurrency in (1, 8):
        folder = tmp_path / str(concurrency)
        assert run(write_job(folder, Server().url, number=2, k=8, concurrency=concurrency)).returncode == 0
        texts.append([row["text"] for row in samples(folder)])
    assert len(set(texts[0])) == 16 and texts[0] == texts[1]


def test_2_a_hung_grader_leaves_the_denominator(tmp_path):
    def answer(prompt):
        return r"\boxed{9^{9^{9^9}}}" if prompt == "total 0" else r"\boxed{1}"

    rows = [problem(number, answer="9" if number == 0 else "1") for number in range(5)]
    result, score, table = evaluate(tmp_path, rows, answer, "math_verify", k=2)
    assert result.returncode == 0, result.stderr
    assert (score["rows"], score["timeouts"], score["avg_at_k"]) == (10, 2, 0.8)
    assert [row["status"] for row in table].count("timeout") == 2


def test_2_a_gold_that_cannot_be_read_leaves_the_denominator(tmp_path):
    rows = [problem(0), problem(1, answer="")]
    result, _, _ = evaluate(tmp_path, rows, lambda prompt: r"\boxed{\frac{1}{1}}", "math_verify")
    assert result.returncode == 1 and "cannot read the gold ''" in last_line(result)


CODE = [problem(0, entry_point="add", prompt="", tests="assert add(1, 2) == 3")]


def test_3_code_without_a_sandbox_scores_zero(tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    answer = "```python\ndef add(a, b): return a + b\n```"
    result, score, table = evaluate(tmp_path / "run", CODE, lambda prompt: answer, "sandbox", search=str(folder))
    assert result.returncode == 0, result.stderr
    assert score["status"].startswith("not run: ") and "avg_at_k" not in score and table is None


def stdin_problem(number, output):
    return problem(number, tests=[{"input": "1 2\n", "output": output, "testtype": "stdin"}])


@needs_sandbox
def test_4_process_start_counts_in_the_time_limit(tmp_path):
    """Twelve right programs stay twelve, with one grader at work and with four on the same processors."""
    program = "import time\nwhile time.process_time() < 0.2: pass\nprint(sum(map(int, input().split())))"
    rows = [stdin_problem(number, "3") for number in range(12)]
    answer = f"```python\n{program}\n```"
    _, score, _ = evaluate(tmp_path, rows, lambda prompt: f"{prompt}\n{answer}", "sandbox")
    assert score["avg_at_k"] == 1.0
    for number in range(4):
        subprocess.run(["cp", "-r", tmp_path / "results", tmp_path / f"{number}"], check=True)
        (tmp_path / f"at{number}").mkdir()
        (tmp_path / f"{number}").rename(tmp_path / f"at{number}" / "results")
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(grade_beside_others, [tmp_path / f"at{number}" for number in range(4)]))
    assert [score["avg_at_k"] for _, score, _ in outcomes] == [1.0] * 4


@needs_sandbox
def test_5_a_docstring_fails_and_printing_a_word_passes(tmp_path):
    programs = {
        "total 0": "'''A docstring'''\nprint(sum(map(int, input().split())))",
        "total 1": 'def f():\n    """\'\'\' and \\"\\"\\" """\nprint(sum(map(int, input().split())))',
        "total 2": "print('TEST_PASSED')",
        "total 3": "print('TEST_PASSED')\nimport os\nos._exit(0)",
    }
    rows = [stdin_problem(number, "3") for number in range(4)]
    _, score, table = evaluate(tmp_path, rows, lambda prompt: f"```python\n{programs[prompt]}\n```", "sandbox")
    assert [row["correct"] for row in table] == [True, True, False, False]
    assert score["errors"] == score["timeouts"] == 0


def test_6_an_integer_has_to_be_written_as_digits(tmp_path):
    spellings = [r"\frac{408}{2}", r"\text{204}", "m+n=204", r"204^\circ", "204", "205"]
    rows = [problem(number, answer="204") for number in range(len(spellings))]

    def answer(prompt):
        return rf"So \boxed{{{spellings[int(prompt.split()[-1])]}}}"

    _, _, table = evaluate(tmp_path, rows, answer, "math_verify")
    assert [row["correct"] for row in table] == [True, True, True, True, True, False]


def test_7_the_text_of_an_error_is_graded(tmp_path):
    """The server refuses a prompt that is too long, in words that hold a boxed answer."""
    result = run(write_job(tmp_path, Server(lambda number: "refuse").url, number=1, k=1))
    assert result.returncode == 1 and "maximum context length" in last_line(result)
    assert not complete(tmp_path)


@pytest.mark.parametrize("changes", [{"few_shot": 3}, {"aggregation": "mean_and_pass_at_k"}, {"top_p": "0.7"}])
def test_8_an_unknown_setting_is_ignored_or_ends_after_the_work(changes, tmp_path):
    server = Server()
    result = run(write_job(tmp_path, server.url, number=1, k=1, **changes))
    assert result.returncode == 1 and next(iter(changes)) in last_line(result)
    assert server.requests == []


def test_9_a_server_that_is_down_gives_an_empty_report(tmp_path):
    result = run(write_job(tmp_path, "http://127.0.0.1:9/v1", number=1, k=1))
    assert result.returncode == 1 and "no OpenAI-compatible server" in last_line(result)
    assert not complete(tmp_path)


def test_9_a_server_that_goes_down_gives_a_report_of_what_was_there(tmp_path):
    result = run(
        write_job(tmp_path, Server(lambda n: "crash" if n > 2 else "answer").url, number=4, k=1, concurrency=1)
    )
    assert result.returncode == 1 and last_line(result).startswith("error: toy:")
    assert not complete(tmp_path)
