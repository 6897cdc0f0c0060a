"""The table of all sources: what is in them, what is wrong with them, what of the evaluation sets they hold."""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from stages.common.tables import markdown_table
from stages.datasets import contamination
from stages.datasets.assembly import Raw, read_raw
from stages.datasets.cleaning import Cleaned, Row, clean
from stages.datasets.own import read_own
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
{contamination.THRESHOLD} or more of their {contamination.WORDS}-grams of words (by any measure, with the same answer).
No entry: none. Programs have no answer to compare. The pairs stand in `results/<profile>/data/contamination.csv`.

"""
ALONE = f"""
What the measures find together, and what each finds alone: text / words / characters. The third measure is a share of
{contamination.CHARACTER_THRESHOLD} of the {contamination.CHARACTERS}-grams of letters and digits ({contamination.SHORT_THRESHOLD} of fewer than {contamination.SHORT}) and
{contamination.NUMBER_THRESHOLD} of the numbers. All compare texts whose LaTeX is in one spelling, without what is asked for beside the question.

"""
PRECISION = """
### Precision, read by hand

Of the 190 different pairs that are found in dapo_math_17k (a problem that two evaluation sets hold counts once), 50 were
drawn at random and read, long ones at both ends: all 50 are one problem, up to what form of its answer is asked for. With 50 of 50 right, the
precision is above 92 % (Clopper-Pearson, 95 %). They stand in [contamination_sample.csv](contamination_sample.csv).

The pairs that one measure alone finds were read too. Of 27 by characters, 24 are one problem; one has another number (2016
for 2015), one another polynomial, one a further condition. Of 3 by words, one is the same problem; two share a situation and
its drawing and ask for something else. A pair is dropped all the same: a training problem that is no evaluation problem costs
one of 17,000, and one that is kept costs the benchmark.
"""


def audit(sources: dict[str, Source], mirror: Path | None) -> str:
    """The document `docs/data.md` as Markdown; every data set of the table is read."""
    sets = {name: source for name, source in sources.items() if source.use != "grading"}
    raw = {name: read_raw(source, sets, mirror) for name, source in sets.items()}
    cleaned = {name: clean(one.rows) for name, one in raw.items()}
    facts = [facts_of(name, source.use, raw[name], cleaned[name]) for name, source in sets.items()]
    defects = [
        {"data set": name, "defect": defect.what, "rule": defect.rule}
        for name, source in sources.items()
        for defect in source.defects
    ]
    licences = [
        {"data set": name, "licence": source.licence, "redistribution": source.redistribution}
        for name, source in sources.items()
    ]
    both, alone = overlap({name: source.use for name, source in sets.items()}, raw, cleaned)
    parts = [INTRODUCTION, markdown(facts), OVERLAP, markdown(both), ALONE, markdown(alone), PRECISION]
    parts += ["\n## Known defects, and the rules that mend them\n\n", markdown(defects)]
    return "".join([*parts, "\n## Licences\n\n", markdown(licences)])


class OwnFile(NamedTuple):
    file: str
    sha256: str
    use: Literal["training", "evaluation"]


def audit_own(own: dict[str, OwnFile], training: list[str], sources: dict[str, Source], mirror: Path | None) -> str:
    """The same of a profile's own files: what is in them, and what they share with the evaluation sets of the table or,
    where they are benchmarks, with the sets of the table among `training`.
    """
    is_evaluated = any(one.use == "evaluation" for one in own.values())
    beside = [
        name for name, source in sources.items() if source.use == "evaluation" or (is_evaluated and name in training)
    ]
    raw = {name: read_raw(sources[name], sources, mirror) for name in beside}
    for name, one in own.items():
        rows = read_own(name, one.file, one.sha256).rows
        raw[name] = Raw(rows, {}, len(rows), {})
    cleaned = {name: clean(one.rows) for name, one in raw.items()}
    uses = {**{name: sources[name].use for name in beside}, **{name: one.use for name, one in own.items()}}
    facts = [facts_of(name, uses[name], raw[name], cleaned[name]) for name in own]
    if "training" not in uses.values():
        return markdown(facts)
    both, alone = overlap(uses, raw, cleaned)
    return "".join([markdown(facts), OVERLAP, markdown(both), ALONE, markdown(alone)])


def facts_of(name: str, use: str, raw: Raw, cleaned: Cleaned) -> dict[str, str]:
    """A row of the first table. Kinds of answers and languages are those of the distinct problems."""
    dropped = {**raw.dropped, **cleaned.dropped}
    duplicates, conflicts = dropped.pop("duplicate", 0), dropped.pop("conflicting golds", 0)
    chinese = sum(bool(CHINESE.search(row["problem"])) for row in cleaned.rows)
    kinds = Counter(answer_kind(row) for row in cleaned.rows)
    return {
        "data set": name,
        "for": use,
        "rows": f"{raw.rows_in:,}",
        "distinct problems": f"{len(cleaned.rows):,}",
        "duplicates": f"{duplicates:,}",
        "in conflict": f"{conflicts:,}",
        "otherwise dropped": ", ".join(f"{reason} {count:,}" for reason, count in sorted(dropped.items())) or "0",
        "mended": ", ".join(f"{reason} {count:,}" for reason, count in sorted(cleaned.mended.items())) or "0",
        "Chinese": f"{chinese / len(cleaned.rows):.1%}" if cleaned.rows else "–",
        "answers": ", ".join(
            f"{kind} {kinds[kind]:,}" for kind in [*KINDS, "expression", "code", "instructions"] if kinds[kind]
        ),
    }


def answer_kind(row: Row) -> str:
    if "tests" in row:
        return "code"
    if "instructions" in row:
        return "instructions"
    answer = "".join(row["answer"].split(" ")).strip("$")
    return next((kind for kind, pattern in KINDS.items() if pattern.fullmatch(answer)), "expression")


def overlap(
    uses: Mapping[str, str], raw: dict[str, Raw], cleaned: dict[str, Cleaned]
) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """A row an evaluation set, a column a training set: what is found, and what by one measure alone."""
    evaluation = [name for name, use in uses.items() if use == "evaluation"]
    index = contamination.index_of({name: cleaned[name].rows for name in evaluation})
    found = {
        name: contamination.counts(contamination.matches(raw[name].rows, index))
        for name, use in uses.items()
        if use == "training"
    }
    tables: list[list[dict[str, str]]] = []
    for title, form in (
        ("evaluation set", "{same_text} / {contained} ({same_answer})"),
        ("set", "{found}: {text_alone} / {words_alone} / {characters_alone}"),
    ):
        tables.append([])
        for name in evaluation:
            row = {title: name, "problems": f"{len(cleaned[name].rows):,}"}
            counted = {training: benchmarks.get(name) for training, benchmarks in found.items()}
            tables[-1].append(row | {key: form.format(**count) if count else "" for key, count in counted.items()})
    return tables[0], tables[1]


def markdown(rows: list[dict[str, str]]) -> str:
    """The rows as a table, their keys its header."""
    return markdown_table(list(rows[0]), [list(row.values()) for row in rows]) + "\n"
