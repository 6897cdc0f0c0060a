"""What holds for all tests: none depends on how busy the machine is, or on numbers that another run would draw anew."""

import os

import pytest
from hypothesis import settings

from stages.profile.plans.model import ModelPlan
from stages.profile.sections.model import Model
from tests.plans import CODE

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
