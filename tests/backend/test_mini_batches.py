"""Which responses make up a mini-batch, whatever the number of devices; how many a device computes on at once, and what it
says meanwhile.
"""

import sys
import time

import pytest
import torch
import torch.distributed
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tensordict import TensorDict
from torch._subclasses.fake_tensor import FakeTensorMode
from verl.utils import tensordict_utils as tu
from verl.workers.engine.utils import prepare_micro_batches

from stages.backend.mini_batches import at_once, shared_out
from stages.backend.responses import numbered
from stages.backend.session import bytes_below
from stages.backend.worker import _gathered, evenly_cut, heard
from stages.common.files import InputError
from stages.common.supervise import ProcessFailed, supervised, wait
from stages.common.yaml_reader import safe_load
from stages.methods import build
from stages.profile.params import load
from stages.rl.batch import TrainingStep, Update
from stages.rl.batch_statistics import with_batch_statistics
from tests.project import ROOT


@st.composite
def steps(draw):
    """(lengths, responses of a mini-batch, devices)"""
    devices, share, mini_batches = draw(st.integers(1, 8)), draw(st.integers(1, 4)), draw(st.integers(1, 4))
    size = devices * share
    lengths = st.lists(st.integers(1, 4096), min_size=size * mini_batches, max_size=size * mini_batches)
    return draw(lengths), size, devices


def parts_of(order: list[int], mini_batch: int, devices: int) -> list[list[list[int]]]:
    """[mini-batch][device] -> responses, as verl cuts them: a part of the batch a device, of that a part a mini-batch."""
    on_device, share = len(order) // devices, mini_batch // devices
    return [
        [order[device * on_device + first :][:share] for device in range(devices)]
        for first in range(0, on_device, share)
    ]


@given(steps())
def test_a_mini_batch_has_the_same_responses_on_any_number_of_devices(step):
    lengths, size, devices = step
    order = shared_out(lengths, size, devices)
    for number, parts in enumerate(parts_of(order, size, devices)):
        assert sorted(place for part in parts for place in part) == list(range(number * size, (number + 1) * size))


@given(st.lists(st.integers(1, 4096), min_size=12, max_size=12))
def test_one_device_has_the_responses_in_their_order(lengths):
    assert shared_out(lengths, 4, 1) == list(range(12))


def test_the_devices_have_about_the_same_work_in_every_mini_batch():
    """Two long responses and six short ones in each of two mini-batches: every device gets a long one."""
    lengths = [4000, 4000, *[10] * 12, 4000, 4000]
    for parts in parts_of(shared_out(lengths, 8, 2), 8, 2):
        assert [sum(lengths[place] for place in part) for part in parts] == [4030, 4030]


