"""What `python -m stages.resolve --check` says of this machine and of models: each lack is one line that names field and fix."""

import io
import json
import urllib.error

import numpy
import pytest
from safetensors.numpy import save

from stages.common.files import InputError
from stages.profile import machine
from stages.profile.model_folder import check_folder
from stages.profile.params import load
from tests.project import ROOT

GPUS, EVALUATION = "qwen2.5-math-7b-dapo", "single-gpu-evaluation"


def profile(name, tmp_path=None, *edits):
    text = (ROOT / f"profiles/{name}.yaml").read_text(encoding="utf-8")
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    path = ROOT / f"profiles/{name}.yaml" if tmp_path is None else tmp_path / "params.yaml"
    if tmp_path is not None:
        path.write_text(text, encoding="utf-8")
    return load(path)


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """A machine with eight GPUs and all packages, in an empty folder, whose network gives what the returned mapping says of an
    address, {} otherwise; the addresses that were asked are its key None.
    """
    answers = {None: []}

    def urlopen(request, timeout):
        address = request if isinstance(request, str) else request.full_url
        answers[None].append(address)
        answer = answers.get(address, {})
        if isinstance(answer, Exception):
            raise answer
        return io.BytesIO(json.dumps(answer).encode())

    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MIRROR", raising=False)
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    monkeypatch.setattr(machine, "gpus", lambda: 8)
    monkeypatch.setattr(machine, "assert_versions", lambda platform: {})
    monkeypatch.setattr(machine.urllib.request, "urlopen", urlopen)
    return answers


def said(params):
    with pytest.raises(InputError) as raised:
        machine.check_machine(params)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def config_of(params):
    return f"https://huggingface.co/{params.model.name}/resolve/{params.model.revision}/config.json"


def test_a_machine_that_has_everything(asked):
    params = profile(GPUS)
    machine.check_machine(params)
    assert len(asked[None]) <= 2  # at most the model, and one data set


@pytest.mark.parametrize("there", [0, 7])
def test_gpus_that_are_not_there(asked, monkeypatch, there):
    monkeypatch.setattr(machine, "gpus", lambda: there)
    assert f"backend.devices: 8 GPUs are asked for, and this machine has {there}" in said(profile(GPUS))


@pytest.mark.parametrize(
    ("listed", "visible", "count"), [(8, None, 8), (8, "0,1", 2), (1, "0,1", 1), (8, "", 0), (None, None, 0)]
)
def test_gpus_are_those_that_a_process_sees(monkeypatch, listed, visible, count):
    def nvidia_smi(*command, **how):
        if listed is None:
            raise FileNotFoundError
        return machine.subprocess.CompletedProcess(command, 0, "GPU 0: NVIDIA H100\n" * listed)

    monkeypatch.setattr(machine.subprocess, "run", nvidia_smi)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert machine.gpus() == count


def test_memory_that_is_not_there(asked, tmp_path):
    params = profile("smoke", tmp_path, ("engine_gigabytes: ", "engine_gigabytes: 1000000 # "))
    assert "backend.engine_gigabytes: 1000000 GB are asked for" in said(params)


def test_a_hub_that_does_not_answer(asked, tmp_path):
    params = profile(EVALUATION)
    asked[config_of(params)] = urllib.error.URLError("no route")
    line = said(params)
    assert (
        line.startswith("model.name: Qwen/Qwen2.5-Math-1.5B is to be fetched")
        and "cannot be reached (no route)" in line
    )
    assert "HF_ENDPOINT" in line and "folder" in line


def test_a_model_that_the_hub_gives_to_some_only_is_left_to_its_stage(asked):
    params = profile(EVALUATION)
    asked[config_of(params)] = urllib.error.HTTPError("", 401, "", {}, None)
    machine.check_machine(params)


def test_the_hubs_config_says_how_much_room_a_model_has(asked):
    params = profile(EVALUATION)
    asked[config_of(params)] = {"max_position_embeddings": 4095}
    assert "evaluation.max_tokens: " in (line := said(params)) and "model: its config.json allows 4095" in line
    asked[config_of(params)] = {"text_config": {"max_position_embeddings": 4096}}
    machine.check_machine(params)


