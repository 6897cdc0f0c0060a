"""The table of all sources: what is in them, what is wrong with them, what of the evaluation sets they hold."""

import re
from collections import Counter
from pathlib import Path

from stages.datasets import contamination
from stages.datasets.assembly import Raw, read_raw
from stages.datasets.cleaning import Cleaned, Row, clean
from stages.datasets.sources import Source

DOCUMENT = Path("docs/data.md")
CHINESE = re.compile(r"[\u3400-\u9fff]")
# Kinds of short answers, in the order in which they are tried; what fits none is an expression.
KINDS = {
    "integer": re.compile(r"[+-]?\d+(,\d{3})*"),
    "decimal": re.compile(r"[+-]?\d*\.\d+(e[+-]?\d+)?|[+-]?\d+e[+-]?\d+", re.IGNORECASE),
    "fraction": re.compile(r"[+-]?(\\[dt]?frac(\{-?\d+\}\{-?\d+\}|\d\d|\{\d+\}\d|\d\{\d+\})|\d+/\d+)"),
    "text": re.compile(r"\\(text|mbox|textbf)\{[^{}]*\}|[A-Za-z][A-Za-z ,.'-]+"),
}
INTRODUCTION = """\
# The data sets, audited

Written by `python -m stages.prepare --audit --write` out of the pinned files of `data/sources.yaml`; a test compares it
with them. `data/README.md` says what the variants do.

"""
OVERLAP = f"""
## Evaluation problems in training sets

Problems of each evaluation set that stand in a training set: with the same letters and digits / with
{contamination.THRESHOLD} or more of their {contamination.WORDS}-grams of words (either of these, with the same answer).
No entry: none. Programs have no answer to compare. The pairs stand in `results/<profile>/data/contamination.csv`.

"""


def audit(sources: dict[str, Source], mirror: Path | None) -> str:
    """The document `docs/data.md` as Markdown; every file of the table is read."""
    raw = {name: read_raw(source, sources, mirror) for name, source in sources.items()}
    cleaned = {name: clean(one.rows) for name, one in raw.items()}
    facts = [facts_of(source, raw[name], cleaned[name]) for name, source in sources.items()]
    defects = [
        {"data set": name, "defect": defect.what, "rule": defect.rule}
        for name, source in sources.items()
        for defect in source.defects
    ]
    licences = [
        {"data set": name, "licence": source.licence, "redistribution": source.redistribution}
        for name, source in sources.items()
    ]
    parts = [INTRODUCTION, markdown(facts), OVERLAP, markdown(overlap(sources, raw, cleaned))]
    parts += ["\n## Known defects, and the rules that mend them\n\n", markdown(defects)]
    return "".join([*parts, "\n## Licences\n\n", markdown(licences)])


def facts_of(source: Source, raw: Raw, cleaned: Cleaned) -> dict[str, str]:
    """A row of the first table. Kinds of answers and languages are those of the distinct problems."""
    dropped = {**raw.dropped, **cleaned.dropped}
    duplicates, conflicts = dropped.pop("duplicate", 0), dropped.pop("conflicting golds", 0)
    chinese = sum(bool(CHINESE.search(row["problem"])) for row in cleaned.rows)
    kinds = Counter(answer_kind(row) for row in cleaned.rows)
    return {
        "data set": source.name,
        "for": source.use,
        "rows": f"{raw.rows_in:,}",
        "distinct problems": f"{len(cleaned.rows):,}",
        "duplicates": f"{duplicates:,}",
        "in conflict": f"{conflicts:,}",
        "otherwise dropped": ", ".join(f"{reason} {count:,}" for reason, count in sorted(dropped.items())) or "0",
        "mended": ", ".join(f"{reason} {count:,}" for reason, count in sorted(cleaned.mended.items())) or "0",
        "Chinese": f"{chinese / len(cleaned.rows):.1%}" if cleaned.rows else "–",
        "answers": ", ".join(f"{kind} {kinds[kind]:,}" for kind in [*KINDS, "expression", "code"] if kinds[kind]),
    }


def answer_kind(row: Row) -> str:
    if "tests" in row:
        return "code"
    answer = "".join(row["answer"].split(" ")).strip("$")
    return next((kind for kind, pattern in KINDS.items() if pattern.fullmatch(answer)), "expression")


def overlap(sources: dict[str, Source], raw: dict[str, Raw], cleaned: dict[str, Cleaned]) -> list[dict[str, str]]:
    """A row an evaluation set, a column a training set."""
    evaluation = [name for name, source in sources.items() if source.use == "evaluation"]
    index = contamination.index_of({name: cleaned[name].rows for name in evaluation})
    found = {
        name: contamination.counts(contamination.matches(raw[name].rows, index))
        for name, source in sources.items()
        if source.use == "training"
    }
    table = []
    for name in evaluation:
        row = {"evaluation set": name, "problems": f"{len(cleaned[name].rows):,}"}
        for training, benchmarks in found.items():
            count = benchmarks.get(name)
            row[training] = "{same_text} / {contained} ({same_answer})".format(**count) if count else ""
        table.append(row)
    return table


def markdown(rows: list[dict[str, str]]) -> str:
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)
