"""The check of a model's tokenizer, on the laboratory's model and on damaged copies of it."""

import shutil

import pytest
from transformers import AutoTokenizer

from stages.common.files import InputError, read_json, write_json
from stages.model import check_chat_template, check_or_record, ends_no_turn, folder, remove_chat_template
from stages.profile.plans.model import ModelPlan


@pytest.fixture
def copy(shipped_model, tmp_path):
    return shutil.copytree(shipped_model, tmp_path / "copy")


def test_the_laboratorys_model_passes(shipped_model):
    check_chat_template("lab", shipped_model)


def test_a_model_without_chat_template_is_named_with_what_to_add(copy):
    (copy / "chat_template.jinja").unlink(missing_ok=True)
    config = read_json(copy / "tokenizer_config.json")
    write_json(copy / "tokenizer_config.json", {key: config[key] for key in config if key != "chat_template"})
    with pytest.raises(InputError, match=r"^model\.name: theirs has no chat template.*chat_template: none"):
        check_chat_template("theirs", copy)


@pytest.mark.parametrize("content", ["", "{", '{"model": 1}'])
def test_a_torn_tokenizer_is_one_line(copy, content):
    (copy / "tokenizer.json").write_text(content)
    with pytest.raises(InputError, match=r"^model\.name: theirs: no tokenizer can be loaded") as caught:
        check_chat_template("theirs", copy)
    assert "\n" not in str(caught.value)


def test_a_model_can_be_asked_without_its_template(copy):
    remove_chat_template(copy)
    check_chat_template("theirs", copy)
    tokenizer = AutoTokenizer.from_pretrained(copy)
    message = [{"role": "user", "content": "total 1 2"}]
    assert tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True) == "total 1 2"
    assert ends_no_turn("theirs", copy) is None


def test_a_turn_that_ends_where_sampling_goes_on_is_said(shipped_model, copy):
    assert ends_no_turn("lab", shipped_model) is None
    template = "{% for message in messages %}{{ message['content'] }}{{ '\\n' if message['role'] == 'user' else '+' }}{% endfor %}"
    (copy / "chat_template.jinja").write_text(template)
    tokenizer = AutoTokenizer.from_pretrained(copy)
    note = ends_no_turn("theirs", copy)
    assert "ends a turn with '+'" in note and repr(tokenizer.eos_token) in note and "\n" not in note
    (plus,) = tokenizer("+", add_special_tokens=False)["input_ids"]
    write_json(copy / "generation_config.json", {"eos_token_id": [plus]})
    assert ends_no_turn("theirs", copy) is None


def test_no_code_and_no_pickle_is_taken_over_from_a_folder(copy, tmp_path):
    """What stands beside the weights of a model that somebody handed on."""
    for name in ("modeling_theirs.py", "pytorch_model.bin", "run.sh"):
        (copy / name).write_text("raise SystemExit('run')")
    plan = ModelPlan(
        bench_seed=1, code="", environment="", model={"source": "folder", "name": str(copy)}, dtype="float32"
    )
    output = tmp_path / "output"
    output.mkdir()
    folder(plan, output)
    taken = {path.name for path in output.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= taken
    assert taken <= {path.name for path in copy.iterdir()} - {"modeling_theirs.py", "pytorch_model.bin", "run.sh"}


def test_the_hubs_files_are_those_of_the_first_fetch(copy, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    lock = tmp_path / "hub.json"
    check_or_record("owner/model@1", copy, lock)
    assert "fetched for the first time" in capsys.readouterr().out and list(read_json(lock)) == ["owner/model@1"]
    first = lock.read_bytes()
    check_or_record("owner/model@1", copy, lock)
    assert lock.read_bytes() == first and capsys.readouterr().out == ""
    weights = (copy / "model.safetensors").read_bytes()
    for change in (
        lambda: (copy / "model.safetensors").write_bytes(weights[:-1] + b"x"),
        (copy / "tokenizer.json").unlink,
    ):
        change()
        with pytest.raises(InputError, match=r"owner/model@1: \w+\.\w+ has sha256 .*the hub gives other files"):
            check_or_record("owner/model@1", copy, lock)
        assert lock.read_bytes() == first
        (copy / "model.safetensors").write_bytes(weights)
    check_or_record("owner/model@2", copy, lock)
    assert list(read_json(lock)) == ["owner/model@1", "owner/model@2"]
