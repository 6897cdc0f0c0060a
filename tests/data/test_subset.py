"""Parts of a training set: at random, and the largest clusters of the smoke model's embeddings of its prompts."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from stages.common.files import InputError, read_json, sha256
from stages.common.yaml_reader import safe_load
from stages.datasets import embeddings
from stages.datasets.embeddings import batches, cluster, embed
from stages.datasets.sources import SOURCES, load_sources
from stages.datasets.subsets import at_random, largest_clusters
from stages.prepare import prepare
from stages.profile.fingerprint import code_files
from stages.profile.params import Params, load
from stages.profile.resolution import plans
from stages.subset import write_subsets
from stages.train import check_prompts, of_same_set
from tests.plans import prepare_plan, subset_plan
from tests.project import ROOT

LAB = {"families": ["sum", "code"], "train_per_level": 100, "test_per_level": 16}
SETTINGS = {"training": ["lab"], "benchmarks": ["lab_sum"], "prompt": "plain", "variant": "decontaminated", "lab": LAB}
CLUSTERS = {"of": "lab", "by": "clusters", "clusters": 30}
RANDOM = {"of": "lab", "by": "random"}


@pytest.fixture(scope="module")
def smoke(shipped_model, tmp_path_factory):
    """A folder with the smoke model in `model` and its training set in `data/train`."""
    folder = tmp_path_factory.mktemp("smoke")
    (folder / "model").symlink_to(shipped_model)
    prepare(prepare_plan(20260101, **SETTINGS), folder / "data")
    return folder


def make(smoke: Path, output: Path, subsets: dict) -> dict:
    write_subsets(subset_plan(subsets), smoke / "data/train", smoke / "model", output)
    return read_json(output / "manifest.json")


def rows(path: Path) -> list[dict]:
    return pyarrow.parquet.read_table(path).to_pylist()


def test_the_published_sizes_bind_random_subsets(smoke, tmp_path):
    manifest = make(smoke, tmp_path / "a", {f"n{n}": {**RANDOM, "prompts": n} for n in (600, 281, 49, 1)})
    assert [manifest[f"n{n}"]["rows_out"] for n in (600, 281, 49, 1)] == [600, 281, 49, 1]
    whole = rows(smoke / "data/train/lab.parquet")
    assert rows(tmp_path / "a/n600.parquet") == whole
    ids = [row["extra_info"]["index"] for row in rows(tmp_path / "a/n281.parquet")]
    assert ids == sorted(set(ids)) and ids != list(range(281))
    assert at_random(600, 281, "one") != at_random(600, 281, "another")


def test_clusters_of_the_smoke_model_are_the_same_every_time_and_nested(smoke, tmp_path):
    declared = {"many": {**CLUSTERS, "largest": 8}, "few": {**CLUSTERS, "largest": 2}}
    manifest = make(smoke, tmp_path / "a", declared)
    make(smoke, tmp_path / "b", declared)
    assert sha256(tmp_path / "a") == sha256(tmp_path / "b")
    many, few = ({row["extra_info"]["id"] for row in rows(tmp_path / f"a/{name}.parquet")} for name in declared)
    assert few < many
    assert (manifest["many"]["rows_out"], manifest["few"]["rows_out"]) == (len(many), len(few))
    assert 8 * 600 / 30 < len(many) < 600  # the largest eight of thirty hold more than their share
    assert manifest["many"]["sha256"] == sha256(tmp_path / "a/many.parquet")


def test_a_cluster_holds_prompts_of_one_kind(smoke):
    """The smoke model tells sums from programs: hardly a cluster of its embeddings mixes them."""
    table = rows(smoke / "data/train/lab.parquet")
    texts = [row["prompt"][0]["content"] for row in table]
    labels = cluster(embed(texts, smoke / "model", "float32", "cpu", 1), 30, 0)
    code = np.array([row["ability"] == "code" for row in table])
    alike = sum(max(code[labels == label].sum(), (~code)[labels == label].sum()) for label in range(30))
    assert alike / len(table) > 0.95


def test_embeddings_are_the_mean_over_a_prompts_tokens_of_the_last_layer(smoke, monkeypatch):
    texts = ["sum 3 8", "total 4 5 6 7", "sum 1 2"]
    tokenizer = AutoTokenizer.from_pretrained(smoke / "model")
    reference = AutoModelForCausalLM.from_pretrained(smoke / "model", dtype=torch.float32)
    with torch.inference_mode():
        wanted = [
            reference(**tokenizer(text, return_tensors="pt"), output_hidden_states=True).hidden_states[-1][0].mean(0)
            for text in texts
        ]
    for limit in (1, embeddings.BATCH_TOKENS):  # alone, then padded
        monkeypatch.setattr(embeddings, "BATCH_TOKENS", limit)
        vectors = embed(texts, smoke / "model", "float32", "cpu", 1)
        np.testing.assert_allclose(vectors, torch.stack(wanted).numpy(), rtol=1e-4, atol=1e-5)


def test_batches_hold_every_text_once_and_no_more_tokens_than_their_limit(monkeypatch):
    monkeypatch.setattr(embeddings, "BATCH_TOKENS", 20)
    lengths = [3, 11, 5, 5, 30, 1, 9]
    found = batches(lengths)
    assert sorted(position for batch in found for position in batch) == list(range(7))
    assert found[0] == [4]
    assert all(len(batch) * max(lengths[p] for p in batch) <= 20 for batch in found[1:])


def test_of_clusters_of_one_size_the_lower_label_is_taken():
    labels = np.array([2, 0, 1, 1, 2, 3])
    assert largest_clusters(labels, 1) == [2, 3]
    assert largest_clusters(labels, 2) == [0, 2, 3, 4]
    assert largest_clusters(labels, 3) == [0, 1, 2, 3, 4]


def test_nothing_declared_needs_no_model_and_no_torch(tmp_path):
    code = (
        "import sys; from pathlib import Path; from stages.subset import write_subsets; from tests.plans import subset_plan; "
        "write_subsets(subset_plan({}), Path('none'), Path('none'), Path(sys.argv[1])); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "subsets"], cwd=ROOT, check=True)
    assert read_json(tmp_path / "subsets/manifest.json") == {}


@pytest.mark.parametrize(
    ("subset", "message"),
    [
        ({**RANDOM, "prompts": 601}, "data.subsets.part.prompts: lab has 600 prompts"),
        ({**CLUSTERS, "clusters": 601, "largest": 1}, "data.subsets.part.clusters: lab has 600 prompts"),
    ],
)
def test_more_than_there_is_writes_nothing(smoke, tmp_path, subset, message):
    with pytest.raises(InputError, match=message):
        make(smoke, tmp_path / "subsets", {"part": subset})
    assert list(tmp_path.iterdir()) == []


# Declaring a subset


def with_subsets(dataset: str, **subsets) -> Params:
    content = safe_load((ROOT / "profiles/smoke.yaml").read_text())
    content["data"]["subsets"] = subsets
    content["train"]["dataset"] = dataset
    return Params.model_validate(content)


def test_training_on_a_subset_reads_its_folder_and_another_subset_leaves_other_runs_alone():
    part = {"of": "lab", "by": "clusters", "clusters": 30, "largest": 8}
    whole, on_part = plans(load(ROOT / "profiles/smoke.yaml")), plans(with_subsets("part", part=part))
    assert whole["train/grpo-1"].training_folder == "data/train"
    assert on_part["train/grpo-1"].training_folder == "subsets"
    assert on_part["subset"].subsets["part"].largest == 8
    declared = plans(with_subsets("lab", part=part))
    assert {name for name in whole if whole[name] != declared[name]} == {"subset"}


@pytest.mark.parametrize(
    ("dataset", "subset", "message"),
    [
        ("other", {"of": "lab", "by": "random", "prompts": 5}, "'other' is not in data.training .*or data.subsets"),
        (
            "part",
            {"of": "lab", "by": "random", "prompts": 15},
            r"part.prompts: 15 are fewer than train.prompts_per_step .16",
        ),
        ("part", {"of": "math", "by": "random", "prompts": 5}, "subsets.part.of: 'math' is not in training"),
        ("part", {"of": "lab", "by": "random", "clusters": 5}, "by random takes prompts, and nothing else"),
        ("part", {"of": "lab", "by": "clusters", "clusters": 5}, "by clusters takes clusters and largest"),
        ("part", {"of": "lab", "by": "clusters", "clusters": 5, "largest": 6}, "largest .6. cannot be more than"),
    ],
)
def test_a_wrong_declaration_is_explained(dataset, subset, message):
    with pytest.raises(ValueError, match=message):
        with_subsets(dataset, part=subset)


def test_no_other_part_of_the_pipeline_is_made_of_the_embedding_code():
    files = {
        str(path)
        for stage in ("prepare", "model", "train", "sample", "report")
        for path in code_files([f"stages.{stage}"])
    }
    assert "stages/datasets/embeddings.py" not in files
    assert "stages/datasets/embeddings.py" in {str(path) for path in code_files(["stages.subset"])}


def test_a_set_that_no_step_can_be_taken_from_ends_a_training_before_it_starts(smoke):
    train = load(ROOT / "profiles/smoke.yaml").train
    check_prompts(train, smoke / "data/train/lab.parquet")
    with pytest.raises(InputError, match="train.prompts_per_step: lab has 600 prompts, fewer than 640"):
        check_prompts(train.model_copy(update={"prompts_per_step": 640}), smoke / "data/train/lab.parquet")


# A training set of a run's own


PART = {"of": "lab", "by": "random", "prompts": 64}


def with_own_set(tmp_path: Path, *changes: tuple[str, str]) -> Params:
    """Smoke with the subset `part` and the run grpo_part, which is trained on it; then `changes`."""
    text = (ROOT / "profiles/smoke.yaml").read_text()
    for old, new in (
        ("methods: [grpo,", "methods: [grpo, grpo_part,"),
        ("method_settings:\n", "method_settings:\n  grpo_part: {method: grpo, dataset: part}\n"),
        ("  prompt: plain\n  lab:\n", f"  prompt: plain\n  subsets: {{part: {json.dumps(PART)}}}\n  lab:\n"),
        *changes,
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (tmp_path / "params.yaml").write_text(text)
    return load(tmp_path / "params.yaml")


def test_a_run_with_a_set_of_its_own_leaves_the_plans_of_all_others_as_they_are(tmp_path):
    made, without = plans(with_own_set(tmp_path)), plans(load(ROOT / "profiles/smoke.yaml"))
    changed = {name for name in made if name not in without or made[name].text() != without[name].text()}
    assert changed == {*(f"train/grpo_part-{seed}" for seed in (1, 2, 3)), "subset", "report"}
    own, other = made["train/grpo_part-1"], made["train/grpo-1"]
    assert (own.training_folder, own.train.dataset) == ("subsets", "part")
    assert own.train == other.train.model_copy(update={"dataset": "part"})
    assert (own.method, own.method_settings, own.code) == (other.method, other.method_settings, other.code)
    assert made["report"].datasets == {"grpo_part": "part"}
    assert "datasets" not in without["report"].text()


def test_a_method_can_have_a_set_under_its_own_name(tmp_path):
    made = plans(with_own_set(tmp_path, ("  grpo_part: {method", "  grpo: {dataset: part}\n  grpo_part: {method")))
    assert made["train/grpo-1"].train.dataset == "part" and made["train/opefo-1"].train.dataset == "lab"


def test_a_probe_looks_at_the_set_of_its_run(tmp_path):
    probes = "\nprobes: {base: {grpo: {}}, trained: {grpo_part-1: {}, grpo-1: {}}}\nbackend:\n"
    made = plans(with_own_set(tmp_path, ("\nbackend:\n", probes)))
    found = {name: (plan.training_folder, plan.train.dataset) for name, plan in made.items() if "diagnose" in name}
    assert found == {
        "diagnose/base.grpo": ("data/train", "lab"),
        "diagnose/grpo_part-1": ("subsets", "part"),
        "diagnose/grpo-1": ("data/train", "lab"),
    }


def test_a_session_takes_along_the_runs_of_its_set_alone(tmp_path):
    made = plans(with_own_set(tmp_path, ("grpo_part,", "grpo_part, par_part,"), ("method_settings:\n", PAR_PART)))
    trainings = [plan for name, plan in made.items() if name.startswith("train/")]
    taken = {plan.run: [other.run for other in of_same_set(plan, trainings)] for plan in trainings}
    parts, whole = ([f"{name}-{seed}" for name in names for seed in (1, 2, 3)] for names in (PARTS, WHOLE))
    assert sorted(taken["grpo_part-1"]) == sorted(taken["par_part-1"]) == sorted(parts)
    assert sorted(taken["grpo-1"]) == sorted(whole)


PARTS, WHOLE = ("grpo_part", "par_part"), ("grpo", "kl_cov", "opefo")
PAR_PART = "method_settings:\n  par_part: {method: par, dataset: part}\n"
TWO_SETS = ("training: [lab]", "training: [lab, dapo_math_17k]")
VALIDATED = ("checkpoint_every: 6", "checkpoint_every: 6\n  validation: {dataset: dapo_math_17k, every: 6, prompts: 4}")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([("dataset: part}", "dataset: prat}")], "method_settings.grpo_part.dataset: 'prat' is not in data.training"),
        ([("dataset: part}", "dataset: prat}")], r"\['lab'\] or data.subsets \['part'\]$"),
        ([("dataset: part}", "dataset: }")], "method_settings.grpo_part.dataset: None is not in data.training"),
        ([("dataset: part}", "dataset: [part]}")], r"method_settings.grpo_part.dataset: \['part'\] is not in"),
        ([("dataset: part}", "datset: part}")], "method_settings.grpo_part.datset"),
        (
            [TWO_SETS, VALIDATED, ("dataset: part}", "dataset: dapo_math_17k}")],
            "method_settings.grpo_part.dataset: 'dapo_math_17k' is what train.validation validates on; train or validate",
        ),
    ],
)
def test_a_wrong_set_of_a_run_is_explained(tmp_path, changes, message):
    with pytest.raises(InputError, match=message) as error:
        with_own_set(tmp_path, *changes)
    assert "\n" not in str(error.value)


def test_what_rewards_training_has_to_compare_the_golds_of_every_set():
    """dapo_math_17k has numbers, which text compares; another set has formulas."""
    content = safe_load((ROOT / "profiles/qwen2.5-math-7b-dapo.yaml").read_text())
    formulas = next(
        name
        for name, source in load_sources(SOURCES).items()
        if source.use == "training" and source.golds == "formulas"
    )
    content["train"]["reward"] = "math_dapo"
    content["data"]["training"].append(formulas)
    Params.model_validate(content)
    content["method_settings"]["grpo"] = {"dataset": formulas}
    with pytest.raises(ValueError, match=f"train.reward: math_dapo compares text, and the golds of {formulas}"):
        Params.model_validate(content)
