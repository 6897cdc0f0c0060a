"""What one step at the longest length measured (`make preflight OPTIONS=--step`), in the place of an estimate's assumptions."""

from pathlib import Path
from typing import Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
)

from stages.common.files import InputError, dump_json, write_text
from stages.common.validation import first_problem
from stages.methods import build
from stages.profile.params import Params
from stages.profile.sections.train import Train
from stages.rl.method import Method
from stages.tools.estimation.hours import passes_in_update, work


class Throughput(BaseModel):
    """Tokens are of prompts and responses, rates of one device."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    profile: str
    method: str = Field(description="that trained")
    device: str = Field(description="name of the GPU, or of the processor")
    devices: PositiveInt
    responses: PositiveInt = Field(description="of the step")
    tokens: PositiveInt = Field(description="of a prompt and its response, the longest allowed")
    sampled: PositiveFloat = Field(description="tokens a second")
    passed: PositiveFloat = Field(description="tokens a second through a pass without gradient")
    updated: PositiveFloat = Field(
        description="tokens a second through an update, with the passes that the method makes in it"
    )
    passes_in_update: NonNegativeInt = Field(description="those without gradient")
    rest: NonNegativeFloat = Field(
        description="seconds a step that do not grow with its responses: weights to the engine"
    )
    peak: PositiveFloat = Field(description="GiB: of the fullest GPU, or of all processes on a CPU")

    @classmethod
    def read(cls, path: Path, profile: str) -> Self:
        """InputError where there is none, or it is of another profile."""
        try:
            found = cls.model_validate_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InputError(f"--measured: {path} is missing; make preflight OPTIONS=--step writes it")
        except ValidationError as error:
            raise InputError(f"--measured: {path}: {first_problem(error, cls)}; make preflight OPTIONS=--step again")
        if found.profile != profile:
            raise InputError(
                f"--measured: {path} is of {found.profile}, not of {profile}; give the one of this profile"
            )
        return found

    def write(self, path: Path) -> None:
        write_text(path, dump_json(self.model_dump()))

    def seconds_a_step(self, params: Params, length_share: float = 1.0) -> dict[str, float]:
        """Name under `methods` -> seconds of a whole step of the profile. `length_share`: mean tokens of a prompt with its
        response, of the longest allowed.

        The update of a method with fewer passes in it counts as long as the one that was measured.
        """
        found = {}
        for name in params.methods:
            kind, settings = params.method_of(name)
            found[name] = self._seconds(build(kind, settings), params.train, params.backend.all_devices, length_share)
        return found

    def _seconds(self, method: Method, train: Train, devices: int, length_share: float) -> float:
        asked = work(method, train)
        tokens = asked.sequences * length_share / train.steps / devices
        validated = asked.validated * length_share / train.steps / devices
        passes = asked.passes - min(passes_in_update(method), self.passes_in_update)
        return (
            validated / self.sampled
            + tokens * (1 / self.sampled + passes / self.passed + asked.epochs / self.updated)
            + self.rest
        )

    def describe(self, path: Path) -> str:
        return (
            f"measured on {self.devices} × {self.device} ({path}): one step of {self.method}, {self.responses} responses, every "
            f"sequence of {self.tokens:,} tokens: {self.sampled:,.0f} tokens a second sampled, {self.passed:,.0f} passed, "
            f"{self.updated:,.0f} updated by one device; {self.rest:.1f} s a step that do not grow with its responses"
        )
