"""Parameter and protocol files mean one thing, whoever reads them: YAML 1.1 (PyYAML) and YAML 1.2 (DVC's ruamel.yaml)."""

import subprocess
import sys
import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from stages.common.files import InputError
from stages.common.yaml_reader import read_yaml
from stages.profile.params import load
from stages.protocols.record import load_protocols
from tests.project import ROOT

SMOKE = (ROOT / "profiles/smoke.yaml").read_text(encoding="utf-8")


def written(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def error_of(tmp_path, text):
    with pytest.raises(InputError) as raised:
        read_yaml(written(tmp_path, text))
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    ("value", "fix"),
    [
        ("010", "write 10"), ("0755", "write 755"), ("-010", "write -10"), ("007", "write 7"), ("00", "write 0"),
        ("08", "write 8"), ("0_7", "write 7"), ("1:30", "90 in YAML 1.1 and '1:30'"), ("190:20:30", "685230"),
        ("1:30.5", "90.5"), ("1e-3", "0.001"), ("1e3", "1000.0"), ("1.5e3", "1500.0"), ("12e03", "12000.0"), ("1e-7", "1.0e-07"),
        ("0o17", "15"), ("yes", "true in YAML 1.1 and 'yes'"), ("No", "false in YAML 1.1 and 'No'"), ("on", "true"),
        ("OFF", "false"), ("!!int 010", "write 10"),
    ],
)  # fmt: skip
def test_what_two_parsers_read_differently_is_refused(tmp_path, value, fix):
    for text, field in (
        (f"train:\n  steps: {value}\n", "line 2: train.steps:"),
        (f"seeds: [1, {value}]\n", "line 1: seeds.1:"),
        (f"a:\n- b:\n    c: {value}\n", "line 3: a.0.b.c:"),
    ):
        message = error_of(tmp_path, text)
        assert field in message and fix in message and "params.yaml" in message


@pytest.mark.parametrize("key", ["on", "yes", "010", "1:30", "1e3"])
def test_keys_are_values_too(tmp_path, key):
    assert f"line 2: a.{key}" in error_of(tmp_path, f"a:\n  {key}: 1\n")


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("a: 1\nb: 2\na: 3\n", "a stands twice (lines 1 and 3)"),
        ("train:\n  steps: 1\n  seed: 2\n  steps: 1\n", "train.steps stands twice (lines 2 and 4)"),
        ("a: {b: 1, b: 2}\n", "a.b stands twice (lines 1 and 1)"),
        ('a: [{"b": 1, b: 2}]\n', "a.0.b stands twice"),
        ("x: &x {b: 1}\ny: {<<: *x, c: 1, c: 2}\n", "y.c stands twice"),
    ],
)
def test_a_key_stands_once(tmp_path, text, field):
    message = error_of(tmp_path, text)
    assert field in message and "keep one" in message


@pytest.mark.parametrize(
    "text",
    [
        'a: "010"\n', "a: '1:30'\n", 'a: "yes"\n', "a: 10\n", "a: 0\n", "a: 0.5\n", "a: 1.0e-3\n", "a: 0x1F\n", "a: 1_000\n",
        "a: true\n", "a: null\n", "a: ~\n", "a: .inf\n", "a: .nan\n", "a: 2024-08-01\n", "a: y\n", "a: |\n  010\n", "a: b:c\n",
        "x: &x {b: 1, c: 2}\ny:\n  <<: *x\n  b: 3\n", "a: &a [1]\nb: *a\nc: *a\n", "a: 0.1\n", "a: -0.5\n", "a: 1.2.3\n", "{}\n", "",
    ],
)  # fmt: skip
def test_what_both_read_alike_is_read(tmp_path, text):
    found = read_yaml(written(tmp_path, text))
    assert repr(found) == repr(yaml.safe_load(text))


@pytest.mark.parametrize(
    "text", ["a: [1", "a: 1\n b: 2", "\tb: 1", "a: *b", "a: 2024-13-40", "a: @x", "--- 1\n--- 2\n", "a: [" * 5000]
)
def test_what_is_not_yaml_is_said_so(tmp_path, text):
    assert "params.yaml" in error_of(tmp_path, text)
    (tmp_path / "params.yaml").write_bytes(b"a: \xff")
    with pytest.raises(InputError, match="UTF-8"):
        read_yaml(tmp_path / "params.yaml")


@given(st.text(alphabet="0123456789:._-+eExobyYnNoOfFtT~", min_size=1, max_size=7))
def test_no_scalar_is_read_in_two_ways(tmp_path_factory, scalar):
    path = written(tmp_path_factory.mktemp("yaml"), f"a: {scalar}\n")
    try:
        found = read_yaml(path)
    except InputError:
        return
    try:
        other = YAML(typ="safe").load(path)
    except YAMLError:
        pytest.fail("DVC's parser refuses it")
    assert repr(found) == repr(other)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("steps: 10", "steps: 010", "train.steps: 010 has a leading zero"),
        ("seeds: [1, 2, 3]", "seeds: [01]", "seeds.0: 01 has a leading zero"),
        ("steps: 10", "steps: 1:30", "train.steps: 1:30 is 90"),
        ("learning_rate: 1.0e-3", "learning_rate: 1e-3", "train.optimiser.learning_rate: 1e-3 is"),
        ("share_session: true", "share_session: yes", "backend.share_session: yes is true"),
        ("  steps: 10", "  steps: 10\n  steps: 19", "train.steps stands twice"),
    ],
)
def test_a_profile_is_refused_before_anything_runs(tmp_path, old, new, message):
    assert old in SMOKE
    path = written(tmp_path, SMOKE.replace(old, new, 1))
    start = time.process_time()
    with pytest.raises(InputError, match="params.yaml") as raised:
        load(path)
    assert message in str(raised.value) and time.process_time() - start < 1


def test_a_protocol_is_refused_too(tmp_path):
    text = (ROOT / "data/protocols/laboratory.yaml").read_text(encoding="utf-8")
    (tmp_path / "laboratory.yaml").write_text(f"{text}name: laboratory\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"laboratory.yaml: name stands twice"):
        load_protocols(tmp_path)


def test_the_first_stage_says_so_in_one_line(tmp_path):
    written(tmp_path, SMOKE.replace("bench_seed: 20260101", "bench_seed: 0755"))
    run = subprocess.run(
        [sys.executable, "-m", "stages.resolve", "smoke"], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, text=True,
        capture_output=True,
    )  # fmt: skip
    assert run.returncode != 0 and "bench_seed: 0755 has a leading zero" in run.stderr
    assert len(run.stderr.strip().splitlines()) == 1 and not (tmp_path / "results").exists()


def test_the_projects_own_files_are_read_alike():
    files = [ROOT / "params.yaml", ROOT / "data/sources.yaml"]
    for folder in ("profiles", "data/protocols", "data/published"):
        files += sorted((ROOT / folder).glob("*.yaml"))
    start = time.process_time()
    for file in files:
        assert read_yaml(file) == yaml.safe_load(file.read_text(encoding="utf-8"))
    assert len(files) > 20 and time.process_time() - start < 5
