"""The report's section on what ran: under which protocol, on which data, and whether it can be trusted."""

from collections import Counter
from collections.abc import Mapping

import pandas as pd

from stages.reporting.inputs.results import Results
from stages.reporting.sections.blocks import Block, Group, Notices, OnDemand, Section, Table, Text
from stages.reporting.sections.notices import notices
from stages.reporting.sections.numbers import MISSING
from stages.reporting.sections.provenance import data_tables, runs_table, versions_table
from stages.reporting.tables.settings import flat, settings_of_run


def trust_section(results: Results, counts: pd.DataFrame) -> Section:
    """`counts`: the table of `sample_counts`."""
    blocks: list[Block] = [
        Notices(notices(results, counts)),
        *_protocol(results),
        *data_tables(results),
        _samples(results, counts),
        _shared_settings(results),
        *([_method_settings(results)] if results.methods else []),
        runs_table(results),
        versions_table(results),
        Text(
            "Commit, machine and GPUs differ from copy to copy, so they are not part of this page. Those that made this one are"
            f" beside the report, in `results/{results.plan.profile}/origin.json`."
        ),
        OnDemand("origin"),
    ]
    return Section("trust", "What ran, and can it be trusted", blocks)


def _protocol(results: Results) -> list[Table]:
    """The effective evaluation protocol, and the fields in which it overrides the one that the profile names."""
    plan = results.plan
    rows = [[name, value] for name, value in flat(plan.protocol.model_dump()).items()]
    found = [Table("protocol", "Effective evaluation protocol", ["field", "value"], [("", rows)], 2, True)]
    if plan.protocol_overrides:
        rows = [[d.field, d.ours, d.theirs, "yes" if d.known else "cannot be told"] for d in plan.protocol_overrides]
        caption = f"Overrides: fields in which the effective protocol is not protocol `{plan.protocol.name}` as written"
        header = ["field", "effective", f"{plan.protocol.name}, as written", "differs"]
        found.append(Table("protocol_overrides", caption, header, [("", rows)], 4))
    return found


def _samples(results: Results, counts: pd.DataFrame) -> Table:
    groups: list[Group] = []
    for benchmark, rows in counts.groupby("benchmark", sort=False) if len(counts) else []:
        first = rows.iloc[0]
        title = f"{benchmark}: {first['problems']} problems × {first['k']} samples"
        names = ["samples", "correct", "truncated", "no_answer", "timeouts", "limits", "errors", "excluded"]
        groups.append((title, [[row["run"], *(str(row[name]) for name in names)] for _, row in rows.iterrows()]))
    ran = {benchmark for _, benchmark in results.grades}
    groups += [(f"{benchmark}: not run", []) for benchmark in results.plan.benchmarks if benchmark not in ran]
    header = ["run", "samples", "right", "truncated", "no answer", "timeout", "limit", "error", "excluded"]
    return Table("samples", "What became of the samples, by benchmark and run", header, groups, folded=True)


def _shared_settings(results: Results) -> Table:
    plan = results.plan
    read = {"bench_seed", "train", "backend"} if plan.methods else {"bench_seed", "backend"}
    shared = flat(plan.model_dump(include=read))
    rows = [[name, value] for name, value in shared.items() if not (plan.datasets and name == "train.dataset")]
    return Table("settings", "Settings that all runs share", ["setting", "value"], [("", rows)], words=2, folded=True)


def _method_settings(results: Results) -> Table:
    """What methods share in the first row, then a row a method with what it has otherwise: seeds share settings."""
    resolved = {run.method: flat(settings_of_run(results.plan, run)) for run in results.runs if run.seed is not None}
    shared = most_common(list(resolved.values()))
    rows = [["unless said otherwise", _listed(shared)]] if shared else []
    rows += [[method, _listed(dict(settings.items() - shared.items()))] for method, settings in resolved.items()]
    caption = "Settings of the methods, defaults included: what holds unless a method’s row says otherwise, then each method’s own"
    return Table("method_settings", caption, ["method", "settings"], [("", rows)], words=2)


def most_common(settings: list[dict[str, str]]) -> dict[str, str]:
    """Of the settings that all have, the value that most have; of values that as many have, the first one's."""
    everywhere = [name for name in settings[0] if all(name in one for one in settings)] if settings else []
    return {name: Counter(one[name] for one in settings).most_common(1)[0][0] for name in everywhere}


def _listed(settings: Mapping[str, str]) -> str:
    return "; ".join(f"{name} {value}" for name, value in sorted(settings.items())) or MISSING
