"""Real sets out of a small mirror, in both variants; with MIRROR, every training set out of the real files."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stages.common.files import InputError, read_json, sha256
from stages.prepare import prepare
from tests.data.test_prepare import train_rows
from tests.mirror import MIRROR, with_mirror
from tests.plans import prepare_plan
from tests.small_mirror import FIXTURES, ROOT, small_mirror

TRAINING = ["dapo_math_17k", "steer_dapo_math_17k", "math_train_7500", "math_train_12k", "gsm8k_train"]
REAL = {"training": TRAINING, "benchmarks": ["math500", "amc23_40"], "prompt": "boxed", "lab": None}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Variant -> its data folder."""
    folder = tmp_path_factory.mktemp("real")
    sources = small_mirror(folder / "mirror")
    for variant in ("as_released", "decontaminated"):
        prepare(prepare_plan(**REAL, variant=variant), folder / variant, folder / "mirror", sources)
    return {variant: folder / variant for variant in ("as_released", "decontaminated")}


def prompts(folder, name):
    return [row["prompt"][0]["content"] for row in train_rows(folder, name)]


def test_as_released_trains_on_the_files_own_rows(prepared):
    content = [row["prompt"][0]["content"] for row in FIXTURES["dapo"]]
    sentence = " Let's think step by step and output the final answer within \\boxed{}."
    assert prompts(prepared["as_released"], "dapo_math_17k") == [text + sentence for text in content]
    own = [row["prompt"][0]["content"] for row in FIXTURES["steer_training"]]
    assert prompts(prepared["as_released"], "steer_dapo_math_17k") == own
    manifest = read_json(prepared["as_released"] / "manifest.json")
    assert manifest["train/dapo_math_17k.parquet"]["dropped"] == {}
    assert manifest["train/steer_dapo_math_17k.parquet"]["prompt"] == "the file's own"
    assert manifest["train/math_train_7500.parquet"]["dropped"] == {"empty gold": 1}


def test_decontaminated_is_mended_distinct_and_holds_no_evaluation_problem(prepared):
    manifest = read_json(prepared["decontaminated"] / "manifest.json")
    assert manifest["train/dapo_math_17k.parquet"]["dropped"] == {
        "conflicting golds": 2, "duplicate": 1, "no question": 1, "stands in an evaluation set": 3
    }  # fmt: skip
    texts = prompts(prepared["decontaminated"], "dapo_math_17k")
    assert len(texts) == 3 and not any("final_answer" in text or "Mara" in text for text in texts)
    assert not any("Remember" in text for text in prompts(prepared["decontaminated"], "steer_dapo_math_17k"))


def test_the_twelve_thousand_are_all_of_math_but_math500(prepared):
    entry = read_json(prepared["as_released"] / "manifest.json")["train/math_train_12k.parquet"]
    assert entry["dropped"] == {"stands in math500": 1, "empty gold": 1}
    assert (entry["rows_in"], entry["rows_out"]) == (6, 4)
    assert set(entry["source_sha256"]) == set(entry["address"]) == {"math_train_7500", "math_test_5000"}
    rows = train_rows(prepared["as_released"], "math_train_12k")
    assert [row["extra_info"]["level"] for row in rows] == [2, 2, 2, None]
    assert [row["extra_info"]["id"] for row in rows][-1] == "math_test_5000-0001"


def test_counts_add_up_and_every_file_is_described(prepared):
    for folder in prepared.values():
        manifest = read_json(folder / "manifest.json")
        written = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        assert written == {*manifest, "manifest.json", "contamination.csv"}
        for name, entry in manifest.items():
            assert entry["sha256"] == sha256(folder / name)
            assert entry["rows_in"] == entry["rows_out"] + sum(entry["dropped"].values())
        assert str(folder.parent) not in json.dumps(manifest)


def test_evaluation_sets_and_the_report_on_contamination_are_those_of_both_variants(prepared):
    for name in ("eval/math500.jsonl", "eval/amc23_40.jsonl", "contamination.csv"):
        assert sha256(prepared["as_released"] / name) == sha256(prepared["decontaminated"] / name)


def test_same_input_gives_the_same_bytes_in_another_process(prepared, tmp_path):
    """Hashes of text differ between processes, and with them the order of a set."""
    code = (
        "import json, sys; from pathlib import Path; from stages.prepare import prepare; "
        "from tests.plans import prepare_plan; from tests.small_mirror import small_mirror; folder = Path(sys.argv[1]); "
        "sources = small_mirror(folder / 'mirror'); "
        "prepare(prepare_plan(**json.loads(sys.argv[2])), folder / 'data', folder / 'mirror', sources)"
    )
    settings = json.dumps({**REAL, "variant": "decontaminated"})
    subprocess.run([sys.executable, "-c", code, tmp_path, settings], cwd=ROOT, check=True)
    assert sha256(tmp_path / "data") == sha256(prepared["decontaminated"])


@pytest.mark.parametrize("broken", ["dapo_math_17k", "olympiadbench_675"])
def test_one_bad_file_writes_nothing_and_leaves_an_earlier_output_as_it_was(prepared, tmp_path, broken):
    """A set that is only compared with is as necessary as the one that is trained on."""
    sources = small_mirror(tmp_path / "mirror")
    shutil.copytree(prepared["as_released"], tmp_path / "data")
    file = tmp_path / "mirror" / sources[broken].usable[0].sha256
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(InputError, match=f"source {broken}: wrong checksum.*replace it in MIRROR"):
        prepare(prepare_plan(**REAL, variant="as_released"), tmp_path / "data", tmp_path / "mirror", sources)
    assert sha256(tmp_path / "data") == sha256(prepared["as_released"])
    assert {path.name for path in tmp_path.iterdir()} == {"mirror", "data"}


def test_sets_for_training_and_for_evaluation_do_not_stand_in_for_each_other(tmp_path):
    sources = small_mirror(tmp_path / "mirror")
    for change, message in (
        ({"training": ["humaneval"]}, "training: humaneval is for evaluation; known are lab, dapo_math_17k"),
        ({"benchmarks": ["gsm8k_train"]}, "benchmarks: gsm8k_train is for training; known are lab_sum"),
    ):
        with pytest.raises(InputError, match=message):
            prepare(
                prepare_plan(**REAL | change, variant="as_released"), tmp_path / "data", tmp_path / "mirror", sources
            )
    assert not (tmp_path / "data").exists()


# rows of each training set: as released, decontaminated
ROWS = {
    "dapo_math_17k": (17917, 16717),
    "steer_dapo_math_17k": (17398, 16724),
    "math_train_7500": (7498, 7456),
    "math_train_12k": (11998, 11924),
    "gsm8k_train": (7473, 7473),
}


@with_mirror
@pytest.mark.parametrize("variant", ["as_released", "decontaminated"])
def test_every_real_training_set_is_prepared(tmp_path, variant):
    prepare(prepare_plan(**REAL | {"benchmarks": []}, variant=variant), tmp_path / "data", Path(MIRROR))
    position = ["as_released", "decontaminated"].index(variant)
    assert {name: len(train_rows(tmp_path / "data", name)) for name in TRAINING} == {
        name: rows[position] for name, rows in ROWS.items()
    }
