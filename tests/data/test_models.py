"""The check of a model's tokenizer, on the laboratory's model and on damaged copies of it."""

import shutil

import pytest

from stages.common.files import InputError, read_json, write_json
from stages.model import check_chat_template


@pytest.fixture
def copy(shipped_model, tmp_path):
    return shutil.copytree(shipped_model, tmp_path / "copy")


def test_the_laboratorys_model_passes(shipped_model):
    check_chat_template("lab", shipped_model)


def test_a_model_without_chat_template_is_named_with_what_to_add(copy):
    (copy / "chat_template.jinja").unlink(missing_ok=True)
    config = read_json(copy / "tokenizer_config.json")
    write_json(copy / "tokenizer_config.json", {key: config[key] for key in config if key != "chat_template"})
    with pytest.raises(InputError, match=r"^model\.name: theirs has no chat template.*chat_template\.jinja"):
        check_chat_template("theirs", copy)


@pytest.mark.parametrize("content", ["", "{", '{"model": 1}'])
def test_a_torn_tokenizer_is_one_line(copy, content):
    (copy / "tokenizer.json").write_text(content)
    with pytest.raises(InputError, match=r"^model\.name: theirs: no tokenizer can be loaded") as caught:
        check_chat_template("theirs", copy)
    assert "\n" not in str(caught.value)
