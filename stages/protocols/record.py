"""A protocol: a complete, named record of how a model is evaluated. One file of `data/protocols/` holds one protocol.

A field that nobody published is the word `unknown`. What a profile makes of the protocol that it names is in
stages/profile/effective_protocol.py.
"""

import hashlib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from stages.benchmarks import BENCHMARKS, find, is_benchmark, variants
from stages.common.files import InputError, dump_json
from stages.common.validation import first_problem
from stages.common.yaml_reader import read_yaml
from stages.protocols.checkpoint import checkpoint_rule
from stages.text.prompts import PROMPTS

FOLDER = Path("data/protocols")
UNKNOWN = "unknown"
OWN = "benchmark"  # as a grader: each benchmark's own
SAMPLING = ("temperature", "top_p", "top_k", "max_tokens")

Unknown = Literal["unknown"]


def _one_of(kind: str, known: list[str]) -> AfterValidator:
    def check(name: str) -> str:
        if name not in known:
            raise ValueError(f"{name!r} is no {kind}; known are {', '.join(known)}")
        return name

    return AfterValidator(check)


def _rule(text: str) -> str:
    return text if text == UNKNOWN else checkpoint_rule(text).text


Prompt = Annotated[str, _one_of("prompt template", [*PROMPTS, UNKNOWN])]


def _key(name: str) -> str:
    if not is_benchmark(name):
        raise ValueError(f"{name!r} is no benchmark; known are {', '.join(BENCHMARKS)}")
    return name


Key = Annotated[str, AfterValidator(_key)]


class Protocol(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str
    title: str
    source: str = Field(description="paper, section, and where it was read")
    train_prompt: Prompt
    prompt: Prompt = Field(description="for problems that do not say themselves what is wanted")
    prompts: dict[Key, Prompt] = Field({}, description="benchmark -> template, where it is another")
    temperature: Annotated[float, Field(ge=0)] | Unknown
    top_p: Annotated[float, Field(gt=0, le=1)] | Unknown
    top_k: Annotated[int, Field(ge=-1)] | Unknown = Field(description="-1: no limit")
    max_tokens: PositiveInt | Unknown
    samples: dict[Key, PositiveInt | Unknown] = Field(description="benchmark -> samples a problem (k)")
    unclear_variants: list[Key] = Field(
        [], description="those of `samples` that the paper does not tell from a variant"
    )
    grader: str = Field(description="`benchmark`: each benchmark's own, which code and IF-Eval always have")
    graders: dict[Key, str] = Field({}, description="benchmark -> grader, where it is another")
    checkpoint: Annotated[str, AfterValidator(_rule)] = Field(description="which one is evaluated, or `unknown`")
    aggregation: str = Field(description="what a printed number is the mean of: 1 run, mean of 2 runs, …")
    notes: str = ""

    def prompt_of(self, benchmark: str) -> str:
        """The template that this benchmark's problems are put in, or `unknown`."""
        if benchmark in self.prompts:
            return self.prompts[benchmark]
        return self.prompt if self.prompt == UNKNOWN else find(benchmark).prompt or self.prompt

    def grader_of(self, benchmark: str) -> str:
        """The name of this benchmark's grader, or `unknown`. A paper's grader may be one that the bench does not have."""
        if benchmark in self.graders:
            return self.graders[benchmark]
        own = self.grader == OWN or (not find(benchmark).has_short_answers and self.grader != UNKNOWN)
        return find(benchmark).grader if own else self.grader

    def evaluated(self, benchmark: str) -> str | None:
        """The benchmark if this protocol evaluates it, else the variant that it evaluates, else None."""
        return next((name for name in (benchmark, *variants(benchmark)) if name in self.samples), None)

    @property
    def asked_by(self) -> str:
        """The name, and a sha256 of the fields that decide what a model is asked and how it answers.

        Samples serve every protocol with the same value, whatever grades them and whatever is averaged over.
        """
        asked = self.model_dump(include={"name", "prompts", "samples", *SAMPLING})
        return f"{self.name} {hashlib.sha256(dump_json(asked).encode()).hexdigest()}"

    def variant_of(self, benchmark: str) -> str:
        """Which variant is evaluated: its key, `unknown`, or `not evaluated`."""
        name = self.evaluated(benchmark)
        return UNKNOWN if name in self.unclear_variants else name or "not evaluated"


def load_protocols(folder: Path = FOLDER) -> dict[str, Protocol]:
    """Name -> protocol, of all files of `folder`. A file is named after its protocol.

    InputError names the file and the field of the first thing wrong.
    """
    found = {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            protocol = Protocol.model_validate(read_yaml(path))
        except ValidationError as error:
            raise InputError(f"{path}: {first_problem(error, Protocol)}")
        if protocol.name != path.stem:
            raise InputError(f"{path}: name is {protocol.name!r}; make it the file's name, {path.stem!r}")
        if extra := sorted({*protocol.prompts, *protocol.graders, *protocol.unclear_variants} - {*protocol.samples}):
            raise InputError(f"{path}: {extra[0]} is not in samples; add its k there, or remove it")
        found[protocol.name] = protocol
    if not found:
        raise InputError(f"{folder} holds no protocol: git checkout {folder}")
    return found
