"""The real vLLM serves one model after another: the samples of each are those that it gives when it is served alone."""

import json
import shutil
import urllib.request
from typing import NamedTuple

import pytest
import torch
from safetensors.torch import load_file, save_file

from stages.backend.server import SERVED_NAME, check, choose_port, load, serving, wait_until_ready
from stages.common.files import read_json, sha256, write_json, write_jsonl
from stages.common.supervise import ProcessFailed
from stages.profile.plans.sample import SamplePlan
from stages.sample import Sampling, sample
from stages.sampling.client import request, requesting
from stages.sampling.job import Job
from stages.sampling.stored import collect, stored_samples
from tests.plans import sample_plan

pytestmark = pytest.mark.slow
CONTEXT = 512
PROBLEMS = [
    {"id": f"lab_sum-{i}", "problem": f"total {i} 6 5", "answer": "0", "source": "lab", "level": 1, "family": "sum"}
    for i in range(8)
]


class Models(NamedTuple):
    """The shipped model; others of its shape, the second with a file of weights that ends too early; one of another."""

    shipped: object
    perturbed: object
    torn: object
    of_another_shape: object


@pytest.fixture(scope="module")
def models(shipped_model, tmp_path_factory):
    models = Models(*(tmp_path_factory.mktemp("models") / name for name in Models._fields))
    shutil.copytree(shipped_model, models.shipped)
    config = read_json(models.shipped / "config.json")
    write_json(models.shipped / "config.json", config | {"max_position_embeddings": CONTEXT})
    for other in models[1:]:
        shutil.copytree(models.shipped, other)
    generator = torch.Generator().manual_seed(1)
    weights = load_file(models.shipped / "model.safetensors")
    noisy = {name: w * (1 + 0.05 * torch.randn(w.shape, generator=generator)) for name, w in weights.items()}
    save_file(noisy, models.perturbed / "model.safetensors", metadata={"format": "pt"})
    torn = models.torn / "model.safetensors"
    torn.write_bytes(torn.read_bytes()[:-1000])
    (models.of_another_shape / "chat_template.jinja").write_text("another")
    return models


def plan(share_session: bool) -> SamplePlan:
    return sample_plan({"lab_sum": 4}, context_length=CONTEXT, share_session=share_session)


def sampling(model, port, work) -> Sampling:
    problems, digest = work / "lab_sum.jsonl", sha256(model)
    write_jsonl(problems, PROBLEMS)
    job = Job(
        benchmark="lab_sum", problems=problems, prompt="plain", url=f"http://127.0.0.1:{port}/v1", model=SERVED_NAME,
        model_sha256=digest, k=4, bench_seed=1, temperature=1.0, top_p=1.0, top_k=-1, max_tokens=40, concurrency=8,
        work=work / "lab_sum",
    )  # fmt: skip
    return Sampling(model.name, model, digest, work, [job])


def request_all(client, asked: Sampling) -> list[dict]:
    """The rows of all samples, requested as far as they are missing."""
    request(client, asked.jobs, asked.work, lambda stored: None)
    return [row for job in asked.jobs for row in collect(job)]


@pytest.fixture(scope="module")
def alone(models, tmp_path_factory):
    """The samples of the perturbed model, from a server of its own."""
    port, work = choose_port(0), tmp_path_factory.mktemp("alone")
    sample(sampling(models.perturbed, port, work), [], plan(share_session=False), port)
    return collect(sampling(models.perturbed, port, work).jobs[0])


@pytest.fixture(scope="module")
def session(models, tmp_path_factory):
    """(port, client) of a server that is started with the shipped model."""
    port, work = choose_port(0), tmp_path_factory.mktemp("session")
    log = work / "vllm.log"
    with (
        serving(models.shipped, port, plan(share_session=True), log, work / "server_log.txt") as server,
        requesting(work / "evalscope.log", work / "client_log.txt") as client,
    ):
        wait_until_ready(server, port, log)
        yield port, client


def test_samples_are_the_same_alone_first_last_and_resumed(models, alone, session, tmp_path):
    port, client = session
    rows = []
    for number, model in enumerate([models.shipped, models.perturbed, models.shipped]):
        load(port, model)
        rows.append(request_all(client, sampling(model, port, tmp_path / str(number))))
    assert rows[0] == rows[2] != rows[1] == alone
    stored = stored_samples(sampling(models.perturbed, port, tmp_path / "1").jobs[0])
    stored.write_bytes(stored.read_bytes()[: stored.stat().st_size // 2])  # as a kill may leave it
    load(port, models.perturbed)
    assert request_all(client, sampling(models.perturbed, port, tmp_path / "1")) == alone


def test_the_check_refuses_other_weights(models, session):
    port, _ = session
    for served, other in ((models.shipped, models.perturbed), (models.perturbed, models.shipped)):
        load(port, served)
        check(port, served)
        with pytest.raises(ProcessFailed, match=f"other weights than those in {other}"):
            check(port, other)


def test_loading_empties_the_prefix_cache(models, session):
    port, _ = session
    load(port, models.shipped)
    assert [hits_of_a_long_prompt(port) > 0 for _ in range(2)] == [False, True]
    load(port, models.perturbed)
    assert hits_of_a_long_prompt(port) == 0


def hits_of_a_long_prompt(port: int) -> float:
    """How many tokens of a prompt longer than a block of the cache are found in it."""
    before = prefix_cache_hits(port)
    body = {"model": SERVED_NAME, "prompt": [5] * (CONTEXT - 100), "max_tokens": 1}
    address, header = f"http://127.0.0.1:{port}/v1/completions", {"Content-Type": "application/json"}
    with urllib.request.urlopen(
        urllib.request.Request(address, json.dumps(body).encode(), header), timeout=60
    ) as answer:
        answer.read()
    return prefix_cache_hits(port) - before


def prefix_cache_hits(port: int) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("vllm:prefix_cache_hits_total"))


def test_a_model_that_fails_is_left_to_its_own_stage_and_costs_the_others_nothing(models, alone, tmp_path, capsys):
    port = choose_port(0)
    wanted, torn, other, last = (sampling(model, port, tmp_path / model.name) for model in (
        models.shipped, models.torn, models.of_another_shape, models.perturbed,
    ))  # fmt: skip
    sample(wanted, [torn, other, last], plan(share_session=True), port)
    assert len(collect(wanted.jobs[0])) == 32 and collect(last.jobs[0]) == alone
    assert not stored_samples(torn.jobs[0]).exists() and not stored_samples(other.jobs[0]).exists()
    said = capsys.readouterr().err
    assert "left to its own stage: sampling torn failed: the server refused collective_rpc" in said
    assert "of_another_shape" not in said
