"""A file of claims, `data/claims/<name>.yaml`. Its head says in words what the fields of a test mean."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from stages.claims.measures import Score, Window, check_measure, score_of, window_of
from stages.claims.probed import Place, check_probe_measure, place_of
from stages.common.files import InputError
from stages.common.validation import first_problem
from stages.common.yaml_reader import read_yaml

ALL = "all"  # every trained run, where a test asks over runs
OF_ITSELF = ("start", "middle")  # windows of the run itself, as what it is set against


class _Checked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Test(_Checked):
    """One number a training seed, or a rollout batch of a probe, and where its interval must lie. Exactly one of the forms of
    the file's head.
    """

    probe: str | None = None
    measure: str | None = None
    at: str = "end"
    of: str | list[str] | None = None
    against: str | float | None = None
    ratio: bool = False
    contrast: dict[str, float] | None = Field(None, min_length=2)
    dose: dict[str, float] | None = Field(None, min_length=2)
    compared_with: str | None = Field(None, alias="with")
    same_as: str | None = None
    expect: Literal["higher", "lower", "close"] | None = None
    than: float | None = None
    margin: Annotated[float, Field(gt=0)] | None = None

    @field_validator("against", "than", "margin", mode="before")
    @classmethod
    def _whole_numbers_are_numbers(cls, value: Any) -> Any:
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("contrast", "dose", mode="before")
    @classmethod
    def _so_are_weights(cls, value: Any) -> Any:
        return (
            {key: cls._whole_numbers_are_numbers(item) for key, item in value.items()}
            if isinstance(value, dict)
            else value
        )

    @model_validator(mode="after")
    def _is_one_form(self) -> Self:
        if self.probe is not None:
            return self._is_of_a_probe()
        forms = ("against", "contrast", "dose", "compared_with", "same_as")
        given = [_written(name) for name in forms if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"a test has one of {', '.join(map(_written, forms))}; this has {' and '.join(given) or 'none'}"
            )
        allowed = {
            "against": {"measure", "at", "of", "against", "ratio", "expect", "than", "margin"},
            "contrast": {"measure", "at", "contrast", "expect", "than", "margin"},
            "dose": {"measure", "at", "dose", "expect", "than", "margin"},
            "with": {"measure", "at", "of", "compared_with", "expect", "than", "margin"},
            "same_as": {"of", "same_as"},
        }[given[0]]
        if extra := sorted(map(_written, self.model_fields_set - allowed)):
            raise ValueError(f"{extra[0]}: has no meaning beside {given[0]}; remove it")
        if "of" in allowed and self.of is None:
            raise ValueError("of: missing; name the run that is asked about")
        if isinstance(self.of, list) and given[0] != "with":
            raise ValueError("of: a list of runs has a meaning only beside `with`; name one run")
        if given[0] == "same_as":
            return self
        self._has_measure_and_rule()
        for measure in filter(None, (self.measure, self.compared_with)):
            check_measure(measure)
        if isinstance(self.scored, Score) and (self.at != "end" or self.against in OF_ITSELF):
            raise ValueError("a score is of the trained model: it has no `at`, and is not set against start or middle")
        window_of(self.at)
        return self

    def _is_of_a_probe(self) -> Self:
        allowed = {"probe", "measure", "at", "against", "expect", "than", "margin"}
        if extra := sorted(map(_written, self.model_fields_set - allowed)):
            raise ValueError(f"{extra[0]}: has no meaning beside probe; remove it")
        self._has_measure_and_rule()
        if isinstance(self.against, float):
            raise ValueError("against: of a probe, another of its measures; a number belongs under than")
        for measure in filter(None, (self.measure, self.against)):
            check_probe_measure(measure)
        place_of(self.at)
        return self

    def _has_measure_and_rule(self) -> None:
        if self.measure is None or self.expect is None:
            raise ValueError(f"{'measure' if self.measure is None else 'expect'}: missing")
        if (self.expect == "close") != (self.margin is not None):
            raise ValueError("margin: goes with `expect: close`, and only with it")

    @property
    def place(self) -> Place:
        """The step that a test of a probe looks at."""
        return place_of(self.at)

    @property
    def scored(self) -> Score | None:
        return score_of(self.measure or "")

    @property
    def window(self) -> Window:
        return window_of(self.at)

    @property
    def bound(self) -> float:
        """What the number is expected above, below or close to."""
        return self.than if self.than is not None else 1.0 if self.ratio else 0.0

    @property
    def runs(self) -> list[str]:
        """The runs that it names, `all` left out."""
        if self.probe is not None:
            return []
        named = [*(self.of if isinstance(self.of, list) else [self.of]), self.against, self.same_as]
        named += [*(self.contrast or {}), *(self.dose or {})]
        return list(dict.fromkeys(name for name in named if isinstance(name, str) and name not in (ALL, *OF_ITSELF)))


class Claim(_Checked):
    source: str = Field(min_length=1)
    says: str = Field(min_length=1)
    tests: list[Test] = []
    not_testable: str | None = None

    @model_validator(mode="after")
    def _is_tested_or_says_why_not(self) -> Self:
        if bool(self.tests) == (self.not_testable is not None):
            raise ValueError("a claim has either tests, or not_testable with the reason")
        return self

    @property
    def runs(self) -> list[str]:
        return list(dict.fromkeys(run for test in self.tests for run in test.runs))


class Claims(_Checked):
    """`scale`: the size of model, problems and training that a verdict speaks of; it stands in every one."""

    scale: str = Field(min_length=1)
    claims: dict[str, Claim] = Field(min_length=1)


def read_claims(path: Path) -> Claims:
    """InputError names the first wrong field, as `claims.<name>.tests.<number>.<field>`."""
    try:
        return Claims.model_validate(read_yaml(path))
    except FileNotFoundError:
        raise InputError(f"{path} is missing; write it, or take its name out of `claims`")
    except ValidationError as error:
        raise InputError(f"{path}: {first_problem(error, Claims)}")


def _written(field: str) -> str:
    """A field as it is written in the file."""
    return "with" if field == "compared_with" else field
