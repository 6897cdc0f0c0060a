"""The job that is put to EvalScope: what names its stored samples, and what is refused before anything is asked."""

import json

import pytest

from stages.common.files import InputError
from stages.sampling.job import job_hash, read_job
from tests.chat_server import write_job

URL = "http://127.0.0.1:9/v1"


def hash_of(folder, **changes):
    return job_hash(read_job(write_job(folder, changes.pop("url", URL), **changes)))


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({}, "5039dfae5cc752d6"),
        ({"model_sha256": "a" * 64}, "dcc56de840b0619b"),
        ({"model_sha256": "a" * 64, "prompt": "boxed", "request_timeout": 2.5, "concurrency": 1}, "e71ef7d618c36e9b"),
    ],
)
def test_stored_samples_are_found_again(changes, expected, tmp_path):
    """Their folder is named by the hash: another one for the same job, and all of them would be requested again."""
    assert hash_of(tmp_path, **changes) == expected


@pytest.mark.parametrize(
    "change",
    [
        {"benchmark": "other"}, {"prompt": "boxed"}, {"model": "other"}, {"model_sha256": "b" * 64}, {"k": 3},
        {"bench_seed": 8}, {"temperature": 0.5}, {"top_p": 1.0}, {"top_k": 5}, {"max_tokens": 17}, {"number": 6},
    ],
)  # fmt: skip
def test_what_a_sample_depends_on_changes_the_hash(change, tmp_path):
    assert hash_of(tmp_path, **change) != hash_of(tmp_path)


def test_what_no_sample_depends_on_does_not(tmp_path):
    others = {"url": "http://127.0.0.1:10/v1", "concurrency": 1, "request_timeout": 1.0, "work": "w"}
    assert hash_of(tmp_path, **others) == hash_of(tmp_path)


def test_a_job_is_read_as_it_was_written(tmp_path):
    job = read_job(write_job(tmp_path, URL, model_sha256="a" * 64))
    (tmp_path / "again.json").write_text(job.model_dump_json())
    assert read_job(tmp_path / "again.json") == job


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"k": 0}, "k: input should be greater than 0, not 0"),
        ({"k": True}, "k: input should be a valid integer, not True"),
        ({"concurrency": 1.5}, "concurrency: "),
        ({"temperature": -0.1}, "temperature: "),
        ({"top_p": "0.7"}, "top_p: input should be a valid number, not '0.7'"),
        ({"prompt": "box"}, "prompt: give one of plain, boxed, .*, not 'box'"),
        ({"bench_sed": 1}, "bench_sed is no setting; known here are benchmark, problems, "),
        ({"problems": "nowhere.jsonl"}, "problems: nowhere.jsonl is no JSONL file; run the prepare stage"),
    ],
)
def test_a_mistake_names_the_file_and_the_field(changes, words, tmp_path):
    path = write_job(tmp_path, URL, **changes)
    with pytest.raises(InputError, match=f"job.json: {words}") as error:
        read_job(path)
    assert len(str(error.value).splitlines()) == 1


def test_a_missing_field_is_named(tmp_path):
    path = write_job(tmp_path, URL)
    path.write_text(json.dumps({key: value for key, value in json.loads(path.read_text()).items() if key != "model"}))
    with pytest.raises(InputError, match="job.json: model is missing"):
        read_job(path)
