"""The verified bytes of a source: from a mirror folder, else from its addresses in their order.

Whatever is fetched is kept under `work/sources/`, which no stage tracks. Bytes with another sha256 are never used and
never kept, and no other address stands in for them: only an address that cannot be reached is passed over, and said so.
"""

import hashlib
import http.client
import os
import sys
import urllib.request
from pathlib import Path
from typing import NamedTuple

from stages.common.files import InputError, write_bytes
from stages.datasets.sources import SOURCES, Address, Source, load_sources

CACHE = Path("work/sources")
TIMEOUT_SECONDS = 60
MOST_BYTES = 1 << 30  # of an address whose size nobody published: this bench's choice

__all__ = ["Fetched", "Source", "Unreachable", "fetch", "load_sources"]


class Fetched(NamedTuple):
    address: Address  # the one whose bytes these are: its reader reads them
    content: bytes


class Unreachable(InputError):
    pass


def mirror_folder() -> Path | None:
    """The folder that MIRROR names, or None; InputError where it names none."""
    named = os.environ.get("MIRROR")
    if named and not Path(named).is_dir():
        raise InputError(f"MIRROR: {named} is no folder; name one that stages.prepare --mirror filled, or unset it")
    return Path(named) if named else None


def fetch(source: Source, mirror: Path | None = None, cache: Path = CACHE) -> Fetched:
    """InputError when no address of `source` can be had, or when one gives other bytes than the table's."""
    if source.parts:
        raise InputError(f"source {source.name}: it is made of {', '.join(source.parts)}; fetch these")
    for folder, fix in ((mirror, "replace it in MIRROR by {url}"), (cache, "delete it from {folder} and run again")):
        if folder is None:
            continue
        for address in source.usable:
            file = folder / address.sha256
            if file.is_file():
                fix = fix.format(url=address.url, folder=folder)
                return Fetched(address, _verified(source, address, file.read_bytes(), fix))
    reasons = []
    for address in source.usable:
        try:
            content = _download(address)
        except Unreachable as error:
            reasons.append(str(error))
            continue
        fix = f"{address.url} is another file; correct {SOURCES}"
        content = _verified(source, address, content, fix)
        if reasons:
            print(f"source {source.name}: {'; '.join(reasons)}; taken from {address.url}", file=sys.stderr)
        write_bytes(cache / address.sha256, content)
        return Fetched(address, content)
    names = " or ".join(address.sha256 for address in source.usable)
    held = "MIRROR has no such file either" if mirror is not None else "set MIRROR to a folder that holds it"
    raise Unreachable(
        f"source {source.name}: {'; '.join(reasons)}; connect to the network, or put the file under the name "
        f"{names}: {held}"
    )


def _download(address: Address) -> bytes:
    """Streams no more than the table's size, or `MOST_BYTES`, and one byte: enough to see that it is another file."""
    try:
        with urllib.request.urlopen(address.url, timeout=TIMEOUT_SECONDS) as response:
            return response.read((address.bytes or MOST_BYTES) + 1)
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(f"cannot fetch {address.url} ({getattr(error, 'reason', None) or error})")


def _verified(source: Source, address: Address, content: bytes, fix: str) -> bytes:
    found = hashlib.sha256(content).hexdigest()
    if found != address.sha256:
        raise InputError(f"source {source.name}: wrong checksum, sha256 is {found}, not {address.sha256}; {fix}")
    return content
