"""What holds for all tests: none depends on how busy the machine is, or on numbers that another run would draw anew."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

from stages.profile.plans.model import ModelPlan
from stages.profile.sections.model import Model
from tests.plans import CODE

# The longest; then come those that mostly wait, beside them, and then the others that are slow, the longest first. A process is
# given its next file when one test of the last is left, as it always is of the second here.
FIRST, LONG = ["test_end_to_end.py", "test_rehearse.py"], ["test_session.py", "test_ranks.py"]

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
    """The order of files: else one process waits for another at the end."""
    marked = {mark: {item.path for item in items if item.get_closest_marker(mark)} for mark in ("slow", "processes")}

    def place(item):
        return (
            position(item.path.name, FIRST),
            item.path not in marked["processes"],
            item.path not in marked["slow"],
            position(item.path.name, LONG),
        )

    items.sort(key=place)


def position(name, names):
    """Of `name` in `names`; behind all of them if it is none."""
    return names.index(name) if name in names else len(names)
