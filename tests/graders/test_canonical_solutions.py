"""Own solutions of the coding problems that no benchmark evaluates pass their tests in the sandbox; needs a mirror of the
pinned files. Those of the benchmarks: tests/data/test_benchmarks.py.
"""

from pathlib import Path

import pytest

from stages.benchmarks import BENCHMARKS, find
from stages.datasets.fetch import fetch, load_sources
from stages.datasets.readers import read
from stages.graders.registry import GRADERS
from tests.mirror import MIRROR, with_mirror
from tests.project import ROOT

REASON = GRADERS["sandbox"].unavailable()
SOURCES = load_sources(ROOT / "data/sources.yaml")
OF_BENCHMARKS = {find(key).source for key in BENCHMARKS}
OTHERS = [
    name
    for name, source in SOURCES.items()
    if source.use == "evaluation" and name not in OF_BENCHMARKS and source.usable[:1]
]


@with_mirror
@pytest.mark.skipif(REASON is not None, reason=str(REASON))
def test_canonical_solutions_pass():
    tried = []
    for source in map(SOURCES.get, OTHERS):
        rows = read(source, fetch(source, Path(MIRROR))).rows
        if "tests" not in rows[0]:
            continue
        grades = GRADERS["sandbox"].grade([({**row, "source": source.name}, row["answer"]) for row in rows])
        assert [row["id"] for row, grade in zip(rows, grades, strict=True) if not grade.correct] == [], source.name
        tried.append(source.name)
    assert tried == ["mbpp_sanitized"]
