"""EvalScope's real client against a small OpenAI-compatible server that echoes the seed and can fail or hang."""

import json
import os
import signal
import subprocess
import time

import pytest

from tests.chat_server import Server, command, complete, last_line, run, samples, write_job
from tests.project import EVALUATION_PYTHON, ROOT

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """(server, folder) of a finished job at concurrency 8."""
    server, folder = Server(), tmp_path_factory.mktemp("undisturbed")
    result = run(write_job(folder, server.url))
    assert result.returncode == 0, result.stderr
    return server, folder


def test_rows_are_problems_times_k_in_order(undisturbed):
    server, folder = undisturbed
    rows = samples(folder)
    assert [(row["id"], row["repeat"]) for row in rows] == [(f"toy-{i}", j) for i in range(5) for j in range(4)]
    assert set(rows[0]) == {"id", "repeat", "seed", "text", "tokens", "stop_reason"}
    assert {(row["tokens"], row["stop_reason"]) for row in rows} == {(5, "stop")}
    assert len(server.requests) == 20


def test_every_sample_has_a_seed_of_its_own_and_the_text_for_it(undisturbed):
    rows = samples(undisturbed[1])
    assert len({row["seed"] for row in rows}) == 20
    assert all(0 <= row["seed"] < 2**31 for row in rows)
    for row in rows:  # the text as it came, spaces and line break included
        assert row["text"] == f" seed {row['seed']} prompt total {row['id'][4:]} {{x}}\n"


def test_sampling_settings_reach_the_server(undisturbed):
    request = undisturbed[0].requests[0]
    assert {key: request[key] for key in ("temperature", "top_p", "top_k", "max_tokens", "model")} == {
        "temperature": 1.0, "top_p": 0.9, "top_k": -1, "max_tokens": 16, "model": "policy",
    }  # fmt: skip
    assert [message["role"] for message in request["messages"]] == ["user"]


def test_concurrency_and_port_change_nothing(undisturbed, tmp_path):
    server = Server()
    assert run(write_job(tmp_path, server.url, concurrency=1)).returncode == 0
    assert samples(tmp_path) == samples(undisturbed[1])


def test_a_reply_is_stored_as_it_came(tmp_path):
    """Thoughts, spaces, several tags, one that is never closed; and once more when the samples are read again."""
    replies = [
        "<think>\n 1+1 \\boxed{3} </think>\n\n \\boxed{2} \n",
        "so <think>a</think> and <think>b</think>  ",
        "<think>no end",
        "\n\t \\boxed{4}\r\n",
        '<think signature="x" redacted="true">c</think>',
    ]
    server = Server(answer=lambda prompt: replies[int(prompt.split()[1])])
    job = write_job(tmp_path, server.url, k=2)
    for _ in range(2):
        assert run(job).returncode == 0
        assert [row["text"] for row in samples(tmp_path)] == [reply for reply in replies for _ in range(2)]


def test_boxed_prompt_asks_for_a_boxed_answer(tmp_path):
    server = Server()
    assert run(write_job(tmp_path, server.url, number=1, k=1, prompt="boxed")).returncode == 0
    assert server.requests[0]["messages"][-1]["content"] == (
        "total 0 {x} Let's think step by step and output the final answer within \\boxed{}."
    )


def test_after_kill_9_only_missing_samples_are_requested_and_the_bytes_are_the_same(undisturbed, tmp_path):
    slow = Server(delay=0.2)
    process = subprocess.Popen(
        command(write_job(tmp_path, slow.url, concurrency=2)),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 300
    while len(slow.requests) < 10 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    stored = next((tmp_path / "work").rglob("predictions/**/*.jsonl"))
    whole = stored.read_bytes().count(b"\n")
    assert 5 <= whole <= 10 and not complete(tmp_path)
    stored.write_bytes(stored.read_bytes()[:-40])  # the kill tore the last line
    other_port = Server()
    result = run(write_job(tmp_path, other_port.url))
    assert result.returncode == 0, result.stderr
    assert len(other_port.requests) == 20 - (whole - 1)
    assert samples(tmp_path) == samples(undisturbed[1])
    # A further run needs no server at all.
    other_port.shutdown()
    assert run(write_job(tmp_path, other_port.url)).returncode == 0
    assert samples(tmp_path) == samples(undisturbed[1])


def test_changed_problems_are_not_answered_with_stored_samples(undisturbed, tmp_path):
    server = Server()
    job = write_job(tmp_path, server.url, number=2, k=1)
    assert run(job).returncode == 0
    problems = tmp_path / "toy.jsonl"
    problems.write_text(problems.read_text().replace("total 1", "total 9"))
    assert run(job).returncode == 0
    assert "total 9" in samples(tmp_path)[1]["text"] and len(server.requests) == 4


@pytest.mark.parametrize("behaviour", ["refuse", "crash", "hang", "abort"])
def test_a_failing_server_is_an_error_and_its_words_are_no_answer(behaviour, tmp_path):
    server = Server(lambda number: behaviour if number > 3 else "answer")
    job = {"number": 2, "k": 3, "concurrency": 1}
    patience = 3 if behaviour == "hang" else 300
    result = run(write_job(tmp_path, server.url, **job, request_timeout=patience))
    assert result.returncode == 1
    assert last_line(result).startswith("error: toy:") and "Traceback" not in last_line(result)
    assert not complete(tmp_path)
    server.behave = lambda number: "answer"
    before = len(server.requests)
    assert run(write_job(tmp_path, server.url, **job)).returncode == 0
    assert len(server.requests) - before == 3  # the three that had been answered are kept
    assert all(row["text"].startswith(f" seed {row['seed']} ") for row in samples(tmp_path))


def test_one_failed_attempt_is_repeated_with_the_same_seed(tmp_path):
    server = Server(lambda number: "crash" if number == 1 else "answer")
    assert run(write_job(tmp_path, server.url, number=1, k=1)).returncode == 0
    assert len(server.requests) == 2 and server.requests[0]["seed"] == server.requests[1]["seed"]


def test_the_jobs_of_one_model_after_another_come_by_standard_input(tmp_path):
    """Each with a log of its own; the same benchmark again, with samples of its own."""
    server, folders = Server(), [tmp_path / "first", tmp_path / "second"]
    jobs = [write_job(folder, server.url, number=2, k=2, model_sha256=folder.name) for folder in folders]
    lines = "".join(json.dumps([str(job.with_name("log")), str(job)]) + "\n" for job in jobs)
    result = subprocess.run(
        [EVALUATION_PYTHON, "-m", "stages.sampling.requests"],
        input=lines, cwd=ROOT, capture_output=True, text=True, timeout=1200,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert len(server.requests) == 8 and samples(folders[0]) == samples(folders[1])
    assert all(folder.name in (folder / "log").read_text() for folder in folders)
    assert not any("second" in (folder / "log").read_text() for folder in folders[:1])


def test_a_truncated_sample_says_so(tmp_path):
    assert run(write_job(tmp_path, Server(lambda number: "length").url, number=1, k=1)).returncode == 0
    assert samples(tmp_path)[0]["stop_reason"] == "length"


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"url": "http://127.0.0.1:9/v1"}, "no OpenAI-compatible server"),
        ({"model": "other"}, "not 'other'"),
        ({"bench_sed": 1}, "bench_sed is no setting"),
    ],
)
def test_a_mistake_is_one_line(changes, words, tmp_path):
    changes = {"url": Server().url, **changes}
    result = run(write_job(tmp_path, changes.pop("url"), **changes))
    assert result.returncode == 1 and words in last_line(result)