@given(st.permutations(range(12)))
def test_a_response_has_its_number_wherever_it_stands(order):
    """Random choices are seeded by it."""
    prompts = [f"step1prompt{place // 4}" for place in range(12)]
    keys = [f"{prompt}_{place % 4}" for place, prompt in enumerate(prompts)]
    index, group = numbered([keys[place] for place in order], [prompts[place] for place in order])
    assert index.tolist() == list(order)
    assert group.tolist() == [place // 4 for place in order]


@given(st.integers(1, 300), st.integers(1, 300))
def test_micro_batches_are_alike_and_no_larger_than_they_may_be(responses, most):
    size = at_once(responses, most)
    assert responses % size == 0 and size <= most
    if responses % most == 0 or responses <= most:
        assert size == min(responses, most)


@pytest.mark.parametrize("responses, sizes", [(64, [16] * 4), (16, [16]), (8, [8]), (24, [12, 12])])
def test_verl_cuts_any_batch(responses, sizes):
    """24: three mini-batches of 8, of which verl computes the log-probs together."""

    def cut(data):
        return [len(part) for part in prepare_micro_batches(data)[0]]

    data = TensorDict({"numbers": torch.arange(responses)}, batch_size=responses)
    tu.assign_non_tensor(data, use_dynamic_bsz=False, micro_batch_size_per_gpu=16)
    if responses % 16:
        with pytest.raises(AssertionError):
            cut(data)
    assert evenly_cut(cut)(data) == sizes


@pytest.mark.parametrize(
    "micro_batch, devices, grpo, said",
    [
        (32, 1, {"updates_per_step": 16}, None),  # mini-batches of 8
        (64, 1, {}, None),  # of 32, as the others
        (24, 2, {}, None),
        (24, 1, {}, "train.micro_batch: grpo has 32 responses of a mini-batch on each device"),
        (8, 3, {}, "backend.devices: grpo has mini-batches of 32 responses"),
        (
            32,
            1,
            {"updates_per_step": 16, "aggregation": "micro-batch-token-mean"},
            "grpo, which depends on micro-batches",
        ),
        (8, 1, {"updates_per_step": 16, "aggregation": "micro-batch-token-mean"}, None),
    ],
)
def test_which_micro_batches_a_run_may_have(tmp_path, micro_batch, devices, grpo, said):
    content = safe_load((ROOT / "profiles/smoke.yaml").read_text())
    content["train"]["micro_batch"], content["backend"]["devices"] = micro_batch, devices
    content["methods"], content["method_settings"]["grpo"] = ["grpo"], grpo
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    if said is None:
        assert load(tmp_path / "params.yaml").train.micro_batch == micro_batch
    else:
        with pytest.raises(InputError, match=said):
            load(tmp_path / "params.yaml")


@pytest.fixture
def one_rank(tmp_path):
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    yield torch.distributed.group.WORLD
    torch.distributed.destroy_process_group()


def test_on_one_gpu_statistics_are_taken_in_main_memory(one_rank):
    """verl's queue gives tensors in main memory, a pass of the model some on its device, and torch refuses to mix the two."""
    with FakeTensorMode():  # knows devices that the machine lacks, and refuses what a GPU would refuse
        here, there = (torch.empty(4, 5, device=device) for device in ("cpu", "cuda"))
        with pytest.raises(RuntimeError, match="device"):
            here + there
        mask, per_response = torch.ones(4, 5, dtype=torch.bool), torch.ones(4)
        update = Update(
            response_mask=mask, token_ids=mask.long(), old_log_prob=here, old_entropy=here, rewards=per_response,
            correct=per_response.bool(), group=per_response.long(), index=per_response.long(),
            training_step=TrainingStep(1, 10, {}, 1), log_prob=there, entropy=there, advantages=here, mask=mask,
            logit_terms={"term": there},
        )  # fmt: skip
        (part,), rank = _gathered(update, one_rank)
        assert (
            rank == 0 and part.log_ratio.device == part.entropy.device == part.logit_terms["term"].device == here.device
        )
        steer = build("steer", {"batch_statistics": "current_policy"})
        assert with_batch_statistics(steer, part).statistics


def test_long_passes_are_heard_in_the_log(capsys):
    answers = [heard(lambda x: x + 1, seconds)(1) for seconds in (0.0, 60.0)]
    assert answers == [2, 2]
    assert capsys.readouterr().out == "bench: 1 micro-batches so far\n"


WRITES = """
import sys, time
with open(sys.argv[1], "wb", buffering=0) as stream:
    for _ in range(8):
        stream.write(b"x")
        time.sleep(0.4)
"""


@pytest.mark.parametrize("looks_at_files", [True, False])
def test_a_checkpoint_that_grows_is_progress(looks_at_files, tmp_path):
    """Three seconds of writing with half the patience, which begins with the first byte, and nothing in the log."""
    folder, log = tmp_path / "checkpoints", tmp_path / "log"
    (folder / "global_step_1").mkdir(parents=True)
    command = [sys.executable, "-c", WRITES, str(folder / "global_step_1/weights")]
    with supervised(command, {}, log, tmp_path / "mark") as process:
        if looks_at_files:
            wait(process, log, 1.6, lambda: bytes_below(folder) or time.monotonic(), poll=0.05)
            assert bytes_below(folder) == 8
        else:
            with pytest.raises(ProcessFailed, match="no progress for 2 s"):
                wait(process, log, 1.6, lambda: bytes_below(folder) > 0 or time.monotonic(), poll=0.05)


def test_no_folder_has_no_bytes(tmp_path):
    assert bytes_below(tmp_path / "none") == 0
