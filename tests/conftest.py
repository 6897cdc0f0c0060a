"""What holds for all tests: none depends on how busy the machine is, or on numbers that another run would draw anew."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

from stages.profile.plans.model import ModelPlan
from stages.profile.sections.model import Model
from tests.plans import CODE

# The longest. A process is given its next file when one test of the last is left, and that of the second here is long: so a short
# one comes after it, and the fourth is left to the other process.
FIRST = ["test_session.py", "test_end_to_end.py", "test_ranks.py", "test_rehearse.py"]

settings.register_profile("bench", deadline=None, derandomize=True)
settings.load_profile("bench")

if "PYTEST_XDIST_WORKER" in os.environ:  # tests run beside each other, each with a core to itself
    os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(scope="session")
def shipped_model(tmp_path_factory):
    """A folder with the laboratory's model and its shipped weights; a test that changes it takes a copy."""
    from stages.model import lab  # imports torch, which most tests do without

    folder = tmp_path_factory.mktemp("shipped_model")
    lab(ModelPlan(**CODE, bench_seed=1, model=Model(source="lab"), dtype="float32"), folder)
    return folder


@pytest.fixture(scope="session")
def with_data_and_model(shipped_model):
    """Puts into a project what the stages prepare and model write for one of its profiles, of the laboratory's data."""
    from stages.prepare import prepare
    from stages.profile.params import load
    from stages.profile.resolution import plans

    def put(project: Path, profile: str) -> None:
        results = project / "results" / profile
        prepare(plans(load(project / f"profiles/{profile}.yaml"))["prepare"], results / "data", model=shipped_model)
        shutil.copytree(shipped_model, results / "model")

    return put


def pytest_collection_modifyitems(items):
    """Files that start Ray or vLLM come first, the longest of them before the others: else one process waits for the other at
    the end.
    """

    def place(item):
        return FIRST.index(item.path.name) if item.path.name in FIRST else len(FIRST)

    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path not in slow, place(item)))
