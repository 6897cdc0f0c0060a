"""Stage diagnose on the laboratory's model: the same bytes twice, whole outputs, and one line for what is wrong."""

import csv
import shutil

import pytest

from stages.artifacts.probes import TABLES, check_probe, read_summary
from stages.common.files import InputError, output_folder, sha256
from stages.datasets.laboratory import lab_training
from stages.datasets.verl import verl_row, write_parquet
from stages.diagnose import diagnose
from stages.methods import build
from stages.profile.plans.diagnose import DiagnosePlan
from tests.plans import CODE
from tests.report_results import TRAIN

VERSIONS = {"python": "3.11", "torch": "of a test", "transformers": "of a test"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    dataset, _ = lab_training(["sum"], 4, 1, bench_seed=1)
    path = tmp_path_factory.mktemp("data") / "lab.parquet"
    write_parquet(path, [verl_row(index, line, "plain") for index, line in enumerate(dataset.lines)])
    return path


def plan_of(method: str = "random_reward", **changes) -> DiagnosePlan:
    """Two small batches; a method that rewards at random always has something to learn."""
    sizes = {"batches": 2, "prompts": 2, "responses": 2, "updates": 2, "coupled_states": 1}
    fields = {
        **CODE,
        "bench_seed": 3,
        "run": "base",
        "method": method,
        "method_settings": build(method, {}).settings.model_dump(),
        "optimisers": {"sgd": {"kind": "sgd", "learning_rates": [0.01]}},
        "train": {**TRAIN, "steps": 4, "max_response_tokens": 6},
        "training_folder": "data/train",
        "platform": "cpu",
        "threads": 1,
    }
    return DiagnosePlan.model_validate(fields | sizes | changes)


def written(plan: DiagnosePlan, name: str, data, model, folder):
    with output_folder(folder, lambda output: check_probe(output, name)) as output:
        diagnose(plan, name, data, model, model, VERSIONS, output)
    return folder


@pytest.fixture(scope="module")
def probed(data, shipped_model, tmp_path_factory):
    return written(plan_of(), "base.random_reward", data, shipped_model, tmp_path_factory.mktemp("probes") / "first")


def test_the_same_bytes_twice(probed, data, shipped_model, tmp_path):
    again = written(plan_of(), "base.random_reward", data, shipped_model, tmp_path / "again")
    assert sha256(again) == sha256(probed)


def test_what_is_written(probed):
    summary = read_summary(probed, "base.random_reward")
    assert (summary.batches, summary.updates, summary.parameters) == (2, 2, 1103488)
    with (probed / "tokens.csv").open(newline="") as stream:
        tokens = list(csv.DictReader(stream))
    assert 0 < len(tokens) < summary.tokens  # of one mini-batch
    assert {row["position"] for row in tokens} <= set("012345") and all(
        0 < float(row["probability"]) <= 1 for row in tokens
    )
    with (probed / "estimates.csv").open(newline="") as stream:
        rows = {(row["update"], row["estimate"]): row for row in csv.DictReader(stream)}
    assert {update for update, _ in rows} == {"1", "2"}
    assert float(rows["1", "directional"]["pearson"]) > 0.9  # of a step of 0.01 along the gradient
    assert rows["1", "directional"]["pearson_low"] != ""
    with (probed / "batches.csv").open(newline="") as stream:
        found = [
            row for row in csv.DictReader(stream) if row["update"] == "1" and row["measure"] == "pearson directional"
        ]
    assert [row["batch"] for row in found] == ["1", "2"]
    mean = sum(float(row["value"]) for row in found) / 2
    assert mean == pytest.approx(float(rows["1", "directional"]["pearson"]))
    assert sum(path.stat().st_size for path in probed.iterdir()) < 200_000


@pytest.mark.parametrize("table", [*TABLES, "summary"])
def test_a_folder_that_lacks_something_is_not_whole(probed, tmp_path, table):
    folder = shutil.copytree(probed, tmp_path / "copy")
    path = folder / ("summary.json" if table == "summary" else f"{table}.csv")
    content = path.read_text()
    path.write_text(content[: len(content) // 2])
    with pytest.raises(InputError, match=f"{path}.*diagnose for base.random_reward"):
        check_probe(folder, "base.random_reward")
    path.unlink()
    with pytest.raises(InputError, match=f"{path} is missing"):
        check_probe(folder, "base.random_reward")


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"batches": 7}, "7 batches of 2 prompts are 14, and .* has 12 of at most 32 tokens; lower batches or prompts"),
        # answers that are cut off are all wrong
        ({"method": "grpo"}, "no step changed the entropy, .*; raise prompts or responses"),
    ],
)
def test_what_cannot_be_probed(changes, said, data, shipped_model, tmp_path):
    with pytest.raises(InputError, match=said) as error:
        written(plan_of(**changes), "base.x", data, shipped_model, tmp_path / "x")
    assert "\n" not in str(error.value) and not (tmp_path / "x").exists()
