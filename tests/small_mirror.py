"""A mirror of small files in the shapes of the real ones, so that their readers run where the real files are not.

`tests/fixtures/rows.json` holds rows of our own, one list a source or, for sources of one reader, one a reader.
"""

import gzip
import hashlib
import io
import json
import zipfile
from pathlib import Path

import pyarrow
import pyarrow.parquet
import yaml

from stages.datasets.sources import Address, Source, load_sources

ROOT = Path(__file__).resolve().parents[1]
CONTENT = b'{"problem": "1+1", "answer": "2"}\n{"problem": "1+2", "answer": "033"}\n'
FIXTURES = json.loads((ROOT / "tests/fixtures/rows.json").read_text(encoding="utf-8"))


def small_mirror(folder: Path) -> dict[str, Source]:
    """Writes the files into `folder` and returns the real table with their sha256, sizes and rows."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = {}
    for name, source in load_sources(ROOT / "data/sources.yaml").items():
        addresses = []
        for address in source.usable[:1]:
            if source.use == "grading":
                addresses.append(put_content(folder, address, punkt_archive()))
                continue
            rows = FIXTURES.get(name) or FIXTURES[address.reader]
            addresses.append(put(folder, address, rows * address.copies))
        sources[name] = source.model_copy(update={"addresses": tuple(addresses)})
    return sources


def put(folder: Path, address: Address, rows: list[dict]) -> Address:
    """`rows` stored as `address` says, in `folder` under their sha256."""
    return put_content(folder, address, stored(address.path, rows)).model_copy(update={"rows": len(rows)})


def put_content(folder: Path, address: Address, content: bytes) -> Address:
    digest = hashlib.sha256(content).hexdigest()
    (folder / digest).write_bytes(content)
    return address.model_copy(update={"sha256": digest, "bytes": len(content)})


def punkt_archive() -> bytes:
    """NLTK's archive of Punkt in small: for English, of which it knows the abbreviations `dr` and `st`."""
    files = {"abbrev_types.txt": "dr\nst", "collocations.tab": "", "sent_starters.txt": "", "ortho_context.tab": ""}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ("punkt_tab/", "punkt_tab/english/"):
            archive.writestr(zipfile.ZipInfo(name), "")
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(f"punkt_tab/english/{name}"), content)  # of a fixed date
    return buffer.getvalue()


def stored(path: str, rows: list[dict]) -> bytes:
    if path.endswith(".parquet"):
        buffer = io.BytesIO()
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), buffer)
        return buffer.getvalue()
    text = json.dumps(rows) if path.endswith(".json") else "".join(json.dumps(row) + "\n" for row in rows)
    return gzip.compress(text.encode(), mtime=0) if path.endswith(".gz") else text.encode()


def write_table(path: Path, sources: dict[str, Source]) -> None:
    """`sources` as a file that load_sources reads."""
    table = {name: source.model_dump(mode="json", exclude={"name"}) for name, source in sources.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(table), encoding="utf-8")


def pinned(content, path="data.jsonl", **more):
    fields = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), "rows": 2, "reader": "aime25"}
    return Address(**{"repo": "owner/name", "commit": "0" * 40, "path": path} | fields | more)


def source_of(*addresses, name="tiny", use="evaluation", **more):
    return Source(name=name, use=use, licence="MIT", redistribution="yes", addresses=addresses, **more)


def passes(line, solution):
    """Whether `solution` passes a line's tests, in this process: for the sets' own code and our own only."""
    names = {"__name__": "tests"}
    exec(line.get("prompt", "") + solution, names)
    try:
        exec(line["tests"], names)
    except AssertionError:
        return False
    return True
