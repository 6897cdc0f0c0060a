"""Protocols: complete, named records of how a model is evaluated, and what tells two of them apart.

A protocol is a file of `data/protocols/`. A field that nobody published is the word `unknown`, so a comparison with it
says that it cannot tell. Whether two protocols differ is decided here, from the records alone, before any score is
read. What a profile makes of the protocol that it names is in stages/protocol_in_force.py.
"""

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from stages.benchmarks import BENCHMARKS, find, variants
from stages.evaluation import PROMPTS
from stages.files import InputError, dump_json

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


Prompt = Annotated[str, _one_of("prompt template", [*PROMPTS, UNKNOWN])]
Key = Annotated[str, _one_of("benchmark", list(BENCHMARKS))]


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
    grader: str = Field(description="`benchmark`: each benchmark's own; code is always judged by its tests")
    graders: dict[Key, str] = Field({}, description="benchmark -> grader, where it is another")
    checkpoint: str = Field(description="which one is evaluated: last, best on a benchmark, …")
    aggregation: str = Field(description="what a printed number is the mean of: 1 run, mean of 2 runs, …")
    notes: str = ""

    def prompt_of(self, benchmark: str) -> str:
        """A template, or `unknown`."""
        if benchmark in self.prompts:
            return self.prompts[benchmark]
        return self.prompt if self.prompt == UNKNOWN else find(benchmark).prompt or self.prompt

    def grader_of(self, benchmark: str) -> str:
        """A grader's name, not always one that the suite has, or `unknown`."""
        if benchmark in self.graders:
            return self.graders[benchmark]
        own = self.grader == OWN or (find(benchmark).runs_code and self.grader != UNKNOWN)
        return find(benchmark).grader if own else self.grader

    def evaluated(self, benchmark: str) -> str | None:
        """The benchmark if this protocol evaluates it, else the variant that it evaluates, else None."""
        return next((name for name in (benchmark, *variants(benchmark)) if name in self.samples), None)

    @property
    def asked_by(self) -> str:
        """Its name and a sha256 of all that decides what a model is asked and how it answers: no grader, no mean."""
        asked = self.model_dump(include={"name", "prompts", "samples", *SAMPLING})
        return f"{self.name} {hashlib.sha256(dump_json(asked).encode()).hexdigest()}"

    def variant_of(self, benchmark: str) -> str:
        """Which variant is evaluated: its key, `unknown`, or `not evaluated`."""
        name = self.evaluated(benchmark)
        return UNKNOWN if name in self.unclear_variants else name or "not evaluated"


class Difference(NamedTuple):
    field: str
    ours: str
    theirs: str
    known: bool  # False where a side is unknown: they may be the same


def differences(ours: Protocol, theirs: Protocol, benchmark: str | None) -> list[Difference]:
    """All fields that differ or cannot be compared, for one benchmark or (None) for all that `ours` evaluates.

    A field that differs for some of the benchmarks only is followed by their names.
    """
    chosen = [benchmark] if benchmark else list(ours.samples)
    # of a benchmark that one side evaluates in another variant, that variant's prompt, k and grader count
    pairs = {name: (ours.evaluated(name), theirs.evaluated(name)) for name in chosen}
    shared = {name: (own, other) for name, (own, other) in pairs.items() if own and other}
    found = _compare("train_prompt", ours.train_prompt, theirs.train_prompt)
    prompts = {name: (ours.prompt_of(own), theirs.prompt_of(other)) for name, (own, other) in shared.items()}
    found += _by_benchmark("prompt", prompts)
    for field in SAMPLING:
        found += _compare(field, getattr(ours, field), getattr(theirs, field))
    samples = {name: (ours.samples[own], theirs.samples[other]) for name, (own, other) in shared.items()}
    found += _by_benchmark("samples", samples)
    found += _by_benchmark(
        "benchmark variant", {name: (ours.variant_of(name), theirs.variant_of(name)) for name in chosen}
    )
    graders = {name: (ours.grader_of(own), theirs.grader_of(other)) for name, (own, other) in shared.items()}
    found += _by_benchmark("grader", graders)
    for field in ("checkpoint", "aggregation"):
        found += _compare(field, getattr(ours, field), getattr(theirs, field))
    return found


def _compare(field: str, ours: Any, theirs: Any) -> list[Difference]:
    known = UNKNOWN not in (ours, theirs)
    return [] if known and ours == theirs else [Difference(field, str(ours), str(theirs), known)]


def _by_benchmark(field: str, values: dict[str, tuple[Any, Any]]) -> list[Difference]:
    """`values` are ours and theirs by benchmark; benchmarks with the same two values share one difference."""
    groups: dict[Difference, list[str]] = {}
    for name, (ours, theirs) in values.items():
        for difference in _compare(field, ours, theirs):
            groups.setdefault(difference, []).append(name)
    return [
        difference if len(names) == len(values) else difference._replace(field=f"{field} ({', '.join(names)})")
        for difference, names in groups.items()
    ]


def load_protocols(folder: Path = FOLDER) -> dict[str, Protocol]:
    """Name -> protocol; InputError names file and field. A file is named after its protocol."""
    found = {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            protocol = Protocol.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except yaml.YAMLError as error:
            raise InputError(f"{path} is not YAML: {' '.join(str(error).split())}")
        except ValidationError as error:
            first = error.errors()[0]
            raise InputError(f"{path}: {'.'.join(map(str, first['loc'])) or 'content'}: {first['msg'].lower()}")
        if protocol.name != path.stem:
            raise InputError(f"{path}: name is {protocol.name!r}; make it the file's name, {path.stem!r}")
        if stray := sorted({*protocol.prompts, *protocol.graders, *protocol.unclear_variants} - {*protocol.samples}):
            raise InputError(f"{path}: {stray[0]} is not in samples; add its k there, or remove it")
        found[protocol.name] = protocol
    if not found:
        raise InputError(f"{folder} holds no protocol: git checkout {folder}")
    return found
