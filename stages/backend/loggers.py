"""verl's own loggers, by `backend.loggers`: which packages they need, and where they write.

All of them work without a network and write below `work/`. `WANDB_MODE=online` and `MLFLOW_TRACKING_URI` of the caller's
environment send the numbers elsewhere.
"""

import os
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from stages.common.files import InputError

# What pip installs for each. Of mlflow verl's logger needs this part, which leaves the bench's pandas and pyarrow as they are.
PACKAGES = {"wandb": "wandb", "tensorboard": "tensorboard", "mlflow": "mlflow-skinny sqlalchemy alembic"}


def assert_loggers(loggers: Iterable[str], platform: str) -> None:
    """InputError names the first logger whose package is not installed in this environment, and the line that installs it."""
    for name in loggers:
        if find_spec(name) is None:
            raise InputError(
                f"backend.loggers: {name} is not in the environment of platform {platform}: "
                f"{sys.executable} -m pip install {PACKAGES[name]}, or remove it from the list"
            )


def variables(loggers: Iterable[str], work: Path) -> dict[str, str]:
    """Environment variables of a session whose run has the folder `work`, `work/<profile>/train/<run>`."""
    found = {}
    if "wandb" in loggers:
        found["WANDB_MODE"] = os.environ.get("WANDB_MODE", "offline")
    if "mlflow" in loggers:
        database = work.parents[1] / "mlflow.db"
        found["MLFLOW_TRACKING_URI"] = os.environ.get("MLFLOW_TRACKING_URI", f"sqlite:///{database}")
    return found


def variables_of_run(work: Path) -> dict[str, str]:
    """Environment variables for the loggers of one run of a session: a run that goes on is the same one to Weights & Biases."""
    return {
        "TENSORBOARD_DIR": str(work / "tensorboard"),
        "WANDB_DIR": str(work),
        "WANDB_RUN_ID": work.name,
        "WANDB_RESUME": "allow",
    }


def forget_run(loggers: Iterable[str]) -> None:
    """Weights & Biases reads its variables once, and would put the session's next run into the folder of this one."""
    if "wandb" in loggers:
        import wandb

        wandb.teardown()
