"""A plan: what `resolve` writes for a stage or run, and how the stage reads it back."""

import hashlib
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field

from stages.common.files import InputError, dump_json, read_json
from stages.common.validation import read_as
from stages.common.yaml_reader import read_text, safe_load

PARAMS = Path("params.yaml")
MADE_FROM = (
    "params.json"  # in the folder of plans: the profile, and the sha256 of the parameters that they were made from
)


class Plan(BaseModel):
    """Every stage depends on its own plan alone, so it runs again exactly when something changes that it uses."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    bench_seed: int = Field(ge=0, description="every generator of the bench is seeded from it")
    code: str = Field(description="fingerprint of the code that the stage runs")
    environment: str = Field(description="sha256 of the lock that its packages are from")

    @classmethod
    def read(cls, path: Path) -> Self:
        """The plan in `path`; InputError when there is none, or it is not one of this stage by this code.

        So it is when params.yaml, of the same profile, says something else than what the plan was made from.
        """
        for folder in path.parents[:2]:  # a run's plan lies in a folder of its own
            if (folder / MADE_FROM).is_file():
                _check_params(folder / MADE_FROM)
        return read_as(cls, path, "run `dvc repro`, whose first stage writes it")

    def text(self) -> str:
        """The file's content, the same bytes for the same plan."""
        return dump_json(self.model_dump(mode="json"))


def read_params_sha256() -> str:
    """Of what params.yaml says: comments, layout and the order of keys do not count, as they do not for DVC."""
    return _sha256(_content())


def _check_params(record: Path) -> None:
    """InputError if the parameters of the profile are not those that `record` tells of.

    DVC takes the checksum of params.yaml when stage resolve has ended, so that a file edited meanwhile would pass for the
    one that the plan was made from.
    """
    made_from, content = read_json(record), _content()
    profile = made_from["profile"]
    if isinstance(content, dict) and content.get("profile") == profile and _sha256(content) != made_from["sha256"]:
        raise InputError(
            f"{PARAMS} is not what the plans in {record.parent} were made from: dvc repro -f -s resolve@{profile} makes them anew"
        )


def _content() -> Any:
    try:
        return safe_load(read_text(PARAMS))
    except FileNotFoundError:
        return None  # plans are read without it as well; stage resolve says that it is missing
    except (ValueError, yaml.YAMLError) as error:
        raise InputError(f"{PARAMS} is not YAML: {' '.join(str(error).split())}")


def _sha256(content: Any) -> str:
    return hashlib.sha256(repr(_in_order(content)).encode("utf-8", "backslashreplace")).hexdigest()


def _in_order(content: Any) -> Any:
    if isinstance(content, dict):
        return sorted(((repr(key), _in_order(value)) for key, value in content.items()), key=lambda pair: pair[0])
    return [_in_order(item) for item in content] if isinstance(content, list) else content
