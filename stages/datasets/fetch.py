"""Pinned source files: the table `data/sources.yaml`, and the verified bytes of one of its files.

A file comes from a mirror folder that holds it under its sha256, or from its address. Whatever is fetched is kept under
`work/sources/`, which no stage tracks. Bytes with another sha256 are never used and never kept.
"""

import hashlib
import http.client
import os
import urllib.request
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from stages.files import InputError

SOURCES = Path("data/sources.yaml")
CACHE = Path("work/sources")
ADDRESS = "https://raw.githubusercontent.com/{repo}/{commit}/{path}"
ADDRESS_LFS = "https://media.githubusercontent.com/media/{repo}/{commit}/{path}"
TIMEOUT_SECONDS = 60


class Source(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: PositiveInt
    rows: PositiveInt
    repo: str = Field(pattern=r"^[^/]+/[^/]+$")
    commit: str = Field(pattern=r"^[0-9a-f]{40}$")
    path: str
    licence: str
    redistribution: str
    reader: str
    lfs: bool = False

    @property
    def address(self) -> str:
        template = ADDRESS_LFS if self.lfs else ADDRESS
        return template.format(repo=self.repo, commit=self.commit, path=self.path)


def load_sources(path: Path = SOURCES) -> dict[str, Source]:
    """Name -> source; InputError names the first wrong field."""
    try:
        table = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} is missing: git checkout {path}")
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not YAML: {' '.join(str(error).split())}")
    if not isinstance(table, dict) or not all(isinstance(fields, dict) for fields in table.values()):
        raise InputError(f"{path}: every entry must be a name with fields below it, as its first lines say")
    sources = {}
    for name, fields in table.items():
        try:
            sources[name] = Source.model_validate({"name": name, **fields})
        except ValidationError as error:
            first = error.errors()[0]
            raise InputError(f"{path}: {name}.{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}")
    return sources


def fetch(source: Source, mirror: Path | None = None, cache: Path = CACHE) -> bytes:
    """The verified bytes of `source`: from `mirror` alone if one is given, else from the cache or the network."""
    if mirror is not None:
        file = mirror / source.sha256
        if not file.is_file():
            raise InputError(
                f"source {source.name}: MIRROR has no file {source.sha256}; put {source.address} there under it, "
                "or unset MIRROR to fetch it"
            )
        return _verified(source, file.read_bytes(), f"replace it in MIRROR by {source.address}")
    kept = cache / source.sha256
    if kept.is_file():
        return _verified(source, kept.read_bytes(), f"delete {kept} and run again")
    content = _verified(source, _download(source), f"{source.address} is another file; correct data/sources.yaml")
    _keep(kept, content)
    return content


def _download(source: Source) -> bytes:
    try:
        with urllib.request.urlopen(source.address, timeout=TIMEOUT_SECONDS) as response:
            return response.read(source.bytes + 1)  # one byte too many is enough to see that it is another file
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise InputError(
            f"source {source.name}: cannot fetch {source.address} ({reason}); connect to the network, or set MIRROR "
            f"to a folder that holds the file under the name {source.sha256}"
        )


def _verified(source: Source, content: bytes, fix: str) -> bytes:
    found = hashlib.sha256(content).hexdigest()
    if found != source.sha256:
        raise InputError(f"source {source.name}: wrong checksum, sha256 is {found}, not {source.sha256}; {fix}")
    return content


def _keep(path: Path, content: bytes) -> None:
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")  # two preparations may fetch one file at a time
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        os.replace(partial, path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}; make {path.parent} writable")