def test_so_does_that_of_a_model_that_has_been_fetched_without_a_network(asked, tmp_path):
    params = profile(EVALUATION)
    (name,) = params.models
    for place in ("model", f"models/{name}"):
        folder, plan = (
            tmp_path / "results" / EVALUATION / place,
            tmp_path / "results" / EVALUATION / f"plan/{place}.json",
        )
        folder.mkdir(parents=True)
        plan.parent.mkdir(parents=True, exist_ok=True)
        plan.write_text(written(place, params))
        (folder / "config.json").write_text(json.dumps({"max_position_embeddings": 4096 - place.count("/")}))
    assert f"models.{name}: its config.json allows 4095" in said(params) and not asked[None]
    plan = tmp_path / "results" / EVALUATION / "plan/model.json"
    plan.write_text(plan.read_text().replace(params.model.revision, "0" * 40))
    asked[config_of(params)] = {"max_position_embeddings": 8}
    assert "model: its config.json allows 8" in said(params)  # what lies there is of another commit


def test_a_packages_model_has_the_room_that_it_has(tmp_path):
    with pytest.raises(InputError, match="train.max_response_tokens: .*the package's model allows 8192"):
        profile("laptop", tmp_path, ("max_response_tokens: ", "max_response_tokens: 60000 # "))


def test_a_data_set_that_cannot_be_had(asked, monkeypatch, tmp_path):
    params = profile(EVALUATION)
    name, address = next(iter(machine.to_be_fetched(params).items()))
    asked[address] = urllib.error.URLError("timed out")
    line = said(params)
    assert (
        line.startswith(f"evaluation.benchmarks: {name} is to be fetched")
        and "(timed out)" in line
        and "MIRROR=" in line
    )
    for name in list(asked):
        asked.pop(name) if name else asked[None].clear()
    (tmp_path / f"results/{EVALUATION}/data").mkdir(parents=True)
    (tmp_path / f"results/{EVALUATION}/data/manifest.json").write_text("{}")
    asked[address] = urllib.error.URLError("timed out")
    machine.check_sources(params)  # they have been prepared
    assert not asked[None]


def test_files_of_a_mirror_are_not_fetched(asked, monkeypatch, tmp_path):
    params = profile(EVALUATION)
    table = machine.load_sources()
    (tmp_path / "mirror").mkdir()
    for name in machine.to_be_fetched(params):
        (tmp_path / "mirror" / table[name].usable[0].sha256).touch()
    monkeypatch.setenv("MIRROR", str(tmp_path / "mirror"))
    assert machine.to_be_fetched(params) == {}


# -- a folder as model -------------------------------------------------------------------------------------------

TINY = {
    "config.json": {"model_type": "qwen2"},
    "tokenizer.json": {},
    "tokenizer_config.json": {"chat_template": "{{ x }}"},
}


@pytest.mark.parametrize(
    ("changed", "lacks"),
    [
        ({"config.json": None}, ["config.json is missing", "HF folder"]),
        ({"config.json": {}}, ["config.json", "model_type"]),
        ({"model.safetensors": None}, ["safetensors", "whole weights"]),
        ({"tokenizer.json": None}, ["has no tokenizer", "tokenizer.model"]),
        ({"tokenizer_config.json": {}}, ["no chat template", "chat_template.jinja", "chat_template: none"]),
        ({"tokenizer_config.json": None}, ["no chat template"]),
        ({}, None),
        ({"tokenizer_config.json": {}, "chat_template.jinja": "{{ x }}"}, None),
    ],
)
def test_what_a_model_folder_lacks(tmp_path, changed, lacks):
    for name, content in ({"model.safetensors": save({"weight": numpy.zeros(1)}), **TINY} | changed).items():
        if content is not None:
            data = (
                content
                if isinstance(content, bytes)
                else (content if isinstance(content, str) else json.dumps(content)).encode()
            )
            (tmp_path / name).write_bytes(data)
    if lacks is None:
        check_folder("model.name", tmp_path, "own")
        return
    with pytest.raises(InputError) as raised:
        check_folder("model.name", tmp_path, "own")
    assert all(word in str(raised.value) for word in ["model.name", str(tmp_path), *lacks]), raised.value
    if "chat template" in lacks[0]:
        check_folder("model.name", tmp_path, "none")


def written(place, params):
    """The plan by which stage model makes what lies at `place`, as text; only its model is looked at."""
    model = machine.hub_models(params)[place]
    return json.dumps({"model": model.model_dump(mode="json")})
