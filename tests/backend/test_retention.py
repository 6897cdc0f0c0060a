"""What a run leaves in its work folder when its outputs are written."""

from pathlib import Path

import pytest

from stages.backend.checkpoints import checkpoint, mark_whole
from stages.backend.session import Run
from stages.profile.params import load
from stages.profile.resolution import training_plan
from tests.project import ROOT

# as verl 0.9.1 and the trainer write them
OF_A_CHECKPOINT = [
    *("actor/model_world_size_1_rank_0.pt", "actor/optim_world_size_1_rank_0.pt", "actor/extra_state_world_size_1_rank_0.pt"),
    *("actor/fsdp_config.json", "actor/huggingface/config.json", "actor/huggingface/model.safetensors"),
    *("data.pt", "method_state.json"),
]  # fmt: skip


@pytest.fixture
def run(tmp_path) -> Run:
    params = load(ROOT / "profiles/smoke.yaml")
    optimiser = params.train.optimiser.model_copy(update={"warm_up_steps": 0})
    train = params.train.model_copy(update={"steps": 4, "checkpoint_every": 2, "optimiser": optimiser})
    run = Run(training_plan(params.model_copy(update={"train": train}), "grpo", 1), tmp_path)
    for step in (2, 4):
        for name in OF_A_CHECKPOINT:
            path = checkpoint(run.checkpoints, step) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{step} {name}")
    mark_whole(run.checkpoints, 4)
    run.steps.write_text('{"step": 4}\n')
    return run


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_only_the_weights_of_the_last_checkpoint_stay(run):
    assert run.is_done()
    for _ in range(2):  # a kill may come before DVC has the outputs: the stage is then run again
        run.forget_states()
        assert files(run.work / "checkpoints") == {
            "last_whole_step.txt",
            "global_step_4/actor/huggingface/config.json",
            "global_step_4/actor/huggingface/model.safetensors",
        }
        assert run.is_done()
