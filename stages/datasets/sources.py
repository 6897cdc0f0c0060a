"""The table of real data sets, `data/sources.yaml`, checked whole."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, ValidationError, model_validator

from stages.common.files import InputError
from stages.common.validation import first_problem
from stages.common.yaml_reader import read_yaml

SOURCES = Path("data/sources.yaml")
ADDRESS = "https://raw.githubusercontent.com/{repo}/{commit}/{path}"
ADDRESS_LFS = "https://media.githubusercontent.com/media/{repo}/{commit}/{path}"
HUB_ADDRESS = "https://huggingface.co/datasets/{hub}/resolve/{revision}/{path}"


class Checked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Address(Checked):
    """A file of a repository at a commit, or of a hub data set at a revision; used only if its sha256 is known."""

    repo: str = Field("", pattern=r"^([^/]+/[^/]+)?$")
    commit: str = Field("", pattern=r"^([0-9a-f]{40})?$")
    hub: str = Field("", pattern=r"^([^/]+/[^/]+)?$")
    revision: str = Field("", pattern=r"^([0-9a-f]{7,40})?$")
    path: str = ""
    lfs: bool = False
    sha256: str = Field("", pattern=r"^([0-9a-f]{64})?$")
    bytes: PositiveInt | None = None
    rows: NonNegativeInt = Field(0, description="0: not known")
    copies: PositiveInt = Field(1, description="every row stands this often")
    reader: str = ""

    @model_validator(mode="after")
    def _complete(self) -> "Address":
        if bool(self.repo) == bool(self.hub) or bool(self.commit) == bool(self.revision):
            raise ValueError("give either repo and commit, or hub and revision")
        if self.repo and not self.sha256:
            raise ValueError("sha256 is missing")
        if self.sha256 and not self.path:
            raise ValueError("an address with a sha256 needs a path")
        if self.sha256 and self.hub and len(self.revision) < 40:
            raise ValueError("revision must be a full commit of 40 hex digits: a short one may become ambiguous")
        return self

    @property
    def url(self) -> str:
        template = HUB_ADDRESS if self.hub else ADDRESS_LFS if self.lfs else ADDRESS
        return template.format(**self.model_dump())


class Defect(Checked):
    what: str
    rule: str


class Source(Checked):
    """A data set of `addresses`, or one made of `parts`, without the problems that stand in `without`.

    One for grading is a file that a grader reads as it is: it has no rows and no reader.
    """

    name: str
    use: Literal["training", "evaluation", "grading"]
    golds: Literal["numbers", "formulas"] | None = Field(None, description="of a training set: what its answers are")
    prompt: str | None = Field(
        None, description="of a training set: the template that its problems stand in as released, and so bring along"
    )
    licence: str
    redistribution: str
    defects: tuple[Defect, ...] = Field((), strict=False)
    addresses: tuple[Address, ...] = Field((), strict=False)
    parts: tuple[str, ...] = Field((), strict=False)
    without: tuple[str, ...] = Field((), strict=False)

    @model_validator(mode="after")
    def _one_origin(self) -> "Source":
        if bool(self.parts) == bool(self.usable):
            raise ValueError("give either parts, or addresses of which one has a sha256")
        if self.parts and self.use != "training":
            raise ValueError(f"a source for {self.use} has addresses, not parts")
        if any(bool(one.rows and one.reader) == (self.use == "grading") for one in self.usable):
            raise ValueError(
                "an address with a sha256 needs rows and reader, and one of a source for grading has neither"
            )
        if (self.use == "training") != (self.golds is not None):
            raise ValueError("golds: a training set says numbers or formulas, another one nothing")
        return self

    @property
    def usable(self) -> tuple[Address, ...]:
        return tuple(address for address in self.addresses if address.sha256)


def load_sources(path: Path = SOURCES) -> dict[str, Source]:
    """Name -> source; InputError names the first wrong field."""
    try:
        table = read_yaml(path)
    except FileNotFoundError:
        raise InputError(f"{path} is missing: git checkout {path}")
    if not isinstance(table, dict) or not all(isinstance(fields, dict) for fields in table.values()):
        raise InputError(f"{path}: every entry must be a name with fields below it, as its first lines say")
    sources = {}
    for name, fields in table.items():
        try:
            sources[name] = Source.model_validate({"name": name, **fields})
        except ValidationError as error:
            raise InputError(f"{path}: {first_problem(error, Source, name)}")
    for source in sources.values():
        for other in (*source.parts, *source.without):
            if other not in sources or sources[other].parts:
                raise InputError(f"{path}: {source.name}: {other} is no entry with addresses")
    return sources
