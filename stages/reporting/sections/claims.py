"""The report's section on published claims: what becomes of each under decision rules that stood before the runs."""

from collections.abc import Mapping

import pandas as pd

from stages.claims.schema import Claims
from stages.reporting.sections.blocks import Block, Group, Picture, Section, Table, Text
from stages.reporting.sections.numbers import MISSING, count_of, number
from stages.reporting.tables.claims import FALSE_DISCOVERIES, compares_entropies

OUTCOMES = ("supported", "contradicted", "inconclusive", "not run", "not testable here")


def claims_section(claims: Mapping[str, Claims], judged: pd.DataFrame) -> Section:
    """`judged`: the table of stages/reporting/tables/claims.py."""
    blocks: list[Block] = [Text(text) for text in _summary(judged)]
    if compares_entropies(judged).any():
        blocks.append(
            Picture(
                "claims",
                "The difference in entropy that each claim is about, with its 95 % interval over seeds, a row a test.",
                "Entropy of the first run less that of the second, in nats a token, for the tests that compare two runs: mean over"
                " seeds and 95 % interval. Coloured by what becomes of the test.",
            )
        )
    for file, content in claims.items():
        rows = judged[judged["file"] == file]
        blocks.append(
            Text(f"data/claims/{file}.yaml speaks of {content.scale}. A verdict says nothing of other scales.")
        )
        blocks.append(_table(file, rows))
    return Section("claims", "What becomes of published claims", blocks)


def _summary(judged: pd.DataFrame) -> list[str]:
    by_claim = judged.drop_duplicates(["file", "claim"])["claim_outcome"].value_counts()
    counts = [f"{by_claim[outcome]} {outcome}" for outcome in OUTCOMES if outcome in by_claim]
    texts = [f"Of {count_of(int(by_claim.sum()), 'claim')}: {', '.join(counts)}."]
    tested = judged[judged["p"].notna()]
    if len(tested):
        kept = int((tested["stands"] == True).sum())  # noqa: E712  # None: no decision
        decided = int(tested["outcome"].isin(["supported", "contradicted"]).sum())
        texts.append(
            f"{count_of(len(tested), 'test')} have an interval, over seeds or a probe's rollout batches, and {decided} of them a decision. Were there no effects at"
            f" all, {number(0.05 * len(tested), 1)} would have one by chance; {kept} stand when at most"
            f" {100 * FALSE_DISCOVERIES:g} % of those that stand shall be chance (Benjamini–Hochberg)."
        )
    return texts


def _table(file: str, rows: pd.DataFrame) -> Table:
    groups: list[Group] = []
    for outcome in OUTCOMES:
        lines = []
        for name, tests in rows[rows["claim_outcome"] == outcome].groupby("claim", sort=False):
            for place, row in enumerate(tests.itertuples()):
                says = [str(name), f"{row.says} ({row.source})"] if place == 0 else ["", ""]
                found = _number(row.number, row.low, row.high) if not row.reason else row.reason
                stands = "" if row.stands is None or pd.isna(row.stands) else "yes" if row.stands else "no"
                lines.append([*says, row.test, row.outcome, row.expected, stands, str(row.seeds or ""), found])
        if lines:
            groups.append((outcome, lines))
    header = ["claim", "what it says", "test", "outcome", "expected", "stands", "seeds or batches", "number [95 %]"]
    caption = "Claims, their tests and what the runs say; “stands”: after correction for the number of tests"
    return Table(f"claims_{file}", caption, header, groups, words=6)


def _number(value: float, low: float, high: float) -> str:
    if pd.isna(value):
        return MISSING
    shown = number(value, 3)
    return shown if pd.isna(low) else f"{shown} [{number(low, 3)}, {number(high, 3)}]"
