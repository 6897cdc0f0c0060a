"""Makes a mirror: every file of the source table under its sha256, with an index, for a machine without network."""

import csv
import io
from pathlib import Path

from stages.common.files import write_bytes, write_text
from stages.datasets.fetch import fetch
from stages.datasets.sources import Source

COLUMNS = ("name", "sha256", "bytes", "rows", "address", "licence", "redistribution")


def make_mirror(folder: Path, sources: dict[str, Source], mirror: Path | None = None) -> int:
    """Fills `folder` out of `mirror` or the network and returns the number of files; files already there are checked.

    It is for your own machines: what a licence does not let you pass on, the index says in its last column.
    """
    index = io.StringIO()
    writer = csv.writer(index, lineterminator="\n")
    writer.writerow(COLUMNS)
    fetched: set[str] = set()
    for name, source in sources.items():
        if source.parts:
            continue
        address, content = fetch(source, mirror, cache=folder)
        write_bytes(folder / address.sha256, content)
        fetched.add(address.sha256)
        writer.writerow(
            (name, address.sha256, len(content), address.rows, address.url, source.licence, source.redistribution)
        )
    write_text(folder / "index.csv", index.getvalue())
    return len(fetched)
